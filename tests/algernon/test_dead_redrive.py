"""`algernon dead redrive`, of a system on a local AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from algernon import SentTask, Task, send_task, send_tasks
from algernon.local import LocalSystem
from algernon.local.entries import RunningSystem, reserve_entry
from algernon_storage import aws_client

from ..waiting import PATIENCE

pytestmark = pytest.mark.starts

BOTH = """
import os
from uuid import uuid4

from algernon import PermanentError
from algernon_storage import aws_client


def attempt(task, number):
    s3, bucket = aws_client("s3"), os.environ["ALGERNON_BUCKET_NAME"]
    s3.put_object(Bucket=bucket, Key=f"tried/{task}/{number}/{uuid4()}", Body=b"x")
    if not s3.list_objects_v2(Bucket=bucket, Prefix=f"mended/{task}").get("KeyCount"):
        raise PermanentError(f"{task} is broken")
    return {"number": number}
"""
WORKER = """
from algernon import TaskRouter
from both import attempt

router = TaskRouter()
handler = router.handler


@router.task
def charge(number, text=""):
    return attempt("charge", number)


@router.task
def ship(number):
    return attempt("ship", number)
"""
BOOKS = """
from algernon import TaskRouter
from both import attempt

router = TaskRouter(once=True)
handler = router.handler


@router.task
def book(number):
    return attempt("book", number)
"""

Command = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSystem]:
    """The system of two workers, one of which has a ledger."""
    folder = tmp_path_factory.mktemp("redrive")
    for name, text in {"both": BOTH, "worker": WORKER, "books": BOOKS}.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    with LocalSystem("worker:router", "books:router", directory=folder) as system:
        yield system


@pytest.fixture
def system(running: LocalSystem) -> Iterator[LocalSystem]:
    """The system, in which nothing is left of other tests, and where this process is led."""
    with running.as_default():
        s3, sqs = aws_client("s3"), aws_client("sqs")
        for prefix in ("tried/", "mended/"):
            found = s3.list_objects_v2(Bucket=running.bucket_name, Prefix=prefix)
            for each in found.get("Contents", []):
                s3.delete_object(Bucket=running.bucket_name, Key=each["Key"])
        for task in running.tasks:
            sqs.purge_queue(QueueUrl=running.dead_letter_queue_url(task))
        yield running


@pytest.fixture(scope="module")
def redrive(running: LocalSystem, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Command]:
    """The command, which finds the system as if `algernon run` ran it."""
    state = tmp_path_factory.mktemp("state")
    environ = {**os.environ, "XDG_STATE_HOME": str(state)}

    def run(*arguments: str, **others: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "algernon.commands", "dead", "redrive", *arguments],
            cwd=state,
            env={**environ, **others},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(state))
        with reserve_entry(running.stack_name) as entry:
            entry.announce(RunningSystem(running.tasks, running.environ, running.log_group))
            yield run


def fail(system: LocalSystem, task: str, count: int, **options: Any) -> None:
    """Have Tasks fail, and so become dead letters."""
    send_tasks(Task(task, {"number": number}, **options) for number in range(count))
    system.run(timeout=PATIENCE)


def mend(system: LocalSystem, task: str) -> None:
    """Have a Task succeed from now on."""
    aws_client("s3").put_object(Bucket=system.bucket_name, Key=f"mended/{task}", Body=b"x")


def tries(system: LocalSystem, task: str) -> int:
    """Return how often a Task was run."""
    found = aws_client("s3").list_objects_v2(Bucket=system.bucket_name, Prefix=f"tried/{task}/")
    return int(found["KeyCount"])


def dead(system: LocalSystem) -> list[str]:
    """Return the Tasks of all dead letters, once nothing is left to do."""
    system.run(timeout=PATIENCE)
    return sorted(letter.task for letter in system.dead_letters)


def ends_with(done: subprocess.CompletedProcess[str], status: int, *, stderr: str = "") -> str:
    """Check how a command ended, and return what it printed."""
    assert done.returncode == status, done
    assert stderr in done.stderr
    return done.stdout


def test_a_plan_moves_nothing(system: LocalSystem, redrive: Command) -> None:
    """By each cause it says how many would go, and where to."""
    fail(system, "charge", 3)
    fail(system, "ship", 2)

    shown = ends_with(redrive(), 0).splitlines()

    assert shown[0].split() == ["TASK", "ERROR", "LETTERS", "GO", "TO"]
    assert [line.split()[:3] for line in shown[1:3]] == [
        ["charge", "PermanentError", "3"],
        ["ship", "PermanentError", "2"],
    ]
    assert shown[-1] == "nothing was moved: --yes carries it out"
    assert dead(system) == ["charge"] * 3 + ["ship"] * 2
    assert tries(system, "charge") == 3


def test_what_is_meant_is_moved(system: LocalSystem, redrive: Command) -> None:
    """A program is told the plan, and what was done."""
    fail(system, "charge", 3)
    fail(system, "ship", 2)
    mend(system, "charge")

    told = json.loads(ends_with(redrive("--task", "charge", "--yes", "--json"), 0))

    assert told["plan"] == [
        {
            "task": "charge",
            "error": "PermanentError",
            "queue": system.queue_url("charge"),
            "letters": 3,
        }
    ]
    assert told["done"] == {
        "moved": 3,
        "causes": [{"task": "charge", "error": "PermanentError", "moved": 3}],
        "canaries": [],
        "refused": [],
        "unseen": 0,
    }
    assert dead(system) == ["ship"] * 2


def test_nothing_is_meant(system: LocalSystem, redrive: Command) -> None:
    """Then nothing is moved, and that is fine."""
    shown = ends_with(redrive("--error", "CardDeclinedError", "--yes"), 0)

    assert shown == "no dead letter is meant: algernon dead list tells which there are\n"
    ends_with(redrive("--id", "ffff0000", "--yes"), 1, stderr="begins with ffff0000")


@pytest.mark.parametrize("task", ["charge", "book"])
def test_a_task_that_is_still_broken_stops_after_one_letter(
    system: LocalSystem, redrive: Command, task: str
) -> None:
    """Its note says so, where it has a ledger, or else that the letter is back."""
    fail(system, task, 25)

    done = redrive("--canary", "--within", "600", "--yes", "--json")

    told = json.loads(ends_with(done, 1, stderr="failed again: PermanentError"))["done"]
    assert (told["moved"], [each["is_good"] for each in told["canaries"]]) == (1, [False])
    assert dead(system) == [task] * 25
    assert tries(system, task) == 26


def test_a_task_under_a_ledger_that_is_mended_lets_all_go(
    system: LocalSystem, redrive: Command
) -> None:
    """As soon as the first is done, which its outcome says."""
    fail(system, "book", 25)
    mend(system, "book")

    told = json.loads(ends_with(redrive("--canary", "--yes", "--json"), 0))["done"]

    assert [each["reason"] for each in told["canaries"]] == ["it is done"]
    assert told["moved"] == 25
    assert dead(system) == []
    assert tries(system, "book") == 50


def test_a_task_without_a_ledger_that_is_mended_lets_all_go(
    system: LocalSystem, redrive: Command
) -> None:
    """Once the first had time enough to come back, and didn't."""
    fail(system, "charge", 25)
    mend(system, "charge")

    told = json.loads(ends_with(redrive("--canary", "--within", "5", "--yes", "--json"), 0))["done"]

    assert [each["reason"] for each in told["canaries"]] == ["it isn't back after 5 s"]
    assert told["moved"] == 25
    assert dead(system) == []


def test_a_kept_result_tells_too(system: LocalSystem, redrive: Command) -> None:
    """What was sent with keep_result has an outcome, whatever its worker has."""
    fail(system, "charge", 3, keep_result=True)
    mend(system, "charge")

    told = json.loads(ends_with(redrive("--canary", "--yes", "--json"), 0))["done"]

    assert [each["reason"] for each in told["canaries"]] == ["it is done"]
    assert told["moved"] == 3


def test_a_broken_cause_holds_no_other(system: LocalSystem, redrive: Command) -> None:
    """Of each cause one letter goes first, and decides on those like it."""
    fail(system, "charge", 4)
    fail(system, "book", 4)
    mend(system, "book")

    done = redrive("--canary", "--within", "600", "--yes")

    shown = ends_with(done, 1, stderr="of 2 letters that went first 1 didn't do well")
    assert "5 letters moved" in shown
    assert dead(system) == ["charge"] * 4


def test_a_letter_whose_task_is_done_proves_nothing(system: LocalSystem, redrive: Command) -> None:
    """One that went twice, and is done, isn't taken for the one that goes first."""
    mend(system, "book")
    sent = send_task("book", {"number": 0})
    system.run(timeout=PATIENCE)
    twin = json.dumps({"task_name": "book", "task_kwargs": {"number": 0}, "task_id": sent})
    noted = {"DataType": "String", "StringValue": "PermanentError"}
    sqs = aws_client("sqs")
    for _ in range(3):
        sqs.send_message(
            QueueUrl=system.dead_letter_queue_url("book"),
            MessageBody=twin,
            MessageAttributes={"algernon.error": noted},
        )
    aws_client("s3").delete_object(Bucket=system.bucket_name, Key="mended/book")
    fail(system, "book", 3)

    ends_with(redrive("--canary", "--within", "600", "--yes"), 1, stderr="failed again")

    assert tries(system, "book") == 1 + 3 + 1
    assert dead(system).count("book") >= 3


def test_a_redriven_task_is_waited_for_again(system: LocalSystem, redrive: Command) -> None:
    """Its failure is forgotten, and then its result comes."""
    sent = SentTask[Any](send_task("book", {"number": 7}, keep_result=True))
    system.run(timeout=PATIENCE)
    assert sent.state() == "failed"
    mend(system, "book")

    ends_with(redrive("--id", sent.task_id[:8], "--yes"), 0)

    assert sent.result(timeout=PATIENCE) == {"number": 7}


def editor(tmp_path: Path, *steps: str) -> str:
    """Return the command of an editor that does something to the text of its file."""
    script = tmp_path / "editor.py"
    lines = ["import sys", "path = sys.argv[1]", "text = open(path, encoding='utf-8').read()"]
    lines += [*steps, "open(path, 'w', encoding='utf-8').write(text)"]
    script.write_text("\n".join(lines), encoding="utf-8")
    return f"{sys.executable} {script}"


@pytest.mark.parametrize("length", [10, 1_000_000])
def test_keyword_arguments_are_edited(
    system: LocalSystem, redrive: Command, tmp_path: Path, length: int
) -> None:
    """Also those that are stored, or become too large; the Task keeps its id."""
    task_id = send_task("charge", {"number": 1, "text": "x" * length}, keep_result=True)
    system.run(timeout=PATIENCE)
    mend(system, "charge")
    longer = length * 30_000 if length < 100 else 1
    steps = ["""text = text.replace('"number": 1', '"number":  2')""", f"text += ' ' * {longer}"]
    steps += [f"""text = text.replace('"x', '"{{}}x'.format("y" * {longer}))"""]

    done = redrive("--id", task_id, "--edit", "--yes", EDITOR=editor(tmp_path, *steps))

    ends_with(done, 0)
    assert SentTask[Any](task_id).result(timeout=PATIENCE) == {"number": 2}


@pytest.mark.parametrize(
    ("steps", "status", "why"),
    [
        ([], 0, "are as they were, and it stays"),
        (["text = ' ' + text"], 0, "are as they were, and it stays"),
        (["sys.exit(3)"], 1, "ended with the status 3"),
        (["text = text[:-2]"], 1, "It is kept in "),
        (["text = '[1]'"], 1, "keyword arguments are a JSON object"),
        (["text = '{\"number\": NaN}'"], 1, "NaN is no JSON"),
        (['text = \'{"number": 1, "number": 2}\''], 1, "the name 'number' twice"),
    ],
)
def test_a_letter_stays_that_was_not_edited(
    system: LocalSystem, redrive: Command, tmp_path: Path, steps: list[str], status: int, why: str
) -> None:
    """Nothing is changed, and what can't be sent is kept where only its user reads it."""
    fail(system, "charge", 1)
    (before,) = system.dead_letters
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    done = redrive(
        "--edit", "--yes", "--json", VISUAL=editor(tmp_path, *steps), TMPDIR=str(temporary)
    )

    told = json.loads(ends_with(done, status, stderr=why))
    assert told["done"]["moved"] == 0
    assert system.dead_letters == [before]
    assert len([*temporary.iterdir()]) == ("It is kept in " in done.stderr)
    assert all(each.stat().st_mode & 0o077 == 0 for each in temporary.iterdir())


def test_an_editor_that_is_not_there_is_named(system: LocalSystem, redrive: Command) -> None:
    """And the variable by which to name another."""
    fail(system, "charge", 1)

    done = redrive("--edit", "--yes", VISUAL="", EDITOR="no-such-editor")

    ends_with(done, 1, stderr="the editor 'no-such-editor' can't be started")


def test_only_one_letter_is_edited(system: LocalSystem, redrive: Command) -> None:
    """Of several it isn't clear whose keyword arguments are meant."""
    fail(system, "charge", 2)

    ends_with(redrive("--edit"), 1, stderr="--edit is for one letter, and 2 are meant")


def test_what_is_no_message_has_nothing_to_edit(system: LocalSystem, redrive: Command) -> None:
    """Letters of other senders are moved, or not, as they are."""
    aws_client("sqs").send_message(
        QueueUrl=system.dead_letter_queue_url("charge"), MessageBody="anything"
    )

    ends_with(redrive("--edit", "--yes"), 1, stderr="is no message of a Task")


@pytest.mark.parametrize(
    "arguments",
    [
        ["--rate", "0/s"],
        ["--rate", "fast"],
        ["--limit", "0"],
        ["--within", "60"],
        ["--canary", "--within", "0"],
        ["--canary", "--within", "nan"],
        ["--canary", "--edit"],
        ["--since", "tomorrow"],
        ["--id", "abc"],
    ],
)
def test_wrong_usage_moves_nothing(redrive: Command, arguments: list[str]) -> None:
    """It ends with 2, as of all verbs."""
    ends_with(redrive(*arguments, "--yes"), 2, stderr="usage:")
