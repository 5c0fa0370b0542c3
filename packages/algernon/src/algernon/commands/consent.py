"""Whether somebody wants what a command is about to do."""

from __future__ import annotations

import argparse
import sys

from ..errors import RefusedError
from ..story.printing import warn


def add_consent(parser: argparse.ArgumentParser, verb: str) -> None:
    """Take whether it is only to be shown, or done without asking.

    Args:
        parser: The verb's parser.
        verb: What is done.
    """
    consent = parser.add_mutually_exclusive_group()
    consent.add_argument("--plan", action="store_true", help="show what would be done, and end")
    consent.add_argument("--yes", action="store_true", help=f"{verb} without asking")


def check_consent(options: argparse.Namespace, question: str) -> None:
    """Ask whether to go on, unless that was said.

    Raises:
        RefusedError: Nobody can be asked, or doesn't want it.
    """
    if options.yes:
        return
    if not can_ask():
        raise RefusedError(
            "nothing was changed: there is no terminal to ask on, so say --yes, or --plan to see"
            " it only"
        )
    if not says_yes(question):
        raise RefusedError("nothing was changed")


def can_ask() -> bool:
    """Tell whether somebody sees a question, and can answer it."""
    return sys.stdin.isatty() and sys.stdout.isatty()


def says_yes(question: str) -> bool:
    """Ask a question, and tell whether the answer is yes."""
    try:
        answer = input(f"{question} [y/N] ")
    except (EOFError, KeyboardInterrupt) as ended:
        print()  # what is said next has a line of its own
        if isinstance(ended, KeyboardInterrupt):
            warn("nothing was changed")
            raise
        return False
    return answer.strip().lower() in ("y", "yes")
