"""What the workers of a system are, found out by importing them in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import suppress
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory, TemporaryFile
from typing import IO, Any
from zipfile import ZipFile

from ..errors import WorkerError
from ..worker import Worker, split_target
from .settings.settings import Settings

_PROGRAM = "algernon.system.import_process"
_IMPORT_SECONDS = 120
# For what Python waits for at its end, which may end by itself and may not.
_LEFT_SECONDS = 2


def import_packed_workers(
    targets: Sequence[str],
    code: bytes,
    directory: Path,
    *,
    environ: Mapping[str, str],
    settings: Settings,
) -> list[Worker]:
    """Import workers from their packed code, so that what is missing there shows now.

    Args:
        targets: A ``MODULE:ROUTER`` for each.
        code: The zip that was made of them.
        directory: Where they were packed from, which errors name.
        environ: The environment of the process that imports them; the zip is unpacked
            in its ``TMPDIR``.
        settings: Those that say which environment variables each worker has besides.

    Raises:
        WorkerError: As `import_workers` says.
    """
    with TemporaryDirectory(prefix="code-", dir=environ["TMPDIR"]) as folder:
        packed = Path(folder).resolve()
        with ZipFile(BytesIO(code)) as archive:
            archive.extractall(packed)
        try:
            return import_workers(targets, packed, environ=environ, settings=settings)
        except WorkerError as error:
            left_out = _left_out(error.missing_module, directory, packed)
            raise WorkerError(
                _own_paths(str(error), packed, directory) + left_out,
                missing_module=error.missing_module,
                traceback=_own_paths(error.traceback, packed, directory),
            ) from error


def _own_paths(text: str, packed: Path, directory: Path) -> str:
    """Name the files that were packed in place of their copies."""

    def own_path(copy: re.Match[str]) -> str:
        top = copy["top"] or ""
        if not top or (directory / top).exists():
            return f"{directory}/{top}" if top else str(directory)
        spec = find_spec(top.removesuffix(".py"))
        folder = Path(spec.origin or "").parent if spec and spec.origin else directory
        return str(folder if folder.name == top else folder / top)

    return re.sub(rf"{re.escape(str(packed))}(?:/(?P<top>\w+(?:\.py)?))?", own_path, text)


def _left_out(missing: str | None, directory: Path, packed: Path) -> str:
    """Say so, if a module is missing that is in the directory, but not packed."""
    if not missing:
        return ""
    top = missing.partition(".")[0]
    for name in (f"{top}.py", top):
        if (directory / name).exists() and not (packed / name).exists():
            return (
                f"; {directory / name} isn't packed, since with a module of a package goes that"
                " package alone: move it into the package, or install it"
            )
    return ""


def import_workers(
    targets: Sequence[str],
    directory: Path,
    *,
    environ: Mapping[str, str] | None = None,
    settings: Settings | None = None,
) -> list[Worker]:
    """Import workers as Lambda does, from a directory first, and return what they are.

    Those whose environments differ are imported in processes of their own.

    Args:
        targets: A ``MODULE:ROUTER`` for each.
        directory: The directory, which is the current one of the process.
        environ: The environment of the process; that of this one by default.
        settings: Those that say which environment variables each worker has besides, of which
            secrets have no value here; none has any by default.

    Raises:
        WorkerError: For one of them `load_worker` raised it; or the process has ended
            without an answer, or gave none for two minutes.

    Example:
        >>> import_workers(["worker:router"], Path("examples"))  # doctest: +SKIP
        [Worker(handler='worker.handler', tasks=('read', 'parse'), retries={})]
    """
    settings = settings or Settings()
    around = os.environ if environ is None else environ
    alike: dict[frozenset[tuple[str, str]], list[str]] = {}
    secrets: set[str] = set()
    for target in targets:
        variables = settings.of_worker(split_target(target)[0]).environment.items()
        plain = {(name, value) for name, value in variables if isinstance(value, str)}
        alike.setdefault(frozenset(plain), []).append(target)
        secrets |= {name for name, value in variables if not isinstance(value, str)}
    imported: dict[str, Worker] = {}
    for variables_of_all, together in alike.items():
        try:
            workers = _import(together, directory, {**around, **dict(variables_of_all)})
        except WorkerError as error:
            message = f"{error}{_hint_at_secrets(str(error), secrets - around.keys())}"
            raise WorkerError(
                message, missing_module=error.missing_module, traceback=error.traceback
            ) from error
        imported |= dict(zip(together, workers, strict=True))
    return [imported[target] for target in targets]


def _hint_at_secrets(message: str, secrets: AbstractSet[str]) -> str:
    """Say so, if an error may come from a secret without a value."""
    named = sorted(name for name in secrets if re.search(rf"\b{name}\b", message))
    if not named:
        return ""
    return (
        f"; {', '.join(named)} has a value only where the worker runs, since it is a secret or a"
        " parameter: read it in a Task, or set it to anything where this command is run"
    )


def _import(targets: Sequence[str], directory: Path, environ: Mapping[str, str]) -> list[Worker]:
    """Import workers in one process."""
    channel, other_end = socket.socketpair()
    # What the modules leave behind may hold it for as long as it likes, unlike standard error.
    with channel, TemporaryFile() as written:
        with other_end:
            process = subprocess.Popen(  # noqa: S603 - the targets lead to what is to be run
                [sys.executable, "-P", "-m", _PROGRAM, str(other_end.fileno()), *targets],
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
        error = answer["error"]
        raise WorkerError(
            error["message"],
            missing_module=error["missing_module"],
            traceback=error["traceback"],
        )
    return [_worker(**told) for told in answer["workers"]]


def _worker(
    handler: str, tasks: list[str], retries: dict[str, int], needs: dict[str, dict[str, Any]]
) -> Worker:
    """Return a worker of what the process told of it."""
    from algernon_queue import TaskNeeds

    needed = {name: TaskNeeds(**of_task) for name, of_task in needs.items()}
    return Worker(handler, tuple(tasks), retries, needed)


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
