"""The folder in which what a local system holds outlives its run."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ..errors import LocalSystemError

# What is in it is written by ministack, and by this version of this module.
_FORMAT = 1
_NOTE = "algernon-system.json"
# A run that was killed saves what it holds after that.
_PATIENCE_SECONDS = 5
_PAUSE_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class KeptFolder:
    """A folder that this process has for a system.

    Attributes:
        path: The folder.
        lock: The descriptor by which it is locked, for as long as any process has it open.
    """

    path: Path
    lock: int

    @property
    def state(self) -> Path:
        """The folder in it of all that isn't an object."""
        return self.path / "state"

    @property
    def objects(self) -> Path:
        """The folder in it of S3's objects."""
        return self.path / "s3"

    @property
    def has_system(self) -> bool:
        """Whether there is a system in it that stood."""
        return (self.state / "cloudformation.json").exists()


@contextmanager
def kept_folder(folder: Path, stack_name: str) -> Iterator[KeptFolder]:
    """Take a folder for a system until the block ends.

    The folder is made, with rights for this user alone, if it isn't there.

    Args:
        folder: The folder.
        stack_name: The name of the system's stack.

    Raises:
        LocalSystemError: Another run has it; it holds something else, or another system; or it was
            written by a newer version, or in another format.
        OSError: It can't be made, read or written.

    Example:
        >>> with kept_folder(Path(".algernon"), "shop") as kept:  # doctest: +SKIP
        ...     print("goes on" if kept.has_system else "begins")
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        _lock(lock, folder)
        _check(folder, stack_name)
        kept = KeptFolder(folder, lock)
        if not kept.has_system:
            # Of a run that ended before its stack stood.
            for part in (kept.state, kept.objects):
                shutil.rmtree(part, ignore_errors=True)
        # What messages say is nobody else's business, whoever made the folder.
        for part in (kept.state, kept.objects):
            part.mkdir(mode=0o700, exist_ok=True)
        _write_note(folder, stack_name)
        yield kept
    finally:
        os.close(lock)


def check_not_packed(folder: Path, sources: Sequence[Path]) -> None:
    """Refuse a folder that would be packed with the code of workers.

    Args:
        folder: The folder.
        sources: What is packed, as `algernon.system.code_archive.worker_sources` says.

    Raises:
        LocalSystemError: It is in one of these, and neither hidden nor in a hidden folder.
    """
    place = folder.resolve()
    for source in sources:
        root = source.resolve()
        if place.is_relative_to(root) and not any(
            part.startswith(".") for part in place.relative_to(root).parts
        ):
            raise LocalSystemError(
                f"{folder} is in {source}, and would be packed with the workers' code each time it"
                f" changes: choose a hidden folder there, such as {source / '.algernon'}, or one"
                " elsewhere"
            )


def _lock(lock: int, folder: Path) -> None:
    end = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            if time.monotonic() > end:
                raise LocalSystemError(
                    f"{folder} is that of a local system that runs: stop it, or choose another"
                    " folder with --persist (persist=)"
                ) from error
            time.sleep(_PAUSE_SECONDS)
        else:
            return


def _check(folder: Path, stack_name: str) -> None:
    """Refuse a folder that this system can't go on with."""
    if not any(folder.iterdir()):
        return
    note = _read_note(folder)
    if note.get("format") != _FORMAT:
        raise LocalSystemError(
            f"{folder} has a system in the format {note.get('format')!r}, and this version of"
            f" algernon writes format {_FORMAT}: choose another folder with --persist (persist=),"
            " or run the version that wrote it"
        )
    if note.get("stack") != stack_name:
        raise LocalSystemError(
            f"{folder} has the system {note.get('stack')!r}, not {stack_name!r}: choose another"
            f" folder with --persist (persist=), or that system with --stack {note.get('stack')}"
            " (stack_name=)"
        )
    written_by, installed = str(note.get("ministack")), version("ministack")
    if _numbers(written_by) > _numbers(installed):
        raise LocalSystemError(
            f"{folder} was written with ministack {written_by}, and {installed} is installed, which"
            " is older: install the newer one again, or choose another folder with --persist"
            " (persist=)"
        )


def _read_note(folder: Path) -> dict[str, Any]:
    try:
        note = json.loads((folder / _NOTE).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise LocalSystemError(
            f"{folder} isn't empty, and isn't a folder of algernon run --persist, which would have"
            f" {_NOTE}: choose a new one"
        ) from error
    except ValueError as error:
        raise LocalSystemError(
            f"{folder / _NOTE} can't be read ({error}): choose another folder with --persist"
            " (persist=)"
        ) from error
    return note if isinstance(note, dict) else {}


def _write_note(folder: Path, stack_name: str) -> None:
    note = {"format": _FORMAT, "stack": stack_name, "ministack": version("ministack")}
    # In one piece, since whoever comes after a crash has to read it.
    draft = folder / f"{_NOTE}.new"
    draft.write_text(json.dumps(note), encoding="utf-8")
    draft.replace(folder / _NOTE)


def _numbers(release: str) -> list[int]:
    return [int(part) for part in release.split(".") if part.isdecimal()]
