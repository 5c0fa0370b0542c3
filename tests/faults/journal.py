"""What happened, written down where the death of a process doesn't reach it.

Every process appends lines of JSON to one file: the operating system keeps each
line whole, and keeps it when the process is killed right after.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any


@dataclass(frozen=True, slots=True)
class Entry:
    """One line.

    Attributes:
        what: What happened.
        time: When, in seconds of the clock that all processes of a machine share.
        pid: The process that wrote it.
        facts: What else there is to know.
    """

    what: str
    time: float
    pid: int
    facts: dict[str, Any]


class Journal:
    """The file that all processes append to.

    Args:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def note(self, what: str, **facts: Any) -> None:
        """Append a line."""
        line = json.dumps([what, monotonic(), os.getpid(), facts])
        os.write(self._file, line.encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        os.close(self._file)


class JournalReader:
    """Reads a journal while it is written.

    Args:
        path: Where it is.
    """

    def __init__(self, path: Path) -> None:
        path.touch()
        self._path = path
        self._offset = 0

    def new_entries(self) -> Iterator[Entry]:
        """Give the entries since the last call, in the order in which they were written."""
        with self._path.open("rb") as file:
            file.seek(self._offset)
            for line in file:
                if not line.endswith(b"\n"):
                    return
                self._offset += len(line)
                yield Entry(*json.loads(line))
