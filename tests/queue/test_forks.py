"""A child process sends with threads and clients of its own after a fork."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from .conftest import Listeners

# The alarm ends a child that would wait for ever.
PROGRAM = """
import os, signal
from algernon_queue import Task, send_tasks

def send(who):
    send_tasks([Task("work", {"who": who, "n": n}) for n in range(2)])

send("parent")
child = os.fork()
if child == 0:
    signal.alarm(120)
    send("child")
    os._exit(0)
send("parent again")
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_a_child_sends_as_its_parent_does(listeners: Listeners) -> None:
    """A process that sent many Tasks at once forks one that does the same."""
    listeners.add("work")
    # Python 3.12 warns of a fork beside other threads, which is what is tried here.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", PROGRAM]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout == "0\n"
    sent = [message["task_kwargs"] for message in listeners.messages()]
    assert sorted((kwargs["who"], kwargs["n"]) for kwargs in sent) == [
        (who, n) for who in ("child", "parent", "parent again") for n in (0, 1)
    ]
