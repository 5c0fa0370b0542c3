"""`algernon dead list`: which letters are dead, by their causes."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import pytest
from algernon.commands.main import main

from .dead_letters import PREFIX, DeadLetterOffice, message

if TYPE_CHECKING:
    from ..conftest import LocalAWS

Run = Callable[..., str]


@pytest.fixture
def office(aws: LocalAWS) -> DeadLetterOffice:
    """A system of the Tasks `charge` and `mail`, without a stack."""
    office = DeadLetterOffice(aws)
    office.add("charge")
    office.add("mail")
    return office


@pytest.fixture
def run(office: DeadLetterOffice, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command for that system, which has to succeed, and what it prints."""

    def run(*arguments: str) -> str:
        status = main(["dead", "list", *arguments, "--prefix", PREFIX])
        out, err = capsys.readouterr()
        assert (status, err) == (0, "")
        return out

    return run


def fill(office: DeadLetterOffice) -> None:
    """Send three letters of `charge`, one of which SQS moved, and two of `mail`."""
    office.send("charge", message("charge", 0x1111), error="KeyError", reason="'a'\n \x1b[31m b")
    office.send("charge", message("charge", 0x2222), error="KeyError", reason="[bold]'a'[/bold]")
    office.send("charge", message("charge", 0x3333))
    office.send("mail", message("mail", 0x4444), error="ValueError")
    office.send("mail", "hello")


def test_letters_are_listed_by_cause(office: DeadLetterOffice, run: Run) -> None:
    """A row has the number, the Task, the first and last time, the last id, and the error."""
    fill(office)

    headings, *rows = run().splitlines()

    assert headings.split() == ["COUNT", "TASK", "FIRST", "(UTC)", "LAST", "LAST", "ID", "ERROR"]
    told = [
        re.sub(r"\d\d-\d\d \d\d:\d\d", "TIME", re.sub(" +", " ", row)).strip() for row in rows[:4]
    ]
    assert told[0] in (
        "2 charge TIME TIME 00002222 KeyError: [bold]'a'[/bold]",
        "2 charge TIME TIME 00001111 KeyError: 'a' �[31m b",
    )
    assert told[1] == "1 charge TIME TIME 00003333 (moved by SQS)"
    assert told[2] == "1 mail TIME TIME 00004444 ValueError"
    assert re.fullmatch(r"1 mail TIME TIME [0-9a-f]{8} \(not a Task's message\)", told[3])
    assert rows[5] == "5 letters in 2 dead-letter queues."
    assert re.fullmatch(
        r"Looking took \d+ calls of SQS, \d+ receives among them, about US\$ 0\.0000\d\d, and"
        r" raised each letter's receive count by one\.",
        rows[6],
    )
    assert rows[7:] == ["algernon dead show ID tells all that is known of one."]


def test_programs_get_one_line_of_json(office: DeadLetterOffice, run: Run) -> None:
    """It has the causes with an example each, what was read, and what it cost."""
    fill(office)

    line = run("--json")
    told: dict[str, Any] = json.loads(line)

    assert line.count("\n") == 1
    assert (told["count"], told["read"], told["is_whole"]) == (5, 5, True)
    assert (told["waiting"], told["in_flight"], told["tasks_without_queue"]) == (0, 0, [])
    assert told["receives"] >= 2
    assert told["cost_usd"] == pytest.approx(told["calls"] * 0.4e-6)
    assert [(one["task"], one["error"], one["count"]) for one in told["causes"]] == [
        ("charge", "KeyError", 2),
        ("charge", None, 1),
        ("mail", "ValueError", 1),
        ("mail", None, 1),
    ]
    example = told["causes"][2]["example"]
    assert example["id"] == "00004444-0000-4000-8000-000000000000"
    assert datetime.fromisoformat(example["came_at"]).tzinfo is not None


def test_each_letter_is_told_by_itself(office: DeadLetterOffice, run: Run) -> None:
    """With its whole id where lines may be of any length."""
    fill(office)

    rows = run("--each", "--error", "KeyError").splitlines()
    told = json.loads(run("--each", "--json"))

    assert rows[0].split() == ["CAME", "(UTC)", "TASK", "RECEIVES", "ID", "ERROR"]
    assert "00001111-0000-4000-8000-000000000000" in "".join(rows[1:3])
    assert rows[4] == "2 of 5 letters in 2 dead-letter queues are meant."
    assert len(told["letters"]) == 5


def test_times_are_those_of_the_clock_here(
    office: DeadLetterOffice, run: Run, clock_in: Callable[[str], None]
) -> None:
    """So that `--since` takes what is read in a row; programs get UTC."""
    fill(office)
    came = [each["came_at"] for each in json.loads(run("--each", "--json"))["letters"]]
    clock_in("Asia/Tokyo")

    headings, *rows = run("--each").splitlines()

    assert headings.split()[:2] == ["CAME", "(JST)"]
    tokyo = [datetime.fromisoformat(time).astimezone(ZoneInfo("Asia/Tokyo")) for time in came]
    assert {row[:11] for row in rows[:5]} == {f"{time:%m-%d %H:%M}" for time in tokyo}


@pytest.mark.parametrize(
    ("arguments", "count"),
    [
        (["--task", "charge"], 3),
        (["--error", "KeyError"], 2),
        (["--error", "builtins.KeyError"], 2),
        (["--error", "none"], 2),
        (["--error", "none", "--task", "mail"], 1),
        (["--id", "00003333", "--id", "00004444-0000"], 2),
        (["--chain", "00004444-0000-4000-8000-000000000000"], 1),
        (["--since", "1h"], 5),
        (["--limit", "3"], 3),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_letters_are_selected(
    office: DeadLetterOffice, run: Run, arguments: list[str], count: int
) -> None:
    """Those are listed that all of the options hold for."""
    fill(office)

    told = json.loads(run("--json", *arguments))

    assert told["count"] == count
    assert sum(cause["count"] for cause in told["causes"]) == count


def test_nothing_is_dead(run: Run) -> None:
    """That is told, too."""
    out = run()

    assert out.startswith("0 letters in 2 dead-letter queues.\nLooking took 6 calls of SQS, 2 rec")
    assert "raised" not in out


def test_what_somebody_else_holds_is_told(office: DeadLetterOffice, run: Run) -> None:
    """Two people who look at the same time each see that they don't see all."""
    fill(office)
    assert len(office.received("charge")) == 3

    assert "About 3 more are in flight: somebody else looks at them" in run()
    assert json.loads(run("--json"))["in_flight"] == 3


def test_what_a_fifo_queue_does_not_show_is_told(office: DeadLetterOffice, run: Run) -> None:
    """SQS gives ten letters of a message group at a time."""
    office.add("order", is_fifo=True)
    for number in range(13):
        office.send("order", message("order", number), group="ada")

    out = run("--task", "order")

    assert "10 letters in 1 dead-letter queue.\n" in out
    assert "\nAbout 3 more can't be seen, since SQS doesn't give them out now: of a FIFO" in out


def test_a_task_without_a_dead_letter_queue_is_named(office: DeadLetterOffice, run: Run) -> None:
    """What it gives up is nowhere."""
    queue = office.add("lost").queue_url
    office.sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": ""})

    assert "so that SQS drops letters or that Task gets them: lost." in run()


@pytest.mark.parametrize("verb", ["list", "redrive --yes", "discard --all --yes"])
def test_without_rich_nothing_is_looked_at(
    office: DeadLetterOffice,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    verb: str,
) -> None:
    """It says which extra brings it, and no receive count is raised for nothing."""
    fill(office)
    monkeypatch.setitem(sys.modules, "rich.console", None)

    assert main(["dead", *verb.split(), "--prefix", PREFIX]) == 1

    assert "install the extra algernon[command]" in capsys.readouterr().err
    counts = {each["Attributes"]["ApproximateReceiveCount"] for each in office.received("mail")}
    assert counts == {"1"}


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["--task", "chargee"], "the system has no Task 'chargee'; did you mean charge?"),
        (["--prefix", "other-"], "no topic in the region eu-west-1 that begins with 'other-'"),
    ],
    ids=["task", "prefix"],
)
def test_what_is_not_there_is_said(
    office: DeadLetterOffice,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    reason: str,
) -> None:
    """A line on standard error says what is wrong."""
    assert main(["dead", "list", "--prefix", PREFIX, *arguments]) == 1

    assert reason in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["--id", "abc"], ["--id", "a*bcd"], ["--chain", "x"], ["--limit", "0"], ["--since", "soon"]],
    ids=" ".join,
)
def test_wrong_usage_is_said(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    """It ends with 2, before anything is asked."""
    with pytest.raises(SystemExit) as end:
        main(["dead", "list", "--prefix", PREFIX, *arguments])

    assert end.value.code == 2
    assert f"argument {arguments[0]}" in capsys.readouterr().err
