"""A Task that was sent, as its sender knows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

R_co = TypeVar("R_co", covariant=True)


@dataclass(frozen=True, slots=True)
class SentTask(Generic[R_co]):
    """A Task that was sent, or a chain of them, by whose id it can be found again.

    Its type says what comes of it: ``SentTask[Invoice]``.

    Attributes:
        task_id: The UUID of this run of the Task, by which logs, the ledger and
            ``algernon trace`` know it.

    Example:
        ``price.send(items=[1]).task_id``
    """

    task_id: str
