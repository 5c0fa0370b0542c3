"""Run ministack for as long as the process that started it holds its standard input.

``python -m algernon.local.leash SETTINGS``, started with a pipe as standard input and in a
session of its own, is ministack. When the pipe closes, which the operating
system sees to however the other process ends, this one ends with all that it
started: the processes in which ministack runs Lambda functions.

SETTINGS, a JSON object, are ministack's environment variables. No function gets them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Collection
from pathlib import Path
from threading import Thread
from typing import Any

from . import function_process


def main() -> None:
    """Become ministack, until standard input ends."""
    Thread(target=_end_with_parent, daemon=True).start()
    inherited = [*os.environ]
    os.environ.update(json.loads(sys.argv.pop()))
    _run_functions_in_our_process(inherited)
    from ministack.app import main as serve

    serve()


def _run_functions_in_our_process(inherited: Collection[str]) -> None:
    """Let ministack start `function_process`, and read whatever bytes it writes.

    Of itself ministack shares its channel with all that a function starts, and stops
    reading a function's lines at the first byte that isn't UTF-8.
    """
    from ministack.core import lambda_runtime

    program = Path(function_process.__file__).read_text(encoding="utf-8")
    # Not in a process that multiprocessing starts, which imports the program too.
    start = f'if __name__ == "__main__":\n    serve({inherited!r})\n'
    lambda_runtime._PYTHON_WORKER_SCRIPT = f"{program}\n\n{start}"
    read_lines = lambda_runtime.Worker._read_stderr

    def read_any_lines(worker: Any) -> None:
        worker._proc.stderr.reconfigure(encoding="utf-8", errors="backslashreplace")
        read_lines(worker)

    lambda_runtime.Worker._read_stderr = read_any_lines


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
