"""Tasks that do what nobody expects, and what that does to their neighbours: nothing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from algernon_queue import BatchFailedError, PermanentError, TaskRouter, queued

from ..wire import Answer
from .events import ALL_DONE, LambdaContext, event, failed, message, record
from .queues import SourceQueue

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Wire


def decorated(function: Callable[..., Any]) -> Callable[..., Any]:
    """Put an ordinary decorator around a function."""

    @wraps(function)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return wrapper


class Charging:
    """An object that is called like an async function."""

    async def __call__(self, context: Any) -> str:
        """Wait, and return the id of the Task whose turn it is then."""
        await asyncio.sleep(0.01)
        task_id: str = context["task"]["task_id"]
        return task_id


@pytest.mark.parametrize("is_object", [False, True])
def test_a_coroutine_behind_a_decorator_sees_its_own_task(is_object: bool) -> None:
    """However an async Task is dressed, its context says its own task_id when it is resumed."""
    router = TaskRouter(failures="report")
    seen: list[tuple[str, str]] = []

    async def pay(sent: str, context: Any) -> None:
        got = await Charging()(context)
        seen.append((sent, got))

    class Paying:
        async def __call__(self, sent: str, context: Any) -> None:
            await pay(sent, context)

    router.task(name="pay")(Paying() if is_object else decorated(pay))
    ids = [str(uuid4()) for _ in range(3)]
    records = [record(message("pay", task_id=each, task_kwargs={"sent": each})) for each in ids]
    router.handler(event(*records), LambdaContext())
    assert sorted(seen) == sorted((each, each) for each in ids)


def test_a_cancelled_error_of_a_plain_task_fails_its_record_alone() -> None:
    """A Task whose own event loop was cancelled takes no other record along."""
    router = TaskRouter(failures="report")
    done: list[int] = []

    @router.task
    def work(n: int) -> None:
        if n == 1:
            raise asyncio.CancelledError
        done.append(n)

    records = [record(message(task_kwargs={"n": n}), eventSourceARN=None) for n in range(3)]
    assert router.handler(event(*records), LambdaContext()) == failed(records[1])
    assert done == [0, 2]


class Unready:
    """A result that can't even say of what class it is, as an unbound proxy."""

    def __getattribute__(self, name: str) -> Any:
        """Fail at whatever is asked."""
        raise ValueError("unready")


def test_a_result_that_cannot_be_looked_at_fails_its_record_alone() -> None:
    """A result whose own code fails when it is asked for its class stops no other record."""
    router = TaskRouter(failures="report")
    done: list[int] = []

    @router.task
    def work(n: int) -> Any:
        done.append(n)
        return Unready() if n == 0 else None

    records = [record(message(task_kwargs={"n": n}), eventSourceARN=None) for n in range(2)]
    assert router.handler(event(*records), LambdaContext()) == failed(records[0])
    assert done == [0, 1]


class UnspeakableError(PermanentError):
    """An error that can't be written as text."""

    def __str__(self) -> str:
        """Fail at that, too."""
        raise KeyError("text")


def test_an_error_without_a_text_goes_to_the_dead_letter_queue(aws: LocalAWS) -> None:
    """What can't be said about a failure is left out, and nothing else happens."""
    queue = SourceQueue(aws)
    router = TaskRouter(failures="report")

    @router.task
    def work() -> None:
        raise UnspeakableError

    queue.send(message())
    assert router.handler(event(*queue.receive()), LambdaContext()) == failed()
    (letter,) = queue.dead_letters()
    assert "UnspeakableError" in letter["MessageAttributes"]["algernon.reason"]["StringValue"]


def test_an_error_without_a_text_hides_no_other_failure() -> None:
    """The error of a batch tells of each record, also of one whose error can't be told."""
    router = TaskRouter(failures="batch")

    @router.task
    def work(n: int) -> None:
        raise UnspeakableError if n == 1 else ValueError("no")

    records = [record(message(task_kwargs={"n": n})) for n in range(3)]
    with pytest.raises(BatchFailedError) as caught:
        router.handler(event(*records), LambdaContext())
    assert len(caught.value.failures) == 3
    told = str(caught.value).splitlines()[1:]
    untold = "UnspeakableError: UnspeakableError, which can't be written as text"
    assert told == [
        f"  message {one['messageId']}: {problem}"
        for one, problem in zip(records, ("ValueError: no", untold, "ValueError: no"), strict=True)
    ]


def test_an_error_without_a_text_reaches_the_state_machine_that_waits(wire: Wire) -> None:
    """What can't be said is left out of the report too, which is made all the same."""
    wire.treatment = lambda call, forward: Answer(200, [], b"{}")

    @queued(failures="report")
    def handler(event: Any, context: Any) -> None:
        raise UnspeakableError

    waiting = json.dumps({"Input": {"task_name": "work"}, "TaskToken": "token"})
    assert handler(event(record(waiting)), LambdaContext()) == ALL_DONE
    (report,) = [json.loads(call.body) for call in wire.calls if call.service == "states"]
    assert report["error"] == "UnspeakableError"
    assert "can't be written as text" in report["cause"]


@pytest.mark.parametrize("is_in_envelope", [False, True])
def test_a_dead_letter_that_is_moved_back_keeps_its_task_id(
    aws: LocalAWS, is_in_envelope: bool
) -> None:
    """A message without a task_id takes the one that it had before it was moved."""
    queue = SourceQueue(aws)
    router = TaskRouter(failures="report")
    seen: list[str] = []

    @router.task
    def work(context: Any) -> None:
        seen.append(context["task"]["task_id"])
        raise PermanentError("not today")

    # Somebody's envelope may be without SNS's MessageId.
    queue.send(json.dumps({"Message": message()}) if is_in_envelope else message())
    router.handler(event(*queue.receive()), LambdaContext())
    (letter,) = queue.dead_letters()
    queue.send(letter["Body"], MessageAttributes=letter["MessageAttributes"])
    router.handler(event(*queue.receive()), LambdaContext())
    assert seen[0] == seen[1]
