"""What pytest finds where algernon-queue is installed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.starts

ORDERS = """
from algernon_queue import TaskRouter, send_task

router = TaskRouter(once=True)
bills = []


@router.task
def price(items):
    return {"total": 9 * len(items)}


@router.task(retries=2, backoff=3600)
def bill(total):
    if total > 9:
        raise ConnectionError("the bank doesn't answer")
    bills.append(total)


def test_an_order_is_billed(algernon_system):
    algernon_system.add(router)
    send_task("price", {"items": ["a"]}, callback="bill")
    algernon_system.run()
    assert bills == [9]
    assert algernon_system.dead_letters == []


def test_a_refusal_is_a_dead_letter(algernon_system):
    assert algernon_system.dead_letters == []
    algernon_system.add(router)
    send_task("price", {"items": ["a", "b"]}, callback="bill")
    algernon_system.run()
    assert [letter.error for letter in algernon_system.dead_letters] == ["ConnectionError"]
"""


def run_pytest(folder: Path, text: str, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a file of tests by a pytest of its own, in which every warning is an error."""
    (folder / "test_theirs.py").write_text(text)
    environment = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("ALGERNON_", "AWS_", "PYTEST_"))
    }
    command = [sys.executable, "-W", "error", "-m", "pytest", "-p", "no:cacheprovider", "-W"]
    return subprocess.run(
        [*command, "error", *options, "test_theirs.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_fixture_is_a_new_system_for_each_test(tmp_path: Path) -> None:
    """Without any import of testing, and without AWS, routers are added to a system and run."""
    done = run_pytest(tmp_path, ORDERS, "-q")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_the_fixture_is_there_in_each_of_many_processes(tmp_path: Path) -> None:
    """The processes of pytest-xdist have it as well."""
    pytest.importorskip("xdist")
    done = run_pytest(tmp_path, ORDERS, "-q", "--numprocesses=2")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_the_plugin_loads_nothing_that_isnt_used(tmp_path: Path) -> None:
    """Whoever doesn't ask for the fixture gets neither this package nor botocore imported."""
    done = run_pytest(
        tmp_path,
        "import sys\n\n\n"
        "def test_nothing_is_imported():\n"
        "    heavy = {'algernon_queue', 'algernon_serialize', 'algernon_storage', 'botocore'}\n"
        "    assert '_algernon_pytest' in sys.modules\n"
        "    assert heavy.isdisjoint(sys.modules)\n",
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_plugin_can_be_left_out(tmp_path: Path) -> None:
    """Its name for pytest is `algernon`."""
    done = run_pytest(tmp_path, ORDERS, "-p", "no:algernon")
    assert "fixture 'algernon_system' not found" in done.stdout


def test_the_fixture_is_listed(tmp_path: Path) -> None:
    """`pytest --fixtures` shows it, and says what it is."""
    done = run_pytest(tmp_path, ORDERS, "--fixtures")
    (line,) = (line for line in done.stdout.splitlines() if line.startswith("algernon_system"))
    assert "_algernon_pytest.py" in line
    assert "in this process, without AWS" in done.stdout


def test_what_was_sent_otherwise_is_shown(tmp_path: Path) -> None:
    """An assertion about what was sent that fails shows both Tasks as a test writes them."""
    done = run_pytest(
        tmp_path,
        "from algernon_queue import Task, send_task\n"
        "from algernon_queue.testing import sent_tasks\n\n\n"
        "def test_an_order_is_sent():\n"
        "    with sent_tasks() as sent:\n"
        "        send_task('price', {'items': [1]}, callback='bill')\n"
        "    assert sent == [Task('price', {'items': [2]}, callback='bill')]\n",
        "-vv",
    )
    assert done.returncode == 1
    lines = [line.removeprefix("E").strip() for line in done.stdout.splitlines()]
    assert "-     Task('price', {'items': [2]}, callback='bill')," in lines
    assert "+     Task('price', {'items': [1]}, callback='bill')," in lines
