"""The demo that measures the standard library, with a few of its modules."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from ..waiting import PATIENCE

pytestmark = pytest.mark.starts

EXAMPLE = Path(__file__).parents[2] / "packages" / "algernon" / "examples" / "standard_library"
STANDARD_LIBRARY = Path(sysconfig.get_path("stdlib"))
FEW = """

def modules():
    return ["abc.py", "ast.py", "bisect.py"]
"""
REFUSING = """

put = measuring.measure

def refuse(path, source, modified):
    if path == "ast.py":
        from algernon import PermanentError

        raise PermanentError("it is too long")
    return put(path, source, modified)

measuring.measure = refuse
"""


def run_demo(folder: Path, *, worker: str = "") -> subprocess.CompletedProcess[str]:
    """Run the demo with few modules, and something added to its worker."""
    shutil.copytree(EXAMPLE, folder / "demo")
    for name, addition in (("measuring.py", FEW), ("worker.py", worker)):
        with (folder / "demo" / name).open("a", encoding="utf-8") as file:
            file.write(addition)
    return subprocess.run(
        [sys.executable, "demo.py"],
        cwd=folder / "demo",
        env={**os.environ, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def test_the_demo_ends_as_it_promises(tmp_path: Path) -> None:
    """All modules are reported and summed up as they are here, and one file is a dead letter."""
    done = run_demo(tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    sources = [(STANDARD_LIBRARY / f"{name}.py").read_text() for name in ("abc", "ast", "bisect")]
    lines = sum(len(source.splitlines()) for source in sources)
    assert f"The summary: 3 modules have {lines} lines; most imported: " in done.stdout
    assert "of measure_source: unparseable.txt: invalid syntax" in done.stdout
    assert done.stdout.endswith("All 3 reports equal what one process measures.\n")


def test_the_demo_says_why_it_is_given_up(tmp_path: Path) -> None:
    """Where a module can't be measured, it isn't waited for, and its dead letter says why."""
    done = run_demo(tmp_path, worker=REFUSING)
    assert (done.returncode, done.stderr) == (1, "")
    assert (
        "Given up after 2 of 3 reports, since no message is left in a queue.\n"
        "What the workers said last:\n"
    ) in done.stdout
    assert "of measure_source: ast.py: it is too long" in done.stdout
    assert "ast.py: is missing" in done.stdout
    assert "The summary waits for the group: Progress(done=2, failed=1, size=3).\n" in done.stdout
    assert "The summary is missing.\n" in done.stdout
