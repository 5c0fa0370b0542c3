"""Which place the options of a verb mean: AWS, or a system that runs on this machine."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..story.printing import warn

if TYPE_CHECKING:
    from ..local.entries import RunningSystem
    from ..system.place import Place


def is_on_aws(options: argparse.Namespace) -> bool:
    """Tell whether AWS is meant, since a region or a profile was named."""
    return bool(options.region or options.profile)


def place_of_stack(options: argparse.Namespace) -> Place:
    """Return where on AWS the stack is, which has to be named.

    Raises:
        CredentialsError: A profile has no credentials, or they can't be read.
    """
    from ..system.named_aws import aws_place

    if options.stack is None:
        options.usage_error("--stack is needed too: the name of the stack on AWS")
    return aws_place(options.profile, options.region, stack=options.stack)


def place_with_bucket(options: argparse.Namespace) -> Place:
    """Return the place that is meant, in whose environment the system's bucket is named.

    Raises:
        NoSystemError, LocalSystemError: As `find_local_system` says.
        CredentialsError: A profile has no credentials, or they can't be read.
        botocore.exceptions.ClientError: AWS refused a call, such as for the right
            ``cloudformation:DescribeStackResource``.
    """
    if is_on_aws(options):
        from ..system.named_aws import with_bucket

        return with_bucket(place_of_stack(options))
    from ..local.place import place_of_system

    return place_of_system(find_local_system(options))


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
