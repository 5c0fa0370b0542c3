"""Dead letters where they lie: all are read, held for a while, and given back."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
from algernon.errors import LetterError, LetterQueueError
from algernon.local.aws import LocalAWS as Ministack
from algernon.system.letters.letter import Cause, Letter, Selection, check_is_one, group_by_cause
from algernon.system.letters.reader import LetterReader, Taken, _LetterQueue, read_dead_letters
from algernon.system.letters.sending import LetterSender

from ..waiting import wait_for
from .dead_letters import DeadLetterOffice, message, text

if TYPE_CHECKING:
    from ..conftest import LocalAWS


pytestmark = pytest.mark.starts


@pytest.fixture
def office(aws: LocalAWS) -> DeadLetterOffice:
    """A system of the Tasks `charge` and `mail`."""
    office = DeadLetterOffice(aws)
    office.add("charge")
    office.add("mail")
    return office


def read(office: DeadLetterOffice) -> list[Letter]:
    """Return all letters of a system."""
    with LetterReader(office.place, office.tasks.values()) as reader:
        return [taken.letter for taken in reader]


def test_all_letters_are_counted_by_cause(office: DeadLetterOffice) -> None:
    """What is read has the Tasks, errors and numbers, the most frequent first."""
    for number in range(23):
        office.send("charge", message("charge", number), error="ConnectionError", reason="none")
    for number in range(12):
        office.send("mail", message("mail", 100 + number), error="ConnectionError")
    office.send("mail", message("mail", 200))
    office.send("mail", "hello")

    causes = group_by_cause(read(office))

    assert [(each.cause, each.count) for each in causes] == [
        (Cause("charge", "ConnectionError"), 23),
        (Cause("mail", "ConnectionError"), 12),
        (Cause("mail", None), 1),
        (Cause("mail", None, is_of_task=False), 1),
    ]
    assert [each.cause.title for each in causes[2:]] == [
        "(moved by SQS)",
        "(not a Task's message)",
    ]
    assert causes[0].first <= causes[0].last <= datetime.now(UTC)


def test_many_letters_of_the_local_aws_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of three causes in two Tasks, by several receives at a time, and each once."""
    with Ministack() as aws:
        for name, value in aws.environ.items():
            monkeypatch.setenv(name, value)
        office = DeadLetterOffice(aws)
        office.add("charge")
        office.add("mail")
        for task, error, numbers in (
            ("charge", "CardDeclinedError", range(700)),
            ("charge", "ConnectionError", range(700, 1300)),
            ("mail", "KeyError", range(1300, 1800)),
        ):
            office.send_all(task, [message(task, number) for number in numbers], error=error)

        with LetterReader(office.place, office.tasks.values()) as reader:
            letters = [taken.letter for taken in reader]

        assert office.visible("charge") == 1300
    causes = group_by_cause(letters)
    assert [(each.cause.task, each.cause.error, each.count) for each in causes] == [
        ("charge", "CardDeclinedError", 700),
        ("charge", "ConnectionError", 600),
        ("mail", "KeyError", 500),
    ]
    assert len({letter.id for letter in letters}) == 1800
    assert reader.receives < 200


def test_what_was_read_can_be_received_at_once(office: DeadLetterOffice) -> None:
    """Letters are hidden while they are read, and come back when the reading ends."""
    for number in range(15):
        office.send("charge", message("charge", number))

    with LetterReader(office.place, office.tasks.values()) as reader:
        assert sum(1 for _ in reader) == 15
        assert (office.visible("charge"), office.hidden("charge")) == (0, 15)

    assert (office.visible("charge"), office.hidden("charge")) == (15, 0)
    assert reader.is_at_end
    assert (reader.waiting, reader.in_flight) == (0, 0)


def test_dead_letters_are_read_in_the_order_of_their_tasks_and_left(
    office: DeadLetterOffice,
) -> None:
    """What a look gives, the next one and SQS itself give too."""
    for number in range(12):
        office.send("mail", message("mail", number), reason=f"no {number}")
    office.send("charge", message("charge", 12), reason="no 12")
    tasks = [office.tasks["mail"], office.tasks["charge"]]

    found = [read_dead_letters(office.place, tasks) for _ in range(2)]

    assert [letter.task for letter in found[0]] == ["mail"] * 12 + ["charge"]
    reasons = [sorted(str(letter.reason) for letter in letters) for letters in found]
    assert reasons == [sorted(f"no {number}" for number in range(13))] * 2
    assert len(office.received("mail")) == 10


def test_letters_come_back_where_the_reading_fails(office: DeadLetterOffice) -> None:
    """What goes wrong in the loop leaves none hidden."""
    for number in range(15):
        office.send("charge", message("charge", number))

    def fail() -> None:
        with LetterReader(office.place, office.tasks.values()) as reader:
            for _ in reader:
                raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert (office.visible("charge"), office.hidden("charge")) == (15, 0)


def test_the_cost_is_counted(office: DeadLetterOffice) -> None:
    """Receives, all calls, and what they cost: each 64 KiB of a payload is charged as a request."""
    for number in range(11):
        body = message("charge", number) | {"task_kwargs": {"text": "x" * 100_000}}
        office.send("charge", body)

    with LetterReader(office.place, office.tasks.values()) as reader:
        assert len([*reader]) == 11

    assert reader.receives >= 3
    # How many queues hold, before and after, and two batches given back.
    assert reader.calls == reader.receives + 3 + 2
    assert reader.cost == pytest.approx(0.4e-6 * (reader.calls - 2 + 16 + 2))


SLOW_READER = """
import sys, time
from algernon.system.letters.reader import LetterReader, read_dead_letters
from algernon.system.task_queues import TaskQueues
from algernon.system.place import Place
import boto3
place = Place(boto3.Session(), {}, endpoint_url=sys.argv[1])
with LetterReader(place, [TaskQueues("charge", "", "", sys.argv[2])], hold=int(sys.argv[3])) as one:
    print(len([*one]), flush=True)
    time.sleep(1000)
"""


def start_reader(aws: LocalAWS, office: DeadLetterOffice, hold: int) -> subprocess.Popen[str]:
    """Start a process that holds all letters of `charge`."""
    reader = subprocess.Popen(
        [sys.executable, "-c", SLOW_READER, aws.url, office.letters("charge"), str(hold)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert reader.stdout is not None
    assert reader.stdout.readline() == "12\n"
    return reader


def test_a_killed_reader_loses_none(aws: LocalAWS, office: DeadLetterOffice) -> None:
    """What it held comes back of itself."""
    for number in range(12):
        office.send("charge", message("charge", number))
    with start_reader(aws, office, hold=2) as reader:
        reader.send_signal(signal.SIGKILL)

    wait_for(lambda: office.visible("charge") == 12)


def test_what_takes_long_stays_hidden(aws: LocalAWS, office: DeadLetterOffice) -> None:
    """The hold is renewed while the reading lasts, and what somebody else holds is counted."""
    for number in range(12):
        office.send("charge", message("charge", number))
    # Half of it is left when it is renewed, which is enough for a machine that is busy.
    hold = 12
    with start_reader(aws, office, hold) as reader:
        time.sleep(hold + 2)
        assert (office.visible("charge"), office.hidden("charge")) == (0, 12)
        with LetterReader(office.place, office.tasks.values()) as second:
            assert [*second] == []
        assert (second.in_flight, second.waiting) == (12, 0)
        reader.send_signal(signal.SIGINT)
        reader.wait()

    assert office.visible("charge") == 12


def test_deleted_letters_are_gone(office: DeadLetterOffice) -> None:
    """Those that are deleted don't come back, and the others do."""
    for number in range(25):
        office.send("charge", message("charge", number))

    with LetterReader(office.place, office.tasks.values()) as reader:
        taken = [*reader]
        reader.delete(taken[0])
        reader.delete_all(taken[1:22])

    left = {one.letter.id for one in taken[22:]}
    assert {letter.id for letter in read(office)} == left


def test_what_sqs_does_not_delete_keeps_no_other(office: DeadLetterOffice) -> None:
    """All of several calls and queues are asked for, and one error says what is left."""
    for number in range(12):
        office.send("charge", message("charge", number))
        office.send("mail", message("mail", 100 + number))

    with LetterReader(office.place, office.tasks.values()) as reader:
        taken = [*reader]
        for again in (taken[0], taken[-1]):
            reader.delete(again)
        bad = [replace(each, message={"ReceiptHandle": "none"}) for each in (taken[0], taken[-1])]
        with pytest.raises(LetterQueueError) as raised:
            reader.delete_all([bad[0], *taken[1:-1], bad[1]])

    assert f"the letter {taken[0].letter.message_id} (and 1 more): " in str(raised.value)
    assert read(office) == []


def test_a_letter_that_comes_meanwhile_waits(office: DeadLetterOffice) -> None:
    """What is moved, fails and comes back isn't given again: else it would never end."""
    office.send("charge", message("charge", 1))

    with LetterReader(office.place, office.tasks.values()) as reader:
        for taken in reader:
            office.send("charge", str(taken.message["Body"]))
            reader.delete(taken)

    assert reader.count == 1
    assert office.visible("charge") == 1


def test_a_fifo_queue_shows_ten_a_group(office: DeadLetterOffice) -> None:
    """Letters of a message group come in order, and how many can't be seen is told."""
    office.add("order", is_fifo=True)
    for number in range(25):
        office.send("order", message("order", number), group="ada")

    with LetterReader(office.place, [office.tasks["order"]]) as reader:
        numbers = [json.loads(taken.message["Body"])["task_kwargs"]["number"] for taken in reader]

    assert numbers == [*range(10)]
    assert reader.waiting == 15


def test_a_fifo_group_goes_on_as_letters_are_deleted(office: DeadLetterOffice) -> None:
    """Whoever deletes what is given gets all of the group, in order."""
    office.add("order", is_fifo=True)
    for number in range(25):
        office.send("order", message("order", number), group="ada")

    numbers = []
    with LetterReader(office.place, [office.tasks["order"]]) as reader:
        for taken in reader:
            numbers.append(json.loads(taken.message["Body"])["task_kwargs"]["number"])
            reader.delete(taken)

    assert numbers == [*range(25)]
    assert reader.waiting == 0


def test_a_queue_that_moves_letters_on_is_left_alone(office: DeadLetterOffice) -> None:
    """Where looking at letters would move them, none is looked at."""
    office.add("last")
    policy = {"deadLetterTargetArn": office.arn(office.letters("last")), "maxReceiveCount": 3}
    office.add("first", RedrivePolicy=json.dumps(policy))
    office.send("first", message("first", 1))

    with (
        pytest.raises(LetterQueueError, match="'first' has a redrive policy of its own"),
        LetterReader(office.place, office.tasks.values()),
    ):
        pass

    (received,) = office.received("first")
    assert received["Attributes"]["ApproximateReceiveCount"] == "1"


def test_a_queue_that_is_gone_is_named(office: DeadLetterOffice) -> None:
    """The error says which queue it is, and of which Task."""
    office.sqs.delete_queue(QueueUrl=office.letters("mail"))

    with (
        pytest.raises(LetterQueueError, match=r"shop-mail-letters of the Task 'mail' is gone"),
        LetterReader(office.place, office.tasks.values()),
    ):
        pass


def test_tasks_may_share_a_queue(office: DeadLetterOffice) -> None:
    """Each letter is given once, as that of the Task which it names."""
    shared = replace(office.tasks["charge"], task="refund")
    office.send("charge", message("refund", 1))
    office.send("charge", message("charge", 2))

    with LetterReader(office.place, [office.tasks["charge"], shared]) as reader:
        tasks = [taken.letter.queues.task for taken in reader]

    assert sorted(tasks) == ["charge", "refund"]


HOSTILE = [
    "",
    "null",
    "[]",
    '"text"',
    "{",
    "[" * 100_000,
    '{"Message": 1}',
    '{"Message": "{", "MessageAttributes": 7}',
    '{"task_name": 1}',
    '{"task_name": "charge", "task_id": [], "callback": 7, "task_kwargs": "x", "hops": "many"}',
    '{"task_name": "charge", "task_id": "' + "x" * 10_000 + '"}',
    '{"task_name": "\\u001b[31mred\\ud800"}',
    '{"task_name": "' + "t" * 10_000 + '"}',
]


def test_letters_of_any_form_are_read(office: DeadLetterOffice) -> None:
    """Whatever others send, each is a letter, and none stops the reading."""
    bodies = [*filter(None, HOSTILE)]
    for body in bodies:
        office.send("charge", body)

    letters = read(office)

    assert len(letters) == len(bodies)
    assert all(len(letter.dead.task) <= 256 for letter in letters)


def test_attributes_of_any_form_are_read(office: DeadLetterOffice) -> None:
    """Numbers out of all bounds, JSON too deep, and ten attributes are none the worse."""
    count = {"algernon.receive_count": text("9" * 5000)}
    office.send("charge", message("charge", 1), error="E" * 5000, reason="r" * 100_000)
    office.send("charge", message("charge", 2), attributes=count)
    office.send("charge", message("charge", 3), attributes={"algernon.letter": text("[" * 100_000)})
    office.send(
        "charge",
        message("charge", 4),
        attributes={
            **{f"a{number}": text("x") for number in range(9)},
            "b": {"DataType": "Binary", "BinaryValue": b"\0\xff"},
        },
    )

    letters = {letter.id[:8]: letter for letter in read(office)}

    assert len(letters) == 4
    long = letters["00000001"].dead
    assert len(long.error or "") == 256
    assert len(long.reason or "") == 2000


def test_a_selection_means_what_all_of_it_holds_for(office: DeadLetterOffice) -> None:
    """Each condition leaves letters out."""
    chain = "c0000000-0000-4000-8000-000000000000"
    office.send("charge", message("charge", 0x1111), error="KeyError")
    office.send("charge", message("charge", 0x2222, chain_id=chain), error="KeyError")
    office.send("mail", message("mail", 0x3333, chain_id=chain), error="ValueError")
    bare = office.send("mail", "hello")
    letters = read(office)

    def selected(selection: Selection) -> set[str]:
        return {letter.id[:8] for letter in letters if selection.matches(letter)}

    assert len(selected(Selection())) == 4
    assert selected(Selection(error="KeyError")) == {"00001111", "00002222"}
    assert selected(Selection(error="")) == {bare[:8]}
    assert selected(Selection(task="mail")) == {"00003333", bare[:8]}
    assert selected(Selection(chain=chain, error="KeyError")) == {"00002222"}
    assert selected(Selection(ids=("00001", bare))) == {"00001111", bare[:8]}
    now = datetime.now(UTC)
    assert len(selected(Selection(since=now - timedelta(minutes=5)))) == 4
    assert selected(Selection(since=now + timedelta(minutes=5))) == set()


def test_an_id_has_to_lead_to_one_letter(office: DeadLetterOffice) -> None:
    """The beginning of two ids is refused, and that of none."""
    office.send("charge", message("charge", 0x1111))
    office.send("charge", message("charge", 0x1112))
    office.send("charge", message("charge", 0x1112))
    letters = read(office)

    Selection(ids=("00001111", "00001112-0000")).check_ids(letters)
    with pytest.raises(LetterError, match="2 dead letters have ids that begin with 0000111,"):
        Selection(ids=("0000111",)).check_ids(letters)
    with pytest.raises(LetterError, match="no dead letter has an id that begins with ffff"):
        check_is_one("ffff", [])


MEASURED_READER = """
import re, sys
from pathlib import Path
from algernon.system.letters.reader import LetterReader, read_dead_letters
from algernon.system.task_queues import TaskQueues
from algernon.system.place import Place
import boto3
place = Place(boto3.Session(), {}, endpoint_url=sys.argv[1])
with LetterReader(place, [TaskQueues("charge", "", "", sys.argv[2])]) as reader:
    count = sum(1 for _ in reader)
# The process's own, where getrusage has that of the one which started it, too.
print(count, *re.findall(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text()))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it reads /proc")
def test_the_memory_does_not_grow_with_the_letters(aws: LocalAWS, office: DeadLetterOffice) -> None:
    """Of large letters only a few are in memory at once, however many there are."""

    def read_with_more(numbers: range) -> tuple[int, int]:
        for number in numbers:
            body = message("charge", number) | {"task_kwargs": {"x": "x" * 1_000_000}}
            office.send("charge", body)
        done = subprocess.run(
            [sys.executable, "-c", MEASURED_READER, aws.url, office.letters("charge")],
            capture_output=True,
            text=True,
            check=True,
        )
        count, kilobytes = map(int, done.stdout.split())
        return count, kilobytes

    few, many = read_with_more(range(25)), read_with_more(range(25, 100))

    assert (few[0], many[0]) == (25, 100)
    assert many[1] - few[1] < 50_000, "75 MB more of letters take less than 50 MB more"


def test_letters_of_a_shared_queue_are_of_the_queue_that_they_came_from(
    office: DeadLetterOffice,
) -> None:
    """SQS says so of what it moved, others name their Task, and the rest stays where it is."""
    charge = office.tasks["charge"]
    mail = replace(office.tasks["mail"], dead_letter_queue_url=charge.dead_letter_queue_url)
    queue = _LetterQueue(office.letters("charge"), {"charge": charge, "mail": mail})
    moved = {"DeadLetterQueueSourceArn": office.arn(mail.queue_url)}
    said: list[tuple[str, dict[str, str]]] = [
        ("not JSON", moved),
        (json.dumps(message("mail", 1)), {}),
        ("not JSON", {}),
    ]

    letters = [
        queue.letter_of({"MessageId": "m", "Body": body, "Attributes": attributes})
        for body, attributes in said
    ]

    assert [(each.queues.task, each.is_certain) for each in letters] == [
        ("mail", True),
        ("mail", True),
        ("charge", False),
    ]
    with LetterReader(office.place, [charge]) as reader:
        (refused,) = LetterSender(office.place, reader).send([Taken(letters[2], {})])
    assert "several Tasks share" in refused.reason
