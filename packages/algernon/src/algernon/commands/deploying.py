"""What `algernon deploy` and `algernon destroy` have in common: where, asking, and telling."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from ..story.printing import warn
from ..story.terminal import printable

if TYPE_CHECKING:
    from rich.text import Text

    from ..story.terminal import Line
    from ..system.deployment.stack_events import StackEvent
    from ..system.place import Place


def add_stack(parser: argparse.ArgumentParser) -> None:
    """Take which stack on AWS is meant: `options.stack`, `options.region`, `options.profile`."""
    parser.add_argument("--stack", metavar="NAME", required=True, help="the system's stack")
    parser.add_argument("--region", help="its region, if the configuration of AWS has none")
    parser.add_argument("--profile", help="whose credentials are used")


def add_consent(parser: argparse.ArgumentParser, verb: str) -> None:
    """Take whether it is only to be shown, or done without asking.

    Args:
        parser: The verb's parser.
        verb: What is done.
    """
    consent = parser.add_mutually_exclusive_group()
    consent.add_argument("--plan", action="store_true", help="show what would be done, and end")
    consent.add_argument("--yes", action="store_true", help=f"{verb} without asking")


def add_drop(parser: argparse.ArgumentParser) -> None:
    """Take the Tasks that may go with their messages: `options.drop` is a list of names."""
    parser.add_argument(
        "--drop",
        metavar="TASK",
        action="append",
        default=[],
        help="let this Task go with what its queue and dead-letter queue hold; may be repeated",
    )


def stack_place(options: argparse.Namespace) -> Place:
    """Return the place on AWS that the options name.

    Raises:
        CredentialsError: There are no credentials, or they can't be read.
        botocore.exceptions.BotoCoreError: botocore knows what is wrong with them.
    """
    from ..errors import CredentialsError
    from ..system.named_aws import aws_place

    place = aws_place(options.profile, options.region, stack=options.stack, tell=warn)
    if place.session.region_name is None:
        options.usage_error(
            "--region is needed too, such as --region eu-west-1, since the configuration of AWS"
            " names none"
        )
    if place.session.get_credentials() is None:
        raise CredentialsError(
            "there are no credentials for AWS: give this terminal some, such as by aws configure"
            " or aws sso login, and --profile where they are a profile's"
        )
    return place


def show(lines: Iterable[Line]) -> None:
    """Print lines for people."""
    from ..story.terminal import Terminal

    terminal = Terminal.of(sys.stdout)
    for line in lines:
        print(terminal.show(line))
    sys.stdout.flush()


def check_consent(options: argparse.Namespace, question: str) -> None:
    """Ask whether to go on, unless that was said.

    Raises:
        RefusedError: Nobody can be asked, or doesn't want it.
    """
    from ..errors import RefusedError

    if options.yes:
        return
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise RefusedError(
            "nothing was changed: there is no terminal to ask on, so say --yes, or --plan to see"
            " it only"
        )
    try:
        answer = input(f"{question} [y/N] ")
    except (EOFError, KeyboardInterrupt) as ended:
        print()  # what is said next has a line of its own
        if isinstance(ended, KeyboardInterrupt):
            warn("nothing was changed")
            raise
        answer = ""
    if answer.strip().lower() not in ("y", "yes"):
        raise RefusedError("nothing was changed")


class Watch:
    """Shows people on a terminal what CloudFormation does just now; in a pipe nothing is shown.

    Args:
        stack: The stack's name.
        tasks: The names of the system's Tasks, as far as they are known.
    """

    def __init__(self, stack: str, tasks: Iterable[str]) -> None:
        from ..story.tables import console_of
        from ..story.terminal import Terminal

        self._stack = stack
        self._tasks = [*tasks]
        terminal = Terminal.of(sys.stderr)
        self._width = terminal.width
        self._status = (
            console_of(terminal, sys.stderr).status(_as_it_is(printable(stack)))
            if sys.stderr.isatty()
            else None
        )

    @contextmanager
    def showing(self) -> Iterator[None]:
        """Show it until the block ends."""
        with self._status or nullcontext():
            yield

    def __call__(self, event: StackEvent) -> None:
        """Show what happened."""
        from ..story.deployment import event_text

        if self._status is not None and self._width is not None:
            text = printable(f"{self._stack}: {event_text(event, self._tasks)}")
            # Beside what turns, and not below it.
            self._status.update(_as_it_is(text[: self._width - 4]))


def _as_it_is(text: str) -> Text:
    """Return a text in which rich reads no markup."""
    from rich.text import Text

    return Text(text)
