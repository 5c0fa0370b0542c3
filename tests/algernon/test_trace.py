"""`algernon trace`: the story of a chain, out of the lines of its workers."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import boto3
import pytest
from algernon.errors import ChainError
from algernon.story.chain import check_chain_id, read_chain
from algernon.story.chain_story import tasks_with_kwargs, tell_chain
from algernon.story.terminal import Terminal
from hypothesis import given
from hypothesis import strategies as st

Command = Callable[..., subprocess.CompletedProcess[str]]

CHAIN_ID = "a14c2c7b-fad4-4c82-ba64-6c2e3acb0079"
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:shop"
GROUP = "shop-WorkerLogs"

FACTS: dict[str, Any] = {
    "task_name": "price",
    "task_id": CHAIN_ID,
    "chain_id": CHAIN_ID,
    "message_id": "7ae8ef84-f317-4b7c-9d4e-5c6f6a2b7c11",
    "receive_count": 1,
    "outcome": "done",
    "sent_at": "2026-11-24T03:11:07.000Z",
    "started_at": "2026-11-24T03:11:07.250Z",
    "duration_ms": 12.34,
    "message_bytes": 723,
}


def json_line(**others: Any) -> str:
    """Return the line of a run's end in JSON."""
    facts = {**FACTS, **others}
    line: dict[str, Any] = {
        "timestamp": "2026-11-24T03:11:08.000Z",
        "level": "INFO",
        "message": "Task",
        "logger": "algernon_logging",
        "function_name": "shop",
        "function_arn": ARN,
    }
    return json.dumps(
        {**line, **{name: value for name, value in facts.items() if value is not None}}
    )


def own_line(**others: Any) -> str:
    """Return a line that a Task itself wrote, in JSON."""
    line = {
        "timestamp": "2026-11-24T03:11:07.300Z",
        "level": "INFO",
        "message": "asking",
        "logger": "prices",
        "function_name": "shop",
        "task_name": "price",
        "task_id": CHAIN_ID,
        "chain_id": CHAIN_ID,
        "receive_count": 1,
    }
    return json.dumps({**line, **others})


def story_of(*lines: str) -> list[str]:
    """Return the lines of the story that lines tell."""
    return tell_chain(read_chain(CHAIN_ID, lines)).splitlines()


def verdict_of(*lines: str) -> list[str]:
    """Return the lines of the story below its table."""
    story = story_of(*lines)
    return story[story.index("", 2) + 1 :]


def text_line(**others: Any) -> str:
    """Return a line of a run as columns."""
    facts = {**FACTS, **others}
    fields = " ".join(
        f"{name}={value if str(value).isalnum() else json.dumps(value)}"
        for name, value in facts.items()
        if value is not None
    )
    columns = ("[INFO]", "2026-11-24T03:11:08.000Z", "r-1", "shop", ARN, "algernon_logging")
    return "\t".join((*columns, f"Task {facts['task_name']}: done after 12.3 ms", fields))


@pytest.mark.parametrize("line", [json_line, text_line])
def test_a_run_is_told_from_a_line_in_either_form(line: Callable[..., str]) -> None:
    """A line of a run gives its times, sizes, outcome, error and function."""
    text = line(
        outcome="dead_letter",
        arguments_bytes=1234,
        error="ValueError",
        reason="no\nprice",
        error_at="worker.py:7 in price",
    )

    headings = (
        "TASK   RUN  STARTED (UTC)                 AGE     TOOK  RECEIVED              SENT"
        "  OUTCOME"
    )
    row = (
        "price    1  2026-11-24 03:11:07.250  250.0 ms  12.3 ms  723 B + 1.2 kB in S3  -   "
        "  dead letter"
    )
    assert story_of(text) == [
        f"Chain {CHAIN_ID}: 1 Task, 1 run, 1 function, 1.000 s.",
        "",
        headings,
        "in shop:",
        row,
        "    ValueError: no price (worker.py:7 in price)",
        "",
        (
            f"price ({CHAIN_ID}) isn't done: its run 1 failed, and was moved to the dead-letter"
            " queue."
        ),
    ]


@pytest.mark.parametrize("line", [json_line, text_line])
def test_a_hop_without_a_run_is_named(line: Callable[..., str]) -> None:
    """Where a message was sent of which no line tells, the story ends with it."""
    task_id = str(uuid4())
    sent = line(next_task_name="bill", next_task_id=task_id, sent_bytes=441, result_bytes=91)

    *_, row, blank, last = story_of(sent)

    assert row.endswith("  441 B + 91 B in S3  done")
    assert blank == ""
    assert last == f"No line yet of bill ({task_id}), to which a message was sent."


@pytest.mark.parametrize(
    ("counts", "missing"),
    [
        ((2, 4, 4), "1, 3"),
        ((1, 5, 7), "2 to 4, 6"),
        ((0, 2), "1"),
        ((30_000_000,), "1 to 29999999"),
    ],
)
def test_runs_without_a_line_are_named(counts: tuple[int, ...], missing: str) -> None:
    """Where the attempts of a Task have gaps, the story says which, as after a killed process."""
    assert verdict_of(*(json_line(receive_count=count) for count in counts)) == [
        f"No line of run {missing} of price ({CHAIN_ID}): its process may have been killed."
    ]


FAILED = "failed, so that it is tried again, or is in the dead-letter queue by now"
NOT_ENDED = "has not ended, so that it is running, or its process was killed or ran out of time"


@pytest.mark.parametrize(
    ("outcome", "state"),
    [
        ("done", None),
        ("duplicate", None),
        ("failed", FAILED),
        ("dead_letter", "failed, and was moved to the dead-letter queue"),
        ("handed_back", "went back to the queue"),
        ("cancelled", "was cancelled"),
        ("expired", "came too late"),
    ],
)
def test_the_last_run_of_a_task_says_whether_it_is_done(outcome: str, state: str | None) -> None:
    """After a failure, what the last run came to counts, in whatever order the lines are."""
    last = json_line(outcome=outcome, receive_count=2, started_at="2026-11-24T03:11:08.250Z")

    assert verdict_of(last, json_line(outcome="failed")) == [
        f"price ({CHAIN_ID}) isn't done: its run 2 {state}." if state else "All of it is done."
    ]


def test_each_task_has_a_verdict_of_its_own() -> None:
    """That one Task of the chain is done says nothing of the others."""
    task_id = str(uuid4())
    lines = [
        json_line(next_task_name="bill", next_task_id=task_id),
        json_line(task_name="bill", task_id=task_id, outcome="handed_back"),
    ]

    assert verdict_of(*lines) == [
        f"bill ({task_id}) isn't done: its run 1 went back to the queue.",
    ]


def test_a_run_without_an_end_is_told_from_its_first_line() -> None:
    """Lines that a Task wrote, with no end, are a run that hasn't ended, told once."""
    of_the_task = {"outcome": "sold", "message_bytes": 7}
    lines = [
        own_line(receive_count=2, timestamp="2026-11-24T03:12:09.000Z", **of_the_task),
        own_line(receive_count=2, timestamp="2026-11-24T03:12:08.000Z"),
        json_line(outcome="failed"),
    ]

    *_, row, blank, verdict = story_of(*lines)

    assert row.split() == ["price", "2", "2026-11-24", "03:12:08.000", *"----", "not", "ended"]
    assert blank == ""
    assert verdict == f"price ({CHAIN_ID}) isn't done: its run 2 {NOT_ENDED}."


def test_a_run_with_an_end_is_told_by_it_alone() -> None:
    """The lines that a Task wrote before its end don't make another run of it."""
    for lines in ([own_line(), json_line()], [json_line(), own_line()]):
        (run,) = read_chain(CHAIN_ID, lines).runs
        assert run.outcome == "done"


def test_a_function_is_named_where_it_changes() -> None:
    """Runs that follow each other in one function have one heading."""
    lines = [
        json_line(task_name=name, function_name=function, started_at=f"2026-11-24T03:11:0{second}Z")
        for second, (name, function) in enumerate(
            [("a", "shop"), ("b", "shop"), ("c", "bank"), ("d", "shop")]
        )
    ]

    firsts = [row.split()[0:2] for row in story_of(*lines)[3:-2]]

    assert firsts == [
        *(["in", "shop:"], ["a", "1"], ["b", "1"]),
        *(["in", "bank:"], ["c", "1"], ["in", "shop:"], ["d", "1"]),
    ]


def test_runs_are_told_in_the_order_of_time() -> None:
    """However lines come in, the runs are in the order in which they began."""
    lines = [
        json_line(task_name=name, started_at=f"2026-11-24T03:11:{second:02}.000Z")
        for name, second in [("c", 9), ("a", 1), ("b", 5)]
    ]
    assert [run.task_name for run in read_chain(CHAIN_ID, lines).runs] == ["a", "b", "c"]


def test_a_run_that_never_started_is_told_too() -> None:
    """A record that was given back without a run has the time of its line, and no duration."""
    line = json_line(outcome="handed_back", started_at=None, duration_ms=None, sent_at=None)
    row = story_of(line)[4]
    assert row.split() == [
        *("price", "1", "2026-11-24", "03:11:08.000", "-", "-", "723", "B", "-", "handed", "back")
    ]


def test_times_are_told_by_the_clock_here(clock_in: Callable[[str], None]) -> None:
    """Whatever zone a line's times are in, the table's are those of its heading."""
    line = json_line(started_at="2026-11-24T05:11:07.250+02:00")
    assert "  STARTED (UTC)  " in story_of(line)[2]
    assert "  2026-11-24 03:11:07.250  " in story_of(line)[4]
    clock_in("Asia/Tokyo")
    assert "  STARTED (JST)  " in story_of(line)[2]
    assert "  2026-11-24 12:11:07.250  " in story_of(line)[4]


@pytest.mark.parametrize(
    ("zone", "time"),
    [
        ("America/New_York", "0001-01-01T00:00:00+00:00"),
        ("Asia/Tokyo", "9999-12-31T23:00:00+00:00"),
    ],
)
def test_a_time_that_no_clock_here_shows_is_none(
    zone: str, time: str, clock_in: Callable[[str], None]
) -> None:
    """Somebody else's line with such a time doesn't end the story."""
    clock_in(zone)
    assert read_chain(CHAIN_ID, [json_line(started_at=time)]).tasks == {}


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[" * 5000,
        "START RequestId: r-1",
        json_line(chain_id=str(uuid4())),
        own_line(task_name=["price"]),
        json_line(task_name=None),
        json_line(task_id=None),
        json_line(receive_count=None),
        json_line(message_bytes=None),
        text_line(receive_count=None),
        "[INFO]\t2026-11-24T03:11:08.000Z\t-\t-\t-\talgernon_logging\tTask\tchain_id=" + CHAIN_ID,
    ],
)
def test_what_tells_of_no_run_is_passed_over(line: str) -> None:
    """Lines of other chains, other programs, and such without a Task are no runs of the chain."""
    assert read_chain(CHAIN_ID, [line]).tasks == {}


NO_NUMBERS: list[Any] = ["many", [1], {}, float("inf"), float("nan"), -1, 1e308, 10**400]
NO_TEXTS: list[Any] = [["x"], {"a": 1}]
# The last one is in a year before the first, in UTC.
NO_TIMES: list[Any] = ["now", "2026-11-24T03:11:08", 7, ["x"], "0001-01-01T00:00:00+14:00"]
WRONG: dict[str, list[Any]] = {
    **dict.fromkeys(("task_name", "task_id", "function_name", "outcome", "error"), NO_TEXTS),
    **dict.fromkeys(("timestamp", "sent_at", "started_at"), NO_TIMES),
    **dict.fromkeys(("receive_count", "message_bytes", "arguments_bytes"), NO_NUMBERS),
    **dict.fromkeys(("sent_bytes", "result_bytes", "duration_ms"), NO_NUMBERS),
}
DAMAGE: list[dict[str, Any]] = [
    *({name: value} for name, values in WRONG.items() for value in values),
    {"next_task_name": ["bill"], "next_task_id": "7"},
    {"next_task_name": "bill", "next_task_id": {"a": 1}},
    {"error": "ValueError", "reason": ["no price"]},
    {"error": "ValueError", "error_at": {"line": 7}},
]


@pytest.mark.parametrize("damage", DAMAGE, ids=str)
def test_a_damaged_line_is_passed_over(damage: dict[str, Any]) -> None:
    """Whatever is wrong in a line, the others of the chain are told, as if it weren't there."""
    good = json_line()

    assert story_of(json_line(**{"receive_count": 2, **damage}), good) == story_of(good)


@given(
    st.dictionaries(
        st.sampled_from([*FACTS, "timestamp", "logger", "function_name", "arguments_bytes"])
        | st.sampled_from(["next_task_name", "next_task_id", "error", "reason", "error_at"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
            lambda each: st.lists(each) | st.dictionaries(st.text(), each),
            max_leaves=3,
        )
        | st.datetimes().map(lambda time: f"{time.isoformat()}Z"),
    )
)
def test_no_line_breaks_the_story(damage: dict[str, Any]) -> None:
    """Any values at all beside a good line leave its row in the story, which is printable."""
    story = story_of(json_line(**{**damage, "chain_id": CHAIN_ID}), json_line(task_name="good"))

    assert [row for row in story if row.startswith("good ")]
    assert all(row.isprintable() for row in story)


WILD = "\x1b[2J\x9b1m\x07\r\n\u202eevil\u2066\u200f\ud800\u2028"


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param([json_line(task_name=WILD, task_id=WILD, outcome="failed")], id="task"),
        pytest.param([json_line(function_name=WILD)], id="function"),
        pytest.param([json_line(outcome=WILD)], id="outcome"),
        pytest.param([json_line(error=WILD, reason=WILD, error_at=WILD)], id="error"),
        pytest.param([json_line(next_task_name=WILD, next_task_id=WILD)], id="next"),
        pytest.param([own_line(task_name=WILD, task_id=WILD, receive_count=3)], id="begun"),
        pytest.param([text_line(task_id=WILD, error=WILD, reason=WILD)], id="text"),
    ],
)
def test_nothing_in_a_line_reaches_the_terminal_as_a_command(lines: list[str]) -> None:
    """Escape sequences, bidi marks, line ends and lone surrogates are replaced."""
    story = tell_chain(read_chain(CHAIN_ID, lines))

    assert "evil" in story
    assert all(line.isprintable() for line in story.split("\n"))
    assert "\N{REPLACEMENT CHARACTER}" in story


def sent_line(name: str, task_id: str, **others: Any) -> str:
    """Return the line of a message that a Task sent by itself."""
    facts = {
        "message": f"Task {name}: sent",
        "logger": "algernon_logging",
        "next_task_name": name,
        "next_task_id": task_id,
        "message_id": FACTS["message_id"],
    }
    return own_line(**{**facts, **others})


def number(n: int) -> str:
    """Return the id of a number."""
    return str(UUID(int=n))


def test_what_a_task_sent_is_part_of_the_story() -> None:
    """A Task that was sent by a Task, and of which no line tells, keeps all from being done."""
    assert verdict_of(json_line(), sent_line("mail", number(1))) == [
        f"No line yet of mail ({number(1)}), to which a message was sent."
    ]
    mail = json_line(task_name="mail", task_id=number(1))
    assert verdict_of(json_line(), sent_line("mail", number(1)), mail) == ["All of it is done."]


def test_two_hundred_that_wait_are_counted() -> None:
    """Many Tasks that were sent, and wait, are one row and one sentence, with three of the ids."""
    lines = [json_line(), *(sent_line("resize", number(n)) for n in range(200))]
    summary, blank, *tree = story_of(*lines)[:5]

    assert ": 201 Tasks, 1 run, 1 function, " in summary
    assert blank == ""
    assert [row.split() for row in tree] == [
        ["TASK", "TASKS", "RUNS", "DONE", "FAILED", "OPEN", "MEDIAN", "LONGEST"],
        ["price", "1", "1", "1", "-", "-", "12.3", "ms", "12.3", "ms"],
        ["└─", "resize", "200", "0", "-", "-", "200", "-", "-"],
    ]
    ids = ", ".join(number(n) for n in range(3))
    assert verdict_of(*lines) == [
        f"200 resize: no line yet, though messages were sent to them ({ids} and 197 more)."
    ]


def test_a_chain_of_which_only_a_send_is_known_is_told() -> None:
    """Where a function that is no Task sent the first one, the story begins with that."""
    line = json.loads(sent_line("price", CHAIN_ID))
    for name in ("task_name", "task_id", "receive_count", "message_id"):
        del line[name]
    assert story_of(json.dumps(line)) == [
        f"Chain {CHAIN_ID}: 1 Task, 0 runs, 1 function, 0.000 s.",
        "",
        f"No line yet of price ({CHAIN_ID}), to which a message was sent.",
    ]


def test_an_outcome_that_is_not_known_is_not_done() -> None:
    """What a newer worker may say of a run is told as it says it, and not called done."""
    assert verdict_of(json_line(outcome="resting")) == [
        f"price ({CHAIN_ID}) isn't done: its run 1 ended as 'resting', which isn't known here."
    ]


def test_a_task_that_nobody_is_known_to_have_sent_leaves_it_open() -> None:
    """Where the line of whoever sent it is missing, so may be lines of what else was sent."""
    assert verdict_of(json_line(task_name="mail", task_id=number(1))) == [
        f"No line tells who sent mail ({number(1)}), or what else was sent with it."
    ]


def test_when_a_task_comes_back_is_told() -> None:
    """A run that failed says when its message is given out again, if that is known."""
    line = json_line(outcome="failed", comes_back_at="2026-11-24T03:12:08.250Z")
    (verdict,) = verdict_of(line)
    assert verdict.endswith(f" {FAILED} (it comes back at 2026-11-24 03:12:08 UTC).")


@pytest.mark.parametrize(("runs", "is_tree"), [(19, False), (20, True)])
def test_from_twenty_runs_on_there_is_a_tree(*, runs: int, is_tree: bool) -> None:
    """Fewer are told run by run."""
    lines = [json_line(receive_count=count, outcome="failed") for count in range(1, runs + 1)]
    assert story_of(*lines)[2].startswith("TASK   TASKS  RUNS") == is_tree


def long_chain() -> list[str]:
    """Return the lines of a chain in which thirty pages are resized, and then stored."""
    lines = [json_line(task_name="split"), json_line(task_name="mail", task_id=number(0))]
    split = {"task_name": "split"}
    lines.append(sent_line("mail", number(0), **split))
    for n in range(1, 31):
        page, stored = number(n), number(100 + n)
        lines.append(sent_line("resize", page, **split))
        if n % 10 == 7:
            error = {"outcome": "dead_letter", "error": "ValueError", "reason": "no picture"}
            lines.append(json_line(task_name="resize", task_id=page, **error))
            continue
        on = {"next_task_name": "store", "next_task_id": stored}
        lines.append(json_line(task_name="resize", task_id=page, duration_ms=n, **on))
        if n != 1:
            lines.append(json_line(task_name="store", task_id=stored))
    return lines


def test_the_tree_counts_tasks_by_who_sent_them() -> None:
    """Tasks of one name below the same are one row: how many, how they fared, how long it took."""
    story = story_of(*long_chain())
    assert story[2:] == [
        "TASK         TASKS  RUNS  DONE  FAILED  OPEN   MEDIAN  LONGEST",
        "split            1     1     1       -     -  12.3 ms  12.3 ms",
        "├─ mail          1     1     1       -     -  12.3 ms  12.3 ms",
        "└─ resize       30    30    27       3     -  13.5 ms  30.0 ms",
        "   └─ store     27    26    26       -     1  12.3 ms  12.3 ms",
        "",
        "3 runs of resize: ValueError: no picture",
        "",
        *(
            f"resize ({number(n)}) isn't done: its run 1 failed, and was moved to the dead-letter"
            " queue."
            for n in (7, 17, 27)
        ),
        f"No line yet of store ({number(101)}), to which a message was sent.",
    ]


def test_a_chain_that_goes_round_is_as_deep_as_it_has_names() -> None:
    """A Task that sends itself on, page by page, is one row, and so are two by turns."""
    lines = [
        json_line(
            task_name="ab"[n % 2],
            task_id=number(n) if n else CHAIN_ID,
            next_task_name="ab"[(n + 1) % 2],
            next_task_id=number(n + 1),
        )
        for n in range(2000)
    ]
    rows = [row.split() for row in story_of(*lines)[3:5]]
    assert [row[:3] for row in rows] == [["a", "1001", "1000"], ["└─", "b", "1000"]]


@pytest.mark.parametrize("size", [2, 30])
def test_tasks_that_are_said_to_have_sent_each_other_are_told(size: int) -> None:
    """Lines that were forged to go round in a circle are each told."""
    lines = [
        json_line(
            task_name=f"work{n}",
            task_id=number(n),
            next_task_name=f"work{(n + 1) % size}",
            next_task_id=number((n + 1) % size),
        )
        for n in range(size)
    ]
    story = "\n".join(story_of(*lines))
    assert all(f"work{n} " in story for n in range(size))


def test_a_thousand_names_below_each_other_are_told() -> None:
    """However deep a chain is, it is told whole."""
    lines = [
        json_line(
            task_name=f"work{n}",
            task_id=number(n) if n else CHAIN_ID,
            next_task_name=f"work{n + 1}",
            next_task_id=number(n + 1),
        )
        for n in range(1500)
    ]
    assert len(story_of(*lines)) == 1501 + 5


def test_many_different_errors_are_told_by_the_most_frequent() -> None:
    """Ten of them, with how often each came, and how many others there are."""
    lines = [
        json_line(receive_count=count, outcome="failed", error="ValueError", reason=f"{count % 15}")
        for count in range(1, 32)
    ]
    errors = [row for row in story_of(*lines) if " of price: " in row or "other" in row]
    assert errors[0] == "3 runs of price: ValueError: 1"
    assert len(errors) == 11
    assert errors[-1] == "and 5 other errors"


def told_on(terminal: Terminal, *lines: str) -> list[str]:
    """Return the lines of a story on a terminal."""
    return tell_chain(read_chain(CHAIN_ID, lines), terminal).split("\n")


def test_a_narrow_terminal_gets_no_sizes() -> None:
    """Where the table doesn't fit, it goes without them, and all else is continued further in."""
    error = {"error": "ValueError", "reason": "no price " * 20, "outcome": "failed"}
    rows = told_on(Terminal(width=72), json_line(arguments_bytes=1234, **error))
    assert all(len(row) <= 72 for row in rows)
    assert rows[:2] == [f"Chain {CHAIN_ID}:", "1 Task, 1 run, 1 function, 1.000 s."]
    assert rows[3].split() == ["TASK", "RUN", "STARTED", "(UTC)", "AGE", "TOOK", "OUTCOME"]
    wide = told_on(Terminal(width=120), json_line(arguments_bytes=1234))
    assert "723 B + 1.2 kB in S3" in wide[4]


def names(number: int, **of_the_last: Any) -> list[str]:
    """Return the lines of a chain of Tasks of so many names, each of which sent the next."""
    return [
        json_line(
            task_name=f"work{n}",
            task_id=number_or_chain(n),
            **(
                {"next_task_name": f"work{n + 1}", "next_task_id": number_or_chain(n + 1)}
                if n < number - 1
                else of_the_last
            ),
        )
        for n in range(number)
    ]


def number_or_chain(n: int) -> str:
    """Return an id, of the first the chain's."""
    return f"{UUID(int=n)}" if n else CHAIN_ID


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_on_a_terminal_no_row_of_a_deep_tree_is_too_long(width: int) -> None:
    """Columns are left out, then beginnings of branches, and the middle of names."""
    lines = names(50)
    long_name = "a_name_that_is_as_long_as_some_of_yours_are"
    lines.append(sent_line(long_name, number(99), task_name="work0"))
    rows = told_on(Terminal(width=width), *lines)

    table = rows[rows.index("") + 1 : rows.index("", rows.index("") + 1)]
    assert len(table) == 52
    assert all(len(row) <= width for row in table)
    assert all(f"work{n} " in row for n, row in enumerate(table[1:51]))
    assert table[51].lstrip("├└─ ").startswith("a_na")


@pytest.mark.parametrize("is_sent", [True, False])
def test_on_a_terminal_many_names_are_folded(*, is_sent: bool) -> None:
    """Those of what failed, and what leads there, are shown; the rest is counted together."""
    lines = [json_line(task_name="split")]
    for n in range(1, 400):
        name = {"task_name": f"work{n}", "task_id": number(n)}
        if is_sent:
            lines.append(sent_line(f"work{n}", number(n), task_name="split"))
        bad = {"outcome": "failed", "error": "ValueError", "reason": "no"} if n == 399 else {}
        lines.append(json_line(**name, **bad))

    rows = told_on(Terminal(width=80), *lines)

    table = rows[rows.index("") + 1 : rows.index("", rows.index("") + 1)]
    assert len(table) == 62
    (failed,) = (row for row in table if "work399 " in row)
    assert failed.split()[-9:] == ["1", "1", "-", "1", "-", "12.3", "ms", "12.3", "ms"]
    assert "… 340 more" in table[-1]
    assert table[-1].split()[-9:-4] == ["340", "340", "340", "-", "-"]
    assert len([row for row in story_of(*lines) if row.endswith("12.3 ms")]) == 400


def test_arguments_stand_below_the_first_run_of_their_task() -> None:
    """In one line that isn't long, with credentials masked and without tags."""
    task_id = number(1)
    lines = [
        *(json_line(receive_count=count, outcome="failed", task_id=task_id) for count in (1, 2)),
        json_line(),
    ]
    total = {"_alg_class": "decimal", "value": "1.50"}
    kwargs = {"password": "hush", "total": total, "text": "a\u202eb", "n": [0] * 500}
    chain = read_chain(CHAIN_ID, lines)

    story = tell_chain(chain, kwargs={task_id: kwargs}).splitlines()

    at = next(n for n, row in enumerate(story) if row.startswith("price    1") and "failed" in row)
    told = story[at + 1]
    assert told.startswith('    {"password": "***", "total": "1.50", "text": "a\\u202eb", "n"')
    assert told.endswith("…")
    assert len(told) == 304
    narrow = tell_chain(chain, Terminal(width=80), kwargs={task_id: kwargs}).splitlines()
    assert [row for row in narrow if "1.50" in row] == [f"{told[:79]}…"]
    assert len([row for row in story if "1.50" in row]) == 1
    assert story[-1].startswith("The arguments of 1 Task aren't known: they travelled in messages,")
    assert tell_chain(chain).splitlines() == [
        row for row in story if "1.50" not in row and "arguments" not in row
    ]


def test_of_a_long_chain_the_arguments_of_what_is_left_are_told() -> None:
    """Of what failed first, and of no more than twenty Tasks."""
    chain = read_chain(CHAIN_ID, long_chain())

    assert tasks_with_kwargs(chain) == [
        *(("resize", number(n)) for n in (7, 17, 27)),
        ("store", number(101)),
    ]
    story = tell_chain(chain, kwargs={number(7): {"page": 7}, number(1): {}}).splitlines()
    at = story.index(f"resize ({number(7)}):")
    assert story[at + 1] == '    {"page": 7}'
    assert story[-1].startswith("The arguments of 3 Tasks aren't known")
    many = [json_line(task_name="split"), *(sent_line("mail", number(n)) for n in range(1, 99))]
    assert len(tasks_with_kwargs(read_chain(CHAIN_ID, many))) == 20


def test_for_programs_a_chain_is_told_whole(command: Command, endpoint: str) -> None:
    """As one line of JSON: its Tasks, who sent them, and all of their runs."""
    done = trace(command, endpoint, CHAIN_ID, "--json", *("--log-group", "others"))
    assert done.stderr == ""

    (line,) = done.stdout.splitlines()
    (task,) = (told := json.loads(line))["tasks"]
    assert (told["chain_id"], told["state"], told["groups"]) == (CHAIN_ID, "done", [])
    assert (task["task_name"], task["task_id"], task["state"]) == ("bill", CHAIN_ID, "done")
    assert task["runs"] == [
        {
            "receive_count": 1,
            "function_name": "shop",
            "logged_at": "2026-11-24T03:11:08.000Z",
            "sent_at": "2026-11-24T03:11:07.000Z",
            "started_at": "2026-11-24T03:11:07.250Z",
            "duration_ms": 12.34,
            "outcome": "done",
            "message_bytes": 723,
        }
    ]


def test_colours_tell_what_failed() -> None:
    """A run that failed is red, and that all is done green; elsewhere there are no escapes."""
    failed = told_on(Terminal(has_colours=True), json_line(outcome="failed"))
    assert failed[4].startswith("\x1b[31mprice ")
    assert told_on(Terminal(has_colours=True), json_line())[-1] == (
        "\x1b[32mAll of it is done.\x1b[0m"
    )
    assert "\x1b" not in "".join(told_on(Terminal(), json_line(outcome="failed")))


def test_a_chain_id_is_a_uuid() -> None:
    """What is no UUID is refused, and one in capitals is found as lines have it."""
    assert check_chain_id(CHAIN_ID.upper()) == CHAIN_ID
    with pytest.raises(ChainError, match="'order 7' is no chain_id"):
        check_chain_id("order 7")


@pytest.fixture(scope="module")
def endpoint(module_url: str) -> str:
    """An AWS with a stack whose workers have logged."""
    where: dict[str, Any] = {
        "endpoint_url": module_url,
        "region_name": "eu-west-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }
    boto3.client("cloudformation", **where).create_stack(
        StackName="shop",
        TemplateBody=json.dumps(
            {
                "Resources": {
                    "WorkerLogs": {
                        "Type": "AWS::Logs::LogGroup",
                        "Properties": {"LogGroupName": GROUP},
                    }
                }
            }
        ),
    )
    logs = boto3.client("logs", **where)
    logs.create_log_group(logGroupName="others")
    logs.create_log_group(logGroupName="wild")
    for group, line in (
        (GROUP, json_line()),
        ("others", text_line(task_name="bill")),
        ("wild", json_line(task_name="évil\x1b[2J", error="E", reason="\u202e\x9b1m")),
    ):
        logs.create_log_stream(logGroupName=group, logStreamName="s")
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": text} for text in (line, "another line")]
        logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    return module_url


def trace(command: Command, endpoint: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `algernon trace` against AWS."""
    return command(
        *("trace", *arguments, "--region", "eu-west-1"),
        AWS_ENDPOINT_URL=endpoint,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
    )


def test_the_lines_of_a_stack_on_aws_are_searched(command: Command, endpoint: str) -> None:
    """With --region and --stack the stack's own log group is asked."""
    done = trace(command, endpoint, CHAIN_ID, "--stack", "shop")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Chain {CHAIN_ID}: 1 Task, 1 run, 1 function, ")


def test_other_log_groups_are_searched_too(command: Command, endpoint: str) -> None:
    """With --log-group a chain that runs through other stacks is told whole."""
    done = trace(command, endpoint, CHAIN_ID, "--stack", "shop", "--log-group", "others")
    assert [row.split()[0] for row in done.stdout.splitlines()[3:-2]] == ["in", "price", "bill"]
    assert trace(command, endpoint, CHAIN_ID, "--log-group", "others").returncode == 0


def test_a_log_group_that_is_named_twice_is_searched_once(command: Command, endpoint: str) -> None:
    """Neither the stack's own group nor another gives its runs twice."""
    once = trace(command, endpoint, CHAIN_ID, "--stack", "shop", "--log-group", "others")
    groups = ("--log-group", GROUP, "--log-group", "others", "--log-group", "others")
    twice = trace(command, endpoint, CHAIN_ID, "--stack", "shop", *groups)
    assert ": 2 Tasks, 2 runs, " in once.stdout
    assert twice.stdout == once.stdout


@pytest.mark.parametrize(
    ("encoding", "name"), [("utf-8", "évil\ufffd[2J"), ("ascii", r"\xe9vil\ufffd[2J")]
)
def test_only_what_a_terminal_shows_is_printed(
    command: Command, endpoint: str, encoding: str, name: str
) -> None:
    """What would steer a terminal is replaced, and what its encoding lacks is escaped."""
    done = command(
        *("trace", CHAIN_ID, "--log-group", "wild", "--region", "eu-west-1"),
        AWS_ENDPOINT_URL=endpoint,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        PYTHONIOENCODING=encoding,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert all(line.isprintable() for line in done.stdout.splitlines())
    assert name in done.stdout


def test_a_chain_of_which_nothing_is_known_is_an_error(command: Command, endpoint: str) -> None:
    """Where no line tells of the chain, one line says where was looked, and what may be."""
    chain_id = str(uuid4())
    done = trace(command, endpoint, chain_id, "--stack", "shop", "--hours", "3")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        f"algernon: no line of the last 3 hours in {GROUP} tells of the chain {chain_id}: "
    )


def test_a_wrong_id_is_an_error(command: Command, endpoint: str) -> None:
    """What is no id is refused before anything is asked."""
    done = trace(command, endpoint, "order-7", "--stack", "shop")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("algernon: 'order-7' is no chain_id")


def test_on_aws_a_place_is_needed(command: Command, endpoint: str) -> None:
    """Without a stack or a log group it isn't clear where the lines are."""
    done = trace(command, endpoint, CHAIN_ID)
    assert done.returncode == 2
    assert "--stack or --log-group is needed" in done.stderr


def test_without_a_region_only_the_local_system_is_asked(command: Command, endpoint: str) -> None:
    """Where none runs, one line says so."""
    done = command("trace", CHAIN_ID, AWS_ENDPOINT_URL=endpoint)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("algernon: no local system runs")


@pytest.mark.parametrize(
    ("missing", "why"),
    [
        ("nowhere", "(ResourceNotFoundException)"),
        ("", "Parameter validation failed: Invalid length for parameter logGroupName"),
    ],
)
def test_a_log_group_that_can_not_be_read_is_left_out(
    command: Command, endpoint: str, missing: str, why: str
) -> None:
    """The story is told out of the others, and a line on standard error says what is missing."""
    groups = ("--log-group", missing, "--log-group", "others")
    done = trace(command, endpoint, CHAIN_ID, *groups, "--stack", "shop")
    assert done.returncode == 0
    assert ": 2 Tasks, 2 runs, " in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"algernon: the log group {missing!r} is left out, since it can't be")
    assert why in line


def test_without_a_log_group_that_can_be_read_there_is_no_story(
    command: Command, endpoint: str
) -> None:
    """Where none of the groups can be read, one line says so of all."""
    groups = ("--log-group", "nowhere", "--log-group", "neither")
    done = trace(command, endpoint, CHAIN_ID, *groups)
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    reason = "The specified log group does not exist. (FilterLogEvents)"
    assert line.startswith(f"algernon: no lines can be read from 'nowhere', 'neither': {reason}")
