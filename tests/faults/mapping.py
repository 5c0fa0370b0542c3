"""An event source mapping, played for an AWS whose Lambda has none."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Event, Timer
from typing import Any

from ..batches import work_off
from .background import in_background

_IDLE_SECONDS = 0.1
_QUEUES = "arn:aws:sqs:us-east-1:123456789012"


class WorkerProcess:
    """The process that a function runs in, started anew whenever it has died.

    Args:
        command: How it is started.
        directory: Where.
        environ: With which environment.
        timeout: How long one invocation may take, in seconds.
    """

    def __init__(
        self, command: list[str], directory: Path, environ: dict[str, str], timeout: float
    ) -> None:
        self._command = command
        self._directory = directory
        self._environ = environ
        self._timeout = timeout
        self._process: subprocess.Popen[str] | None = None

    def invoke(self, event: Any) -> Any:
        """Return the answer to an event, or None if the process died of it."""
        if self._process is None or self._process.poll() is not None:
            self.end()
            self._process = self._started()
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        timer = Timer(self._timeout, self._process.terminate)
        timer.start()
        try:
            stdin.write(json.dumps(event) + "\n")
            stdin.flush()
            answer = stdout.readline()
        except BrokenPipeError:
            answer = ""
        timer.cancel()
        timer.join()
        return json.loads(answer) if answer else None

    def _started(self) -> subprocess.Popen[str]:
        """Return a new process that waits for an event: what that takes isn't the function's."""
        process = subprocess.Popen(
            self._command,
            cwd=self._directory,
            env=self._environ,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        return process

    def end(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.kill()
            with suppress(BrokenPipeError), self._process:
                pass


@contextmanager
def event_source_mapping(
    sqs: Any,
    queues: Mapping[str, str],
    *,
    module: str,
    directory: Path,
    environ: dict[str, str],
    function_arn: str,
    timeout: int,
) -> Iterator[None]:
    """Hand what comes to the queues to a worker, ten at a time, while the block runs.

    What the worker doesn't name as failed is deleted. If it dies, everything
    stays in the queue.
    """
    command = [sys.executable, "-m", module, function_arn, str(timeout)]
    worker = WorkerProcess(command, directory, environ, timeout)
    try:
        with in_background(lambda over: _poll(sqs, queues, worker, over)):
            yield
    finally:
        worker.end()


def _poll(sqs: Any, queues: Mapping[str, str], worker: WorkerProcess, over: Event) -> None:
    while not over.is_set():
        batches = [
            work_off(sqs, url, f"{_QUEUES}:{task}", worker.invoke) for task, url in queues.items()
        ]
        if not any(batches):
            over.wait(_IDLE_SECONDS)
