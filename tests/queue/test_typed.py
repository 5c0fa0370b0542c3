"""What type checkers make of Tasks that are sent: `typed/` has what they read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.starts

ROOT = Path(__file__).parents[2]
TYPED = Path(__file__).parent / "typed"


@pytest.mark.parametrize(
    ("checker", "options"),
    [
        ("mypy", ["--strict", "--explicit-package-bases"]),
        ("basedpyright", ["--project", str(ROOT), "--pythonpath", sys.executable]),
    ],
)
def test_the_forms_are_right_and_the_mistakes_are_found(checker: str, options: list[str]) -> None:
    """A checker finds each mistake that is said to be one, and nothing else."""
    pytest.importorskip(checker, reason=f"{checker} isn't installed")
    done = subprocess.run(
        [sys.executable, "-m", checker, *options, *([str(TYPED)] if checker == "mypy" else [])],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_there_are_mistakes_to_be_found() -> None:
    """Each line of the mistakes says to both checkers that it is one."""
    lines = (TYPED / "mistakes.py").read_text(encoding="utf-8").splitlines()
    mistakes = [line for line in lines if "# type: ignore[" in line]
    assert len(mistakes) > 12
    assert all("# pyright: ignore" in line for line in mistakes)
