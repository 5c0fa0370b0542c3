"""uv, which finds and installs what workers need, as a subprocess."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

from ...errors import BuildError, MissingExtraError


def run_uv(*arguments: str, directory: Path, doing: str) -> str:
    """Run uv, and return what it printed.

    It is set as this user has set it, by its environment variables and files: by these it knows
    of other indexes than PyPI, and of their credentials.

    Args:
        arguments: What it is to do.
        directory: The directory to run it in.
        doing: What it is to do, for errors: "read uv.lock".

    Raises:
        BuildError: It failed; the message has its own words in one line.
        MissingExtraError: uv isn't installed.
    """
    done = subprocess.run(  # noqa: S603 - all of it is this module's callers'
        [
            *(_program(), *arguments, "--color", "never", "--no-progress"),
            # Not one of a project's own environment, which may be of another version.
            *("--python", sys.executable),
        ],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="backslashreplace",
        check=False,
    )
    if done.returncode:
        raise UvError(f"uv can't {doing}: {in_one_line(done.stderr)}", done.stderr)
    return done.stdout


class UvError(BuildError):
    """Raised when uv failed.

    Attributes:
        words: What it said.
    """

    def __init__(self, message: str, words: str) -> None:
        super().__init__(message)
        self.words = words


def in_one_line(words: str) -> str:
    """Return what uv said without its drawings and line breaks, and without credentials of URLs."""
    text = re.sub(r"[^\x00-\x7f]|^(error|  cause|warning): ", " ", words, flags=re.MULTILINE)
    text = re.sub(r"(\w://)[^/\s@]+@", r"\1", text)
    text = re.sub(r"(\w://[^\s?`'\"]+)\?[^\s`'\")]+", r"\1", text)
    return " ".join(text.split())


def _program() -> str:
    try:
        from uv import find_uv_bin

        return find_uv_bin()
    except (ImportError, FileNotFoundError) as error:
        if found := shutil.which("uv"):
            return found
        raise MissingExtraError(
            "uv isn't installed, which finds and installs what workers need: install the extra"
            " algernon[deploy], as algernon's README says",
            name="uv",
        ) from error
