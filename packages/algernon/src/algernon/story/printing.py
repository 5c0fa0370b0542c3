"""Printing for whoever reads it, who may have read enough before the end."""

from __future__ import annotations

import os
import select
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TextIO

from .terminal import printable


@contextmanager
def printing() -> Iterator[None]:
    """Write out all that the block prints; where nobody reads on, end it silently.

    That is the case behind a pipe to a command that ends early, such as ``head``, and
    where the process was started without the stream. Without standard input, there is nothing
    to read in it.
    """
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # It stays open for as long as the process lives.
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115
    try:
        yield
    except BrokenPipeError:
        if not reading_has_ended():
            raise  # it is another pipe
    finally:
        for stream in (sys.stdout, sys.stderr):
            if not _is_written_out(stream):
                # What is left would be written, and complained of, when the process ends.
                with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
                    os.dup2(nowhere.fileno(), stream.fileno())


def reading_has_ended() -> bool:
    """Tell whether what the process prints is read by nobody any more."""
    return any(map(_has_no_reader, (sys.stdout, sys.stderr)))


def warn(text: str) -> None:
    """Say something in one line on standard error, as the command does."""
    with suppress(BrokenPipeError):  # nobody may read that either
        print("algernon:", printable(" ".join(text.split())), file=sys.stderr)


def _is_written_out(stream: TextIO) -> bool:
    try:
        stream.flush()
    except OSError:
        return False
    return True


def _has_no_reader(stream: TextIO) -> bool:
    """Tell whether a stream is a pipe that was closed, of which a failed flush leaves no trace."""
    try:
        descriptor = stream.fileno()
    except OSError:
        return False  # it is one of a program, such as a test's
    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))
