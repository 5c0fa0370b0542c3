"""What environment variables of a worker may be: a table, of names that Lambda takes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches
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
_OF_ALGERNON = "ALGERNON_"
#: What a worker reads of Algernon's own besides, which anybody may set.
READ_BY_WORKERS = (
    "ALGERNON_MAX_HOPS",
    "ALGERNON_MAX_READ_BYTES",
    "ALGERNON_MAX_READ_OBJECTS",
    "ALGERNON_TOPIC_PARAMETER_PREFIX",
)


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

    One that is written almost as one of Algernon's own is refused, too: nothing would read it.

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
    if name.startswith(_OF_ALGERNON) and name not in READ_BY_WORKERS:
        _check_slip(name, *key)


def _check_slip(name: str, *key: Key) -> None:
    """Refuse what is written almost as one of Algernon's own variables."""
    known = [
        one.removeprefix(_OF_ALGERNON)
        for one in (*READ_BY_WORKERS, *SET_BY_TEMPLATE)
        if one.startswith(_OF_ALGERNON)
    ]
    # What all begin with makes none alike.
    if meant := get_close_matches(name.removeprefix(_OF_ALGERNON), known, n=1):
        raise SettingsError(
            "is an environment variable that Algernon doesn't read: did you mean"
            f" {_OF_ALGERNON}{meant[0]}?",
            key=key,
        )


def check_local_name(name: str, *key: Key) -> None:
    """Refuse the name of a variable that could lead workers away from the local AWS.

    Raises:
        SettingsError: It is one of AWS's, or of a proxy.
    """
    if leads_away(name):
        raise SettingsError(
            "could lead workers from the local AWS to the real one or a proxy: leave it out",
            key=key,
        )


def leads_away(name: str) -> bool:
    """Return whether a variable could lead workers from the local AWS to another or a proxy."""
    return name.startswith("AWS_") or name.lower().endswith("_proxy")
