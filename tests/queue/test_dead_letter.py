"""What a dead letter says, whatever is in it."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid5

import pytest
from algernon_queue.dead_letter import DeadLetter

from .events import TASK_ID

BODY = json.dumps({"task_name": "charge", "task_id": TASK_ID})
GROUP_ID = "6fa459ea-ee8a-3ca4-894e-db77e160355e"
MEMBER_ID = str(uuid5(UUID(GROUP_ID), "3"))
NOTED = {
    "algernon.error": "ConnectionError",
    "algernon.reason": "the bank doesn't answer",
    "algernon.receive_count": "4",
    "algernon.task_name": "charge",
    "algernon.task_id": TASK_ID,
    "algernon.chain_id": TASK_ID,
}
LETTER = DeadLetter(
    task="charge",
    error="ConnectionError",
    reason="the bank doesn't answer",
    receive_count=4,
    task_id=TASK_ID,
    chain_id=TASK_ID,
)


def record(noted: dict[str, str], body: str = BODY) -> dict[str, Any]:
    """Return a record that was received twice, with attributes."""
    return {
        "messageId": "059f36b4-87a3-44ab-83d2-661975830a7d",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "2"},
        "messageAttributes": {
            name: {"dataType": "String", "stringValue": text} for name, text in noted.items()
        },
    }


def test_a_dead_letter_says_what_its_worker_noted() -> None:
    """Task, error, reason and receives are those in the message's attributes."""
    assert DeadLetter.of(record(NOTED), "some_task") == LETTER


def test_what_is_noted_in_one_attribute_is_found_too() -> None:
    """Where the sender's attributes leave no room, one of them has all as JSON."""
    noted = {"origin": "shop", "algernon.letter": json.dumps(NOTED)}

    assert DeadLetter.of(record(noted), "some_task") == LETTER


@pytest.mark.parametrize(
    "noted",
    [
        {},
        {"origin": "shop"},
        {"algernon.letter": "no JSON"},
        {"algernon.letter": "[1]"},
        {"algernon.letter": '{"algernon.error": 1}', "algernon.receive_count": "many"},
        {"algernon.letter": "[" * 100_000, "algernon.receive_count": "9" * 5000},
    ],
    ids=["nothing", "of-others", "no-json", "no-object", "no-texts", "too-much"],
)
def test_where_nothing_is_noted_the_message_says_whose_it_is(noted: dict[str, str]) -> None:
    """Of one that SQS moved, and whatever else its attributes hold, no reason is known."""
    letter = DeadLetter.of(record(noted), "some_task")

    assert (letter.task, letter.task_id, letter.receive_count) == ("charge", TASK_ID, 2)
    assert (letter.error, letter.reason) == (None, None)


def test_what_is_no_message_is_of_the_task_whose_queue_it_was_in() -> None:
    """What can't be read is a letter as well."""
    letter = DeadLetter.of(record({}, body="no JSON"), "charge")

    assert (letter.task, letter.task_id, letter.chain_id) == ("charge", None, None)


@pytest.mark.parametrize(
    ("callback", "result_id"),
    [
        (None, None),
        ("mail", None),
        ({"keep_result": TASK_ID}, TASK_ID),
        ({"group": {"id": GROUP_ID, "index": 3, "bucket": "b", "folder": "f"}}, MEMBER_ID),
    ],
    ids=["alone", "chain", "kept", "member"],
)
def test_a_dead_letter_says_whose_result_it_holds(callback: Any, result_id: str | None) -> None:
    """By that id whoever waits for a result, or for a group, knows the letter of it."""
    body = {"task_name": "charge", "task_id": result_id or TASK_ID, "callback": callback}

    letter = DeadLetter.of(record({}, json.dumps(body)), "charge")
    assert letter.result_id == result_id
    assert letter.group_id == (GROUP_ID if result_id == MEMBER_ID else None)
