"""The user's editor, in which a text is opened."""

from __future__ import annotations

import os
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from shutil import rmtree
from tempfile import mkdtemp
from typing import TypeVar

from ...errors import EditError

_Read = TypeVar("_Read")

# POSIX.1-2024, "crontab", and others: what is opened where no variable says another.
_DEFAULT = "vi"


def edit(text: str, name: str, read: Callable[[str], _Read]) -> _Read:
    """Open a text in the user's editor, and return what is made of what it is then.

    The editor is what `VISUAL` says, or `EDITOR`, or else vi.

    Args:
        text: The text.
        name: What its file is called, which only this user can read.
        read: What makes something of the text, or raises.

    Raises:
        EditError: The editor can't be started or fails, or nothing could be made of the text,
            which is kept then.
    """
    folder = Path(mkdtemp(prefix="algernon-"))
    path = folder / name
    try:
        path.write_text(text, encoding="utf-8")
        _open_editor(path)
    except BaseException:
        rmtree(folder)
        raise
    try:
        made = read(path.read_text(encoding="utf-8"))
    except Exception as error:
        raise EditError(
            f"nothing was changed, since what was written can't be sent: {error}. It is kept in"
            f" {path}, which only you can read"
        ) from error
    rmtree(folder)
    return made


def _open_editor(path: Path) -> None:
    command = os.environ.get("VISUAL") or os.environ.get("EDITOR") or _DEFAULT
    try:
        status = subprocess.run([*shlex.split(command), path], check=False).returncode  # noqa: S603 - the user's own
    except (OSError, ValueError) as error:
        raise EditError(
            f"nothing was changed, since the editor {command!r} can't be started: {error}. Name"
            " another by the variable VISUAL or EDITOR"
        ) from error
    if status != 0:
        raise EditError(
            f"nothing was changed, since the editor {command!r} ended with the status {status}"
        )
