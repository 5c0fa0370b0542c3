"""`algernon destroy`: take a system from AWS."""

from __future__ import annotations

import argparse

from ..story.printing import warn
from .consent import add_consent, check_consent
from .deploying import Watch, add_drop, add_stack, show, stack_place

ROLE = "deploy"
HELP = "take a system from AWS"
DESCRIPTION = (
    "Delete a system's stack and, after it, its queues, if nothing is in them. Its bucket stays,"
    " with what is in it. Where queues hold messages nothing is deleted, unless --drop gives them"
    " up. The next one goes on with one that was interrupted."
)
EXAMPLES = """\
algernon destroy --stack shop --plan --region eu-west-1
algernon destroy --stack shop --drop mail --region eu-west-1\
"""

# As long as CloudFormation may take for a large system, and more.
_SECONDS = 3600


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the stack, and what may go with it."""
    add_stack(parser)
    add_drop(parser)
    add_consent(parser, "delete it")


def execute(options: argparse.Namespace) -> None:
    """Show what would go and, if that is wanted, delete it."""
    from ..story.deployment import removal_lines
    from ..story.terminal import Line
    from ..system.deployment.removal import check_removal, destroy, find_removal

    place = stack_place(options)
    removal = find_removal(place, tell=warn, timeout=_SECONDS)
    show(removal_lines(removal, options.drop))
    if options.plan:
        return
    check_removal(removal, options.drop)
    check_consent(options, f"Delete {options.stack}?")
    watch = Watch(options.stack, removal.tasks)
    with watch.showing():
        destroy(place, removal, drop=options.drop, tell=warn, progress=watch)
    show([Line(f"{options.stack} is deleted", "good")])
