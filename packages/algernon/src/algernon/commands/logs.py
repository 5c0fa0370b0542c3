"""`algernon logs`: show what the workers of a system logged, and log."""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

from ..errors import LocalSystemError, NotASystemError
from ..story.printing import reading_has_ended, warn
from ..system.throttling import THROTTLED
from .arguments import add_log_groups, add_place, add_since
from .places import is_on_aws, place_with_logs

if TYPE_CHECKING:
    from ..story.invocation_lines import InvocationLine
    from ..story.invocations import Invocation, Invocations
    from ..story.line_filter import LineFilter
    from ..system.log_events import LogEvent, LogFeed
    from ..system.place import Place

    Show = Callable[[Invocation, Sequence[InvocationLine]], Iterator[str]]

HELP = "show what the workers log"
DESCRIPTION = (
    "Show what the workers logged, of the local system that runs or, given a region or profile, of"
    " one on AWS: on a terminal a short line for each run of a Task, with its lines below, and"
    " elsewhere whole lines. The oldest come first, and those of an invocation together."
)
EXAMPLES = """\
algernon logs --follow
algernon logs resize --failed --stack shop --region eu-west-1\
"""

_LOOK_BACK = "1h"
# Amazon CloudWatch Logs User Guide, "CloudWatch Logs quotas": five calls a second, or more, of all
# who look in an account and region.
_LOOK_SECONDS = 2.0
_LOOK_SECONDS_HERE = 0.5
# After so long what there is of an invocation is shown, and what comes later by itself.
_QUIET_SECONDS = 10.0
_SHORTEST_PAUSE = 2.0
_LONGEST_PAUSE = 60.0
# So many events are taken before what is complete of them is shown.
_EVENTS_AT_ONCE = 1000

_TASK_NAME = re.compile(r"[A-Za-z0-9_-]{1,256}")

# Amazon CloudWatch Logs API Reference, "Common error types": what else is over after a while.
_PASSING = THROTTLED | {"InternalFailure", "ServiceUnavailable", "ServiceUnavailableException"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take whose lines are shown, since when, and how."""
    parser.add_argument(
        "name",
        metavar="TASK|ID",
        type=_name,
        nargs="?",
        help="only lines of this Task, or of the chain, Task or group that has this id",
    )
    parser.add_argument(
        "--follow", action="store_true", help="go on with what is logged from now on, until Ctrl-C"
    )
    add_since(parser, "lines", default=_LOOK_BACK)
    parser.add_argument(
        "--failed", action="store_true", help="only runs that failed, with their tracebacks"
    )
    parser.add_argument(
        "--json", action="store_true", help="print each line as an object of JSON, in one line"
    )
    add_log_groups(parser)
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Show the lines."""
    from ..story.line_filter import LineFilter
    from ..system.log_events import LogFeed

    name: str | None = options.name
    place = place_with_logs(options)
    feed = LogFeed(place.client("logs"), place.log_groups, options.since, phrase=name)
    wanted, show = LineFilter(name, options.failed), _way_to_show(options)
    if options.follow:
        _check_task(place, options)
        with suppress(KeyboardInterrupt):
            _print(_followed(feed, options), wanted, show)
    elif not _print(_once(feed, options), wanted, show):
        _check_task(place, options)
        what = "run that failed" if options.failed else "line"
        whose = "" if name is None else f" of {name}"
        warn(
            f"no {what}{whose} since {options.since.astimezone():%Y-%m-%d %H:%M:%S %Z} in"
            f" {', '.join(place.log_groups)}: --since looks further back"
        )


def _name(text: str) -> str:
    """Read a Task's name, or an id as lines have it."""
    if _is_id(text):
        return str(UUID(text))
    if not _TASK_NAME.fullmatch(text):
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a Task's name, which is of letters, digits, hyphens and"
            " underscores, nor an id"
        )
    return text


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _check_task(place: Place, options: argparse.Namespace) -> None:
    """Refuse a Task that the system doesn't have, as far as that can be told.

    Raises:
        UnknownTaskError: It doesn't.
    """
    from botocore.exceptions import ClientError

    from ..system.task_queues import choose_task, find_task_queues

    if options.name is None or _is_id(options.name) or options.log_group:
        return  # it may be the Task of whoever writes to that log group
    # Whoever may read logs needn't be allowed to look.
    with suppress(ClientError, NotASystemError):
        choose_task(find_task_queues(place), options.name)


def _once(feed: LogFeed, options: argparse.Namespace) -> Iterator[Invocation]:
    from ..story.invocations import Invocations

    invocations = Invocations()
    yield from _complete(feed, invocations, options)
    yield from invocations.rest()


def _followed(feed: LogFeed, options: argparse.Namespace) -> Iterator[Invocation]:
    from ..story.invocations import Invocations

    invocations = Invocations()
    pause = _LOOK_SECONDS if is_on_aws(options) else _LOOK_SECONDS_HERE
    while True:
        yield from _complete(feed, invocations, options)
        if not options.failed:  # whether one has is known at its end
            yield from invocations.rest(quiet_seconds=_QUIET_SECONDS)
        sys.stdout.flush()
        if reading_has_ended():
            raise BrokenPipeError
        time.sleep(pause)


def _complete(
    feed: LogFeed, invocations: Invocations, options: argparse.Namespace
) -> Iterator[Invocation]:
    """Give the invocations that have ended, by what a look at the logs finds."""
    for number, event in enumerate(_patiently(feed, options), start=1):
        invocations.add(event)
        if number % _EVENTS_AT_ONCE == 0:
            yield from invocations.over(settled=True)
    yield from invocations.over()


def _patiently(feed: LogFeed, options: argparse.Namespace) -> Iterator[LogEvent]:
    """Give new events, and wait where AWS has too much to do, or isn't reached for a while."""
    from botocore.exceptions import ClientError, HTTPClientError

    pause = _SHORTEST_PAUSE
    while True:
        try:
            yield from feed.new_events()
        except ClientError as error:
            if error.response["Error"]["Code"] not in _PASSING:
                raise
            reason = str(error)
        except HTTPClientError as error:
            if not is_on_aws(options):
                raise LocalSystemError(
                    "the local system has ended, and its lines are gone"
                ) from error
            if not options.follow:
                raise
            reason = str(error)
        else:
            return
        warn(f"{reason}: goes on in {pause:.0f} s")
        time.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)


def _print(found: Iterator[Invocation], wanted: LineFilter, show: Show) -> bool:
    """Print what is chosen, and tell whether there was anything."""
    has_printed = False
    for invocation in found:
        is_over = invocation.state == "over"
        if lines := wanted.lines_of(invocation.texts, is_over=is_over):
            for line in show(invocation, lines):
                print(line)
            has_printed = True
    return has_printed


def _way_to_show(options: argparse.Namespace) -> Show:
    from ..story.invocation_story import ForPeople, as_json, whole_lines
    from ..story.terminal import Terminal

    if options.json:
        return as_json
    return ForPeople(Terminal.of(sys.stdout)) if sys.stdout.isatty() else whole_lines
