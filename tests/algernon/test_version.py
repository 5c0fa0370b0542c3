"""`algernon --version` and `--help`, for whoever has nothing else at hand."""

from __future__ import annotations

import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path

import pytest

from ..waiting import PATIENCE

pytestmark = pytest.mark.starts

Command = Callable[..., subprocess.CompletedProcess[str]]

VERBS = (
    *("new", "run", "template", "send", "result", "cancel", "group", "status", "tasks", "logs"),
    *("trace", "dead", "pause", "resume", "policy", "completion"),
)
VERBS_OF_DEAD = ("list", "show", "run", "redrive", "export", "import", "discard")


def test_the_versions_of_all_packages(command: Command) -> None:
    """The command's own first, its siblings', and Python's."""
    done = command("--version")

    parts = ("logging", "queue", "serialize", "storage")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [
        f"algernon {version('algernon')}",
        *(f"algernon-{part} {version(f'algernon-{part}')}" for part in parts),
        f"Python {platform.python_version()}",
    ]


def test_help_names_every_verb(command: Command) -> None:
    """With what it does, and some examples."""
    done = command("--help")

    assert (done.returncode, done.stderr) == (0, "")
    # In the order in which somebody comes to need them.
    places = [done.stdout.index(f"\n    {verb}") for verb in VERBS]
    assert places == sorted(places)
    for verb in ("run worker:router", "status", "dead list", "dead show", "dead redrive"):
        assert f"    algernon {verb}" in done.stdout.partition("\nexamples:\n")[2]


@pytest.mark.parametrize("verb", [*VERBS, *(f"dead {verb}" for verb in VERBS_OF_DEAD)])
def test_every_verb_has_help_that_fits(command: Command, verb: str) -> None:
    """No line is longer than the terminal but those of the examples, which can be copied."""
    done = command(*verb.split(), "--help", COLUMNS="80")

    text, _, examples = done.stdout.partition("\nexamples:\n")
    assert (done.returncode, done.stderr) == (0, "")
    assert max(map(len, text.splitlines())) <= 80
    assert all(line.startswith("  algernon ") for line in examples.splitlines())


@pytest.mark.parametrize("arguments", [("--version",), ("--help",), ("send", "--help")])
@pytest.mark.parametrize("is_buffered", [True, False])
def test_what_can_not_be_written_is_an_error(arguments: Sequence[str], is_buffered: bool) -> None:
    """A full disk is told, whether Python notices it at once or at the end."""
    how = () if is_buffered else ("-u",)
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        done = subprocess.run(
            [sys.executable, *how, "-m", "algernon.commands", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    assert done.returncode == 1
    assert done.stderr == "algernon: [Errno 28] No space left on device\n"


def test_neither_loads_anything_of_aws() -> None:
    """They are there at once: boto3, rich and shtab are imported by what needs them."""
    code = """
import sys
from algernon.commands.main import main
try:
    main(sys.argv[1:])
finally:
    print(*sys.modules, file=sys.stderr)
"""
    for argument in ("--version", "--help"):
        done = subprocess.run(
            [sys.executable, "-c", code, argument],
            capture_output=True,
            text=True,
            check=True,
            timeout=PATIENCE,
        )
        assert not {"boto3", "botocore", "rich", "shtab", "ministack"} & set(done.stderr.split())
