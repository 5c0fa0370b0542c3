"""A child process shares no connection, no client and no lock with its parent after a fork."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Wire

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork here")

READING = """
import os
from algernon_storage import StoredData

def read(name, pointer, times):
    for _ in range(times):
        data = StoredData.retrieve(pointer).data
        if data != {"customer": name}:
            return f"asked for {name}, and got {data}"
    return ""

names = [f"customer-{n}" for n in range(4)]
pointers = {name: StoredData(name, {"customer": name}).store() for name in names}
children = []
for name in names[1:]:
    if (child := os.fork()) == 0:
        wrong = read(name, pointers[name], 25)
        print(wrong, end="", flush=True)
        os._exit(bool(wrong))
    children.append(child)
print(read(names[0], pointers[names[0]], 25), end="", flush=True)
print([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children])
"""

# The alarm ends a child that would wait for ever.
LOCKED = """
import os, signal
from threading import Event, Thread
import boto3
from algernon_storage import aws_client, reset

entered = Event()

class Slow(boto3.Session):
    def client(self, *args, **kwargs):
        entered.set()
        Event().wait()

boto3.DEFAULT_SESSION = Slow()
Thread(target=aws_client, args=["s3"], daemon=True).start()
entered.wait()
child = os.fork()
if child == 0:
    signal.alarm(120)
    boto3.DEFAULT_SESSION = None
    reset()
    aws_client("s3").list_buckets()
    os._exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
os._exit(0)
"""


def output_of(program: str) -> str:
    """Run a program that forks, and return what it prints."""
    # Python 3.12 warns of a fork beside other threads, which is what is tried here.
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def test_everybody_reads_their_own_object(aws: LocalAWS, bucket: str, wire: Wire) -> None:
    """Parent and children that read at once, after a fork, each get what they ask for."""
    wire.delay = 0.002
    assert output_of(READING) == "[0, 0, 0]\n"


def test_a_lock_that_was_held_at_the_fork_is_free(aws: LocalAWS) -> None:
    """A child makes clients though a thread of its parent was making one during the fork."""
    assert output_of(LOCKED) == "0\n"
