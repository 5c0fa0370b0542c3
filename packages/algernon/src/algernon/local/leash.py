"""Run ministack for as long as the process that started it holds its standard input.

``python -m algernon.local.leash SETTINGS``, started with a pipe as standard input and in a
session of its own, is ministack. When the pipe closes, which the operating
system sees to however the other process ends, this one ends with all that it
started: the processes in which ministack runs Lambda functions. What is to outlive it is saved
before.

What comes through the pipe says whether queues give messages to functions: `HOLD` and `GO_ON` of
`deliveries`.

SETTINGS, a JSON object, are ministack's environment variables. No function gets them.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Collection, Mapping
from pathlib import Path
from threading import Thread
from typing import Any

from . import function_process
from .deliveries import HOLD, Deliveries
from .kept_state import KeptState
from .retiring import let_batches_end


def main() -> None:
    """Become ministack, until standard input ends."""
    inherited = [*os.environ]
    settings = json.loads(sys.argv.pop())
    os.environ.update(settings)
    deliveries = Deliveries()
    state = _state_to_keep(settings)
    Thread(target=_obey_parent, args=[deliveries, state], daemon=True).start()
    _run_functions_in_our_process(inherited)
    deliveries.install()
    let_batches_end()
    if state:
        state.install()
    from ministack.app import main as serve

    serve()


def _state_to_keep(settings: Mapping[str, str]) -> KeptState | None:
    if "PERSIST_STATE" not in settings:
        return None
    endpoint_url = f"http://{settings['BIND_HOST']}:{settings['GATEWAY_PORT']}"
    return KeptState(Path(settings["STATE_DIR"]), endpoint_url)


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


def _obey_parent(deliveries: Deliveries, state: KeptState | None) -> None:
    try:
        while word := os.read(sys.stdin.fileno(), 1):
            if word == HOLD:
                deliveries.hold()
            else:
                deliveries.go_on()
        if state:
            # What would be taken now is hidden when the next run comes, and done by nobody.
            deliveries.hold()
            state.save_at_the_end()
    finally:
        os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
