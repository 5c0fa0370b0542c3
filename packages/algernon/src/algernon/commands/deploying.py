"""What `algernon deploy` and `algernon destroy` have in common: where it is, and what is shown."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING

from ..story.printing import warn
from ..story.terminal import printable
from .arguments import name

if TYPE_CHECKING:
    from rich.text import Text

    from ..story.terminal import Line
    from ..system.deployment.stack_events import StackEvent
    from ..system.place import Place


def add_stack(parser: argparse.ArgumentParser) -> None:
    """Take which stack on AWS is meant: `options.stack`, `options.region`, `options.profile`."""
    parser.add_argument(
        "--stack", metavar="NAME", type=name, required=True, help="the system's stack"
    )
    parser.add_argument(
        "--region", type=name, help="its region, if the configuration of AWS has none"
    )
    parser.add_argument("--profile", type=name, help="whose credentials are used")


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
        CredentialsError: A profile has no credentials, or they can't be read.
        botocore.exceptions.NoRegionError, botocore.exceptions.NoCredentialsError: The configuration
            of AWS has none.
        botocore.exceptions.BotoCoreError: botocore knows what is wrong with them.
    """
    from botocore.exceptions import NoCredentialsError, NoRegionError

    from ..system.named_aws import aws_place

    place = aws_place(options.profile, options.region, stack=options.stack, tell=warn)
    # Now, and not once something is built.
    if place.session.region_name is None:
        raise NoRegionError
    if place.session.get_credentials() is None:
        raise NoCredentialsError
    return place


def show(lines: Iterable[Line]) -> None:
    """Print lines for people."""
    from ..story.terminal import Terminal

    terminal = Terminal.of(sys.stdout)
    for line in lines:
        print(terminal.show(line))
    sys.stdout.flush()


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
