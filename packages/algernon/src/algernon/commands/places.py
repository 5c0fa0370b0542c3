"""Which place the options of a verb mean: AWS, or a system that runs on this machine."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ..story.printing import warn

if TYPE_CHECKING:
    from ..local.entries import RunningSystem


def is_on_aws(options: argparse.Namespace) -> bool:
    """Tell whether AWS is meant, since a region or a profile was named."""
    return bool(options.region or options.profile)


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
