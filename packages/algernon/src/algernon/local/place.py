"""A local AWS as a place, which its environment variables lead to."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..system.place import Place

if TYPE_CHECKING:
    from .entries import RunningSystem

_OTHERS = ("ALGERNON_", "AWS_")


def place_of_system(system: RunningSystem) -> Place:
    """Return where a local system is that another process runs."""
    return place_of_local_aws(system.environ, log_groups=(system.log_group,))


def variables_of_system(system: RunningSystem) -> dict[str, str | None]:
    """Return the environment variables that lead a program to a local system.

    What else the environment says of AWS and Algernon is None: it is to be unset.
    """
    others = sorted(name for name in os.environ if name.startswith(_OTHERS))
    return {**dict.fromkeys(others), **system.environ}


def place_of_local_aws(environ: Mapping[str, str], *, log_groups: tuple[str, ...] = ()) -> Place:
    """Return where a local AWS is, whatever this process's environment says of AWS.

    Args:
        environ: What leads to it: `LocalAWS.environ`, or `LocalSystem.environ`.
        log_groups: The log groups of its workers.
    """
    import boto3
    import botocore.session
    from botocore.config import Config

    # Explicit values, since a profile or credentials in the environment come
    # before what a client's own arguments leave open.
    session = botocore.session.Session()
    session.set_config_variable("profile", environ["AWS_PROFILE"])
    session.set_config_variable("config_file", environ["AWS_CONFIG_FILE"])
    session.set_config_variable("credentials_file", environ["AWS_SHARED_CREDENTIALS_FILE"])
    session.set_credentials(environ["AWS_ACCESS_KEY_ID"], environ["AWS_SECRET_ACCESS_KEY"])
    session.set_default_client_config(
        Config(proxies={}, use_fips_endpoint=False, use_dualstack_endpoint=False)
    )
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_OTHERS)}
    return Place(
        boto3.session.Session(botocore_session=session, region_name=environ["AWS_REGION"]),
        {**inherited, **environ},
        log_groups,
        environ["AWS_ENDPOINT_URL"],
        environ.get("ALGERNON_TOPIC_PREFIX", "").removesuffix("-") or None,
    )
