"""The options of a Task."""

from __future__ import annotations

from typing import NamedTuple, Self, TypedDict

from .retry import Retry
from .task_needs import TaskNeeds


class TaskOptionArguments(TypedDict, total=False):
    """The options as ``router.task`` takes them, by name."""

    name: str | None
    retries: int | None
    backoff: float | None
    timeout: int | None
    memory: int | None
    max_concurrency: int | None
    batch_size: int | None
    batch_window: int | None


class TaskOptions(NamedTuple):
    """What is said of a Task besides its function: see ``router.task``.

    Attributes:
        name: Its name, or None for the function's own.
        retry: How it is tried again, or None where it doesn't say.
        needs: What it asks of the function that runs it.
    """

    name: str | None
    retry: Retry | None
    needs: TaskNeeds

    @classmethod
    def of(
        cls,
        *,
        name: str | None = None,
        retries: int | None = None,
        backoff: float | None = None,
        **needs: int | None,
    ) -> Self:
        """Return the options of the arguments that were given for them.

        Raises:
            SettingError: One has a value that means nothing, or two contradict each other.
        """
        has_retry = retries is not None or backoff is not None
        return cls(
            name=name,
            retry=Retry(retries, 1 if backoff is None else backoff) if has_retry else None,
            needs=TaskNeeds(**needs),
        )
