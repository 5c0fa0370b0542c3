"""The local systems that run for this user, so that `algernon send` finds them.

Each has an entry: a file in a private folder that its process holds a lock on. The
operating system drops the lock when the process ends, however it ends, so that an
entry that isn't locked is one that was left behind.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from ..errors import LocalSystemError, NoSystemError


@dataclass(frozen=True, slots=True)
class RunningSystem:
    """What another process has to know to talk to a local system.

    Attributes:
        tasks: The names of its Tasks.
        environ: The environment variables that lead to it.
        log_group: The log group of its workers.
    """

    tasks: tuple[str, ...]
    environ: dict[str, str]
    log_group: str


@dataclass(frozen=True, slots=True)
class Entries:
    """The entries of this user's systems, by their stack's name.

    Attributes:
        running: The systems that can be talked to.
        starting: Those that soon can.
        left_behind: Those whose process is gone; their entries are removed.
    """

    running: dict[str, RunningSystem]
    starting: tuple[str, ...]
    left_behind: tuple[str, ...]


class Entry:
    """The entry of one system that starts."""

    def __init__(self, file: IO[str]) -> None:
        self._file = file

    def announce(self, system: RunningSystem) -> None:
        """Let the system be found, as it is from now on."""
        # A line each, in one piece, so that nobody reads half of it: the last one holds.
        self._file.write(f"{json.dumps(asdict(system))}\n")
        self._file.flush()


@contextmanager
def reserve_entry(stack_name: str) -> Iterator[Entry]:
    """Take a stack's name among this user's local systems, until the block ends.

    Raises:
        LocalSystemError: A system of that name runs already.
    """
    path = _folder() / f"{stack_name}.json"
    file = _open_locked(path)
    if file is None:
        raise LocalSystemError(
            f"a local system {stack_name!r} runs already: stop it, or choose another name with"
            " --stack"
        )
    with file:
        try:
            yield Entry(file)
        finally:
            path.unlink(missing_ok=True)


def read_entries() -> Entries:
    """Return this user's systems, and remove the entries that were left behind.

    Raises:
        LocalSystemError: An entry can't be read.
    """
    running: dict[str, RunningSystem] = {}
    starting: list[str] = []
    left_behind: list[str] = []
    for path in sorted(_folder().glob("*.json")):
        with path.open(encoding="utf-8", errors="replace") as file:
            if _lock(file, fcntl.LOCK_SH):
                path.unlink(missing_ok=True)
                left_behind.append(path.stem)
            elif lines := file.read().splitlines():
                running[path.stem] = _system_of(path, lines[-1])
            else:
                starting.append(path.stem)
    return Entries(running, tuple(starting), tuple(left_behind))


def _system_of(path: Path, text: str) -> RunningSystem:
    try:
        found = json.loads(text)
        return RunningSystem(tuple(found["tasks"]), found["environ"], found["log_group"])
    except (ValueError, KeyError, TypeError) as error:
        raise LocalSystemError(
            f"{path}, by which the local system {path.stem!r} is found, isn't what this version of"
            " algernon run writes: stop that system, and start it again"
        ) from error


def choose_system(entries: Entries, stack_name: str | None) -> RunningSystem:
    """Return the system of a name or, without one, the only one that runs.

    Raises:
        NoSystemError: There is no such system, or several and no name.
    """
    running = entries.running
    if stack_name in running:
        return running[stack_name]
    if stack_name is None and len(running) == 1:
        return next(iter(running.values()))
    if stack_name in entries.starting or (entries.starting and not running):
        raise NoSystemError("the local system is still starting: try again in a moment")
    if not running:
        raise NoSystemError(
            "no local system runs: start one with algernon run MODULE:ROUTER, or name a --region"
            " or --profile to send to AWS"
        )
    names = ", ".join(sorted(running))
    if stack_name is None:
        raise NoSystemError(f"several local systems run ({names}): choose one with --stack")
    raise NoSystemError(f"no local system {stack_name!r} runs, only: {names}")


def _folder() -> Path:
    """Return the folder of the entries, which only this user may enter."""
    state = os.environ.get("XDG_STATE_HOME") or _home() / ".local" / "state"
    folder = Path(state) / "algernon" / "systems"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return folder


def _home() -> Path:
    try:
        return Path.home()
    except RuntimeError as error:
        raise LocalSystemError(
            "it isn't known where your home directory is, in which local systems are noted: set"
            " HOME or XDG_STATE_HOME"
        ) from error


def _open_locked(path: Path) -> IO[str] | None:
    """Open a new entry under a lock, or return None where another process has it."""
    while True:
        file = open(path, "a+", encoding="utf-8", opener=_private)  # noqa: SIM115
        if not _lock(file, fcntl.LOCK_EX):
            file.close()
            return None
        if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
            file.truncate(0)
            return file
        # Whoever had the lock before removed the file meanwhile.
        file.close()


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)


def _lock(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
