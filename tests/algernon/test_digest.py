"""What workers log, as `algernon run` shows it to people."""

from __future__ import annotations

import json
import re
from datetime import datetime
from typing import Any

import pytest
from algernon.story.digest import digest
from algernon.story.line_filter import LineFilter
from algernon.story.terminal import Terminal
from hypothesis import given
from hypothesis import strategies as st

ENDED_AT = "2026-11-24T03:11:08.000Z"
BACK_AT = "2026-11-24T03:12:09.000Z"


def clock(time: str) -> str:
    """Return what the clock on the wall shows at a time."""
    return f"{datetime.fromisoformat(time).astimezone():%H:%M:%S}"


NOW = clock(ENDED_AT)


def line(
    message: str, *, logger: str = "prices", level: str = "INFO", n: int | None = 1, **fields: Any
) -> str:
    """Return a line that was logged in the record of a number, or in none."""
    record = {"task_name": "price", "message_id": f"m-{n}", "receive_count": 1}
    facts = {**(record if n is not None else {}), **fields}
    pairs = " ".join(f"{name}={json.dumps(value)}" for name, value in facts.items())
    columns = [f"[{level}]", ENDED_AT, "r-1", "shop", "-", logger, message]
    return "\t".join([*columns, pairs] if pairs else columns)


def end(outcome: str = "done", **fields: Any) -> str:
    """Return the line of a record's end."""
    facts = {"duration_ms": 4.2, "outcome": outcome, **fields}
    return line("Task price: …", logger="algernon_logging", **facts)


def shown(*lines: str, **terminal: Any) -> list[str]:
    """Return what is shown of the lines of an invocation."""
    return "\n".join(digest(lines, Terminal(**terminal))).splitlines()


@pytest.mark.parametrize(
    ("fields", "rest"),
    [
        pytest.param({}, "done 4.2 ms", id="done"),
        pytest.param({"next_task_name": "bill"}, "done 4.2 ms → bill", id="callback"),
        pytest.param({"duration_ms": 0.14}, "done 0.1 ms", id="short"),
        pytest.param({"duration_ms": 61234.5}, "done 61.23 s", id="long"),
        pytest.param({"receive_count": 3}, "done 4.2 ms (run 3)", id="again"),
        pytest.param({"outcome": "duplicate"}, "done before 4.2 ms", id="duplicate"),
        pytest.param(
            {"outcome": "failed", "comes_back_at": BACK_AT},
            f"failed 4.2 ms, comes back at {clock(BACK_AT)}",
            id="failed",
        ),
        pytest.param(
            {"outcome": "handed_back", "duration_ms": None, "comes_back_at": BACK_AT},
            f"handed back, comes back at {clock(BACK_AT)}",
            id="handed back",
        ),
        pytest.param(
            {"outcome": "dead_letter"},
            "failed 4.2 ms, moved to the dead-letter queue",
            id="dead letter",
        ),
        pytest.param({"outcome": "resting"}, "resting 4.2 ms", id="unheard of"),
    ],
)
def test_a_task_is_one_short_line(fields: dict[str, Any], rest: str) -> None:
    """It has the time here, the Task, what came of it, how long it took, and what follows."""
    assert shown(end(**fields)) == [f"{NOW} price {rest}"]


def test_what_a_task_sends_is_counted_in_its_line() -> None:
    """Its callback comes first, and then what it sent by itself, by Task."""
    sends = [
        line("Task …: sent", logger="algernon_logging", next_task_name=name, next_task_id="7")
        for name in ("resize", "mail", "resize")
    ]
    assert shown(*sends, end(next_task_name="bill")) == [
        f"{NOW} price done 4.2 ms → bill, 2 resize, mail"
    ]


def test_own_lines_are_below_their_task() -> None:
    """However the lines of a batch are mixed, each is below its own Task, with its level."""
    lines = [
        line("asking", n=1),
        line("asking", n=2, level="WARNING"),
        line("got it", n=1, items=["tea", "scones"]),
        end(n=1),
        end(n=2),
    ]
    assert shown(*lines) == [
        f"{NOW} price done 4.2 ms",
        "         asking",
        "         got it",
        f"{NOW} price done 4.2 ms",
        "         WARNING asking",
    ]


def test_what_is_printed_is_below_the_task_if_that_is_clear() -> None:
    """Of one Task alone it is the Task's; of several nobody knows whose, and it comes first."""
    alone = ["3 words", line("asking"), "2.7 letters", end()]
    assert shown(*alone) == [
        f"{NOW} price done 4.2 ms",
        *("         3 words", "         asking", "         2.7 letters"),
    ]
    several = [line("asking", n=1), "3 words", end(n=1), end(n=2)]
    assert shown(*several) == [
        *("3 words", f"{NOW} price done 4.2 ms", "         asking", f"{NOW} price done 4.2 ms")
    ]


def test_what_belongs_to_no_task_comes_first() -> None:
    """What a module logs when it is imported has the time, and no Task."""
    assert shown(line("loading", n=None), end()) == [f"{NOW} loading", f"{NOW} price done 4.2 ms"]
    assert shown("ERROR ministack can't") == ["ERROR ministack can't"]


TRACEBACK = """Traceback (most recent call last):
  File "/tmp/x/code/algernon_queue/running.py", line 67, in run_batch
    result = item.context.run(handler, dict(message.body))
             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
  File "/tmp/x/code/prices.py", line 19, in price
    raise ValueError("no price") from error
ValueError: no price

During handling of the above exception, another exception occurred:

Traceback (most recent call last):
  File "/tmp/x/code/prices.py", line 7, in price
    total / count
    ~~~~~~^~~~~~~
ZeroDivisionError: division by zero"""


def test_a_traceback_is_told_without_algernon_s_own_frames() -> None:
    """Below the Task that failed is the traceback, of the Task's own code, with short paths."""
    lines = [
        line(
            "message m-1 for the Task price failed: ValueError",
            logger="algernon_queue",
            level="ERROR",
        ),
        *TRACEBACK.split("\n"),
        "printed by the next one",
        line("asking", n=2),
        end("failed", error="ValueError", reason="no price", error_at="prices.py:19 in price"),
        end(n=2),
    ]
    indent = " " * 9
    assert shown(*lines) == [
        "printed by the next one",
        f"{NOW} price failed 4.2 ms",
        f"{indent}Traceback (most recent call last):",
        f'{indent}  File "prices.py", line 19, in price',
        f'{indent}    raise ValueError("no price") from error',
        f"{indent}ValueError: no price",
        indent,
        f"{indent}During handling of the above exception, another exception occurred:",
        indent,
        f"{indent}Traceback (most recent call last):",
        f'{indent}  File "prices.py", line 7, in price',
        f"{indent}    total / count",
        f"{indent}ZeroDivisionError: division by zero",
        f"{NOW} price done 4.2 ms",
        f"{indent}asking",
    ]


def test_a_traceback_of_a_group_is_told_whole() -> None:
    """What a TaskGroup raises is below its Task, also where several were worked on."""
    group = [
        "  + Exception Group Traceback (most recent call last):",
        '  |   File "/tmp/x/code/prices.py", line 19, in price',
        "  | ExceptionGroup: two (2 sub-exceptions)",
        "  +-+---------------- 1 ----------------",
    ]
    lines = [line("asking", level="ERROR"), *group, end(), end(n=2)]
    assert shown(*lines) == [
        f"{NOW} price done 4.2 ms",
        "         ERROR asking",
        *(f"         {text}" for text in group),
        f"{NOW} price done 4.2 ms",
    ]


def test_an_error_without_a_traceback_is_named() -> None:
    """Where no traceback tells what went wrong, the error and its place do."""
    ended = end("failed", error="ValueError", reason="no price", error_at="prices.py:19 in price")
    assert shown(ended) == [
        f"{NOW} price failed 4.2 ms",
        "         ValueError: no price (prices.py:19 in price)",
    ]


def test_what_else_the_queue_says_of_a_task_is_shown() -> None:
    """Only what the Task's line says anyway is left out."""
    warning = "message m-1 for the Task price can't be moved to the dead-letter queue: AccessDenied"
    lines = [line(warning, logger="algernon_queue", level="ERROR"), end("failed")]
    assert shown(*lines) == [f"{NOW} price failed 4.2 ms", f"         ERROR {warning}"]


def test_a_task_without_an_end_is_shown_as_such() -> None:
    """Where the worker was stopped, as it is when its time is over, the line says so."""
    assert shown(line("asking")) == [
        f"{NOW} price has not ended: its worker was stopped",
        "         asking",
    ]


def test_what_does_not_fit_is_continued_further_in() -> None:
    """No line is wider than the terminal, and what follows a line's first row is indented."""
    rows = shown(line("asking " * 30), end(), width=40)
    assert len(rows) > 3
    assert all(len(row) <= 40 for row in rows)
    assert all(row.startswith("           asking") for row in rows[2:])


def test_colours_tell_how_a_task_fared() -> None:
    """A Task that is done is green, one that failed red; without colours there is no escape."""
    (done,) = shown(end(), has_colours=True)
    (failed,) = shown(end("failed"), has_colours=True)
    assert "\x1b[32mdone\x1b[0m" in done
    assert "\x1b[31mfailed\x1b[0m" in failed
    assert "\x1b" not in "".join(shown(end(), end("failed", n=2)))


@given(
    st.lists(
        st.text()
        | st.builds(line, st.text(), level=st.sampled_from(["INFO", "ERROR"]), task_name=st.text())
        | st.builds(
            end,
            st.text(min_size=1),
            error=st.text(),
            next_task_name=st.text() | st.integers(),
            comes_back_at=st.text() | st.none() | st.integers(),
            duration_ms=st.text() | st.floats(allow_nan=False) | st.none(),
        )
    )
)
def test_any_line_is_shown_harmlessly(lines: list[str]) -> None:
    """Whatever workers log, nothing of it steers the terminal, and nothing is raised."""
    for width in (None, 30):
        for row in digest(lines, Terminal(width=width, has_colours=True)):
            without = re.sub(r"\x1b\[\d+m", "", row)
            assert all(part.isprintable() for part in without.split("\n"))


_anything = st.recursive(
    st.text() | st.integers() | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
_FIELDS = (
    *("task_name", "message_id", "receive_count", "outcome", "logger", "level", "message", "error"),
    *("exception", "stackTrace", "errorMessage", "next_task_name", "duration_ms", "requestId"),
    *("type", "time", "record"),
)
_FRAMES = st.lists(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("file", "line", "code"), _anything))
)


@given(
    st.lists(
        st.fixed_dictionaries(
            {"timestamp": st.just(ENDED_AT) | _anything},
            optional={
                **dict.fromkeys(_FIELDS, _anything),
                "exception": st.fixed_dictionaries({"frames": _FRAMES, "cause": _anything}),
            },
        ).map(json.dumps)
    )
)
def test_any_object_is_shown_harmlessly(lines: list[str]) -> None:
    """Whatever a function writes as JSON, nothing is raised, whether all is shown or some."""
    for has_failed in (False, True):
        wanted = [each.text for each in LineFilter(has_failed=has_failed).lines_of(lines)]
        for row in digest(wanted, Terminal(width=30)):
            assert all(part.isprintable() for part in row.split("\n"))
