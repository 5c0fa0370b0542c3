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


FORKING_TASK = """
import json, os
from algernon_queue import TaskRouter, send_task

router = TaskRouter()

@router.task
def count():
    for _ in range(2):
        if (child := os.fork()) == 0:
            print(send_task("work", {"n": 1}), flush=True)
            os._exit(0)
        os.waitpid(child, 0)
    print(send_task("work", {"n": 1}), flush=True)

message_id = "059f36b4-87a3-44ab-83d2-661975830a7d"
body = json.dumps({"task_name": "count"})
router.handler({"Records": [{"messageId": message_id, "body": body}]}, None)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")
def test_children_of_a_task_send_equal_messages_under_ids_of_their_own(
    listeners: Listeners,
) -> None:
    """Processes that a Task forks can't know of each other's messages, none of which is lost."""
    listeners.add("work")
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING_TASK]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    ids = {message["task_id"] for message in listeners.messages()}
    assert len(ids) == 3
    assert ids == set(run.stdout.split())
