"""A process that runs the command, and that kills itself at the moment that it is told.

``python -m tests.faults.deployer CALLS FILE ARGUMENT …``: at which beginning or end of a call of
AWS it dies, 0 for not at all; the file that gets their number, where it comes to its end; and what
follows ``algernon``.
"""

from __future__ import annotations

import os
import signal
import sys
from itertools import count
from pathlib import Path
from typing import Any

from algernon.commands.main import main
from botocore.client import BaseClient

_PASSED = count(1)


def _die_at(calls: int) -> None:
    """Have this process die at a beginning or end of a call, in whichever thread."""
    call = BaseClient._make_api_call

    def pass_by(self: BaseClient, *arguments: Any) -> Any:
        _pass(calls)
        try:
            return call(self, *arguments)
        finally:
            _pass(calls)

    BaseClient._make_api_call = pass_by


def _pass(calls: int) -> None:
    if next(_PASSED) == calls:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    # What is imported by a command is searched in its directory, not where this module is.
    calls, file, *arguments = sys.argv[1:]
    _die_at(int(calls))
    status = main(arguments)
    Path(file).write_text(f"{next(_PASSED) - 1}", encoding="utf-8")
    sys.exit(status)
