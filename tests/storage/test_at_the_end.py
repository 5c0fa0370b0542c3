"""Large data can be stored when Python is about to end."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from .objects import get

if TYPE_CHECKING:
    from ..conftest import LocalAWS

AT_EXIT = """
import atexit
from algernon_storage import StoredData

@atexit.register
def store():
    StoredData("last", "x" * (17 * 1024 * 1024), timestamp="1").store()
"""

AFTER_THE_MAIN_THREAD = """
import threading
from algernon_storage import StoredData

def store():
    threading.main_thread().join()
    StoredData("last", "x" * (17 * 1024 * 1024), timestamp="1").store()

threading.Thread(target=store).start()
"""


@pytest.mark.parametrize("program", [AT_EXIT, AFTER_THE_MAIN_THREAD])
def test_large_data_is_stored_at_the_very_end(aws: LocalAWS, bucket: str, program: str) -> None:
    """Data of many parts is stored by atexit, and by a thread that outlives the main one."""
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stderr == ""
    assert len(get(aws, bucket, "cache/last!1.json")) > 17 * 1024 * 1024
