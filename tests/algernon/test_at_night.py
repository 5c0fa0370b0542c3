"""The README's chapter "At night", done as it is written there, and as a terminal shows it."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from algernon.local import LocalSystem
from algernon.local.entries import RunningSystem, reserve_entry

from ..waiting import PATIENCE, wait_for
from .screenshots import save_picture
from .terminals import OnTerminal, algernon

pytestmark = pytest.mark.starts

PACKAGE = Path(__file__).parents[2] / "packages" / "algernon"
EXAMPLE = PACKAGE / "examples" / "at_night"
CHAPTER = re.compile(r"^## At night\n(.*?)^## ", re.MULTILINE | re.DOTALL)
CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)
COMMAND = re.compile(r"^\$ (.*)\n((?:(?!\$ ).*\n)*)", re.MULTILINE)
#: What changes nothing, and may be asked again.
READING = re.compile("algernon (status|dead list|dead show|dead run)")
#: What is another with each run, and what stands for it in what is compared.
CHANGING = [
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "ID"),
    (re.compile(r"\b[0-9a-f]{8}\b"), "ID"),
    (re.compile(r"\b(\d{4}-)?\d\d-\d\d[ T]\d\d:\d\d(:\d\d(\.\d+)?Z?)?"), "TIME"),
    (re.compile(r"\b\d\d:\d\d(:\d\d)?\b"), "TIME"),
    (re.compile(r"\b[\d.]+ (ms|s)\b"), "DURATION"),
    (re.compile(r"-[0-9A-F]{13}\b"), "-SUFFIX"),
    (re.compile(r"Looking took .* receives? among them, about US\$ [\d.]+"), "LOOKING"),
    (re.compile(r"\b\d+ times since\b"), "TIMES since"),
    (re.compile(r"http://127\.0\.0\.1:\d+"), "AWS"),
    (re.compile(r"Root=\S+"), "TRACE"),
    (re.compile(r"\b\d+ B\b"), "BYTES"),
    (re.compile(r'"[^"]*/shop\.py"'), '"shop.py"'),
    (re.compile(r" +"), " "),
]


class Night:
    """The system of the example after its day was closed, and who is on call for it."""

    def __init__(self, state: Path) -> None:
        self.state = state

    def shell(self, line: str) -> str:
        """Return what a command line shows."""
        words = shlex.split(line)
        environ = {**os.environ, "XDG_STATE_HOME": str(self.state)}
        while "=" in words[0]:
            name, _, value = words.pop(0).partition("=")
            environ[name] = value
        assert words.pop(0) == "algernon"
        done = subprocess.run(
            [sys.executable, "-m", "algernon.commands", *words],
            cwd=EXAMPLE,
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=PATIENCE,
        )
        assert done.returncode == ("dead run" in line), done.stdout
        return done.stdout

    def letters(self) -> list[Any]:
        """Return the dead letters."""
        found: list[Any] = json.loads(self.shell("algernon dead list --each --json"))["letters"]
        return found


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LocalSystem, Night]]:
    """The system, whose worker has charged what it could."""
    state = tmp_path_factory.mktemp("state")
    with (
        LocalSystem("shop:router", directory=EXAMPLE) as running,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("XDG_STATE_HOME", str(state))
        with reserve_entry(running.stack_name) as entry:
            entry.announce(RunningSystem(running.tasks, running.environ, running.log_group))
            night = Night(state)
            night.shell("algernon send close_day --kwargs '{\"orders\": 200}'")
            running.run(timeout=PATIENCE)
            yield running, night


@pytest.fixture(scope="module")
def night(system: tuple[LocalSystem, Night]) -> Night:
    """Who is on call for it."""
    return system[1]


@pytest.mark.parametrize("columns", [80, 120])
@pytest.mark.parametrize(
    "verb", ["status", "dead list", "dead show", "dead run", "dead redrive", "logs", "trace"]
)
def test_what_a_terminal_shows_fits_it(
    night: Night, tmp_path: Path, columns: int, verb: str
) -> None:
    """No line is longer than the terminal is wide, and a picture of it can be taken."""
    letter = min(night.letters(), key=lambda each: str(each["error"]))
    arguments = {
        "dead show": [letter["task_id"]],
        "dead run": [letter["task_id"], "shop:router"],
        "logs": ["charge", "--failed"],
        "trace": [letter["chain_id"]],
    }
    command = algernon(*verb.split(), *arguments.get(verb, []))
    environ = {"XDG_STATE_HOME": str(night.state)}
    with OnTerminal(command, folder=EXAMPLE, columns=columns, **environ) as shown:
        shown.end()
        text = shown.text
        picture = tmp_path / f"{verb.replace(' ', '-')}-{columns}.svg"
        save_picture(picture, f"algernon {verb}", shown.shown, columns)

    assert "charge" in text
    lines = [line for line in text.splitlines() if not line.startswith("algernon: ")]
    assert max(map(len, lines)) <= columns
    assert picture.read_text(encoding="utf-8").startswith("<svg")


def test_an_incident_goes_as_the_readme_shows_it(system: tuple[LocalSystem, Night]) -> None:
    """Each command of the chapter shows what stands below it, from what is dead to mended."""
    running, night = system
    readme = (PACKAGE / "README.md").read_text(encoding="utf-8")
    (chapter,) = CHAPTER.findall(readme)
    (comma,) = [each for each in night.letters() if each["error"] == "InvalidOperation"]
    (shown_id,) = set(re.findall(r"\$ algernon dead show (\w+)", chapter))

    for block in CONSOLE.findall(chapter):
        for line, expected in COMMAND.findall(block):
            own_line = line.replace(shown_id, comma["task_id"][:8])
            if READING.search(line):
                # The local AWS may write an invocation's lines after its messages are gone.
                wait_for(partial(shows, night, own_line, expected), partial(night.shell, own_line))
            else:
                assert comparable(night.shell(own_line)) == comparable(expected), line
            running.run(timeout=PATIENCE)

    assert night.letters() == []


def shows(night: Night, line: str, expected: str) -> bool:
    """Tell whether a command shows what it should."""
    return comparable(night.shell(line)) == comparable(expected)


def comparable(text: str) -> list[str]:
    """Return the lines of a text without what is another with each run."""
    for pattern, name in CHANGING:
        text = pattern.sub(name, text)
    return [line.strip() for line in text.splitlines() if line.strip()]
