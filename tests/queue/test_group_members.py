"""Members of groups in the batches of their worker: late, in vain, or made up."""

from __future__ import annotations

import json
import time
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4, uuid5

import pytest
from algernon_queue import Group, Results, SentGroup, Task, TaskCancelledError, TaskRouter
from algernon_queue._wire.membership import Membership
from algernon_queue.testing import InMemorySystem
from algernon_storage import Objects, Outcomes

if TYPE_CHECKING:
    from collections.abc import Callable

ran: list[Any] = []
router = TaskRouter()


@pytest.fixture(autouse=True)
def _nothing_ran() -> None:
    ran.clear()


@router.task
def tell(n: int) -> dict[str, int]:
    """Return a number."""
    ran.append(n)
    return {"n": n}


@router.task
def add(results: Results[dict[str, int]]) -> int:
    """Add numbers up."""
    ran.append("add")
    return sum(result["n"] for result in results)


def members(count: int = 3) -> Group[int]:
    """Return a group that tells numbers."""
    return Group([tell.request(n=n) for n in range(count)], then=add)


def published(system: InMemorySystem, task_name: str) -> list[str]:
    """Return the texts that are in a Task's queue."""
    queue = system._tasks[task_name].queue
    return [json.loads(message.body)["Message"] for message in queue.messages]


def send_again(system: InMemorySystem, task_name: str, text: str) -> None:
    """Publish a message once more, as a sender might whose first try had no answer."""
    from algernon_storage import aws_client

    topic = f"arn:aws:sns:us-east-1:123456789012:{task_name}"
    entries = [{"Id": "0", "Message": text}]
    answer = aws_client("sns").publish_batch(TopicArn=topic, PublishBatchRequestEntries=entries)
    assert not answer["Failed"]


def test_a_member_that_comes_after_the_join_is_not_run() -> None:
    """A duplicate finds the verdict: it runs nothing, and the join Task isn't sent again."""
    with InMemorySystem(router) as system:
        sent = members().send()
        late = published(system, "tell")[1]
        system.run()
        send_again(system, "tell", late)
        system.run()
        assert sorted(map(str, ran)) == ["0", "1", "2", "add"]
        assert sent.result() == 3


def test_who_joins_and_dies_before_it_sends_is_made_up_for() -> None:
    """A verdict without a join Task is followed by whichever member comes next."""
    with InMemorySystem(router) as system:
        sent = members().send()
        late = published(system, "tell")[1]
        system.run()
        # As if whoever wrote the verdict had died there, and the join Task had never been sent.
        Objects().delete(f"{sent.group_id}!sent")
        end = uuid5(UUID(sent.group_id), "then")
        for what in ("done", "claim"):
            Objects().delete(f"{end}!{what}")
        send_again(system, "tell", late)
        system.run()
        assert ran.count("add") == 2
        assert ran.count(1) == 1
        assert sent.result() == 3


def test_members_of_a_cancelled_group_are_dropped() -> None:
    """They are acknowledged, and no dead letter is left."""
    with InMemorySystem(router) as system:
        sent = members(12).send()
        assert sent.cancel()
        system.run()
        assert ran == []
        assert sent.state() == "cancelled"
        assert system.dead_letters == []
        assert sent[3].state() == "cancelled"
        with pytest.raises(TaskCancelledError, match="the group whose member it is was given up"):
            sent[3].result(timeout=60)


def forged(sent: SentGroup[Any], text: str, **changes: Any) -> str:
    """Return a member's message that says something else of its group."""
    message = json.loads(text)
    message["callback"]["group"] |= changes
    group = message["callback"]["group"]
    membership = Membership(group["id"], group["index"], group["bucket"], group["folder"])
    message["task_id"] = membership.result_id
    return json.dumps(message)


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"index": 3}, "says that it is number 3 of the group"),
        ({"bucket": "another-bucket"}, "isn't among those this worker reads"),
        ({"folder": "elsewhere"}, "the worker reads only what is in cache/"),
        ({"folder": "a#b"}, "can't stand in a pointer"),
        ({"id": str(uuid4())}, "which can't be joined any more"),
    ],
    ids=["index", "bucket", "folder", "no folder", "group"],
)
def test_a_membership_that_is_made_up_is_refused(changes: dict[str, Any], problem: str) -> None:
    """Nothing is run for it, nothing is written where it leads, and others go on."""
    with InMemorySystem(router) as system:
        sent = members().send()
        send_again(system, "tell", forged(sent, published(system, "tell")[0], **changes))
        system.run()
        (letter,) = system.dead_letters
        assert letter.error in ("MalformedMessageError", "GroupOverError")
        assert problem in str(letter.reason)
        assert letter.receive_count == 1
        assert sent.result() == 3
        assert ran.count(0) == 1


def test_a_member_s_id_is_its_own() -> None:
    """A message can't have a Task write the result of another member by accident."""
    with InMemorySystem(router) as system:
        sent = members().send()
        message = json.loads(published(system, "tell")[0])
        message["callback"]["group"]["index"] = 1
        send_again(system, "tell", json.dumps(message))
        system.run()
        (letter,) = system.dead_letters
        assert "with which it would be" in str(letter.reason)
        assert sent.result() == 3


def header_of(sent: SentGroup[Any]) -> dict[str, Any]:
    """Return a group's header, which is removed for another one to take its place."""
    found = Objects().find(f"{sent.group_id}!header", most=100_000)
    assert found is not None
    assert found.body is not None
    Objects().delete(f"{sent.group_id}!header")
    header: dict[str, Any] = json.loads(found.body)
    return header


def gone(sent: SentGroup[Any]) -> None:
    """Have nobody know a group any more."""
    header_of(sent)


def old(sent: SentGroup[Any]) -> None:
    """Have a group's objects be removed within a day."""
    aged = {**header_of(sent), "made_at": time.time() - 29.5 * 86_400}
    Objects().create(f"{sent.group_id}!header", json.dumps(aged).encode())


@pytest.mark.parametrize("end", [gone, old])
def test_a_group_that_is_over_is_not_begun(end: Callable[[SentGroup[Any]], None]) -> None:
    """A member that comes when its group is removed, or nearly, fails for good, and says so."""
    with InMemorySystem(router) as system:
        sent = members().send()
        end(sent)
        system.run()
        assert ran == []
        assert [letter.error for letter in system.dead_letters] == ["GroupOverError"] * 3
        reason = str(system.dead_letters[0].reason)
        assert "which can't be joined" in reason or "send the group anew" in reason


def test_a_header_that_is_none_is_a_permanent_failure() -> None:
    """What stands there can't be read, now or later."""
    with InMemorySystem(router) as system:
        sent = members().send()
        header_of(sent)
        Objects().create(f"{sent.group_id}!header", b'{"size": 3}')
        system.run()
        assert ran == []
        assert {letter.error for letter in system.dead_letters} == {"MalformedObjectError"}


def test_a_failure_is_noted_for_the_member() -> None:
    """Whoever looks at the group sees who holds it, and why."""
    with InMemorySystem(router) as system:
        sent = Group([tell.request(n=1), Task("tell", {"m": 1})], then=add).send()
        system.run()
        assert sent.progress() == (1, 1, 2)
        failure = Outcomes().failure(sent[1].task_id)
        assert failure is not None
        assert (failure.error, failure.task_name) == ("TaskArgumentsError", "tell")


def test_a_member_that_expires_fails_its_group() -> None:
    """A group that can't be joined any more says so, and needs no dead letter."""
    with InMemorySystem(router) as system:
        tasks = [tell.using(expires=60).request(n=0), tell.request(n=1)]
        sent = Group(tasks, then=add).send()
        system.advance(61)
        system.run()
        assert ran in ([], [1])
        assert sent.state() == "failed"
        assert system.dead_letters == []
