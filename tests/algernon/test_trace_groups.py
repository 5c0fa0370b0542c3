"""`algernon trace`: groups in the story of a chain."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid5

import pytest
from algernon.story.chain import read_chain
from algernon.story.chain_json import chain_as_json
from algernon.story.terminal import Terminal

from .test_trace import (
    CHAIN_ID,
    json_line,
    number,
    own_line,
    sent_line,
    story_of,
    told_on,
    verdict_of,
)

GROUP_ID = str(uuid5(UUID(CHAIN_ID), "group"))
JOIN_ID = str(uuid5(UUID(GROUP_ID), "then"))


def member_id(index: int, group_id: str = GROUP_ID) -> str:
    """Return the id of a member of a group."""
    return str(uuid5(UUID(group_id), str(index)))


def sent(index: int, *, group_id: str = GROUP_ID, **others: Any) -> str:
    """Return the line of a message to a member of a group, which the Task `split` sent."""
    facts = {
        "logger": "algernon_logging",
        "task_name": "split",
        "next_task_name": "resize",
        "next_task_id": member_id(index, group_id),
        "next_group_id": group_id,
        "next_group_index": index,
    }
    return own_line(**{**facts, **others})


def ran(index: int, *, group_id: str = GROUP_ID, **others: Any) -> str:
    """Return the line of a run of a member of a group."""
    facts = {"task_name": "resize", "task_id": member_id(index, group_id)}
    return json_line(**{**facts, "group_id": group_id, "group_index": index, **others})


def on(name: str, task_id: str) -> dict[str, str]:
    """Return the fields of a line by which the result of its Task went on."""
    return {"next_task_name": name, "next_task_id": task_id}


def tree_of(*lines: str) -> list[str]:
    """Return the rows of a story's tree, below its headings, without what Tasks took."""
    story = story_of(*lines)
    assert story[2].split() == [*("TASK", "TASKS", "RUNS", "DONE", "FAILED"), "OPEN", *TIMES]
    end = story[2].index(" OPEN") + len(" OPEN")
    return [row[:end].rstrip() for row in story[3 : story.index("", 2)]]


TIMES = ("MEDIAN", "LONGEST")


def test_the_members_of_a_group_stand_below_it_and_so_does_what_joins_them() -> None:
    """They are counted by name, and the join Task is the group's, not the last member's."""
    lines = [json_line(task_name="split")]
    for index in range(40):
        stored = number(index)
        of_last = on("summary", JOIN_ID) if index == 7 else {}
        lines += [
            sent(index),
            ran(index, **on("store", stored)),
            ran(index, task_name="store", task_id=stored, **of_last),
        ]
    lines.append(json_line(task_name="summary", task_id=JOIN_ID))

    assert tree_of(*lines) == [
        "split                                              1     1     1       -     -",
        "└─ group f5181e9f-6743-568c-8d43-df2321430f53     40     -    40       -     -",
        "   ├─ resize                                      40    40    40       -     -",
        "   │  └─ store                                    40    40    40       -     -",
        "   └─ summary                                      1     1     1       -     -",
    ]
    assert verdict_of(*lines) == ["All of it is done."]


def test_a_short_chain_with_a_group_is_a_tree_too() -> None:
    """What failed and what waits are counted by member, and where to look is said."""
    error = {"error": "ValueError", "reason": "no picture"}
    lines = [
        json_line(task_name="split"),
        *map(sent, range(3)),
        ran(1),
        ran(2, outcome="dead_letter", **error),
    ]

    assert tree_of(*lines) == [
        "split                                              1     1     1       -     -",
        "└─ group f5181e9f-6743-568c-8d43-df2321430f53      3     -     1       1     1",
        "   └─ resize                                       3     2     1       1     1",
    ]
    assert verdict_of(*lines)[2:] == [
        (
            f"resize ({member_id(2)}) isn't done: its run 1 failed, and was moved to the"
            " dead-letter queue."
        ),
        f"No line yet of resize ({member_id(0)}), to which a message was sent.",
        (
            f"The group {GROUP_ID} waits for 2 of the 3 members that are known of: algernon group"
            f" {GROUP_ID} tells what holds it."
        ),
    ]


def test_a_member_is_done_when_the_whole_of_its_chain_is() -> None:
    """A Task to which its result was sent, and of which there is no line, leaves it open."""
    lines = [json_line(task_name="split"), sent(0), ran(0, **on("store", number(0)))]

    assert tree_of(*lines)[1].split()[-5:] == ["1", "-", "-", "-", "1"]


def test_what_joins_a_group_is_missed_until_it_has_run() -> None:
    """Its message is told of by a line, and stands below the group from then on."""
    line = json.loads(sent_line("summary", JOIN_ID))
    for name in ("task_name", "task_id", "receive_count", "message_id"):
        del line[name]  # it is of no record
    lines = [json_line(task_name="split"), sent(0), ran(0), json.dumps(line)]

    assert tree_of(*lines)[-1].split()[:4] == ["└─", "summary", "1", "0"]
    assert verdict_of(*lines) == [
        f"No line yet of summary ({JOIN_ID}), to which a message was sent."
    ]


def test_groups_that_tasks_of_one_name_returned_are_one_row() -> None:
    """With their members, and the first Tasks of the chains that get the results, together."""
    lines = [json_line(task_name="list", next_task_name="split", next_task_id=number(0))]
    for n in range(30):
        split = {"task_id": number(n)}
        group_id = str(uuid5(UUID(number(n)), "group"))
        first_id = str(uuid5(uuid5(UUID(group_id), "then"), "0#summary"))
        lines += [
            sent_line("split", number(n), task_name="list"),
            json_line(task_name="split", **split),
            *(sent(index, group_id=group_id, **split) for index in range(4)),
            *(ran(index, group_id=group_id) for index in range(4)),
            json_line(task_name="summary", task_id=first_id),
        ]

    assert tree_of(*lines) == [
        "list                  1     1     1       -     -",
        "└─ split             30    30    30       -     -",
        "   └─ 30 groups     120     -   120       -     -",
        "      ├─ resize     120   120   120       -     -",
        "      └─ summary     30    30    30       -     -",
    ]
    assert verdict_of(*lines) == ["All of it is done."]


def test_a_group_within_a_group_stands_below_the_member_that_returned_it() -> None:
    """What joins it goes on with the member's chain, and so belongs to the outer group too."""
    inner_id = str(uuid5(UUID(member_id(0)), "group"))
    lines = [json_line(task_name="split"), sent(0), sent(1), ran(0), ran(1)]
    lines += [ran(index, group_id=inner_id, task_name="tile") for index in range(3)]
    lines.append(ran(0, task_name="glue", task_id=str(uuid5(UUID(inner_id), "then"))))

    rows = [row.strip("│├└─ ").split()[0] for row in tree_of(*lines)]
    assert rows == ["split", "group", "resize", "group", "tile", "glue"]
    assert verdict_of(*lines) == ["All of it is done."]


def test_a_member_waits_for_the_group_that_it_returned() -> None:
    """Of the outer group it is open, and has failed where something within has."""
    inner_id = str(uuid5(UUID(member_id(0)), "group"))
    lines = [json_line(task_name="split"), sent(0), sent(1), ran(0), ran(1)]
    inner = [ran(0, group_id=inner_id), ran(1, group_id=inner_id, outcome="dead_letter")]

    outer = [row for row in tree_of(*lines, *inner) if GROUP_ID in row]
    assert [row.split()[-5:] for row in outer] == [["2", "-", "1", "1", "-"]]
    assert len([line for line in verdict_of(*lines, *inner) if line.startswith("The group ")]) == 2


@pytest.mark.parametrize(("depth", "names", "rows"), [(200, 200, 401), (1200, 2, 6)])
def test_groups_within_groups_are_told_however_deep(depth: int, names: int, rows: int) -> None:
    """Each below the member that returned it; names that come again are one row, as ever."""
    group_id, lines = GROUP_ID, [json_line(task_name="split")]
    for n in range(depth):
        lines.append(ran(0, group_id=group_id, task_name=f"work{n % names}"))
        group_id = str(uuid5(UUID(member_id(0, group_id)), "group"))

    assert verdict_of(*lines) == ["All of it is done."]
    assert len(tree_of(*lines)) == rows


@pytest.mark.parametrize("names", [2, 1200])
def test_a_failure_deep_within_is_that_of_each_group_around_it(names: int) -> None:
    """Whatever order their lines come in, and however many there are."""
    group_id, lines = GROUP_ID, [json_line(task_name="split")]
    for n in range(1200):
        outcome = "done" if n < 1199 else "dead_letter"
        lines.append(ran(0, group_id=group_id, task_name=f"work{n % names}", outcome=outcome))
        group_id = str(uuid5(UUID(member_id(0, group_id)), "group"))

    *_, last = verdict_of(*reversed(lines))

    assert last.startswith("1200 groups: not joined, since not all of their members are done; ")


def test_a_group_that_no_task_sent_is_a_chain_of_its_own() -> None:
    """Its id is that of the chain, and nobody is missing above it."""
    lines = [ran(index, group_id=CHAIN_ID) for index in range(3)]

    assert tree_of(*lines) == [
        f"group {CHAIN_ID}      3     -     3       -     -",
        "└─ resize                                       3     3     3       -     -",
    ]
    assert verdict_of(*lines) == ["All of it is done."]


def test_the_first_task_of_a_chain_that_is_kept_begins_it() -> None:
    """Its id is derived from the chain's, and nobody is missing who sent it."""
    task_id = str(uuid5(UUID(CHAIN_ID), "0#price"))

    assert verdict_of(json_line(task_id=task_id)) == ["All of it is done."]


def test_a_narrow_terminal_gets_the_beginning_of_an_id() -> None:
    """The rows fit, and the sentence below has the whole id."""
    lines = [json_line(task_name="split"), sent(0), sent(1), ran(0)]
    story = told_on(Terminal(width=80), *lines)

    assert any(row.startswith("└─ group f5181e9f…  ") for row in story)
    assert all(len(row) <= 80 for row in story)


def test_for_programs_groups_are_told_by_their_ids() -> None:
    """Who sent one, how many of its members are how, and who joins it; members name theirs."""
    lines = [
        json_line(task_name="split"),
        *(sent(n) for n in range(3)),
        ran(0, **on("summary", JOIN_ID)),
        ran(1, outcome="dead_letter", error="ValueError", reason="no picture"),
    ]

    told = chain_as_json(read_chain(CHAIN_ID, lines))

    split = {"task_name": "split", "task_id": CHAIN_ID}
    assert told["groups"] == [
        {
            "group_id": GROUP_ID,
            "state": "failed",
            "sent_by": split,
            "members": {"done": 1, "failed": 1, "open": 1},
            "joined_by": {"task_name": "summary", "task_id": JOIN_ID},
        }
    ]
    tasks = {task["task_id"]: task for task in told["tasks"]}
    assert told["state"] == "failed"
    assert tasks[member_id(2)] == {
        "task_name": "resize",
        "task_id": member_id(2),
        "state": "open",
        "sent_by": split,
        "group_id": GROUP_ID,
        "group_index": 2,
        "runs": [],
    }
    assert tasks[member_id(1)]["runs"][0]["error"] == "ValueError: no picture"
    assert tasks[member_id(0)]["runs"][0]["next_task"]["task_id"] == JOIN_ID


@pytest.mark.parametrize("group_id", ["7", "", 7, ["a"], None, "\x1b[2J"])
@pytest.mark.parametrize("index", [0, -1, "x", None, 1e400, [1]])
def test_what_is_no_membership_is_passed_over(group_id: Any, index: Any) -> None:
    """A field of code's own that has the name makes no group of its line's Task."""
    line = json_line(group_id=group_id, group_index=index)

    assert story_of(line) == story_of(json_line())
