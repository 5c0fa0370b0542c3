"""Dead letters are exported to files, imported from them, and discarded only when in one."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from algernon.commands.main import main
from algernon.system.letters.files import LetterFile, read_letters
from algernon.system.letters.letter import Letter
from algernon.system.letters.reader import Taken
from algernon.system.task_queues import TaskQueues
from algernon_queue import Group, Task

from ..waiting import PATIENCE
from .dead_system import PREFIX, DeadSystem
from .terminals import OnTerminal, algernon

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Answer, Call, Wire

PLACE = ("--prefix", PREFIX)


@pytest.fixture
def system(
    aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> DeadSystem:
    """A system of three Tasks, one of them FIFO, whose commands run in a folder of their own."""
    monkeypatch.chdir(tmp_path)
    return DeadSystem(aws, monkeypatch, "charge", "mail", "ship.fifo")


@pytest.fixture
def letters(system: DeadSystem) -> list[str]:
    """The ids of three letters of the Task `charge`, of two causes."""
    return [
        system.give_up("charge", {"text": "tränen\u2028"}, "CardError"),
        system.give_up("charge", {"n": 2}, "CardError"),
        system.give_up("charge", {"n": 3}, "BankError"),
    ]


def dead(*arguments: str) -> int:
    """Run a verb of `algernon dead` in the system, and return its exit status."""
    return main(["dead", *arguments, *PLACE])


def files() -> list[str]:
    """Return the names of the files in the current directory."""
    return [path.name for path in Path.cwd().iterdir()]


def contents(messages: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    """Return what makes letters what they are, in an order of their own."""
    found = [
        (
            each["Body"],
            each.get("MessageAttributes"),
            each["Attributes"].get("MessageGroupId"),
        )
        for each in messages
    ]
    return sorted(found, key=str)


def test_what_is_exported_and_imported_is_exactly_what_was_there(
    system: DeadSystem, letters: list[str], wire: Wire
) -> None:
    """Body, all attributes, also binary ones, the trace header and the message group come back."""
    system.put("mail", "hello, no Task's", {})
    system.sqs.send_message(
        QueueUrl=system.dead("mail"),
        MessageBody=json.dumps({"task_name": "mail"}),
        MessageAttributes={
            "blob": {"DataType": "Binary", "BinaryValue": b"\x00\xff"},
            "size": {"DataType": "Number.int", "StringValue": "3"},
            "algernon.task_id": {"DataType": "String", "StringValue": "kept"},
        },
        MessageSystemAttributes={
            "AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1-5759e988"}
        },
        MessageGroupId="tenant",
    )
    for number in range(3):
        body = json.dumps({"task_name": "ship", "task_kwargs": {"n": number}})
        noted = {"algernon.error": "ShipError", "algernon.task_id": str(uuid4())}
        system.put("ship", body, noted, "customer")
    before = {task: system.letters(task) for task in ("charge", "mail", "ship")}
    assert dead("export", "dead.jsonl") == 0
    assert {task: contents(system.letters(task)) for task in before} == {
        task: contents(found) for task, found in before.items()
    }
    for task in before:
        system.empty(task)

    assert dead("import", "dead.jsonl", "--yes") == 0

    for task, found in before.items():
        assert contents(system.letters(task)) == contents(found)
    # moto drops it of messages that are sent in a batch.
    (sent,) = [call for call in wire.calls if b"Root=1-5759e988" in call.body]
    assert sent.operation == "SendMessageBatch"
    order = [each["Body"] for each in before["ship"]]
    assert [each["Body"] for each in system.letters("ship")] == order


def test_only_the_letters_that_are_meant_are_exported(
    system: DeadSystem, letters: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A selection says which; standard output has the lines alone."""
    assert dead("export", "-", "--error", "BankError") == 0
    out, err = capsys.readouterr()
    (line,) = map(json.loads, out.splitlines())
    assert (line["task"], line["task_id"], line["error"]) == ("charge", letters[2], "BankError")
    assert "1 letter" in err
    assert dead("export", "two.jsonl", "--limit", "2", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["count"], told["file"]) == (2, "two.jsonl")
    assert len(Path("two.jsonl").read_text().splitlines()) == 2


def test_a_file_is_private_and_never_overwritten_unasked(
    system: DeadSystem, letters: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nobody else may read payloads, and what is there stays unless it is told otherwise."""
    Path("dead.jsonl").write_text("mine")
    assert dead("export", "dead.jsonl") == 1
    assert "dead.jsonl is there already" in capsys.readouterr().err
    assert Path("dead.jsonl").read_text() == "mine"
    assert dead("export", "dead.jsonl", "--overwrite") == 0
    assert len(Path("dead.jsonl").read_text().splitlines()) == 3
    assert Path("dead.jsonl").stat().st_mode & 0o777 == 0o600
    assert files() == ["dead.jsonl"]


def test_only_a_regular_file_is_replaced(
    system: DeadSystem, letters: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A link's file is written anew and the link stays; a pipe and a folder are refused."""
    Path("dead.jsonl").write_text("mine")
    Path("link").symlink_to("dead.jsonl")
    assert dead("export", "link") == 1
    assert "link is there already" in capsys.readouterr().err
    assert dead("export", "link", "--overwrite") == 0
    assert Path("link").is_symlink()
    assert len(Path("dead.jsonl").read_text().splitlines()) == 3
    os.mkfifo("pipe")
    Path("folder").mkdir()
    for name in ("pipe", "folder", os.devnull):
        assert dead("export", name, "--overwrite") == 1
        assert f"{name} is no regular file" in capsys.readouterr().err
    assert Path("pipe").is_fifo()
    assert sorted(files()) == ["dead.jsonl", "folder", "link", "pipe"]


def test_what_fails_midway_leaves_no_file(
    system: DeadSystem, letters: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """An id that no letter has, and a folder that isn't there, end it with nothing left."""
    assert dead("export", "dead.jsonl", "--id", "ffffffff") == 1
    assert "no dead letter has an id" in capsys.readouterr().err
    assert dead("export", "absent/dead.jsonl") == 1
    assert "can't be written to absent/dead.jsonl" in capsys.readouterr().err
    assert files() == []
    assert len(system.letters("charge")) == 3


def test_arguments_that_lie_in_s3_are_told_of(
    system: DeadSystem, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who exports letters learns that large arguments aren't in the file."""
    system.give_up("charge", {"rows": "x" * 300_000})
    assert dead("export", "dead.jsonl") == 0
    assert "1 letter of these leads to arguments in S3" in capsys.readouterr().out


def test_an_import_tells_its_plan_first(
    system: DeadSystem, letters: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Nothing is sent without --yes."""
    dead("export", "dead.jsonl")
    system.empty("charge")
    capsys.readouterr()
    assert dead("import", "dead.jsonl") == 0
    assert capsys.readouterr().out == (
        "charge: 3 letters\nnothing was put back: --yes carries it out\n"
    )
    assert system.letters("charge") == []


def test_an_import_that_was_ended_midway_is_completed_by_the_next(
    system: DeadSystem, letters: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """What is there already by its Task's id is left out, so that none is there twice."""
    dead("export", "dead.jsonl")
    before = contents(system.letters("charge"))
    system.empty("charge")
    lines = Path("dead.jsonl").read_text().splitlines(keepends=True)
    Path("first.jsonl").write_text("".join(lines[:2]))
    assert dead("import", "first.jsonl", "--yes") == 0
    capsys.readouterr()
    assert dead("import", "dead.jsonl", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {
        "file": "dead.jsonl",
        "planned": {"charge": 1},
        "left_out": 2,
        "unseen": 0,
        "imported": 1,
    }
    assert contents(system.letters("charge")) == before


def test_a_message_without_an_id_of_its_own_keeps_the_one_that_it_had(system: DeadSystem) -> None:
    """SQS gives an imported message another id, by which its Task isn't called."""
    system.put("mail", json.dumps({"task_name": "mail"}), {})
    (letter,) = system.letters("mail")
    dead("export", "dead.jsonl")
    system.empty("mail")
    dead("import", "dead.jsonl", "--yes")
    dead("export", "again.jsonl")
    line = json.loads(Path("again.jsonl").read_text())
    assert line["task_id"] == letter["MessageId"] != line["message_id"]
    assert line["error"] is None


def test_an_id_is_kept_beside_attributes_that_only_begin_as_a_workers(system: DeadSystem) -> None:
    """An attribute whose name begins so is no id; the one that SQS gave is noted beside it."""
    system.put("mail", json.dumps({"task_name": "mail"}), {"algernon.note": "mine"})
    (letter,) = system.letters("mail")
    dead("export", "dead.jsonl")
    system.empty("mail")
    dead("import", "dead.jsonl", "--yes")
    (found,) = system.letters("mail")
    noted = {name: each["StringValue"] for name, each in found["MessageAttributes"].items()}
    assert noted == {"algernon.note": "mine", "algernon.task_id": letter["MessageId"]}


def test_letters_of_a_fifo_queue_are_imported_again_at_once(system: DeadSystem) -> None:
    """SQS doesn't take them for those of an import before, within its five minutes."""
    system.put("ship", json.dumps({"task_name": "ship"}), {}, "customer")
    assert dead("discard", "--all", "--yes", "--export", "ship.jsonl") == 0
    for number in range(2):
        assert dead("import", "ship.jsonl", "--yes") == 0
        assert len(system.letters("ship")) == 1
        assert dead("discard", "--all", "--yes", "--export", f"again-{number}.jsonl") == 0


def test_half_of_a_surrogate_pair_is_exported_like_all_else(system: DeadSystem) -> None:
    """A text that has no bytes in UTF-8 ends no export, and comes back as it was."""
    message = {"MessageId": "m", "Body": "half \ud800", "ReceiptHandle": "r"}
    queues = TaskQueues("mail", "topic", "queue", system.dead("mail"))
    with LetterFile("dead.jsonl") as file:
        file.write(Taken(Letter.of(message, queues), message))
        file.keep()
    with Path("dead.jsonl").open("rb") as opened:
        (letter,) = read_letters(opened, "dead.jsonl")
    assert letter.fields["MessageBody"] == "half \ud800"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (lambda line: line[:-20], "line 2: it has no end"),
        (lambda line: b"{" + line, "line 2: it can't be read as JSON"),
        (lambda line: b"[" * 100_000 + b"\n", "line 2: it can't be read as JSON"),
        (lambda line: b"[]\n", "line 2: it is no JSON object"),
        (lambda line: b"\n", "line 2: it can't be read as JSON"),
        (lambda line: b"\xff\n", "line 2: it can't be read as JSON"),
        (lambda line: line.replace(b'"n', b'"m').replace(b'n\\\\"', b'm\\\\"'), "by its MD5"),
        (lambda line: line.replace(b'"task": "charge"', b'"task": 7'), "its 'task' isn't as"),
        (
            lambda line: line.replace(b'"charge"', b'"chargo"').replace(b"md5_of_rest", b"note"),
            "did you mean charge?",
        ),
        (lambda line: line.replace(b'"charge"', b'"mail"'), "beside the body isn't what was"),
        (lambda line: line.replace(b"CardError", b"CardErrot"), "beside the body isn't what was"),
        (lambda line: line.replace(b'"StringValue"', b'"Text"'), "has no DataType with a value"),
        (lambda line: line.replace(b'"StringValue"', b'"BinaryValue"'), "is no base64"),
        (
            lambda line: line.replace(b'"charge", "task_id"', b'"ship", "task_id"').replace(
                b"md5_of_rest", b"note"
            ),
            "is FIFO",
        ),
    ],
)
def test_a_damaged_file_is_told_by_its_line_before_anything_is_sent(
    system: DeadSystem,
    letters: list[str],
    capsys: pytest.CaptureFixture[str],
    damage: Any,
    reason: str,
) -> None:
    """The line is named, and no queue gets a letter, also of the lines before."""
    dead("export", "dead.jsonl")
    system.empty("charge")
    first, second, third = Path("dead.jsonl").read_bytes().splitlines(keepends=True)
    assert damage(second) != second
    Path("dead.jsonl").write_bytes(
        first + damage(second) + (third if b"\n" in damage(second) else b"")
    )
    capsys.readouterr()
    assert dead("import", "dead.jsonl", "--yes") == 1
    err = capsys.readouterr().err
    assert "dead.jsonl, line 2: " in err
    assert reason in err
    assert system.letters("charge") == []


def test_a_changed_body_is_imported_where_its_md5_is_left_out(
    system: DeadSystem, letters: list[str]
) -> None:
    """Who edits a letter says so."""
    dead("export", "dead.jsonl", "--id", letters[1])
    system.empty("charge")
    line = json.loads(Path("dead.jsonl").read_text())
    del line["md5_of_body"]
    Path("dead.jsonl").write_text(json.dumps({**line, "body": '{"task_name": "charge"}'}) + "\n")
    assert dead("import", "dead.jsonl", "--yes") == 0
    assert [each["Body"] for each in system.letters("charge")] == ['{"task_name": "charge"}']


def test_discarding_exports_first_and_can_be_undone(
    system: DeadSystem, letters: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Only what is meant goes, all of it is in the file, and import puts it back."""
    before = contents(system.letters("charge"))
    assert dead("discard", "--error", "CardError", "--yes", "--export", "gone.jsonl") == 0
    out = capsys.readouterr().out
    assert "CardError" in out
    assert "BankError" not in out
    assert "algernon dead import gone.jsonl" in out
    assert len(system.letters("charge")) == 1
    assert len(Path("gone.jsonl").read_text().splitlines()) == 2
    assert dead("import", "gone.jsonl", "--yes") == 0
    assert contents(system.letters("charge")) == before


def test_discarding_without_a_yes_is_a_plan(
    system: DeadSystem, letters: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Where nobody can be asked, nothing is deleted and no file written."""
    assert dead("discard", "--all") == 0
    assert "nothing was discarded: --yes carries it out" in capsys.readouterr().out
    assert dead("discard", "--all", "--json") == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["count"], told["discarded"]) == (3, 0)
    assert len(told["causes"]) == 2
    assert files() == []
    assert len(system.letters("charge")) == 3


@pytest.mark.parametrize(
    "arguments", [[], ["--all", "--task", "charge"], ["--all", "--export", "-"]]
)
def test_discarding_says_which_letters_are_meant(
    system: DeadSystem, letters: list[str], arguments: list[str]
) -> None:
    """Neither nothing at all nor all and some is a selection, and the letters need a file."""
    with pytest.raises(SystemExit) as ended:
        dead("discard", *arguments, "--yes")
    assert ended.value.code == 2
    assert len(system.letters("charge")) == 3


def test_what_cannot_be_exported_is_not_deleted(
    system: DeadSystem, letters: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """A file that is there already ends it before anything is deleted."""
    Path("gone.jsonl").write_text("mine")
    assert dead("discard", "--all", "--yes", "--export", "gone.jsonl") == 1
    assert "is there already" in capsys.readouterr().err
    assert len(system.letters("charge")) == 3


def test_groups_whose_members_are_discarded_are_named(
    system: DeadSystem, capsys: pytest.CaptureFixture[str]
) -> None:
    """Such a group would wait for ever, so the plan says which."""
    group = Group([Task("mail", {"n": n}) for n in range(2)]).send()
    system.give_up_all("mail")
    assert dead("discard", "--all") == 0
    out = capsys.readouterr().out
    assert "1 group would wait for ever for members that are discarded:" in out
    assert f"  {group.group_id} (2 members)" in out
    assert "algernon cancel ID ends it" in out
    assert dead("discard", "--all", "--yes", "--json") == 0
    assert json.loads(capsys.readouterr().out)["groups"] == {group.group_id: 2}


@pytest.mark.starts
@pytest.mark.parametrize(("answer", "left"), [("no", 3), ("y", 0)])
def test_a_terminal_is_asked(
    system: DeadSystem, letters: list[str], tmp_path: Path, answer: str, left: int
) -> None:
    """Who says no keeps all letters and gets no file; who says yes finds them in one."""
    command = algernon("dead", "discard", "--all", *PLACE)
    with OnTerminal(command, folder=tmp_path, columns=120) as terminal:
        terminal.wait_for(lambda text: "[y/N]" in text)
        assert "BankError" in terminal.text
        terminal.type(f"{answer}\n")
        assert terminal.end() == 0
    assert len(system.letters("charge")) == left
    lines = [len(file.read_text().splitlines()) for file in tmp_path.iterdir()]
    assert lines == ([] if left else [3])


def killed_at(wire: Wire, operation: str, number: int, *arguments: str) -> None:
    """Run a verb, and kill its process when SQS has done the operation so often, unanswered."""
    process = subprocess.Popen(algernon("dead", *arguments, *PLACE), stdout=subprocess.DEVNULL)
    done = 0

    def treat(call: Call, hand_on: Callable[[], Answer]) -> Answer | None:
        nonlocal done
        answer = hand_on()
        if call.operation == operation:
            done += 1
            if done == number:
                process.kill()
                process.wait(PATIENCE)
                return None
        return answer

    wire.treatment = treat
    assert process.wait(PATIENCE) == -signal.SIGKILL
    wire.treatment = None


@pytest.mark.starts
def test_an_import_that_is_killed_and_run_again_has_each_letter_once(
    system: DeadSystem, wire: Wire
) -> None:
    """What SQS took before the process died is known again by its Task's id."""
    for number in range(25):
        body = json.dumps({"task_name": "charge", "task_id": str(uuid4()), "number": number})
        system.put("charge", body, {"algernon.error": "CardError"})
    before = contents(system.letters("charge"))
    dead("export", "dead.jsonl")
    system.empty("charge")
    killed_at(wire, "SendMessageBatch", 2, "import", "dead.jsonl", "--yes")
    assert len(system.letters("charge")) == 20
    assert dead("import", "dead.jsonl", "--yes") == 0
    assert contents(system.letters("charge")) == before


@pytest.mark.starts
def test_what_a_killed_discard_has_deleted_is_in_its_file(system: DeadSystem, wire: Wire) -> None:
    """The file is whole before the first letter is deleted."""
    for number in range(25):
        body = json.dumps({"task_name": "charge", "task_id": str(uuid4()), "number": number})
        system.put("charge", body, {"algernon.error": "CardError"})
    before = [each["Body"] for each in system.letters("charge")]
    killed_at(wire, "DeleteMessageBatch", 2, "discard", "--all", "--yes", "--export", "gone.jsonl")
    lines = Path("gone.jsonl").read_text().splitlines()
    assert sorted(json.loads(line)["body"] for line in lines) == sorted(before)


def test_an_import_says_what_it_cannot_see(
    system: DeadSystem, letters: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Letters that somebody else has in hand may be in the file too."""
    dead("export", "dead.jsonl")
    system.sqs.receive_message(QueueUrl=system.dead("charge"), VisibilityTimeout=60)
    capsys.readouterr()
    assert dead("import", "dead.jsonl", "--json") == 0
    assert json.loads(capsys.readouterr().out)["unseen"] == 1
    assert dead("import", "dead.jsonl") == 0
    assert "about 1 letter of the queues can't be seen just now" in capsys.readouterr().err


def test_an_import_reads_what_cannot_be_read_twice(system: DeadSystem, letters: list[str]) -> None:
    """A pipe that has a name, as a shell's <(…), is read as a file is."""
    dead("export", "dead.jsonl")
    before = contents(system.letters("charge"))
    system.empty("charge")
    reading, writing = os.pipe()
    os.write(writing, Path("dead.jsonl").read_bytes())
    os.close(writing)
    assert dead("import", f"/dev/fd/{reading}", "--yes") == 0
    os.close(reading)
    assert contents(system.letters("charge")) == before


@pytest.mark.starts
def test_closed_standard_input_has_no_answer_and_no_letters(
    system: DeadSystem, letters: list[str], tmp_path: Path
) -> None:
    """A process that was started without one does what it can: plan, but not ask, or no letter."""
    for arguments, out in (
        ("discard --all", "nothing was discarded: --yes carries it out\n"),
        ("import - --yes", "0 letters put back: algernon dead list shows them\n"),
    ):
        command = shlex.join(algernon("dead", *arguments.split(), *PLACE))
        done = subprocess.run(
            ["bash", "-c", f"{command} <&-"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.endswith(out)
    assert len(system.letters("charge")) == 3


@pytest.mark.starts
def test_letters_go_through_a_pipe(system: DeadSystem, letters: list[str], tmp_path: Path) -> None:
    """What export prints, import reads."""
    command = algernon("dead", "export", "-", *PLACE)
    exported = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True)
    before = contents(system.letters("charge"))
    system.empty("charge")
    command = algernon("dead", "import", "-", "--yes", *PLACE)
    subprocess.run(command, cwd=tmp_path, input=exported.stdout, capture_output=True, check=True)
    assert contents(system.letters("charge")) == before
