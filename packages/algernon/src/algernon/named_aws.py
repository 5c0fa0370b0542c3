"""The AWS that was named on the command line, by a profile, a region or both."""

from __future__ import annotations

from typing import Any

from .errors import CredentialsError, UnknownTaskError

# AWS CloudFormation User Guide, "Resource tag": every resource that a stack creates has it.
_STACK_TAG = "aws:cloudformation:stack-name"

# botocore's names of the sources that know of no profile, which it asks where the profile
# has no credentials. (Those of the environment it leaves out by itself.)
_SOURCES_WITHOUT_PROFILE = ("ec2-credentials-file", "boto-config", "container-role", "iam-role")


def use_named_aws(profile: str | None, region: str | None) -> None:
    """Let all clients of this process lead to a profile and a region, as boto3's default session.

    What was named is what is used, whatever the environment holds. A profile's
    credentials are those that its section of the configuration leads to, and its
    region comes before the environment's.

    Args:
        profile: The profile's name; the environment's credentials without.
        region: The region; without one the profile's, or else the environment's.

    Raises:
        CredentialsError: The profile has no credentials, or they can't be read.
        botocore.exceptions.BotoCoreError: botocore knows what is wrong with them, such as
            that there is no such profile.

    Example:
        >>> use_named_aws("prod", "eu-west-1")  # doctest: +SKIP
        >>> boto3.client("sts").get_caller_identity()  # doctest: +SKIP
    """
    import boto3
    import botocore.session

    session = botocore.session.get_session()
    if profile is not None:
        session.set_config_variable("profile", profile)
        region = region or session.get_scoped_config().get("region")
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
    boto3.setup_default_session(botocore_session=session, region_name=region)


def check_topic_is_of_stack(task: str, stack: str) -> None:
    """Refuse a topic that a Task of another stack has, since its name would be the same.

    So it is with the Task `a-b` of the stack `shop` and the Task `b` of the stack
    `shop-a`. A topic that no stack made, that isn't there, or whose tags may not be
    read is left to whoever publishes to it.

    Raises:
        UnknownTaskError: The topic's tag names another stack.
    """
    import boto3
    from botocore.exceptions import ClientError, NoCredentialsError, NoRegionError

    topic = f"{stack}-{task}"
    try:
        caller = boto3.client("sts").get_caller_identity()["Arn"]
        _, partition, _, _, account, *_ = caller.split(":")
        sns = boto3.client("sns")
        arn = f"arn:{partition}:sns:{sns.meta.region_name}:{account}:{topic}"
        tags = sns.list_tags_for_resource(ResourceArn=arn)["Tags"]
    except (ClientError, NoCredentialsError, NoRegionError):
        return
    owner = next((tag["Value"] for tag in tags if tag["Key"] == _STACK_TAG), stack)
    if owner != stack:
        raise UnknownTaskError(
            f"the stack {stack!r} has no Task {task!r}: the topic {topic} belongs to the stack"
            f" {owner!r}, for its Task {topic.removeprefix(f'{owner}-')!r}"
        )


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
