"""`algernon dead run` runs the Task of one dead letter here, and changes nothing."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from algernon.local import LocalSystem
from algernon.local.entries import RunningSystem, reserve_entry
from algernon_queue import send_task
from algernon_serialize import AlgObject

from .dead_system import PREFIX, DeadSystem
from .terminals import OnTerminal, algernon

if TYPE_CHECKING:
    from ..conftest import LocalAWS

pytestmark = pytest.mark.starts

WORKER = """
from dataclasses import dataclass
from decimal import Decimal

from algernon import AlgObject, PermanentError, TaskRouter, current_task, send_task

router = TaskRouter(once=True, failures="report")
handler = router.handler


@dataclass
class Item(AlgObject, wire_name="shop:Item"):
    name: str
    price: Decimal


@router.task
def charge(item, amount, rows=""):
    print("charging", current_task().task_name)
    send_task("audit", {"item": item})
    if amount < 0:
        before = len(rows)
        check(item, amount)
    return {"total": item.price * amount}


def check(item, amount):
    raise ValueError(f"{item.name} can't be paid with {amount}")


@router.task
def refuse(item):
    raise PermanentError(f"no {item.name}")


@router.task
async def later(total):
    return int("no number") if total else {"total": total}
"""

BANK = """
import os

from algernon import PermanentError, TaskRouter

BANK_URL = os.environ["BANK_URL"]
router = TaskRouter()
handler = router.handler


@router.task
def pay():
    raise PermanentError(f"{BANK_URL} is closed")
"""


@dataclass
class Item(AlgObject, wire_name="shop:Item"):
    """The same class as the worker's."""

    name: str
    price: Decimal


@pytest.fixture
def system(aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch) -> DeadSystem:
    """A system with letters to be run."""
    return DeadSystem(aws, monkeypatch, "charge", "later")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the worker's code."""
    (tmp_path / "worker.py").write_text(WORKER)
    return tmp_path


def command(*arguments: str, bucket: str = "worker-bucket") -> list[str]:
    """Return the command line of `dead run` in the system."""
    return algernon("dead", "run", *arguments, "--prefix", PREFIX, "--bucket", bucket)


def run(folder: Path, *arguments: str, text: str | None = None) -> tuple[int, str, str]:
    """Run the command, and return its exit status and what it printed."""
    ended = subprocess.run(
        command(*arguments), cwd=folder, capture_output=True, text=True, input=text, check=False
    )
    return ended.returncode, ended.stdout, ended.stderr


def test_the_task_runs_with_its_real_arguments_and_nothing_changes(
    system: DeadSystem, folder: Path, aws: LocalAWS, bucket: str
) -> None:
    """Its result and what it would send are shown; the letter stays, and S3 has nothing new."""
    kwargs = {"item": Item("tea", Decimal("9.90")), "amount": Decimal(2)}
    task_id = system.give_up("charge", kwargs, callback="later")
    before = system.letters("charge")
    status, out, err = run(folder, task_id, "worker:router")
    assert (status, err) == (0, "")
    assert out == (
        "charging charge\n"
        'result: {"total": {"_alg_class": "decimal", "value": "19.80"}}\n'
        "not sent, but caught:\n"
        '  audit {"item":{"_alg_class":"Item","_alg_module":"shop","value":{"name":"tea","price":'
        '{"_alg_class":"decimal","value":"9.90"}}}}\n'
        '  later {"total":{"_alg_class":"decimal","value":"19.80"}}\n'
    )
    (letter,) = system.letters("charge")
    assert letter["Body"] == before[0]["Body"]
    assert letter["MessageAttributes"] == before[0]["MessageAttributes"]
    assert "Contents" not in aws.client("s3").list_objects_v2(Bucket=bucket)


def test_a_failure_shows_its_own_frames_and_one_line(system: DeadSystem, folder: Path) -> None:
    """The traceback has no frame of Algernon's, and the command ends with 1."""
    kwargs = {"item": Item("tea", Decimal("9.90")), "amount": -1}
    task_id = system.give_up("charge", kwargs)
    status, out, err = run(folder, task_id[:8], "worker:router")
    assert status == 1
    assert "algernon_queue" not in err
    frames = [line.split(", in ")[1] for line in err.splitlines() if line.startswith("  File ")]
    assert frames == ["charge", "check"]
    *_, error, last = err.splitlines()
    assert error == "ValueError: tea can't be paid with -1"
    assert last == (
        "algernon: the Task 'charge' fails here otherwise than before, with ValueError: tea can't"
        " be paid with -1"
    )
    assert out.splitlines()[1] == "not sent, but caught:"


def test_json_has_all_of_it_in_one_line(system: DeadSystem, folder: Path) -> None:
    """What the Task prints goes to standard error, so that programs read one object."""
    kwargs = {"item": Item("tea", Decimal("9.90")), "amount": 1}
    task_id = system.give_up("charge", kwargs)
    status, out, err = run(folder, task_id, "worker:router", "--json")
    assert (status, err) == (0, "charging charge\n")
    told: dict[str, Any] = json.loads(out)
    assert (told["state"], told["task"], told["task_id"]) == ("done", "charge", task_id)
    assert told["result"]["total"]["value"] == "9.90"
    assert [each["task"] for each in told["sent"]] == ["audit"]
    failing = system.give_up("later", {"total": 1})
    status, out, _ = run(folder, failing, "worker:router", "--json")
    assert status == 1
    told = json.loads(out)
    assert (told["state"], told["error"], told["result"]) == ("failed", "ValueError", None)


def test_the_debugger_stops_at_the_failing_line_with_the_real_arguments(
    system: DeadSystem, folder: Path
) -> None:
    """Piped commands see an AlgObject, a Decimal and 20 MB of stored arguments."""
    rows = "x" * 20_000_000
    kwargs = {"item": Item("tea", Decimal("9.90")), "amount": Decimal(-1), "rows": rows}
    task_id = system.give_up("charge", kwargs)
    asked = "p item.price, amount\nup\np before, len(rows), item.__class__.__module__\nq\n"
    status, out, err = run(folder, task_id, "worker:router", "--pdb", text=asked)
    assert status == 1
    assert "> " + str(folder / "worker.py") in out
    assert "-> raise ValueError(" in out
    assert "(Decimal('9.90'), Decimal('-1'))" in out
    assert "(20000000, 20000000, 'worker')" in out
    assert "algernon_queue" not in out
    assert err.endswith("can't be paid with -1\n")


def test_the_debugger_works_on_a_terminal(system: DeadSystem, folder: Path) -> None:
    """An error in a coroutine, raised by the library, is looked at where one's own code stands."""
    task_id = system.give_up("later", {"total": 7})
    with OnTerminal(
        command(task_id, "worker:router", "--pdb"), folder=folder, columns=100
    ) as terminal:
        terminal.wait_for(lambda text: "(Pdb)" in text)
        terminal.type("p total * 6\n")
        terminal.wait_for(lambda text: "42" in text)
        assert '-> return int("no number")' in terminal.text
        terminal.type("q\n")
        assert terminal.end() == 1


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["ffff"], "no dead letter has an id that begins with ffff"),
        (["LETTER", "absent:router"], "there is no module 'absent'"),
        (["LETTER", "worker:nothing"], "has no TaskRouter 'nothing'"),
        (["LETTER", "other:router"], "other:router has no Task 'later', only else"),
        (["LETTER"], "no function works off the queue of the Task 'later'"),
    ],
)
def test_what_is_wrong_is_told_in_one_line(
    system: DeadSystem, folder: Path, arguments: list[str], reason: str
) -> None:
    """No such letter, worker or Task: the line says which, and nothing runs."""
    task_id = system.give_up("later", {"total": 7})
    (folder / "other.py").write_text(
        "from algernon import TaskRouter\nrouter = TaskRouter()\n"
        "@router.task(name='else')\ndef another(): ...\n"
    )
    arguments = [task_id if each == "LETTER" else each for each in arguments]
    status, out, err = run(folder, *arguments)
    assert (status, out) == (1, "")
    assert reason in err
    assert err.count("\n") == 1


def test_letters_of_other_senders_are_not_run(system: DeadSystem, folder: Path) -> None:
    """What is no message of a Task is told to be none."""
    system.put("later", "hello", {})
    (letter,) = system.letters("later")
    status, _, err = run(folder, letter["MessageId"], "worker:router")
    assert status == 1
    assert "is no message of a Task" in err


def test_arguments_that_have_expired_are_told(
    system: DeadSystem, folder: Path, aws: LocalAWS, bucket: str
) -> None:
    """Where S3 has a letter's arguments no more, it says so, and there is nothing to debug."""
    task_id = system.give_up("charge", {"item": 1, "amount": 2, "rows": "x" * 300_000})
    s3 = aws.client("s3")
    for found in s3.list_objects_v2(Bucket=bucket)["Contents"]:
        s3.delete_object(Bucket=bucket, Key=found["Key"])
    status, out, err = run(folder, task_id, "worker:router", "--pdb", text="q\n")
    assert (status, out) == (1, "")
    assert "MissingObjectError" in err
    assert "no line of your own code" in err


def test_the_deployed_function_says_which_worker_it_is(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a system that runs here nothing is named but the letter, and it runs as it was sent."""
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    with (
        LocalSystem("worker:router", directory=folder) as system,
        reserve_entry(system.stack_name) as entry,
        system.as_default(),
    ):
        entry.announce(RunningSystem(system.tasks, system.environ, system.log_group))
        task_id = send_task("refuse", {"item": Item("tea", Decimal("9.90"))})
        system.run()
        assert [letter.task_id for letter in system.dead_letters] == [task_id]
        ended = subprocess.run(
            algernon("dead", "run", task_id[:6]),
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (ended.returncode, ended.stdout) == (1, "")
        first, *_, last = ended.stderr.splitlines()
        assert first.startswith("algernon: the worker is worker, as the function ")
        assert last == "algernon: the Task 'refuse' fails here too, with PermanentError: no tea"
        assert len(system.dead_letters) == 1


def test_a_worker_that_is_named_has_the_variables_of_its_function(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its module finds them when it is imported, as it does where it is deployed."""
    (folder / "bank.py").write_text(BANK, encoding="utf-8")
    monkeypatch.setenv("XDG_STATE_HOME", str(folder / "state"))
    with (
        LocalSystem("bank:router", directory=folder, env={"BANK_URL": "here"}) as system,
        reserve_entry(system.stack_name) as entry,
        system.as_default(),
    ):
        entry.announce(RunningSystem(system.tasks, system.environ, system.log_group))
        task_id = send_task("pay", {})
        system.run()
        ended = subprocess.run(
            algernon("dead", "run", task_id, "bank:router"),
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
        )
        assert ended.stderr.splitlines()[-1] == (
            "algernon: the Task 'pay' fails here too, with PermanentError: here is closed"
        )
