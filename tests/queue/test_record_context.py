"""What a worker's context says of a record is of that record, wherever and however many run."""

from __future__ import annotations

import asyncio
import copy
import json
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Thread
from typing import Any

import pytest
from algernon_queue import TaskRouter, queued, stated

from .events import ALL_DONE, TASK_ID, LambdaContext, event, message, record

IDS = [f"{TASK_ID[:-2]}{n:02}" for n in range(32)]


def numbered(n: int, name: str = "work", **others: Any) -> dict[str, Any]:
    """Return a record whose Task has the number's id."""
    return record(message(name, task_id=IDS[n], task_kwargs={"n": n}, **others), messageId=IDS[n])


def assert_own(context: Any, n: int, aws: Any) -> None:
    """Check that all that a context says is of the record with this number."""
    assert context["task"]["task_id"] == IDS[n]
    assert context["sqs"]["message_id"] == IDS[n]
    assert context["aws"] is aws


def test_a_bare_message_inside_a_task_leaves_its_context_alone() -> None:
    """A Task that has another one run at once still sees its own facts, and the other its own."""
    router = TaskRouter()
    seen: list[Any] = []

    @router.task
    def work(n: int, context: dict[str, Any]) -> None:
        inner = {"task_name": "inner", "task_id": IDS[20]}
        assert router.handler(inner, "inner's") == {"inner": 1}
        assert_own(context, n, outside)
        seen.append(context["inner"])

    @router.task
    def inner(context: dict[str, Any]) -> dict[str, int]:
        assert (context["aws"], context["sqs"]) == ("inner's", {})
        assert context["task"]["task_id"] == IDS[20]
        context["inner"] = "told"
        return {"inner": 1}

    outside = LambdaContext()
    assert router.handler(event(numbered(1), numbered(2)), outside) == ALL_DONE
    assert seen == ["told", "told"]


@pytest.mark.parametrize("is_async", [True, False])
def test_a_batch_inside_a_task_leaves_its_context_alone(is_async: bool) -> None:
    """A batch that a Task has worked off, by the same handler, has its own facts."""
    router = TaskRouter()
    done: list[int] = []

    def nest(n: int, context: dict[str, Any]) -> None:
        if n < 3:
            inside = LambdaContext()
            expected[n + 1] = inside
            assert router.handler(event(numbered(n + 1)), inside) == ALL_DONE
        assert_own(context, n, expected[n])
        done.append(n)

    async def nest_later(n: int, context: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        nest(n, context)

    router.task(name="work")(nest_later if is_async else nest)
    expected = {0: LambdaContext()}
    assert router.handler(event(numbered(0)), expected[0]) == ALL_DONE
    assert done == [3, 2, 1, 0]


def by_router(function: Callable[..., Any]) -> Any:
    """Return the handler of a router whose Task work is the function."""
    router = TaskRouter()
    router.task(name="work")(function)
    return router.handler


def by_queued(function: Callable[..., Any]) -> Any:
    """Return a Lambda handler that calls the function."""
    return queued(lambda event, context: function(event["task_kwargs"]["n"], context))


@pytest.mark.parametrize("make", [by_router, by_queued])
def test_threads_that_share_a_handler_see_their_own_records(make: Any) -> None:
    """Sixteen threads in one handler, in the middle of their Tasks at once, each see their own."""
    together = Barrier(16, timeout=60)

    def work(n: int, context: dict[str, Any]) -> None:
        together.wait()
        context.setdefault("seen", seen).append(n)
        together.wait()
        assert_own(context, n, invocations[n // 2])

    seen: list[int] = []
    handler = make(work)
    invocations = [LambdaContext() for _ in range(16)]
    with ThreadPoolExecutor(16) as threads:
        answers = threads.map(
            lambda n: handler(event(numbered(2 * n), numbered(2 * n + 1)), invocations[n]),
            range(16),
        )
        assert list(answers) == 16 * [ALL_DONE]
    assert sorted(seen) == list(range(32))


def test_threads_with_bare_messages_see_their_own() -> None:
    """Sixteen threads that each have one message run see their own Task's facts."""
    router = TaskRouter()
    together = Barrier(16, timeout=60)

    @router.task
    def work(n: int, context: dict[str, Any]) -> str:
        together.wait()
        assert context["aws"] == n
        task_id: str = context["task"]["task_id"]
        return task_id

    with ThreadPoolExecutor(16) as threads:
        bare = [
            {"task_name": "work", "task_id": IDS[n], "task_kwargs": {"n": n}} for n in range(16)
        ]
        assert list(threads.map(router.handler, bare, range(16))) == IDS[:16]


def test_threads_with_states_see_their_own_invocation() -> None:
    """What a state machine calls at the same time sees its own invocation's context."""
    together = Barrier(8, timeout=60)

    @stated
    def handler(event: Any, context: dict[str, Any]) -> Any:
        context["task"] = context.get("task", 0) + 0 * together.wait()
        return context["aws"]

    with ThreadPoolExecutor(8) as threads:
        assert list(threads.map(handler, range(8), range(8))) == list(range(8))


def test_a_thread_that_a_task_leaves_behind_keeps_its_record() -> None:
    """What still looks at a record's context when the next one runs sees the first one's facts."""
    threads, seen = [], []
    is_over = Barrier(2, timeout=60)

    @queued
    def handler(event: dict[str, Any], context: dict[str, Any]) -> None:
        n = event["task_kwargs"]["n"]
        if n == 1:

            def look() -> None:
                is_over.wait()
                seen.append((context["task"]["task_id"], context["later"]))

            threads.append(Thread(target=look))
            threads[0].start()
        context["later"] = n

    assert handler(event(numbered(1), numbered(2)), None) == ALL_DONE
    is_over.wait()
    threads[0].join()
    assert seen == [(IDS[1], 2)]


def test_what_is_kept_is_made_once_for_all_threads() -> None:
    """Of threads that each bring a connection at the same time, all get the first one's."""
    together = Barrier(16, timeout=60)
    got = []

    @queued
    def handler(event: Any, context: dict[str, Any]) -> None:
        together.wait()
        got.append(context.setdefault("connection", object()))

    with ThreadPoolExecutor(16) as threads:
        list(threads.map(lambda n: handler(event(numbered(n)), None), range(16)))
    assert len(got) == 16
    assert len(set(map(id, got))) == 1


def one_context(
    look: Callable[[dict[str, Any]], Any], kept: dict[str, Any], *, is_async: bool = False
) -> Any:
    """Return what a look at a record's context gives, in which something is kept already."""
    answers = []

    @queued
    def handler(event: Any, context: dict[str, Any]) -> None:
        if event["task_name"] == "keep":
            context.update(kept)
        else:
            answers.append(look(context))

    @queued
    async def async_handler(event: Any, context: dict[str, Any]) -> None:
        await asyncio.sleep(0)
        if event["task_name"] == "keep":
            context.update(kept)
        else:
            answers.append(look(context))

    one = async_handler if is_async else handler
    assert one(event(record(message("keep"))), None) == ALL_DONE
    assert one(event(numbered(1)), None) == ALL_DONE
    return answers[0]


def whole(**kept: Any) -> dict[str, Any]:
    """Return all that is in the context of the record number 1 of `one_context`."""
    task = {"task_name": "work", "task_id": IDS[1], "chain_id": IDS[1], "callback": None}
    one = numbered(1)
    sqs = {
        "message_id": IDS[1],
        "receipt_handle": one["receiptHandle"],
        "source_arn": one["eventSourceARN"],
        "aws_region": one["awsRegion"],
        "receive_count": 1,
        "message_attributes": {},
        "message_group": None,
        "sent_at": 1545082650.636,
    }
    return {"aws": None, "sqs": sqs, "task": task, **kept}


def given(**arguments: Any) -> dict[str, Any]:
    """Return what was given by name."""
    return arguments


def matched(context: Any) -> Any:
    """Return what a pattern finds."""
    match context:
        case {"db": db, "task": {"task_id": task_id}, **others}:
            return db, task_id, set(others)
    return None


def updated(other: dict[str, Any], context: dict[str, Any]) -> dict[str, Any]:
    """Return a dict that was updated by the context."""
    other.update(context)
    return other


@pytest.mark.parametrize("is_async", [True, False])
@pytest.mark.parametrize(
    ("look", "expected"),
    [
        (dict, whole(db=1)),
        (lambda context: {**context}, whole(db=1)),
        (lambda context: {"db": 0, **context, "more": 2}, whole(db=1, more=2)),
        (lambda context: dict(context, more=2), whole(db=1, more=2)),
        (lambda context: given(**context), whole(db=1)),
        (lambda context: given(**context, more=2), whole(db=1, more=2)),
        (lambda context: context.copy(), whole(db=1)),
        (copy.copy, whole(db=1)),
        (copy.deepcopy, whole(db=1)),
        (lambda context: pickle.loads(pickle.dumps(context)), whole(db=1)),
        (lambda context: context | {"more": 2}, whole(db=1, more=2)),
        (lambda context: {"db": 0, "more": 2} | context, whole(db=1, more=2)),
        (lambda context: updated({"db": 0, "more": 2}, context), whole(db=1, more=2)),
        (lambda context: json.loads(json.dumps(context)), whole(db=1)),
        (lambda context: json.loads(json.dumps(context, indent=1)), whole(db=1)),
        (lambda context: {key: context[key] for key in context}, whole(db=1)),
        (lambda context: dict(context.items()), whole(db=1)),
        (
            lambda context: dict(zip(context.keys(), context.values(), strict=True)),
            whole(db=1),
        ),
        (lambda context: (context == whole(db=1), whole(db=1) == context), (True, True)),
        (lambda context: (context != whole(db=1), whole(db=2) != context), (False, True)),
        (lambda context: context == context.copy() == context, True),
        (lambda context: eval(repr(context)), whole(db=1)),
        (sorted, ["aws", "db", "sqs", "task"]),
        (lambda context: list(reversed(context)) == list(context)[::-1], True),
        (len, 4),
        (bool, True),
        (lambda context: isinstance(context, dict), True),
        (
            lambda context: ["db" in context, "task" in context, "no" in context],
            [True, True, False],
        ),
        (lambda context: context.keys() >= {"aws", "db", "sqs", "task"}, True),
        (
            lambda context: (context.get("db"), context.get("no"), context.get("no", 7)),
            (1, None, 7),
        ),
        (lambda context: context.get("task")["task_id"], IDS[1]),
        (matched, (1, IDS[1], {"aws", "sqs"})),
        (lambda context: "%(db)s" % context, "1"),  # noqa: UP031 - it is looked up here
        ("{db}".format_map, "1"),
    ],
)
def test_the_context_is_a_dict(look: Any, expected: Any, is_async: bool) -> None:
    """Whatever can be done with a dict shows the record's facts and all that is kept."""
    answer = one_context(look, {"db": 1}, is_async=is_async)
    assert answer == expected
    assert type(answer) is type(expected)


@pytest.mark.parametrize(
    ("change", "left"),
    [
        (lambda context: context.update(db=2, more=3), {"db": 2, "more": 3}),
        (lambda context: context.update({"db": 2}, more=3), {"db": 2, "more": 3}),
        (lambda context: context.update([("db", 2)]), {"db": 2}),
        (lambda context: context.__ior__({"db": 2}), {"db": 2}),
        (lambda context: context.setdefault("db", 2), {"db": 1}),
        (lambda context: context.setdefault("more"), {"db": 1, "more": None}),
        (lambda context: context.pop("db"), {}),
        (lambda context: context.pop("no", None), {"db": 1}),
        (lambda context: context.popitem(), {}),
        (lambda context: context.__delitem__("db"), {}),
        (lambda context: context.clear(), {}),
        (lambda context: context.__setitem__("task", "mine"), {"db": 1}),
        (lambda context: context.update(aws=1, sqs=2, task=3), {"db": 1}),
        (lambda context: context.pop("task"), {"db": 1}),
        (lambda context: context.__delitem__("sqs"), {"db": 1}),
    ],
)
def test_what_changes_in_the_context_is_kept_but_for_the_record_s_facts(
    change: Any, left: dict[str, Any]
) -> None:
    """Whatever changes the context does so for the next records, and never their facts."""
    contexts = []

    @queued
    def handler(event: dict[str, Any], context: dict[str, Any]) -> None:
        match event["task_kwargs"]["n"]:
            case 0:
                context["db"] = 1
            case 1:
                change(context)
            case n:
                assert_own(context, n, None)
                contexts.append(context.copy())

    assert handler(event(*(numbered(n) for n in range(4))), None) == ALL_DONE
    for context in contexts:
        assert context.keys() - left.keys() == {"aws", "sqs", "task"}
        assert context.items() >= left.items()
    assert len(contexts) == 2


def test_what_is_no_key_of_the_context_is_missing() -> None:
    """A key that is neither the record's nor kept is missing, as in any dict."""

    def look(context: dict[str, Any]) -> list[str]:
        missing: list[Any] = []
        for action in (
            lambda: context["no"],
            lambda: context.pop("no"),
            lambda: context.__delitem__("no"),
        ):
            with pytest.raises(KeyError) as caught:
                action()
            missing += caught.value.args
        with pytest.raises(TypeError):
            context | 5  # type: ignore[operator]
        with pytest.raises(TypeError):
            hash(context)
        del context["task"]
        assert "task" not in context
        return missing

    assert one_context(look, {}) == ["no", "no", "no"]
