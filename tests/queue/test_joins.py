"""Joins of the groups whose members one batch has: all at the same time, and each for itself."""

from __future__ import annotations

import json
from threading import Barrier
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import Group, SentGroup, TaskRouter

from ..wire import Answer, Call
from .events import LambdaContext, event

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..wire import Wire
    from .conftest import Listeners

# Less than a client waits for an answer before it calls again.
_ROUND_SECONDS = 45

router = TaskRouter(failures="report")


@router.task
def work(n: int) -> int:
    """Be a member."""
    return n


@pytest.fixture
def sent(listeners: Listeners, bucket: str, wire: Wire) -> list[SentGroup[Any]]:
    """Three groups of one member each."""
    listeners.add("work")
    groups = [Group([work.request(n=n)]).send() for n in range(3)]
    wire.clear()
    return groups


def run(listeners: Listeners) -> list[str]:
    """Run a batch of all there is, and return the Tasks' ids of those that failed."""
    records = listeners.take()
    assert len(records) == 3
    failed = {
        each["itemIdentifier"]
        for each in router.handler(event(*records), LambdaContext())["batchItemFailures"]
    }
    return [
        json.loads(record["body"])["task_id"] for record in records if record["messageId"] in failed
    ]


def is_verdict(call: Call, sent: SentGroup[Any]) -> bool:
    """Tell whether a call writes what came of a group."""
    return call.operation == "PUT" and sent.group_id in call.path and "done" in call.path


def test_joins_of_a_batch_go_on_at_the_same_time(
    listeners: Listeners, wire: Wire, sent: list[SentGroup[Any]]
) -> None:
    """What each asks of S3 next is asked together with what the others ask."""
    together = Barrier(3)

    def meet(call: Call, forward: Callable[[], Answer]) -> Answer:
        if any(is_verdict(call, each) for each in sent):
            together.wait(_ROUND_SECONDS)
        return forward()

    wire.treatment = meet
    assert run(listeners) == []
    assert [each.result(timeout=0)[0] for each in sent] == [0, 1, 2]


def test_a_join_that_fails_is_the_failure_of_its_members_alone(
    listeners: Listeners, wire: Wire, sent: list[SentGroup[Any]]
) -> None:
    """Those come again, and the other groups are joined."""

    def deny(call: Call, forward: Callable[[], Answer]) -> Answer:
        if is_verdict(call, sent[1]):
            return Answer(403, [], b"<Error><Code>AccessDenied</Code></Error>")
        return forward()

    wire.treatment = deny
    assert run(listeners) == [sent[1][0].task_id]
    wire.treatment = None
    assert [each.state() for each in sent] == ["done", "running", "done"]
