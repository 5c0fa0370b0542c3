"""`algernon dead show`: all that is known of one dead letter."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

import pytest
from algernon.commands.main import main
from algernon_serialize import ajson
from algernon_storage import StoredData

from .dead_letters import PREFIX, DeadLetterOffice, message, text

if TYPE_CHECKING:
    from ..conftest import LocalAWS

Run = Callable[..., str]
GROUP_ID = "6fa459ea-ee8a-3ca4-894e-db77e160355e"
CHAIN_ID = "c0000000-0000-4000-8000-000000000000"


@pytest.fixture
def office(aws: LocalAWS) -> DeadLetterOffice:
    """A system of the Tasks `charge` and `mail`, without a stack."""
    office = DeadLetterOffice(aws)
    office.add("charge")
    office.add("mail")
    return office


@pytest.fixture
def show(office: DeadLetterOffice, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command for that system, which has to succeed, and what it prints."""

    def run(*arguments: str) -> str:
        status = main(["dead", "show", *arguments, "--prefix", PREFIX])
        out, err = capsys.readouterr()
        assert (status, err) == (0, "")
        return out

    return run


@pytest.fixture
def told(show: Run) -> Callable[..., dict[str, Any]]:
    """What it tells programs."""

    def run(*arguments: str) -> dict[str, Any]:
        line = show(*arguments, "--json")
        assert line.count("\n") == 1
        told: dict[str, Any] = json.loads(line)
        return told

    return run


@pytest.fixture
def refusal(office: DeadLetterOffice, capsys: pytest.CaptureFixture[str]) -> Run:
    """The same command, which has to fail, and what it says."""

    def run(*arguments: str) -> str:
        assert main(["dead", "show", *arguments, "--prefix", PREFIX]) == 1
        err = capsys.readouterr().err
        assert err.count("\n") == 1
        return err

    return run


def stored(pointer: str) -> dict[str, Any]:
    """Return what stands in a message for arguments that are stored."""
    written: dict[str, Any] = json.loads(ajson.dumps(StoredData.at(pointer)))
    return written


def test_a_letter_is_told_to_people(
    office: DeadLetterOffice, show: Run, clock_in: Callable[[str], None]
) -> None:
    """It has the reason, tries, chain, group, arguments without credentials, and attributes."""
    result_id = str(uuid5(UUID(GROUP_ID), "17"))
    place = {"id": GROUP_ID, "index": 17, "bucket": "b", "folder": "f"}
    body = message("charge", 0, chain_id=CHAIN_ID, callback_position=0)
    body |= {
        "task_id": str(uuid5(UUID(result_id), "0#charge")),
        "task_kwargs": {"number": 1, "password": "pw", "url": "https://ada:pw@example.com/"},
        "callback": {"chain": "charge#bill#mail", "group": place},
    }
    office.send(
        "charge",
        body,
        error="CardDeclinedError",
        reason="no\x1b[31m money\nat https://ada:pw@example.com/",
        attributes={
            "algernon.receive_count": text("5"),
            "origin": text("shop"),
            "api_key": text("pw"),
            "picture": {"DataType": "Binary.png", "BinaryValue": b"\x89PNG"},
        },
    )

    lines = show(body["task_id"][:8]).splitlines()

    assert lines[:4] == [
        f"{body['task_id']}, a dead letter of the Task charge",
        "",
        "CardDeclinedError: no�[31m money",
        "  at https://***@example.com/",
    ]
    assert lines[5].startswith("given up       20")
    assert lines[5].endswith(" UTC, after 5 receives")
    clock_in("Asia/Tokyo")
    given_up = show(body["task_id"][:8]).splitlines()[5]
    assert given_up.endswith(" JST, after 5 receives")
    began, ended = (
        datetime.fromisoformat(f"{line[15:34]}{offset}")
        for line, offset in ((lines[5], "+00:00"), (given_up, "+09:00"))
    )
    assert began == ended
    assert lines[6:9] == [
        "looked at      1 time since, this time included",
        f"chain          {CHAIN_ID}; then bill → mail",
        f"group          member 17 of {GROUP_ID}",
    ]
    assert lines[9] == f"result         awaited under {result_id}"
    arguments = lines.index("Arguments")
    assert lines[arguments + 1 : arguments + 4] == [
        '  {"number": 1, "password": "***", "url": "https://***@example.com/"}',
        "",
        "Attributes of its sender",
    ]
    assert json.loads(lines[arguments + 4]) == {
        "api_key": "***",
        "origin": "shop",
        "picture": "iVBORw==",
    }
    assert "pw" not in "".join(lines)
    assert lines[-1] == (
        f"algernon dead run {body['task_id']} runs it here, and changes nothing; algernon dead"
        f" redrive --id {body['task_id']} moves it back."
    )


def test_a_letter_is_told_to_programs(
    office: DeadLetterOffice, told: Callable[..., dict[str, Any]]
) -> None:
    """It is one line of JSON, with nothing in it that isn't masked."""
    envelope = {
        "Type": "Notification",
        "MessageId": "m",
        "Message": json.dumps(message("mail", 0x1111, callback="bill#mail") | {"token": "pw"}),
        "MessageAttributes": {"origin": {"Type": "String", "Value": "shop"}},
    }
    message_id = office.send("mail", envelope, reason="no", error="KeyError")

    facts = told("00001111")

    assert {key: facts[key] for key in ("task", "error", "reason", "message_id", "looks")} == {
        "task": "mail",
        "error": "KeyError",
        "reason": "no",
        "message_id": message_id,
        "looks": 1,
    }
    assert facts["next_tasks"] == []
    assert facts["kwargs"] == {"number": 0x1111}
    assert facts["attributes"] == {"origin": "shop"}
    assert "pw" not in json.dumps(facts)


@pytest.mark.parametrize("by", ["task_id", "result_id", "message_id"])
def test_a_letter_is_found_by_any_of_its_ids(
    office: DeadLetterOffice, told: Callable[..., dict[str, Any]], by: str
) -> None:
    """Whole or the beginning, in letters of either case."""
    result_id = "f0000000-0000-4000-8000-000000000000"
    for number in range(20):
        office.send("charge", message("charge", 0x2222 + number))
    callback = {"chain": "mail#bill", "keep_result": result_id}
    kept = message("mail", 0x1111, callback=callback, callback_position=0)
    kept["task_id"] = str(uuid5(UUID(result_id), "0#mail"))
    office.send("mail", kept)
    facts = told(result_id)

    whole = told(facts[by])

    assert whole["message_id"] == facts["message_id"]
    assert told(facts[by][:8].upper())["message_id"] == facts["message_id"]


def test_stored_arguments_are_fetched_from_the_systems_bucket(
    office: DeadLetterOffice,
    show: Run,
    told: Callable[..., dict[str, Any]],
    bucket: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """They are told as they are stored, tags and all, and nothing of them is rebuilt."""
    tagged = {"_alg_class": "Order", "_alg_module": "no.such.module", "value": {"password": "pw"}}
    pointer = StoredData("args", {"order": {"n": 1}, "x": "y" * 1000}).store()
    office.send(
        "charge",
        message("charge", 0x1111) | {"task_kwargs": stored(pointer)},
    )
    office.send("charge", message("charge", 0x2222) | {"task_kwargs": {"order": tagged}})

    by_environment = told("00001111")
    monkeypatch.delenv("ALGERNON_BUCKET_NAME")
    facts = told("00001111", "--bucket", bucket)
    without = told("00001111")

    assert facts["kwargs_pointer"] == pointer
    assert facts["kwargs"] == {"order": {"n": 1}, "x": "y" * 1000}
    assert by_environment["kwargs"] == facts["kwargs"]
    assert without["kwargs_problem"] == "name the system's bucket by --bucket"
    assert f"Arguments, from {pointer}\n" in show("00001111", "--bucket", bucket)
    assert told("00002222")["kwargs"] == {"order": tagged | {"value": {"password": "***"}}}


@pytest.mark.parametrize("case", ["elsewhere", "gone", "too-large"])
def test_stored_arguments_that_are_not_fetched_are_named(
    office: DeadLetterOffice,
    show: Run,
    bucket: str,
    case: str,
) -> None:
    """Those in a bucket of others aren't read, nor those that are too large; it says why."""
    if case == "elsewhere":
        pointer = "other-bucket#cache/a!1.json"
    elif case == "gone":
        pointer = f"{bucket}#cache/a!1.json"
    else:
        pointer = StoredData("args", {"x": "y" * 11_000_000}).store()
    office.send(
        "charge",
        message("charge", 0x1111) | {"task_kwargs": stored(pointer)},
    )

    out = show("00001111", "--bucket", bucket)

    reasons = {
        "elsewhere": "isn't among those",
        "gone": "it was removed",
        "too-large": "ALGERNON_MAX",
    }
    assert f"Arguments, from {pointer}\n  can't be shown: " in out
    assert reasons[case] in out


@pytest.mark.parametrize(
    ("body", "shown"),
    [
        ("hello \x1b[31m", "  hello �[31m"),
        ('{"order": 1, "token": "pw"}', '  {"order": 1, "token": "***"}'),
        ("[" * 100_000, "  " + "[" * 2000 + "… and 98,000 more characters"),
        ('{"task_name": 7}', '  {"task_name": 7}'),
        ('"\\ud800"', "  �"),
    ],
    ids=["text", "json", "deep", "name", "half-a-character"],
)
def test_letters_of_others_are_shown_for_what_they_are(
    office: DeadLetterOffice, show: Run, body: str, shown: str
) -> None:
    """Of what is no message, the body is shown."""
    message_id = office.send("charge", body)

    out = show(message_id)

    assert "It isn't a Task's message, and nobody noted why it is here" in out
    assert f"Body, which is no Task's message\n{shown}\n" in out


def test_a_letter_that_sqs_moved_is_told_as_such(office: DeadLetterOffice, show: Run) -> None:
    """Nobody noted why."""
    office.send("charge", message("charge", 0x1111))

    out = show("00001111")

    assert "\nSQS itself moved it, and nobody noted why: its worker was killed" in out
    assert "\nfirst sent     20" in out


def test_where_logs_cannot_be_read_it_says_why(office: DeadLetterOffice, show: Run) -> None:
    """All else is shown all the same."""
    office.send("charge", message("charge", 0x1111))
    message_id = office.send("charge", "hello")

    without_worker, without_id = show("00001111"), show(message_id)

    heading = "Traceback, as its worker logged it"
    assert f"{heading}\n  the logs can't be read: no function takes the messages" in without_worker
    assert f"{heading}\n  it has no Task's id by which its lines" in without_id


def test_strange_callbacks_are_no_harm(
    office: DeadLetterOffice, told: Callable[..., dict[str, Any]]
) -> None:
    """What a message says of its chain and group may be of any type."""
    for number, callback in enumerate([7, [], {"chain": 1, "group": {"id": 1}}, {"group": []}]):
        body = message("charge", 0x1000 + number, callback=callback, callback_position="x")
        message_id = office.send("charge", body)

        facts = told(message_id)

        assert (facts["next_tasks"], facts["group"]) == ([], None)


def test_long_arguments_are_cut_for_people(office: DeadLetterOffice, show: Run) -> None:
    """They fill some screens, and --json has more."""
    office.send("charge", message("charge", 0x1111) | {"task_kwargs": {"n": [*range(5000)]}})

    assert "more lines, which --json prints" in show("00001111")


def test_an_id_that_begins_two_is_refused(office: DeadLetterOffice, refusal: Run) -> None:
    """It says which letters they are."""
    office.send("charge", message("charge", 0x1111))
    office.send("mail", message("mail", 0x1112))

    assert "2 dead letters have ids that begin with 0000111, such as 00001111-" in refusal(
        "0000111"
    )


def test_an_id_that_none_has_is_refused(office: DeadLetterOffice, refusal: Run) -> None:
    """It may be among those that somebody else has in hand."""
    office.send("charge", message("charge", 0x1111))
    assert "no dead letter has an id that begins with ffff: it may have been" in refusal("ffff")

    office.received("charge")
    assert "it may be among 1 that can't be seen now" in refusal("0000111")


def test_a_whole_id_ends_the_reading(office: DeadLetterOffice, show: Run) -> None:
    """The others come back at once, too."""
    for number in range(100):
        office.send("charge", message("charge", number))

    show("00000000-0000-4000-8000-000000000000")

    assert (office.visible("charge"), office.hidden("charge")) == (100, 0)
