"""The arguments that several verbs take, and what their values may be."""

from __future__ import annotations

import argparse
from collections.abc import Callable

from ..errors import WorkerError
from ..template import MEMORIES, TIMEOUTS
from ..worker import split_target

# As long as what stands in a bucket usually does.
_LONGEST_WAIT = 30 * 24 * 3600


def add_workers(parser: argparse.ArgumentParser) -> None:
    """Take the workers that a system consists of, and their functions' limits."""
    parser.add_argument(
        "targets",
        metavar="MODULE:ROUTER",
        type=_target,
        nargs="+",
        help="a worker's module and TaskRouter; each worker is a function of its own",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=number(TIMEOUTS),
        default=30,
        help="how long one batch of ten may take (%(default)s)",
    )
    parser.add_argument(
        "--memory",
        metavar="MB",
        type=number(MEMORIES),
        default=256,
        help="each function's memory (%(default)s)",
    )


def add_place(parser: argparse.ArgumentParser) -> None:
    """Take where a system is: the options that `places` reads."""
    parser.add_argument(
        "--stack", metavar="NAME", type=_name, help="the stack, where several are running"
    )
    parser.add_argument("--region", type=_name, help="on AWS, in this region")
    parser.add_argument("--profile", type=_name, help="on AWS, with this profile")
    parser.add_argument(
        "--prefix",
        type=_name,
        help="on AWS, the system whose topics begin so: one without a stack of algernon template",
    )
    parser.add_argument("--bucket", metavar="NAME", type=_name, help="the bucket of that system")


def add_timeout(parser: argparse.ArgumentParser) -> None:
    """Take for how long to wait for a result."""
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_wait,
        help="wait so long at most; with 0 it is looked for once (as long as it takes)",
    )


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


def _target(text: str) -> str:
    try:
        split_target(text)
    except WorkerError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _name(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("it is empty: name one, or leave the option out")
    return text
