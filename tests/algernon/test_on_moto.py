"""The command works on a local AWS that isn't ministack, with queues made by hand.

moto serves it, which runs no functions here: a test takes the messages to the worker itself.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from algernon.commands.main import main
from algernon_queue import TaskRouter
from algernon_storage import reset

from ..conftest import ACCOUNT, REGION, LocalAWS
from ..waiting import PATIENCE

pytestmark = pytest.mark.starts

BUCKET = "shop-results"
WHERE = ("--prefix", "shop-", "--bucket", BUCKET)

router = TaskRouter()


@router.task
def price(item: str) -> dict[str, Any]:
    """Tell what something costs."""
    return {"item": item, "cents": 100 * len(item)}


@router.task
def charge(cents: int) -> int:
    """Take money that nobody has."""
    raise ValueError(f"nobody has {cents} cents")


Run = Callable[..., str]


class Shop:
    """Topics, queues, dead-letter queues and a bucket, each made by a call."""

    def __init__(self, aws: LocalAWS) -> None:
        self._aws = aws
        self._sqs: Any = aws.client("sqs")
        aws.client("s3").create_bucket(
            Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION}
        )
        for task in ("charge", "price"):
            self._make(task)

    def _make(self, task: str) -> None:
        self._sqs.create_queue(QueueName=f"{task}-given-up")
        dead = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{task}-given-up"
        policy = json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": 2})
        self._sqs.create_queue(QueueName=task, Attributes={"RedrivePolicy": policy})
        sns: Any = self._aws.client("sns")
        topic = sns.create_topic(Name=f"shop-{task}")["TopicArn"]
        queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{task}"
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue)

    def work(self, task: str) -> int:
        """Take what waits for a Task to its worker, as Lambda does, and return how many that was.

        What fails is seen again at once, and given up by SQS after two tries.
        """
        url = self._sqs.get_queue_url(QueueName=task)["QueueUrl"]
        messages = self._sqs.receive_message(
            QueueUrl=url,
            MaxNumberOfMessages=10,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        ).get("Messages", [])
        for message in messages:
            record = {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:{task}",
            }
            handle = {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"]}
            try:
                router.handler({"Records": [record]}, None)
            except Exception:  # noqa: BLE001 - as Lambda, whatever it is
                self._sqs.change_message_visibility(**handle, VisibilityTimeout=0)
            else:
                self._sqs.delete_message(**handle)
        return len(messages)


@pytest.fixture
def shop(aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    """The system, and the environment of its worker."""
    monkeypatch.setenv("ALGERNON_TOPIC_PREFIX", "shop-")
    monkeypatch.setenv("ALGERNON_BUCKET_NAME", BUCKET)
    reset()
    yield Shop(aws)
    reset()


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Run the command for that system; return what it printed."""

    def run(*arguments: str) -> str:
        capsys.readouterr()
        assert main([*arguments, *WHERE]) == 0
        return capsys.readouterr().out

    return run


def test_a_task_is_sent_and_its_result_read(
    shop: Shop, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`send` publishes to the topic, and `result` reads what the worker kept in the bucket."""
    sent = run("send", "price", "--kwargs", '{"item": "tea"}').strip()
    assert shop.work("price") == 1

    from algernon_queue import send_task

    kept = send_task("price", {"item": "milk"}, keep_result=True)
    assert shop.work("price") == 1

    assert sent != kept
    assert json.loads(run("result", kept, "--timeout", "0")) == {"item": "milk", "cents": 400}


def test_status_counts_what_waits_and_what_is_dead(shop: Shop, run: Run) -> None:
    """Of each Task that has a topic with the prefix."""
    run("send", "price", "--kwargs", '{"item": "tea"}')
    give_one_up(shop, run)

    status = json.loads(run("status", "--json"))

    found = {each["task"]: each for each in status["tasks"]}
    assert (found["price"]["waiting"], found["price"]["dead"]) == (1, 0)
    assert (found["charge"]["waiting"], found["charge"]["dead"]) == (0, 1)
    assert "charge" in run("status")


def test_dead_letters_are_told_shown_and_redriven(shop: Shop, run: Run) -> None:
    """From the dead-letter queue of the queue's own redrive policy, and back to that queue."""
    task_id = give_one_up(shop, run)

    assert "charge" in run("dead", "list")
    assert task_id in run("dead", "show", task_id[:8])
    assert "1" in run("dead", "redrive")
    assert shop.work("charge") == 0

    run("dead", "redrive", "--yes")

    assert shop.work("charge") == 1
    assert json.loads(run("status", "--json"))["tasks"][0]["dead"] == 0


def test_a_dead_letter_is_exported_discarded_and_put_back(
    shop: Shop, run: Run, tmp_path: Any
) -> None:
    """It is gone in between, and the same afterwards."""
    task_id = give_one_up(shop, run)
    file = tmp_path / "letters.jsonl"

    run("dead", "discard", "--all", "--yes", "--export", str(file))
    assert task_id not in run("dead", "list", "--each", "--json")

    run("dead", "import", str(file), "--yes")
    assert task_id in run("dead", "list", "--each", "--json")


@pytest.mark.parametrize(
    "verb",
    ["status", "tasks", "dead list", "dead redrive", "dead show", "policy --for operate"],
)
def test_whoever_reads_no_further_is_no_error(shop: Shop, run: Run, verb: str) -> None:
    """The command ends with 0 and silently, behind a pipe that was closed and without output."""
    task_id = give_one_up(shop, run)
    line = [*verb.split(), *([task_id] if verb == "dead show" else ())]
    command = [sys.executable, "-m", "algernon.commands", *line, *WHERE]
    reader, writer = os.pipe()
    os.close(reader)
    for stdout in (writer, None):
        with subprocess.Popen(
            command if stdout else ["sh", "-c", 'exec "$@" >&-', "sh", *command],
            stdout=stdout,
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            _, told = process.communicate(timeout=PATIENCE)
        assert (process.returncode, told) == (0, "")
    os.close(writer)


def give_one_up(shop: Shop, run: Run) -> str:
    """Have a Task fail until SQS moves its message, and return the Task's id."""
    task_id = run("send", "charge", "--kwargs", '{"cents": 100}').strip()
    assert shop.work("charge") == 1
    assert shop.work("charge") == 1
    assert shop.work("charge") == 0
    return task_id
