"""Ending a chain of Tasks early."""

from __future__ import annotations

from typing import Any


class PipelineTermination(Exception):  # noqa: N818 - it is no error
    """Raised by a Task to end its chain here, with a result, and without a failure.

    The Task is done: its message is deleted, and nothing is sent to its callback.
    A state machine that waits for the Task, and the ledger of ``once=True``, get
    the result as that of any other Task.

    Attributes:
        result: The result.

    Example:
        ``raise PipelineTermination({"skipped": "no rows today"})``
    """

    def __init__(self, result: Any = None) -> None:
        super().__init__("the chain of Tasks ends here")
        self.result = result
