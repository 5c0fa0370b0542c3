"""Run ministack for as long as the process that started it holds its standard input.

``python -m algernon.leash``, started with a pipe as standard input and in a
session of its own, is ministack. When the pipe closes, which the operating
system sees to however the other process ends, this one ends with all that it
started: the processes in which ministack runs Lambda functions.
"""

from __future__ import annotations

import os
import signal
import sys
from threading import Thread


def main() -> None:
    """Become ministack, until standard input ends."""
    Thread(target=_end_with_parent, daemon=True).start()
    from ministack.app import main as serve

    sys.argv[1:] = []
    serve()


def _end_with_parent() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os.killpg(os.getpgrp(), signal.SIGKILL)


if __name__ == "__main__":
    main()
