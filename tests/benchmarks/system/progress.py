"""A file in which workers note how far they are, which takes no call of AWS."""

from __future__ import annotations

import os
from pathlib import Path
from time import monotonic, sleep

_VARIABLE = "BENCH_PROGRESS"

#: How long a step may take, in seconds; it takes a few.
_PATIENCE = 300


class Progress:
    """What the workers of one run have noted.

    Args:
        path: The file, which isn't there yet.
    """

    def __init__(self, path: Path) -> None:
        path.touch()
        self._path = path
        self.environ = {_VARIABLE: str(path)}

    def wait_for(self, what: str, count: int) -> None:
        """Wait until something is noted so often.

        Raises:
            TimeoutError: It isn't in five minutes.
        """
        deadline = monotonic() + _PATIENCE
        while (noted := self._path.read_text().split().count(what)) < count:
            if monotonic() > deadline:
                raise TimeoutError(f"the workers noted {what!r} {noted} times, not {count}")
            sleep(0.02)


def note(what: str, count: int = 1) -> None:
    """Note something, in a worker."""
    with Path(os.environ[_VARIABLE]).open("a") as file:
        file.write(f"{what}\n" * count)
