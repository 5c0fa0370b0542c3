"""The lines of requirements files."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from packaging.requirements import InvalidRequirement, Requirement


def logical_lines(text: str) -> list[str]:
    """Return the lines of a requirements file, those that go on as one, without empty ones."""
    joined = re.sub(r"\\\r?\n", " ", text)
    return [line.strip() for line in joined.splitlines() if line.strip()]


def write_lines(path: Path, lines: Iterable[str]) -> str:
    """Write a requirements file, and return its path."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return str(path)


def requirement_of(line: str) -> Requirement | None:
    """Return what a line needs by the name of a distribution, or None if it says something else."""
    try:
        return Requirement(re.sub(r"\s(--hash=|#).*", "", line))
    except InvalidRequirement:
        return None
