"""What environment variables of a worker may be: a table, of names that Lambda takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ...errors import SettingsError
from .values import Key, check_table, refuse_unseen

# AWS Lambda API Reference, Environment.
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]+")
# AWS Lambda Developer Guide, "Defined runtime environment variables": those that nobody sets.
_LAMBDAS_OWN = {
    "AWS_ACCESS_KEY",
    "AWS_ACCESS_KEY_ID",
    "AWS_DEFAULT_REGION",
    "AWS_EXECUTION_ENV",
    "AWS_REGION",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "LAMBDA_RUNTIME_DIR",
    "LAMBDA_TASK_ROOT",
}
_LAMBDAS_OWN_BEGINNING = re.compile(
    r"AWS_LAMBDA_(FUNCTION|LOG|RUNTIME_API|INITIALIZATION|MAX_CONCURRENCY|METADATA)"
)
#: What the template sets, and the setting that says it, where there is one.
SET_BY_TEMPLATE = {
    "ALGERNON_BUCKET_NAME": "bucket",
    "ALGERNON_CACHE_DAYS": "cache_days",
    "ALGERNON_EXTRA_RECEIVES": None,
    "ALGERNON_FAILURES": None,
    "ALGERNON_HANDLER": None,
    "ALGERNON_INLINE_BYTES": "inline_bytes",
    "ALGERNON_METRICS_NAMESPACE": "metrics_namespace",
    "ALGERNON_SECRETS": None,
    "ALGERNON_TOPIC_PREFIX": None,
    "ALGERNON_TRACING": "tracing",
    "ALGERNON_TRUSTED_BUCKETS": "trusted_buckets",
    "CACHE_FOLDER_NAME": None,
    "DEBUG": "debug",
}


def check_variables(variables: object, *key: Key) -> Mapping[str, Any]:
    """Return what is a table of variables, and refuse what isn't, without telling any value.

    Raises:
        SettingsError: It isn't.
    """
    what = "environment variables"
    if not isinstance(variables, Mapping):
        refuse_unseen(variables, f"a table of {what}", *key)
    return check_table(variables, what, *key)


def check_name(name: str, *key: Key) -> None:
    """Refuse the name of a variable that Lambda doesn't take, or sets itself, or the template.

    Raises:
        SettingsError: It is such a name.
    """
    if not _NAME.fullmatch(name):
        raise SettingsError(
            "can't be the name of an environment variable to Lambda: it is two or more letters,"
            " digits and underscores, a letter first",
            key=key,
        )
    if name in _LAMBDAS_OWN or _LAMBDAS_OWN_BEGINNING.match(name):
        raise SettingsError("is an environment variable that only Lambda itself sets", key=key)
    if name in SET_BY_TEMPLATE:
        setting = SET_BY_TEMPLATE[name]
        instead = f": write {setting} = … in [tool.algernon]" if setting else ""
        raise SettingsError(
            f"is an environment variable that the template itself sets{instead}", key=key
        )
