"""What type checkers know of algernon_logging."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import algernon_logging
import pytest

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.starts


def errors_of(code: str, folder: Path) -> list[str]:
    """Return what mypy has against some code."""
    pytest.importorskip("mypy", reason="mypy isn't installed")
    file = folder / "example.py"
    file.write_text(code)
    checked = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", file.name],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.stderr == ""
    return checked.stdout.splitlines()


def test_every_public_name_is_known(tmp_path: Path) -> None:
    """All of __all__ can be imported for a type checker, and used."""
    names = ", ".join(algernon_logging.__all__)
    code = f"""
from algernon_logging import {names}

@lambda_logged
def ship(order_id: int) -> str:
    with bind(order_id=order_id):
        return f"order {{order_id}}"

reveal_type(ship)
reveal_type(parse_line)
"""
    assert [line.partition("note: ")[2] for line in errors_of(code, tmp_path)] == [
        'Revealed type is "def (order_id: int) -> str"',
        'Revealed type is "def (line: str) -> dict[str, Any] | None"',
    ]


def test_a_misspelt_name_is_found(tmp_path: Path) -> None:
    """A name that the package doesn't have is an error before the program runs."""
    code = """
import algernon_logging
from algernon_logging import lambda_loged

algernon_logging.parse_lines("")
"""
    first, second = errors_of(code, tmp_path)
    assert '"algernon_logging" has no attribute "lambda_loged"' in first
    assert 'Module has no attribute "parse_lines"' in second
    with pytest.raises(AttributeError, match="module 'algernon_logging' has no attribute"):
        algernon_logging.__getattr__("parse_lines")
