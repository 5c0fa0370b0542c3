"""What several tests of the package need: the command as a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ..waiting import PATIENCE

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def clock_in(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Have the clock of this process be that of a zone, such as ``Asia/Tokyo``, for a test."""

    def set_zone(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield set_zone
    monkeypatch.undo()
    time.tzset()


@pytest.fixture
def command(tmp_path: Path) -> Command:
    """The command `algernon`, run in a directory with this user's systems kept in tmp_path."""

    def run(
        *arguments: str, directory: Path = tmp_path, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "algernon.commands", *arguments],
            cwd=directory,
            env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    return run
