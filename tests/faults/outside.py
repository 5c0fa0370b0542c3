"""A worker's death by SIGKILL, from outside, at moments that the seed chooses."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event

from .background import in_background
from .journal import Journal, JournalReader
from .kills import FROM_OUTSIDE
from .settings import Settings


@contextmanager
def killing_from_outside(settings: Settings, *, kills: int, pause: float) -> Iterator[None]:
    """Kill workers that are in the middle of a batch, while the block runs.

    Args:
        settings: What it draws its chances from.
        kills: How many at most.
        pause: The mean time between two of them, in seconds.
    """
    with in_background(lambda over: _kill(settings, kills, pause, over)):
        yield


def _kill(settings: Settings, kills: int, pause: float, over: Event) -> None:
    path = Path(settings.journal)
    journal, reader = Journal(path), JournalReader(path)
    chances = settings.chances("from outside")
    #: The processes that are in the middle of a batch, and the parent of each.
    busy: dict[int, int] = {}
    while kills and not over.wait(chances.expovariate(1 / pause)):
        for entry in reader.new_entries():
            if entry.what == "batch":
                busy[entry.pid] = entry.facts["parent"]
            elif entry.what == "answer":
                busy.pop(entry.pid, None)
            elif entry.what == "kill":
                busy.pop(entry.facts["victim"], None)
        if busy:
            victim = chances.choice(sorted(busy))
            # It may have ended meanwhile, and its number may be another process's by now.
            if _parent(victim) == busy.pop(victim):
                os.kill(victim, signal.SIGKILL)
                journal.note("kill", moment=FROM_OUTSIDE, victim=victim)
                kills -= 1
    journal.close()


def _parent(pid: int) -> int | None:
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except (ProcessLookupError, FileNotFoundError):
        return None
    # The name of the command, in brackets, may hold anything.
    return int(status.rpartition(")")[2].split()[1])
