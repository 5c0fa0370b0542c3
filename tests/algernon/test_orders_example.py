"""The example of the orders, as its author tests it: in memory, and on a local AWS."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ..waiting import PATIENCE

PACKAGES = Path(__file__).parents[2] / "packages"
EXAMPLE = PACKAGES / "algernon" / "examples" / "orders"
#: What shows files of the example, each in a block that begins with its name.
DOCUMENTS = [
    PACKAGES / "algernon-queue" / "README.md",
    PACKAGES / "algernon-queue" / "docs" / "testing.md",
]
FILE = re.compile(r"^```py\n# (\w+\.py)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
#: What a document shows that is no file of the example; `test_documented_scripts` runs it.
SCRIPTS = {"order.py"}


def run_tests(folder: Path, *files: str, **environ: str) -> str:
    """Run test files of a copy of the example, and return what pytest says of it."""
    shutil.copytree(EXAMPLE, folder / "orders")
    without_aws = {name: value for name, value in os.environ.items() if not name.startswith("A")}
    run = subprocess.run(
        [sys.executable, "-W", "error", "-m", "pytest", "-q", *files],
        cwd=folder / "orders",
        env={**without_aws, **environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.mark.starts
def test_the_orders_are_tested_without_aws(tmp_path: Path) -> None:
    """All tests of the example pass where nobody answers who is asked for AWS."""
    output = run_tests(
        tmp_path, "test_shop.py", "test_invoices.py", AWS_ENDPOINT_URL="http://127.0.0.1:9"
    )

    assert "4 passed" in output


@pytest.mark.starts
def test_the_orders_are_tested_on_a_local_aws_by_one_switch(tmp_path: Path) -> None:
    """The same file passes there, with the code that is deployed."""
    output = run_tests(tmp_path, "test_shop.py", ON_LOCAL_AWS="1")

    assert "3 passed" in output


def test_the_orders_tests_are_short() -> None:
    """A whole system is tested in no more lines than one reads at a glance."""
    lines = (EXAMPLE / "test_shop.py").read_text().splitlines()

    assert len(lines) <= 40


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(PACKAGES)))
def test_the_documents_show_the_files_as_they_are(document: Path) -> None:
    """What is read there is what runs here."""
    shown = FILE.findall(document.read_text())

    files = [(name, text) for name, text in shown if name not in SCRIPTS]
    assert files
    for name, text in files:
        assert text == (EXAMPLE / name).read_text()
