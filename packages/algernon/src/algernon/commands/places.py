"""Which place the options of a verb mean: AWS, or a system that runs on this machine."""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import TYPE_CHECKING

from ..errors import LogsError
from ..story.printing import warn

if TYPE_CHECKING:
    from ..local.entries import RunningSystem
    from ..system.place import Place


def is_on_aws(options: argparse.Namespace) -> bool:
    """Tell whether AWS is meant, since a region, a profile or a prefix was named."""
    return bool(options.region or options.profile or options.prefix)


def place_of(options: argparse.Namespace) -> Place:
    """Return the place that is meant.

    Raises:
        NoSystemError, LocalSystemError: As `find_local_system` says.
        CredentialsError: A profile has no credentials, or they can't be read.
    """
    if not is_on_aws(options):
        from ..local.place import place_of_system

        if options.bucket is not None:
            options.usage_error("--bucket is for --prefix: a stack tells its own")
        return place_of_system(find_local_system(options))

    from ..system.named_aws import aws_place

    if options.stack is not None and options.prefix is not None:
        options.usage_error("--stack and --prefix exclude each other: a stack is its own prefix")
    if options.stack is None and options.prefix is None:
        options.usage_error(
            "--stack is needed too: the name of the stack on AWS. (Or, for a system that isn't a"
            " stack of algernon template, --prefix: what its topics begin with.)"
        )
    if options.bucket is not None and options.prefix is None:
        options.usage_error("--bucket is for --prefix: a stack tells its own")
    place = aws_place(
        options.profile,
        options.region,
        stack=options.stack,
        topic_prefix=options.prefix,
        tell=warn,
    )
    if options.bucket is None:
        return place
    return replace(place, environ={**place.environ, "ALGERNON_BUCKET_NAME": options.bucket})


def name_of(place: Place) -> str:
    """Return what a system is called: its stack or, without one, what its topics begin with."""
    return place.stack_name or place.topic_prefix


def place_with_bucket(options: argparse.Namespace) -> Place:
    """Return the place that is meant, in whose environment the system's bucket is named.

    Raises:
        NoSystemError, LocalSystemError: As `find_local_system` says.
        CredentialsError: A profile has no credentials, or they can't be read.
        botocore.exceptions.ClientError: AWS refused a call, such as for the right
            ``cloudformation:DescribeStackResource``.
    """
    place = place_of(options)
    if is_on_aws(options) and place.stack_name is not None:
        from ..system.named_aws import with_bucket

        return with_bucket(place, place.stack_name)
    if not place.environ.get("ALGERNON_BUCKET_NAME"):
        options.usage_error("--bucket is needed too: the bucket that the system's workers have")
    return place


def place_with_bucket_if_known(options: argparse.Namespace) -> Place:
    """Return the same, or the place alone where nobody knows the bucket.

    Only that of a system which isn't a stack may be unknown.

    Raises:
        NoSystemError, LocalSystemError, CredentialsError, botocore.exceptions.ClientError:
            As of `place_with_bucket`.
    """
    return place_of(options) if options.prefix else place_with_bucket(options)


def place_with_logs(options: argparse.Namespace) -> Place:
    """Return the place that is meant, with all log groups that can be read; say which can't.

    Log groups may be named alone, where nothing else is known of whose they are.

    Raises:
        NoSystemError, LocalSystemError: As `find_local_system` says.
        CredentialsError: A profile has no credentials, or they can't be read.
        LogsError: None of the log groups can be read.
        NotASystemError: As of `find_log_groups`.
        botocore.exceptions.ClientError: AWS refused a call, such as for one of the rights of
            `find_log_groups`.
    """
    from ..system.log_events import unreadable_groups

    place = _place_of_logs(options) if is_on_aws(options) else place_of(options)
    groups = [*dict.fromkeys((*place.log_groups, *options.log_group))]
    if not groups:
        raise LogsError(
            "no function takes the messages of this system's Tasks, or none may be read"
            " (lambda:GetFunctionConfiguration), so that it isn't known where its lines are: name"
            " their --log-group"
        )
    unread = unreadable_groups(place.client("logs"), groups)
    if len(unread) == len(groups):
        raise LogsError(
            f"no lines can be read from {', '.join(map(repr, groups))}: {unread[groups[0]]}"
        ) from unread[groups[0]]
    for group, reason in unread.items():
        warn(f"the log group {group!r} is left out, since it can't be read: {reason}")
    return replace(place, log_groups=tuple(group for group in groups if group not in unread))


def _place_of_logs(options: argparse.Namespace) -> Place:
    from ..system.log_groups import find_log_groups
    from ..system.named_aws import aws_place

    if options.stack is None and options.prefix is None:
        if not options.log_group:
            options.usage_error(
                "--stack or --log-group is needed too: where the workers' lines are"
            )
        return aws_place(options.profile, options.region, tell=warn)
    place = place_of(options)
    return replace(place, log_groups=find_log_groups(place))


def find_local_system(options: argparse.Namespace) -> RunningSystem:
    """Return the local system that is meant, and say which ended without tidying up.

    Raises:
        NoSystemError: There is no such system, or several and no name.
        LocalSystemError: What is noted of a system can't be read.
    """
    from ..local.entries import choose_system, read_entries

    entries = read_entries()
    for name in entries.left_behind:
        warn(f"the local system {name!r} has ended without tidying up, and is forgotten")
    return choose_system(entries, options.stack)
