"""The process that imports workers, and hands back what a template has to know of them.

A worker's module may do anything while it is imported: write to any descriptor, leave
threads and processes behind, end the process, or wait for ever. Here all that it
writes goes to standard error, all that it leaves in its session is ended, and no
answer is an error.

``python -m algernon.system.import_process DESCRIPTOR MODULE:ROUTER …`` sends one line
of JSON through the descriptor of a socket: ``{"workers": [{"handler", "tasks",
"retries", "needs"}, …], "left"}``, or
``{"error": {"message", "missing_module", "traceback"}, "left"}``, where `left` says whether a
thread or a process goes on.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

from ..errors import WorkerError
from .module_origin import hint_at_hidden
from .own_traceback import own_traceback


def main() -> None:
    """Import the workers that the command line names, and send what they are."""
    channel = int(sys.argv[1])
    targets = sys.argv[2:]
    _keep_from_children(channel)
    threading.Thread(target=_end_with_parent, args=[channel], daemon=True).start()
    answer = _answer(targets, Path.cwd())
    answer["left"] = _has_left_something()
    with open(channel, "w", encoding="utf-8", closefd=False) as file:
        file.write(f"{json.dumps(answer)}\n")


def _keep_from_children(channel: int) -> None:
    """Close it in each child, which would keep the end of this process from being seen."""
    os.set_inheritable(channel, False)  # noqa: FBT003 - it takes no keywords
    channels = [channel]

    # Once, since a child's child may have another of this number.
    def close() -> None:
        while channels:
            os.close(channels.pop())

    os.register_at_fork(after_in_child=close)


def _end_with_parent(channel: int) -> None:
    while os.read(channel, 1):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _answer(targets: Sequence[str], directory: Path) -> dict[str, Any]:
    from .loading import load_worker

    try:
        workers = [load_worker(target, directory) for target in targets]
        _import_aws(directory)
    except WorkerError as error:
        return _described(error)
    except BaseException as error:  # noqa: BLE001 - without an answer nobody would know
        reason = f"{' '.join(targets)} can't be imported: {type(error).__name__}: {error}"
        hint = hint_at_hidden(error, directory)
        return _described(WorkerError(f"{reason}{hint}", traceback=own_traceback(error)))
    return {"workers": [asdict(worker) for worker in workers]}


def _described(error: WorkerError) -> dict[str, Any]:
    return {
        "error": {
            "message": str(error),
            "missing_module": error.missing_module,
            "traceback": error.traceback,
        }
    }


def _has_left_something() -> bool:
    """Return whether there is a thread or a process that Python waits for at its end."""
    main_thread = threading.main_thread()
    left: list[Any] = [each for each in threading.enumerate() if each is not main_thread]
    # A worker may have a module of this name.
    left += getattr(sys.modules.get("multiprocessing"), "active_children", list)()
    return any(not each.daemon for each in left)


def _import_aws(directory: Path) -> None:
    """Import what else the first message would, if the workers haven't yet."""
    try:
        for module in ("boto3.s3.inject", "botocore.endpoint"):
            import_module(module)
    except Exception as error:
        raise WorkerError(
            f"boto3 can't be imported beside the workers' modules in {directory}:"
            f" {type(error).__name__}: {error}{hint_at_hidden(error, directory)}"
        ) from error


if __name__ == "__main__":
    main()
