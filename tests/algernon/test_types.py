"""What a type checker makes of programs that use `algernon`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import algernon
import pytest

pytestmark = pytest.mark.starts


@pytest.fixture
def messages(tmp_path: Path) -> list[str]:
    """What mypy says of two programs: with every public name, and with misspelt ones."""
    pytest.importorskip("mypy", reason="mypy isn't installed")
    names = ", ".join(algernon.__all__)
    (tmp_path / "right.py").write_text(f"from algernon import {names}\n", encoding="utf-8")
    (tmp_path / "wrong.py").write_text(
        "import algernon\nfrom algernon import send_taks\nalgernon.TaskRooter()\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", "right.py", "wrong.py"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.splitlines()


def test_a_misspelt_name_is_an_error_and_a_public_one_is_none(messages: list[str]) -> None:
    """Names that are imported when they are first used are known to a type checker, no others."""
    assert not [line for line in messages if line.startswith("right.py")]
    (imported, used) = [line for line in messages if line.startswith("wrong.py:")]
    assert imported.startswith('wrong.py:2: error: Module "algernon" has no attribute "send_taks"')
    assert used.startswith('wrong.py:3: error: Module has no attribute "TaskRooter"')
