"""`algernon completion` prints what has a shell complete the command, tried in the shells."""

from __future__ import annotations

import os
import pty
import select
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ..waiting import PATIENCE

pytest.importorskip("shtab")
pytestmark = pytest.mark.starts

Command = Callable[..., subprocess.CompletedProcess[str]]

# Asks for the candidates of the last word of a command line, as pressing Tab does.
ASK_BASH = """
source "$1"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMP_LINE="$*"; COMP_POINT=${#COMP_LINE}
function_of=$(complete -p algernon | sed -E 's/.*-F ([^ ]+).*/\\1/')
$function_of algernon "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""
ASK_FISH = 'source $argv[1]; complete -C "$argv[2]"'
# zsh completes in a terminal only.
START_ZSH = "PROMPT=; fpath=({} $fpath); autoload -U compinit; compinit -u -D; echo REA''DY\n"


@pytest.fixture(scope="module")
def script(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Print the script of a shell into a file."""

    def write(shell: str) -> Path:
        path = tmp_path_factory.mktemp(shell) / "_algernon"
        with path.open("w", encoding="utf-8") as file:
            command = [sys.executable, "-m", "algernon.commands", "completion", shell]
            subprocess.run(command, stdout=file, check=True, timeout=PATIENCE)
        return path

    return write


def ask(shell: str, *arguments: str | Path) -> set[str]:
    """Return what a shell prints, by lines, or skip the test where there is no such shell."""
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"there is no {shell} here")
    done = subprocess.run(
        [path, *map(str, arguments)], capture_output=True, text=True, check=True, timeout=PATIENCE
    )
    assert done.stderr == ""
    return {line.partition("\t")[0].strip() for line in done.stdout.splitlines()} - {""}


@pytest.fixture(params=["bash", "fish"])
def completed(
    request: pytest.FixtureRequest, script: Callable[[str], Path]
) -> Callable[..., set[str]]:
    """Return the candidates for the last of a command line's words."""

    def of(*words: str) -> set[str]:
        line = ("algernon", *words)
        if request.param == "bash":
            return ask("bash", "--norc", "-c", ASK_BASH, "bash", script("bash"), *line)
        return ask("fish", "--no-config", "-c", ASK_FISH, script("fish"), " ".join(line))

    return of


def test_verbs_are_completed(completed: Callable[..., set[str]]) -> None:
    """All of them after nothing, and those that begin so after a letter."""
    assert {"run", "send", "result", "trace", "policy", "completion"} <= completed("")
    assert completed("re") >= {"result"}
    assert "send" not in completed("re")


def test_options_of_a_verb_are_completed(completed: Callable[..., set[str]]) -> None:
    """Those of the verb, and not those of another."""
    options = completed("send", "--")

    assert {"--kwargs", "--callback", "--wait", "--stack", "--region", "--profile"} <= options
    assert "--hours" not in options


def test_choices_of_a_verb_are_completed(completed: Callable[..., set[str]]) -> None:
    """What there is to choose from."""
    assert completed("completion", "") >= {"bash", "zsh", "fish"}
    assert completed("policy", "--for", "") >= {"operate", "send"}


@pytest.mark.parametrize(
    ("typed", "completed"),
    [
        ("algernon grou", "algernon group"),
        ("algernon dead sh", "algernon dead show"),
        ("algernon send resize --kw", "algernon send resize --kwargs"),
        ("algernon completion fi", "algernon completion fish"),
        ("algernon policy --for op", "algernon policy --for operate"),
    ],
)
def test_zsh_completes_what_is_typed(
    script: Callable[[str], Path], typed: str, completed: str
) -> None:
    """Verbs, options and choices, by the key Tab."""
    if (zsh := shutil.which("zsh")) is None:
        pytest.skip("there is no zsh here")
    terminal, inside = pty.openpty()
    with subprocess.Popen(
        [zsh, "-f", "-i"],
        stdin=inside,
        stdout=inside,
        stderr=inside,
        env={**os.environ, "TERM": "dumb", "COLUMNS": "200"},
        start_new_session=True,
    ) as shell:
        try:
            os.write(terminal, START_ZSH.format(script("zsh").parent).encode())
            read_until(terminal, "READY")
            os.write(terminal, f"{typed}\t".encode())
            read_until(terminal, completed)
        finally:
            shell.kill()
            os.close(terminal)
            os.close(inside)


def read_until(terminal: int, text: str) -> None:
    """Read what a terminal shows, until it shows a text."""
    shown = ""
    while text not in shown:
        readable, _, _ = select.select([terminal], [], [], PATIENCE)
        assert readable, shown
        shown += os.read(terminal, 10_000).decode(errors="replace")
