"""`algernon env`: print the environment variables that lead a program to a system."""

from __future__ import annotations

import argparse
import json
import re
import shlex
from collections.abc import Iterator, Mapping

from .arguments import add_place
from .environment import leading_variables

ROLE = "send"
HELP = "print the environment variables that lead programs to a system"
DESCRIPTION = (
    "Print the environment variables with which any program sends Tasks to the local system that"
    " runs or, given a region or profile, to AWS, and gets what comes of them: as lines for a shell"
    " like sh, bash or zsh, which export what leads there and unset what would lead elsewhere. No"
    " credentials for AWS are among them: with a profile, its name is. For one program, algernon"
    " exec is shorter."
)
EXAMPLES = """\
eval "$(algernon env)"
eval "$(algernon env --stack shop --profile prod)"
algernon env --json\
"""

# POSIX, "Environment variables": what a shell can set and unset.
_NAME = re.compile("[A-Za-z_][A-Za-z0-9_]*")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the system, and how it is printed."""
    parser.add_argument(
        "--json",
        action="store_true",
        help="print one line of JSON, in which what is to be unset is null",
    )
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Print them."""
    variables = leading_variables(options)
    if options.json:
        print(json.dumps(variables))
        return
    for line in _lines(variables):
        print(line)


def _lines(variables: Mapping[str, str | None]) -> Iterator[str]:
    """Give what a shell evaluates, a variable a line."""
    for name, value in variables.items():
        if not _NAME.fullmatch(name):
            continue
        yield f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}"
