"""The AWS that was named on the command line, by a profile, a region or both."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ..errors import CredentialsError
from .place import Place
from .stack import Stack
from .template.bucket import CACHE_FOLDER
from .throttling import wait_while_throttled

# botocore's names of the sources that know of no profile, which it asks where the profile
# has no credentials. (Those of the environment it leaves out by itself.)
_SOURCES_WITHOUT_PROFILE = ("ec2-credentials-file", "boto-config", "container-role", "iam-role")

# What botocore takes before the credentials of AWS_PROFILE, or before that name itself.
_BEFORE_A_PROFILE = (
    "AWS_ACCESS_KEY_ID",
    "AWS_SECRET_ACCESS_KEY",
    "AWS_SESSION_TOKEN",
    "AWS_SECURITY_TOKEN",
    "AWS_CREDENTIAL_EXPIRATION",
    "AWS_ROLE_ARN",
    "AWS_ROLE_SESSION_NAME",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_DEFAULT_PROFILE",
)
# What says which system is meant, where some may be left unsaid.
_OF_A_SYSTEM = (
    "ALGERNON_TOPIC_PREFIX",
    "ALGERNON_TOPIC_PARAMETER_PREFIX",
    "ALGERNON_BUCKET_NAME",
    "CACHE_FOLDER_NAME",
)


def aws_place(
    profile: str | None,
    region: str | None,
    *,
    stack: str | None = None,
    topic_prefix: str | None = None,
    tell: Callable[[str], object] = lambda _: None,
) -> Place:
    """Return the place on AWS that a profile and a region lead to.

    What was named is what is used, whatever the environment holds. A profile's
    credentials are those that its section of the configuration leads to, and its
    region comes before the environment's.

    Args:
        profile: The profile's name; the environment's credentials without.
        region: The region; without one the profile's, or else the environment's.
        stack: The system's stack, if one is meant.
        topic_prefix: What stands before the Tasks' names in those of their topics, in a
            system that isn't a stack of ``algernon template``, if one is meant.
        tell: Where it is said, once, that AWS throttles and is waited for.

    Raises:
        CredentialsError: The profile has no credentials, or they can't be read.
        botocore.exceptions.BotoCoreError: botocore knows what is wrong with them, such as
            that there is no such profile.

    Example:
        >>> place = aws_place("prod", "eu-west-1", stack="shop")  # doctest: +SKIP
        >>> place.client("sts").get_caller_identity()  # doctest: +SKIP
    """
    import boto3

    session = _session(profile)
    if profile is not None:
        region = region or session.get_scoped_config().get("region")
    wait_while_throttled(session, tell)
    environ = {**os.environ}
    if stack is not None:
        topic_prefix = f"{stack}-"
    if topic_prefix is not None:
        environ.pop("ALGERNON_TOPIC_PARAMETER_PREFIX", None)
        environ["ALGERNON_TOPIC_PREFIX"] = topic_prefix
    by_boto3 = boto3.Session(botocore_session=session, region_name=region)
    return Place(by_boto3, environ, stack_name=stack)


def with_bucket(place: Place, stack: str) -> Place:
    """Return a place on AWS with the bucket of its stack, which its environment then names.

    Args:
        place: The place.
        stack: The stack's name.

    Raises:
        NotASystemError, botocore.exceptions.ClientError: As of `Stack.bucket`.
    """
    bucket = Stack(place.client("cloudformation"), stack).bucket()
    own = {"ALGERNON_BUCKET_NAME": bucket, "CACHE_FOLDER_NAME": CACHE_FOLDER}
    return replace(place, environ={**place.environ, **own})


def variables_on_aws(place: Place, profile: str | None) -> dict[str, str | None]:
    """Return the environment variables that lead a program to a system on AWS.

    They hold no credentials: a profile is named, and what would come before it in the
    program's environment is None, which is to be unset. Without a profile, the program's
    credentials are those that the environment leads to, as they are here.

    Args:
        place: Where the system is, with its bucket as far as that is known.
        profile: The profile that led there, if one was named.

    Raises:
        botocore.exceptions.NoRegionError: Nothing names a region.
    """
    from botocore.exceptions import NoRegionError

    region = place.session.region_name
    if not region:
        raise NoRegionError
    variables: dict[str, str | None] = {"AWS_REGION": region, "AWS_DEFAULT_REGION": region}
    if profile is not None:
        variables |= {**dict.fromkeys(_BEFORE_A_PROFILE), "AWS_PROFILE": profile}
    return variables | {name: place.environ.get(name) for name in _OF_A_SYSTEM}


def _session(profile: str | None) -> Any:
    """Return a botocore session, of a profile if one is named."""
    import botocore.session

    session = botocore.session.get_session()
    if profile is not None:
        session.set_config_variable("profile", profile)
        resolver = session.get_component("credential_provider")
        for source in _SOURCES_WITHOUT_PROFILE:
            resolver.remove(source)
    # Read now, since what a service's client raises doesn't say that it is about credentials.
    if _credentials(session, profile) is None and profile is not None:
        raise CredentialsError(
            f"the profile {profile!r} has no credentials of its own, and no others are taken for"
            " it: give it some in your AWS configuration, such as by aws configure --profile, or"
            " leave --profile out and name the --region"
        )
    return session


def _credentials(session: Any, profile: str | None) -> Any:
    from botocore.exceptions import BotoCoreError

    try:
        return session.get_credentials()
    except BotoCoreError:
        raise
    except Exception as error:
        # botocore lets through what a file that isn't as it should be leads to.
        whose = "the credentials" + (f" of the profile {profile!r}" if profile else "")
        raise CredentialsError(
            f"{whose} can't be read, since what they come from, such as a credential_process,"
            f" gives something else than it should: {type(error).__name__}: {error}"
        ) from error
