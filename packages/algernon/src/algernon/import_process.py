"""Import workers in a process of its own, which hands back what a template has to know.

A worker's module may do anything while it is imported: write to any descriptor, leave
threads and processes behind, end the process, or wait for ever. Here all that it
writes goes to standard error, all that it leaves in its session is ended, and no
answer is an error.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from .errors import WorkerError
from .module_origin import hint_at_hidden

if TYPE_CHECKING:
    from .worker import Worker

_IMPORT_SECONDS = 120
# For what Python waits for at its end, which may end by itself and may not.
_LEFT_SECONDS = 2


def import_workers(
    targets: Sequence[str], directory: Path, *, environ: Mapping[str, str] | None = None
) -> list[Worker]:
    """Import workers as Lambda does, from a directory first, and return what they are.

    Args:
        targets: A ``MODULE:ROUTER`` for each.
        directory: The directory, which is the current one of the process.
        environ: The environment of the process; that of this one by default.

    Raises:
        WorkerError: For one of them `load_worker` raised it; or the process has ended
            without an answer, or gave none for two minutes. Where a module is missing
            its cause is a ModuleNotFoundError with the module's name.

    Example:
        >>> import_workers(["worker:router"], Path("examples"))  # doctest: +SKIP
        [Worker(handler='worker.handler', tasks=('read', 'parse'), retries={})]
    """
    from .worker import Worker

    channel, other_end = socket.socketpair()
    # What the modules leave behind may hold it for as long as it likes, unlike standard error.
    with channel, TemporaryFile() as written:
        with other_end:
            process = subprocess.Popen(  # noqa: S603 - the targets lead to what is to be run
                [sys.executable, "-P", "-m", __name__, str(other_end.fileno()), *targets],
                cwd=directory,
                env=environ,
                stdin=subprocess.DEVNULL,
                stdout=written,
                stderr=subprocess.STDOUT,
                pass_fds=[other_end.fileno()],
                start_new_session=True,
            )
        try:
            answer = _read(_receive_line(channel, targets))
            # For what the modules have registered to be done at exit.
            with suppress(subprocess.TimeoutExpired):
                process.wait(_LEFT_SECONDS if answer.get("left") else _IMPORT_SECONDS)
        finally:
            _end(process)
            _show(written)
    if not answer:
        raise WorkerError(
            f"the process that imported {' '.join(targets)} gave no answer that can be read, and"
            f" ended with status {process.returncode}: a module has ended it (os._exit, a signal, a"
            " crash) or closed its files; standard error may say more"
        )
    if "error" in answer:
        missing = answer["missing"]
        cause = ModuleNotFoundError(f"no module {missing!r}", name=missing) if missing else None
        raise WorkerError(answer["error"]) from cause
    return [
        Worker(worker["handler"], tuple(worker["tasks"]), worker["retries"])
        for worker in answer["workers"]
    ]


def _receive_line(channel: socket.socket, targets: Sequence[str]) -> bytes:
    """Return what is sent before the first newline, or the end."""
    deadline = time.monotonic() + _IMPORT_SECONDS
    text = b""
    try:
        while b"\n" not in text:
            channel.settimeout(max(0.001, deadline - time.monotonic()))
            received = channel.recv(65_536)
            if not received:
                break
            text += received
    except TimeoutError as error:
        raise WorkerError(
            f"{' '.join(targets)} weren't imported within {_IMPORT_SECONDS} s: a module waits for"
            " something while it is imported, such as a thread, a process or the network; let it"
            " wait in its Tasks"
        ) from error
    return text


def _read(text: bytes) -> dict[str, Any]:
    """Return the answer, which is empty if it can't be read."""
    try:
        answer: dict[str, Any] = json.loads(text)
    except ValueError:
        return {}
    return answer


def _end(process: subprocess.Popen[bytes]) -> None:
    """End the process and all that it has left behind."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _show(written: IO[bytes]) -> None:
    written.seek(0)
    text = written.read().decode(errors="backslashreplace")
    if text:
        print(text.removesuffix("\n"), file=sys.stderr)


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
    from .worker import load_worker

    try:
        workers = [load_worker(target, directory) for target in targets]
        _import_aws(directory)
    except WorkerError as error:
        cause = error.__cause__
        missing = cause.name if isinstance(cause, ModuleNotFoundError) else None
        return {"error": str(error), "missing": missing}
    except BaseException as error:  # noqa: BLE001 - without an answer nobody would know
        reason = f"{' '.join(targets)} can't be imported: {type(error).__name__}: {error}"
        return {"error": f"{reason}{hint_at_hidden(error, directory)}", "missing": None}
    return {"workers": [asdict(worker) for worker in workers]}


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
