"""A ledger in S3 keeps its promises with fewer rights than all, and only in S3."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import algernon_storage
import pytest
from algernon_queue import TaskRouter

from ..wire import Answer
from .events import ALL_DONE, TASK_ID, LambdaContext, event, failed, message, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..wire import Call, Wire

DENIAL = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


class Work:
    """A Task that fails as often as it is told to."""

    def __init__(self, failures: int) -> None:
        self.runs = 0
        self._failures = failures
        self.router = TaskRouter(failures="report", once=True)
        self.router.task(name="work")(self.work)

    def work(self) -> None:
        """Run."""
        self.runs += 1
        if self.runs <= self._failures:
            raise ValueError("not yet")

    def receive(self) -> tuple[dict[str, Any], dict[str, Any]]:
        """Receive the Task's message; gives the record and the answer."""
        batch = event(record(message("work", task_id=TASK_ID)))
        answer = self.router.handler(batch, LambdaContext())
        return batch["Records"][0], answer


def test_a_task_that_failed_runs_again_without_list_bucket(bucket: str, wire: Wire) -> None:
    """Where S3 denies what isn't there, a Task that failed runs until it is done, and then not."""

    def without_list_bucket(call: Call, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        if call.operation in {"GET", "HEAD"} and answer.status == 404:
            return Answer(403, [], DENIAL if call.operation == "GET" else b"")
        return answer

    wire.treatment = without_list_bucket
    work = Work(failures=2)
    answers = [work.receive()[1] for _ in range(5)]
    assert [answer == ALL_DONE for answer in answers] == [False, False, True, True, True]
    assert work.runs == 3


def test_nothing_runs_where_conditions_do_not_hold(
    bucket: str, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the store ignores conditions, the record stays and says why, and the Task isn't run."""

    def taking_everything(call: Call, forward: Callable[[], Answer]) -> Answer:
        answer = forward()
        if call.operation == "PUT" and answer.status == 412:
            return Answer(200, [("ETag", f'"{uuid4().hex}"')], b"")
        return answer

    algernon_storage.reset()
    wire.treatment = taking_everything
    work = Work(failures=0)
    with caplog.at_level(logging.ERROR, "algernon_queue"):
        received, answer = work.receive()
    assert answer == failed(received)
    assert work.runs == 0
    assert "ignores If-None-Match" in caplog.text
