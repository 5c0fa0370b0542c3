"""What Tasks did, in a file that every process of the machine appends to."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from algernon_queue import current_task


def note(path: str, what: str, **facts: Any) -> None:
    """Append a line, with what the running Task knows of itself."""
    task = current_task()
    line = {
        "what": what,
        "task_id": task.task_id,
        "chain_id": task.chain_id,
        "received": task.receive_count,
        **facts,
    }
    # In one write, which the operating system keeps whole.
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.write(file, json.dumps(line).encode() + b"\n")
    os.close(file)


def lines_of(path: Path) -> list[dict[str, Any]]:
    """Return the lines in the order in which they were written."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
