"""How `algernon group` tells how a group is."""

from __future__ import annotations

import json

import pytest
from algernon.story.group_story import group_as_json, tell_group
from algernon.story.terminal import Terminal
from algernon.system.groups import GroupStatus, OpenMember
from algernon_queue.dead_letter import DeadLetter
from algernon_storage import FailureNote

GROUP_ID = "f5181e9f-6743-568c-8d43-df2321430f53"
NOTE = FailureNote("ValueError", "no\npicture", "c1", 5, "resize")
LETTER = DeadLetter(
    task="store",
    error="MalformedMessageError",
    reason="too new",
    receive_count=1,
    task_id="t",
    chain_id="c",
)


def open_member(index: int) -> OpenMember:
    """Return a member that waits, or runs."""
    return OpenMember(index, f"id-{index}", "open")


def failed(
    index: int, *, note: FailureNote | None = NOTE, letter: DeadLetter | None = LETTER
) -> OpenMember:
    """Return a member that failed."""
    return OpenMember(index, f"id-{index}", "failed", note, letter)


def story_of(state: str, size: int, *members: OpenMember) -> list[str]:
    """Return the lines that tell of a group."""
    return tell_group(GroupStatus(GROUP_ID, state, size, [*members])).splitlines()


def test_what_failed_is_a_table_and_what_is_open_a_line() -> None:
    """Of each that failed there is why, by its note or its dead letter, and where it lies."""
    members = [
        *(failed(3), failed(7, note=None), failed(12, letter=None)),
        *map(open_member, range(20, 35)),
        OpenMember(40, "id-40", "cancelled"),
    ]

    assert story_of("running", 300, *members) == [
        f"Group {GROUP_ID}: 281 of 300 members done, 4 failed, 15 open; running.",
        "",
        "MEMBER  TASK    STATE      RECEIVES  DEAD LETTER  ERROR",
        "     3  resize  failed            5  yes          ValueError: no picture",
        "     7  store   failed            1  yes          MalformedMessageError: too new",
        "    12  resize  failed            5  no           ValueError: no picture",
        "    40  -       cancelled         -  no           -",
        "",
        "Open, since they wait or run: 20, 21, 22, 23, 24, 25, 26, 27, 28, 29 and 5 more.",
        "It is held by 2 dead letters: when they are redriven and succeed, it goes on.",
        (
            "1 member that failed is in no dead-letter queue of the system: it is being tried"
            " again, or was removed from there."
        ),
    ]


def test_of_many_that_failed_the_first_are_told() -> None:
    """Fifty have rows, and how many others there are is said."""
    story = story_of("running", 300, *map(failed, range(60)))

    assert len([line for line in story if line.endswith("ValueError: no picture")]) == 50
    assert "and 10 others, which --json tells" in story


@pytest.mark.parametrize(
    ("state", "end"),
    [
        ("done", f"It is done: algernon result {GROUP_ID} prints what came of it."),
        ("cancelled", "It was cancelled: nothing gets its results."),
        ("failed", "It has failed: it is tried again by now."),
        (
            "running",
            (
                "All members are done, and what gets their results hasn't ended: algernon result"
                f" {GROUP_ID} waits for it."
            ),
        ),
    ],
)
def test_a_group_of_which_all_members_are_done_has_no_table(state: str, end: str) -> None:
    """It says how the whole is, and what to do about it."""
    assert story_of(state, 1) == [
        f"Group {GROUP_ID}: 1 of 1 member done, 0 failed, 0 open; {state}.",
        "",
        end,
    ]


@pytest.mark.parametrize(
    ("state", "end"),
    [
        ("cancelled", "It was cancelled: nothing gets its results."),
        ("failed", "It has failed: it is tried again by now."),
    ],
)
def test_of_a_group_that_was_given_up_no_member_is_open(state: str, end: str) -> None:
    """Those that aren't done wait for nothing, and aren't run any more."""
    assert story_of(state, 5, open_member(1), open_member(2)) == [
        f"Group {GROUP_ID}: 3 of 5 members done, 0 failed, 2 not run any more; {state}.",
        "",
        "Not run any more: 1, 2.",
        end,
    ]


def test_nothing_in_a_reason_reaches_the_terminal_as_a_command() -> None:
    """Escape sequences are replaced, and what failed is red where there are colours."""
    note = FailureNote("Wild\x1b[2J", "\u202e\x9b1m", "c1", 5, "resize")
    status = GroupStatus(GROUP_ID, "running", 9, [failed(3, note=note)])

    assert all(line.isprintable() for line in tell_group(status).splitlines())
    assert "\x1b[31m     3" in tell_group(status, Terminal(has_colours=True))


def test_for_programs_it_is_plain_json() -> None:
    """All members that aren't done are in it, with what is known of each."""
    told = group_as_json(GroupStatus(GROUP_ID, "running", 300, [failed(3), open_member(4)]))

    assert json.loads(json.dumps(told)) == told
    assert {name: told[name] for name in ("group_id", "state", "size", "done", "failed")} == {
        "group_id": GROUP_ID,
        "state": "running",
        "size": 300,
        "done": 298,
        "failed": 1,
    }
    first, second = told["members"]
    assert (first["index"], first["task_id"], first["state"]) == (3, "id-3", "failed")
    assert first["failure"]["error"] == "ValueError"
    assert first["dead_letter"]["reason"] == "too new"
    assert second == {
        "index": 4,
        "task_id": "id-4",
        "state": "open",
        "failure": None,
        "dead_letter": None,
    }
