"""What ``algernon run --reload`` does when something was saved, and says of it."""

from __future__ import annotations

import time
from collections.abc import Collection
from typing import TYPE_CHECKING

from ..errors import CommandError
from ..story.printing import warn
from .own_traceback import show_traceback

if TYPE_CHECKING:
    from ..local import LocalSystem


class Reloading:
    """Takes over what was saved into a system that runs, as often as something is.

    Args:
        system: The system.
    """

    def __init__(self, system: LocalSystem) -> None:
        self._system = system
        self._has_failed = False

    def reload(self) -> bool:
        """Take over what was saved, say what came of it, and tell whether the system is another.

        What can't be taken over leaves the system as it was.
        """
        from botocore.exceptions import BotoCoreError, ClientError

        before = self._system.tasks
        start = time.monotonic()
        try:
            is_another = self._system.reload()
        except (CommandError, BotoCoreError, ClientError, OSError) as error:
            self._has_failed = True
            show_traceback(error)
            warn(f"{error}")
            print("Not reloaded: what ran before runs on.", flush=True)
            return False
        if is_another:
            seconds = time.monotonic() - start
            changes = _changes(before, self._system.tasks)
            print(f"Reloaded in {seconds:.1f} s{changes}.", flush=True)
        elif self._has_failed:
            print("What is saved is what runs.", flush=True)
        self._has_failed = False
        return is_another


def _changes(before: Collection[str], after: Collection[str]) -> str:
    """Say which Tasks have come and gone."""
    new = [task for task in after if task not in before]
    gone = [task for task in before if task not in after]
    parts = [f"new: {', '.join(new)}" if new else "", f"gone: {', '.join(gone)}" if gone else ""]
    return "".join(f"; {part}" for part in parts if part)
