"""The scripts that documents show, run against a system on a local AWS."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from algernon.local import LocalSystem

from ..waiting import PATIENCE

pytestmark = pytest.mark.starts

README = Path(__file__).parents[2] / "packages" / "algernon-queue" / "README.md"

WORKER = """
from algernon import TaskRouter

router = TaskRouter()
handler = router.handler


@router.task
def price(items):
    return {"total": sum(items)}
"""


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSystem]:
    """A system that has the Task which the scripts send."""
    folder = tmp_path_factory.mktemp("scripts")
    (folder / "worker.py").write_text(WORKER, encoding="utf-8")
    with LocalSystem("worker:router", directory=folder) as running:
        yield running


def test_a_script_that_waits_for_a_result_prints_what_the_document_shows(
    system: LocalSystem, tmp_path: Path
) -> None:
    """Whoever copies it gets the id of what was sent, and the result."""
    text = README.read_text(encoding="utf-8")
    (script,) = re.findall(r"^```py\n# order\.py\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (shown,) = re.findall(r"^\$ python order\.py\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (tmp_path / "order.py").write_text(script, encoding="utf-8")

    run = subprocess.run(
        [sys.executable, "-W", "error", tmp_path / "order.py"],
        env=system.environ,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )

    assert run.returncode == 0, run.stderr
    task_id, result = run.stdout.splitlines()
    assert UUID(task_id)
    assert result == shown.splitlines()[1]
