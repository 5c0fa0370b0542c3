"""A Task that was sent, as its sender knows it."""

from __future__ import annotations

from typing import Generic, TypeVar

R_co = TypeVar("R_co", covariant=True)


class SentTask(Generic[R_co]):
    """A Task that was sent, or a chain of them, by whose id it can be found again.

    Its type says what comes of it: ``SentTask[Invoice]``. Two of the same id are equal.

    Args:
        task_id: The UUID of this run of the Task, by which logs, the ledger and
            ``algernon trace`` know it.

    Example:
        ``price.send(items=[1]).task_id``
    """

    __slots__ = ("_task_id",)

    def __init__(self, task_id: str) -> None:
        self._task_id = task_id

    @property
    def task_id(self) -> str:
        """The UUID of this run of the Task."""
        return self._task_id

    def __eq__(self, other: object) -> bool:
        return self._task_id == other._task_id if isinstance(other, SentTask) else NotImplemented

    def __hash__(self) -> int:
        return hash(self._task_id)

    def __repr__(self) -> str:
        return f"SentTask({self._task_id!r})"
