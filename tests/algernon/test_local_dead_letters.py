"""The dead letters of a system on a local AWS."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from algernon import Task, send_task, send_tasks
from algernon.local import LocalSystem
from algernon_queue.dead_letter import DeadLetter
from algernon_storage import aws_client

from ..waiting import PATIENCE

pytestmark = pytest.mark.starts

WORKER = """
from algernon import PermanentError, TaskRouter
from algernon_storage import aws_client

router = TaskRouter()
handler = router.handler


@router.task
def refuse(number):
    raise PermanentError(f"no {number}")


@router.task(retries=1, backoff=0)
def need(key):
    aws_client("s3").head_object(Bucket="needs", Key=key)
"""


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalSystem]:
    """The system of a worker whose Tasks fail."""
    folder = tmp_path_factory.mktemp("dead-letters")
    (folder / "worker.py").write_text(WORKER, encoding="utf-8")
    with LocalSystem("worker:router", directory=folder) as system:
        system._aws.client("s3").create_bucket(Bucket="needs")
        yield system


@pytest.fixture
def system(running: LocalSystem) -> Iterator[LocalSystem]:
    """The system without dead letters, which this process sends to."""
    with running.as_default():
        for task in running.tasks:
            aws_client("sqs").purge_queue(QueueUrl=running.dead_letter_queue_url(task))
        yield running


def test_a_dead_letter_says_who_failed_and_why(system: LocalSystem) -> None:
    """It has the Task, its id, the error, and how often it was received."""
    task_id = send_task("need", {"key": "missing"})
    system.run(timeout=PATIENCE)

    reason = "An error occurred (404) when calling the HeadObject operation: Not Found"
    assert system.dead_letters == [
        DeadLetter(
            task="need",
            error="ClientError",
            reason=reason,
            receive_count=2,
            task_id=task_id,
            chain_id=task_id,
        )
    ]


def test_dead_letters_stay_where_they_are(system: LocalSystem) -> None:
    """Whoever looks at them takes none, however many there are, and may look again at once."""
    send_tasks(Task("refuse", {"number": number}) for number in range(25))
    system.run(timeout=PATIENCE)

    first, second = system.dead_letters, system.dead_letters

    assert {letter.reason for letter in first} == {f"no {number}" for number in range(25)}
    assert len(first) == 25
    assert set(first) == set(second)


def test_a_redriven_letter_is_done_where_its_cause_is_gone(system: LocalSystem) -> None:
    """It goes back to the queue that it came from, and runs as any other."""
    send_task("need", {"key": "late"})
    send_task("need", {"key": "lost"})
    system.run(timeout=PATIENCE)
    aws_client("s3").put_object(Bucket="needs", Key="late")

    assert system.redrive() == 2
    system.run(timeout=PATIENCE)

    assert len(system.dead_letters) == 1


def test_a_redriven_letter_keeps_its_task_id(system: LocalSystem) -> None:
    """One that a program sent without an id has the one by which SQS knew it first."""
    aws_client("sqs").send_message(
        QueueUrl=system.queue_url("refuse"),
        MessageBody='{"task_name": "refuse", "task_kwargs": {"number": 1}}',
        MessageAttributes={"origin": {"DataType": "String", "StringValue": "elsewhere"}},
    )
    system.run(timeout=PATIENCE)
    before = system.dead_letters

    assert system.redrive() == 1
    system.run(timeout=PATIENCE)

    assert system.dead_letters == before
    received = aws_client("sqs").receive_message(
        QueueUrl=system.dead_letter_queue_url("refuse"), MessageAttributeNames=["All"]
    )
    (message,) = received["Messages"]
    assert message["MessageAttributes"]["origin"]["StringValue"] == "elsewhere"


def test_a_redrive_ends_where_all_fail_again(system: LocalSystem) -> None:
    """What comes back while it lasts is left for the next one."""
    send_tasks(Task("refuse", {"number": number}) for number in range(25))
    system.run(timeout=PATIENCE)

    assert system.redrive() == 25
    system.run(timeout=PATIENCE)
    assert len(system.dead_letters) == 25


def test_a_letter_that_sqs_moved_has_no_reason(system: LocalSystem) -> None:
    """Of one that no worker moved, only the Task is known."""
    aws_client("sqs").send_message(
        QueueUrl=system.dead_letter_queue_url("refuse"), MessageBody="anything"
    )

    (letter,) = system.dead_letters
    assert (letter.task, letter.error, letter.reason) == ("refuse", None, None)
