"""The arguments that several verbs take, and what their values may be."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from ..errors import SettingsError, WorkerError
from ..system.settings.limits import MEMORIES, TIMEOUTS
from ..worker import split_target

# As long as what stands in a bucket usually does.
_LONGEST_WAIT = 30 * 24 * 3600

_SPAN = re.compile(r"(\d{1,9})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Take the workers that a system consists of, and their functions' limits."""
    parser.add_argument(
        "targets",
        metavar="MODULE:ROUTER",
        type=worker_target,
        nargs="+",
        help="a worker's module and TaskRouter; each worker is a function of its own",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=number(TIMEOUTS),
        help="how long one batch may take, in place of what [tool.algernon] says (30); what a Task"
        " itself needs holds all the same",
    )
    parser.add_argument(
        "--memory",
        metavar="MB",
        type=number(MEMORIES),
        help="the functions' memory, in place of what [tool.algernon] says (256); what a Task"
        " itself needs holds all the same",
    )


def add_env(parser: argparse.ArgumentParser) -> None:
    """Take environment variables of the workers: `options.env` is a list of names and values."""
    parser.add_argument(
        "--env",
        metavar="NAME=VALUE",
        type=variable,
        action="append",
        default=[],
        help="an environment variable of all workers, in place of what [tool.algernon] in their"
        " pyproject.toml says; may be repeated",
    )


def add_place(parser: argparse.ArgumentParser) -> None:
    """Take where a system is: the options that `places` reads."""
    parser.add_argument(
        "--stack", metavar="NAME", type=name, help="the stack, where several are running"
    )
    parser.add_argument("--region", type=name, help="on AWS, in this region")
    parser.add_argument("--profile", type=name, help="on AWS, with this profile")
    parser.add_argument(
        "--prefix",
        type=name,
        help="on AWS, the system whose topics begin so: one without a stack of algernon template",
    )
    parser.add_argument("--bucket", metavar="NAME", type=name, help="the bucket of that system")


def add_log_groups(parser: argparse.ArgumentParser) -> None:
    """Take further log groups, where the system's own doesn't have all lines."""
    parser.add_argument(
        "--log-group",
        metavar="NAME",
        action="append",
        default=[],
        help="look for lines there too, such as those of another stack; may be repeated",
    )


def add_timeout(
    parser: argparse.ArgumentParser,
    *,
    default: float | None = None,
    until: str = "with 0 it is looked for once",
) -> None:
    """Take for how long to wait: for a result, if nothing else is said.

    Args:
        parser: The verb's parser.
        default: For how many seconds where nothing is said; None is as long as it takes.
        until: What more its help says.
    """
    otherwise = "as long as it takes" if default is None else f"{default:g}"
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_wait,
        default=default,
        help=f"wait so long at most; {until} ({otherwise})",
    )


def add_since(parser: argparse._ActionsContainer, what: str, *, default: str | None = None) -> None:
    """Take since when things are meant: `options.since` is a datetime with a zone, or None.

    Args:
        parser: The verb's parser.
        what: What is meant since then, for its help, such as ``lines``.
        default: What holds where nothing is said, as somebody would write it.
    """
    until = f" ({default})" if default else ""
    parser.add_argument(
        "--since",
        metavar="WHEN",
        type=since,
        default=default,
        help=f"{what} since then: so long ago, as 10m, 2h or 1d, or an ISO time, by the clock here"
        f" or with Z in UTC{until}",
    )


def since(text: str) -> datetime:
    """Read a time in the past: so long ago, or a time of ISO 8601, by the clock here without zone.

    Raises:
        argparse.ArgumentTypeError: It is neither, or lies in the future.

    Example:
        >>> since("2026-11-26T03:00:00+01:00")
        datetime.datetime(2026, 11, 26, 2, 0, tzinfo=datetime.timezone.utc)
    """
    now = datetime.now(UTC)
    try:
        if span := _SPAN.fullmatch(text):
            return now - timedelta(**{_UNITS[span[2]]: int(span[1])})
        time = datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise argparse.ArgumentTypeError(
            f"{text!r} is neither a span, such as 90s, 10m, 2h, 1d or 1w, nor a time, such as"
            " 2026-11-26T03:00 or 2026-11-26T03:00Z"
        ) from error
    if time > now:
        raise argparse.ArgumentTypeError(f"{text!r} lies in the future: it is {now:%FT%TZ} now")
    return time


def variable(text: str) -> tuple[str, str]:
    """Read an environment variable of a worker: its name and its value.

    Raises:
        argparse.ArgumentTypeError: It isn't one, or one that a worker can't have.

    Example:
        >>> variable("BANK_URL=http://localhost:8000/?q=1")
        ('BANK_URL', 'http://localhost:8000/?q=1')
    """
    from ..system.settings.variables import check_name

    name, sign, value = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError(
            f"{name!r} has no value: write NAME=VALUE, or NAME= for an empty one"
        )
    try:
        check_name(name, name)
    except SettingsError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return name, value


def number(allowed: range) -> Callable[[str], int]:
    """Return what reads a number that is in a range."""

    def read(text: str) -> int:
        if not text.isdecimal() or int(text) not in allowed:
            raise argparse.ArgumentTypeError(
                f"{text!r} isn't a number from {allowed[0]} to {allowed[-1]}"
            )
        return int(text)

    return read


def _wait(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    # NaN isn't between anything.
    if not 0 <= seconds <= _LONGEST_WAIT:
        raise argparse.ArgumentTypeError(
            f"{text!r} isn't a number of seconds from 0 to {_LONGEST_WAIT}"
        )
    return seconds


def worker_target(text: str) -> str:
    """Read a worker's target, MODULE:ROUTER.

    Raises:
        argparse.ArgumentTypeError: It is none.
    """
    try:
        split_target(text)
    except WorkerError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def name(text: str) -> str:
    """Read a name, which can't be empty."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty: name one, or leave the option out")
    return text
