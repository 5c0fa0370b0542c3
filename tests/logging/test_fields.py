"""Fields that code binds to lines."""

from __future__ import annotations

import asyncio
import contextvars
import logging
from concurrent.futures import ThreadPoolExecutor
from threading import Thread
from typing import TYPE_CHECKING, Any

import pytest
from algernon_logging import bind, lambda_logged
from algernon_logging.lines import fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .lines import JsonLines


@lambda_logged
def log(message: str) -> None:
    """Log a message."""
    logging.info(message)


def bound(lines: JsonLines) -> list[tuple[str, dict[str, Any]]]:
    """Take the message of each line, and what was bound to it."""
    usual = {"timestamp", "level", "message", "logger", "cold_start"}
    return [
        (line["message"], {name: value for name, value in line.items() if name not in usual})
        for line in lines.read()
    ]


def test_fields_hold_in_their_block(json_lines: JsonLines) -> None:
    """Lines of the block have its fields, and those before and after don't."""
    log("before")
    with bind(order_id=7, carrier="post"):
        log("inside")
    log("after")
    assert bound(json_lines) == [
        ("before", {}),
        ("inside", {"order_id": 7, "carrier": "post"}),
        ("after", {}),
    ]


def test_blocks_nest(json_lines: JsonLines) -> None:
    """An inner block adds to the outer one, and hides what has the same name."""
    with bind(a=1, b=1):
        with bind(b=2, c=2):
            log("inner")
        log("outer")
    assert bound(json_lines) == [("inner", {"a": 1, "b": 2, "c": 2}), ("outer", {"a": 1, "b": 1})]


def test_fields_go_with_an_error(json_lines: JsonLines) -> None:
    """A block that raises leaves no field behind."""
    with pytest.raises(KeyError), bind(a=1), bind(b=2):
        raise KeyError
    log("after")
    assert bound(json_lines) == [("after", {})]


def test_text_has_fields_as_pairs(capsys: pytest.CaptureFixture[str]) -> None:
    """In text they are pairs in a last column."""
    with bind(order_id=7, carrier="post"):
        log("inside")
    assert capsys.readouterr().err.endswith("\tinside\torder_id=7 carrier=post\n")


@pytest.mark.parametrize(
    "name",
    [
        "_aws",
        "cold_start",
        "exception",
        "function_arn",
        "function_name",
        "level",
        "logger",
        "message",
        "requestId",
        "stack",
        "tenantId",
        "timestamp",
    ],
)
def test_no_field_takes_the_name_of_a_lines_own(name: str, json_lines: JsonLines) -> None:
    """A name that a line needs for itself becomes another, and hides nothing."""
    with bind(**{name: "forged"}):
        lambda_logged(logging.error)("said", exc_info=ValueError("no"), stack_info=True)
    line = json_lines.one()
    assert line[f"extra_{name}"] == "forged"
    assert line.get(name) != "forged"
    assert line["message"] == "said"


def test_colliding_names_lose_nothing(json_lines: JsonLines) -> None:
    """Where another name is taken as well, a third is found."""
    with bind(extra_level="a", level="b"):
        log("either way")
    with bind(level="b", extra_level="a"):
        log("or the other")
    (_, one), (_, other) = bound(json_lines)
    assert set(one.values()) == set(other.values()) == {"a", "b"}


@pytest.mark.parametrize("name", ["", "a b", 'a"b', "a\nb", "a\tb", "a=b", "é", "self", "\udc80"])
def test_names_may_be_anything(
    name: str, json_lines: JsonLines, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever a field is called, the line is one object, and has it."""
    with bind(**{name: 1}):
        log("inside")
    ((_, found),) = bound(json_lines)
    assert found == {name.replace("\udc80", r"\udc80"): 1}


def test_what_is_none_is_left_out(json_lines: JsonLines) -> None:
    """A field that is None isn't known, and a line leaves it out."""
    with bind(a=None, b=0, c="", d=False):
        log("inside")
    assert bound(json_lines) == [("inside", {"b": 0, "c": "", "d": False})]


def test_async_tasks_keep_their_own_fields(json_lines: JsonLines) -> None:
    """Async functions that run beside each other don't mix up their fields."""

    async def work(n: int) -> None:
        with bind(n=n):
            for _ in range(3):
                await asyncio.sleep(0)
                log(f"{n}")
        log(f"{n} after")

    async def main() -> None:
        with bind(all=True):
            await asyncio.gather(*map(work, range(5)))

    asyncio.run(main())
    lines = bound(json_lines)
    assert len(lines) == 20
    for message, found in lines:
        n, *after = message.split()
        assert found == ({"all": True} if after else {"all": True, "n": int(n)})


def test_to_thread_has_the_fields(json_lines: JsonLines) -> None:
    """What asyncio.to_thread runs has the fields of who awaits it."""

    async def main() -> None:
        with bind(a=1):
            await asyncio.to_thread(log, "in thread")

    asyncio.run(main())
    assert bound(json_lines) == [("in thread", {"a": 1})]


def test_other_threads_have_none(json_lines: JsonLines) -> None:
    """A plain thread begins without the fields, and what it binds stays its own."""

    def work() -> None:
        log("begin")
        with bind(b=2):
            log("inside")

    with bind(a=1):
        thread = Thread(target=work)
        thread.start()
        thread.join()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(work).result()
        log("after")
    assert bound(json_lines) == [*[("begin", {}), ("inside", {"b": 2})] * 2, ("after", {"a": 1})]


def test_a_block_may_end_in_another_context(json_lines: JsonLines) -> None:
    """A generator that is closed elsewhere, as event loops do, raises nothing."""

    def steps() -> Iterator[int]:
        with bind(step=1):
            yield 1

    generator = steps()
    contextvars.Context().run(next, generator)
    contextvars.Context().run(generator.close)  # type: ignore[attr-defined]
    log("after")
    assert bound(json_lines) == [("after", {})]


def test_fields_of_a_coroutine_that_is_closed_elsewhere_go(json_lines: JsonLines) -> None:
    """A decorated coroutine that is closed in another context leaves no request id behind."""

    @lambda_logged
    async def handler(event: object, context: object) -> None:
        await asyncio.sleep(0)

    class Context:
        aws_request_id = "r-1"

    coroutine = handler({}, Context())
    contextvars.Context().run(coroutine.send, None)
    contextvars.Context().run(coroutine.close)
    thread = Thread(target=log, args=("in thread",))
    thread.start()
    thread.join()
    log("after")
    assert bound(json_lines) == [("in thread", {}), ("after", {})]


def test_what_is_added_to_a_record_cannot_be_bound_anew(json_lines: JsonLines) -> None:
    """A record's fields, those that tracing adds too, are what they are, whatever code binds."""

    def work() -> None:
        fields.set_record({"task_id": "t-1"})
        fields.add(trace_id="1-2")
        with bind(trace_id="forged", task_id="forged"):
            log("inside")
        fields.set_record({"task_id": "t-2"})
        log("the next")

    contextvars.Context().run(work)
    forged = {"extra_trace_id": "forged", "extra_task_id": "forged"}
    assert bound(json_lines) == [
        ("inside", {"task_id": "t-1", "trace_id": "1-2", **forged}),
        ("the next", {"task_id": "t-2"}),
    ]
