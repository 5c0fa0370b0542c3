"""The traceback of a worker's module that can't be imported, shown before the line that says so."""

from __future__ import annotations

import sys
from contextlib import suppress

from ..errors import WorkerError
from ..story.terminal import printable


def show_traceback(error: Exception) -> None:
    """Print the traceback of a worker's own code on standard error, where an error has one."""
    if isinstance(error, WorkerError) and error.traceback:
        with suppress(BrokenPipeError):  # nobody may read it
            print(
                *map(printable, error.traceback.expandtabs().splitlines()),
                sep="\n",
                file=sys.stderr,
            )
