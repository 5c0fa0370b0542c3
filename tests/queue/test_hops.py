"""A chain that never ends is stopped by the number of Tasks that led to it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import BatchFailedError, PermanentError, TaskRouter, TooManyHopsError, send_task

from .events import ALL_DONE, LambdaContext, event, message, record
from .queues import SourceQueue

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from .conftest import Listeners


def router() -> TaskRouter:
    """Return a router with a Task that sends itself, and one that returns."""
    tasks = TaskRouter(failures="report")

    @tasks.task
    def again() -> None:
        send_task("again")

    @tasks.task
    def give() -> None:
        """Return nothing."""

    return tasks


def hops_of(sent: dict[str, Any]) -> int:
    """Return the hops that a message tells."""
    hops: int = sent.get("hops", 0)
    return hops


def test_who_starts_a_chain_says_nothing(listeners: Listeners) -> None:
    """A message that no Task led to has no hops."""
    listeners.add("again")
    send_task("again")
    (sent,) = listeners.messages()
    assert "hops" not in sent


def test_callbacks_and_sends_count(listeners: Listeners) -> None:
    """Each Task that led to a message is one hop, by callback or by sending."""
    listeners.add("again", "give")
    tasks = router()
    for body in (message("give", callback="again"), message("again")):
        assert tasks.handler(event(record(body)), LambdaContext()) == ALL_DONE
    firsts = listeners.messages()
    assert [hops_of(sent) for sent in firsts] == [1, 1]
    later = json.dumps({**firsts[0], "hops": 41})
    assert tasks.handler(event(record(later)), LambdaContext()) == ALL_DONE
    (sent,) = listeners.messages()
    assert sent["hops"] == 42


def test_a_bare_message_counts_too(listeners: Listeners) -> None:
    """What the Task of a bare message sends has one hop behind it, or as many as it says."""
    listeners.add("again")
    router().handler({"task_name": "again"}, None)
    router().handler({"task_name": "again", "hops": 6}, None)
    assert sorted(map(hops_of, listeners.messages())) == [1, 7]


@pytest.mark.parametrize(("limit", "most"), [(None, 1000), ("3", 3)])
def test_above_the_limit_it_is_a_dead_letter(
    aws: LocalAWS, monkeypatch: pytest.MonkeyPatch, limit: str | None, most: int
) -> None:
    """A message at the limit runs, and one above it is moved and says why."""
    if limit is not None:
        monkeypatch.setenv("ALGERNON_MAX_HOPS", limit)
    queue = SourceQueue(aws)
    queue.send(message("give", hops=most), message("give", hops=most + 1))
    assert router().handler(event(*queue.receive()), LambdaContext()) == ALL_DONE
    (dead,) = queue.dead_letters()
    assert json.loads(dead["Body"])["hops"] == most + 1
    attributes = dead["MessageAttributes"]
    assert attributes["algernon.error"]["StringValue"] == "TooManyHopsError"
    assert "ALGERNON_MAX_HOPS" in attributes["algernon.reason"]["StringValue"]
    assert issubclass(TooManyHopsError, PermanentError)


@pytest.mark.parametrize("hops", [-1, "3", 1.5, True, [1], {}])
def test_hops_are_a_number(hops: Any) -> None:
    """A message that counts otherwise is malformed, and nothing of it runs."""
    handler = TaskRouter(failures="batch").handler
    with pytest.raises(BatchFailedError, match="which is no number from 0 on"):
        handler(event(record(message("give", hops=hops))), LambdaContext())


@pytest.mark.parametrize("setting", ["many", "-1", "1.5"])
def test_the_limit_is_a_number(monkeypatch: pytest.MonkeyPatch, setting: str) -> None:
    """A limit that means nothing fails the records that would need it, and says so."""
    monkeypatch.setenv("ALGERNON_MAX_HOPS", setting)
    with pytest.raises(BatchFailedError, match="ALGERNON_MAX_HOPS is"):
        TaskRouter(failures="batch").handler(
            event(record(message("give", hops=1))), LambdaContext()
        )
