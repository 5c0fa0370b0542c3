"""A system in memory runs Tasks as AWS does, through the same code as in Lambda."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import TaskRouter, send_task
from algernon_queue.testing import DeadLetter, InMemorySystem

if TYPE_CHECKING:
    pass


@pytest.fixture
def done() -> list[Any]:
    """What the Tasks of a test note."""
    return []


@pytest.fixture
def router(done: list[Any]) -> TaskRouter:
    """A worker with a Task that counts, one that notes and one that fails."""
    router = TaskRouter()

    @router.task
    def count(items: list[Any]) -> dict[str, Any]:
        return {"number": len(items)}

    @router.task
    def note(**kwargs: Any) -> None:
        done.append(kwargs)

    @router.task(retries=2, backoff=60)
    def fail(why: str) -> None:
        done.append(why)
        raise ValueError(why)

    return router


def test_a_chain_runs_to_its_end(router: TaskRouter, done: list[Any]) -> None:
    """What is sent runs, and its result goes to the callback, when the system works."""
    with InMemorySystem(router) as system:
        send_task("count", {"items": [1, 2]}, callback="note")
        assert done == []
        system.run()
        assert done == [{"number": 2}]
        assert system.dead_letters == []


def test_a_dead_letter_says_why(router: TaskRouter, done: list[Any]) -> None:
    """What fails after its retries is a dead letter with its Task, error, reason and count."""
    with InMemorySystem(router) as system:
        task_id = send_task("fail", {"why": "no luck"})
        system.run()
        assert done == ["no luck"] * 3
        assert system.dead_letters == [
            DeadLetter(
                task="fail",
                error="ValueError",
                reason="no luck",
                receive_count=3,
                task_id=task_id,
                chain_id=task_id,
            )
        ]
