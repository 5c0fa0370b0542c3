"""Commands on a terminal, as somebody sees them."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from ..waiting import PATIENCE, wait_for

_STYLES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class OnTerminal:
    """A command whose standard streams are a terminal of its own.

    Args:
        command: The command line.
        folder: Where it runs.
        columns: How wide the terminal is.
        environ: Environment variables beside those of this process.
    """

    def __init__(
        self, command: Sequence[str], *, folder: Path, columns: int, **environ: str
    ) -> None:
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
        without = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
        self.process = subprocess.Popen(
            command,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            cwd=folder,
            env={**without, "TERM": "xterm-256color", "COLUMNS": str(columns), **environ},
            start_new_session=True,
        )
        os.close(theirs)
        self._output = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
        self.end()
        os.close(self._ours)

    @property
    def shown(self) -> str:
        """All that was shown so far, with the escape sequences of its colours."""
        while select.select([self._ours], [], [], 0)[0]:
            try:
                more = os.read(self._ours, 65_536)
            except OSError:  # as Linux says that nobody writes any more
                break
            if not more:
                break
            self._output += more
        return self._output.decode(errors="replace").replace("\r\n", "\n")

    @property
    def text(self) -> str:
        """The same without colours."""
        return without_colours(self.shown)

    def wait_for(self, look: Callable[[str], object]) -> str:
        """Return what was shown, without colours, once it is what somebody looks for."""
        wait_for(lambda: look(self.text), lambda: self.text)
        return self.text

    def type(self, text: str) -> None:
        """Type something."""
        os.write(self._ours, text.encode())

    def end(self) -> int:
        """Return the exit status, once all was shown."""
        wait_for(lambda: self.shown is not None and self.process.poll() is not None)
        _ = self.shown
        return self.process.wait(PATIENCE)


def without_colours(text: str) -> str:
    """Return a text without the escape sequences of its colours."""
    return _STYLES.sub("", text)


def algernon(*arguments: str) -> list[str]:
    """Return the command line of the command `algernon`."""
    return [sys.executable, "-m", "algernon.commands", *arguments]
