"""A temporary folder that doesn't outlive its process by more than one start.

A process that is killed can't tidy up. So each holds a lock on its folder, which the
operating system drops when the process ends, however it ends; and whoever makes the
next folder removes those that nobody holds.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory, gettempdir

# Folders of versions that took no lock had another beginning.
_PREFIX = "algernon-local-"


@contextmanager
def temporary_folder() -> Iterator[Path]:
    """Make a folder that only this user may enter, and remove it when the block ends.

    Those that killed processes of this user left behind are removed, too.

    Raises:
        OSError: No folder can be made where temporary files belong.

    Example:
        >>> with temporary_folder() as folder:
        ...     (folder / "notes").touch()
    """
    _remove_left_behind()
    while True:
        with TemporaryDirectory(prefix=_PREFIX, ignore_cleanup_errors=True) as name:
            lock = _lock(Path(name))
            if lock is None:
                continue
            try:
                yield Path(name)
            finally:
                os.close(lock)
        return


def _lock(folder: Path) -> int | None:
    """Lock a new folder, unless another process has taken it for left behind meanwhile."""
    try:
        lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except FileNotFoundError:
        return None
    fcntl.flock(lock, fcntl.LOCK_EX)
    if folder.exists():
        return lock
    os.close(lock)
    return None


def _remove_left_behind() -> None:
    for folder in Path(gettempdir()).glob(f"{_PREFIX}*"):
        # It may be gone meanwhile, or another user's, whose folders are no concern of this one.
        with suppress(OSError):
            lock = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                if os.fstat(lock).st_uid == os.getuid():
                    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(lock)
