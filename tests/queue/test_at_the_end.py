"""Tasks can be sent when Python is about to end."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Listeners

SENDING = """
import atexit, threading
from algernon_queue import Task, send_tasks

def send(*names):
    send_tasks([Task("work", {"name": name}) for name in names])
"""
AT_EXIT = "atexit.register(send, 'last', 'very last')\n"
AFTER_ANOTHER = "send('first', 'second')\n" + AT_EXIT
AFTER_THE_MAIN_THREAD = """
def outlive():
    threading.main_thread().join()
    send("last", "very last")

threading.Thread(target=outlive).start()
"""


@pytest.mark.parametrize("ending", [AT_EXIT, AFTER_ANOTHER, AFTER_THE_MAIN_THREAD])
def test_tasks_are_sent_at_the_very_end(listeners: Listeners, ending: str) -> None:
    """Many Tasks are sent by atexit, and by a thread that outlives the main one, each once."""
    listeners.add("work")
    run = subprocess.run(
        [sys.executable, "-c", SENDING + ending], capture_output=True, text=True, check=True
    )
    assert run.stderr == ""
    names = [sent["task_kwargs"]["name"] for sent in listeners.messages()]
    first = ["first", "second"] if ending == AFTER_ANOTHER else []
    assert sorted(names) == sorted([*first, "last", "very last"])
