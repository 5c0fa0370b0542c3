"""Every line of a batch carries the fields of the record that wrote it."""

from __future__ import annotations

import asyncio
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import UTC, datetime
from threading import Thread
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from algernon_logging import bind, lambda_logged
from algernon_logging.lines.task_lines import TaskLines

algernon_queue = pytest.importorskip(
    "algernon_queue", reason="algernon-queue isn't installed: algernon-logging works without it"
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from .lines import JsonLines

SENT_MS = 1545082650636


def record(n: int, body: str | None = None, **attributes: str) -> dict[str, Any]:
    """Return a numbered record."""
    message = {
        "task_name": f"work-{n}",
        "task_id": str(UUID(int=n)),
        "chain_id": str(UUID(int=100 + n)),
        "task_kwargs": {"n": n},
    }
    return {
        "messageId": f"m-{n}",
        "body": json.dumps(message) if body is None else body,
        "attributes": {
            "ApproximateReceiveCount": str(n + 1),
            "SentTimestamp": str(SENT_MS),
            **attributes,
        },
        "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:work",
    }


def fields_of(n: int) -> dict[str, Any]:
    """Return the fields that lines of a record have."""
    return {
        "task_name": f"work-{n}",
        "task_id": str(UUID(int=n)),
        "chain_id": str(UUID(int=100 + n)),
        "message_id": f"m-{n}",
        "receive_count": n + 1,
    }


def run(handler: Any, *records: dict[str, Any], **options: Any) -> Any:
    """Have a batch worked off, in which failures are reported unless it is said otherwise."""
    worker = lambda_logged(algernon_queue.queued(**{"failures": "report", **options})(handler))
    context = SimpleNamespace(aws_request_id="r-1", function_name="orders")
    return worker({"Records": list(records)}, context)


def of_the_record(line: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a record that a line has."""
    return {name: line[name] for name in fields_of(0) if name in line}


def in_plain_threads(log: Callable[[], None]) -> None:
    """Log from two threads, one within the other."""

    def start(target: Callable[[], None]) -> None:
        thread = Thread(target=target)
        thread.start()
        thread.join()

    start(lambda: (log(), start(log)))  # type: ignore[arg-type, func-returns-value]


def in_a_pool(log: Callable[[], None]) -> None:
    """Log from the threads of a pool."""
    with ThreadPoolExecutor(2) as pool:
        for future in [pool.submit(log) for _ in range(4)]:
            future.result()


POOL = ThreadPoolExecutor(1)


def in_a_lasting_pool(log: Callable[[], None]) -> None:
    """Log from the thread of a pool that outlives the batch."""
    POOL.submit(log).result()


def in_a_loop(log: Callable[[], None]) -> None:
    """Log from an event loop, and from its threads."""

    async def main() -> None:
        log()
        await asyncio.to_thread(log)
        await asyncio.get_running_loop().run_in_executor(None, log)
        await asyncio.create_task(asyncio.to_thread(log))

    asyncio.run(main())


def here(log: Callable[[], None]) -> None:
    """Log."""
    log()


@pytest.mark.parametrize("way", [here, in_plain_threads, in_a_pool, in_a_lasting_pool, in_a_loop])
def test_lines_of_a_record_carry_its_fields(way: Any, json_lines: JsonLines) -> None:
    """The handler's lines carry the record's fields, from whatever thread."""

    def handler(event: Any, context: Any) -> None:
        way(lambda: logging.info("%s", event["task_kwargs"]["n"]))

    run(handler, record(0), record(1), record(2))
    lines = [line for line in json_lines.read() if line["logger"] == "root"]
    assert {line["message"] for line in lines} == {"0", "1", "2"}
    for line in lines:
        assert of_the_record(line) == fields_of(int(line["message"]))
        assert line["requestId"] == "r-1"


def test_lines_of_a_member_of_a_group_name_it(json_lines: JsonLines) -> None:
    """Its lines carry the group's id and its number in it, and those of what it sends theirs."""
    facts = {"message_id": "m-1", "receive_count": 1, "task_name": "work"}
    sent = {"task_name": "bill", "task_id": str(UUID(int=1)), "is_callback": False}
    lines = TaskLines()

    def work() -> None:
        lines.received({**facts, "group_id": str(UUID(int=7)), "group_index": 3})  # type: ignore[typeddict-item]
        lines.sent({**sent, "group_id": str(UUID(int=8)), "group_index": 0}, None)  # type: ignore[typeddict-item]

    copy_context().run(work)
    (line,) = json_lines.read()
    assert (line["group_id"], line["group_index"]) == (str(UUID(int=7)), 3)
    assert (line["next_group_id"], line["next_group_index"]) == (str(UUID(int=8)), 0)


@pytest.mark.parametrize("concurrency", [1, 3, 10])
def test_lines_of_async_tasks_carry_their_records_fields(
    concurrency: int, json_lines: JsonLines
) -> None:
    """Tasks that run beside each other don't mix up their fields, nor do their threads."""

    async def handler(event: Any, context: Any) -> None:
        n = event["task_kwargs"]["n"]
        for _ in range(3):
            await asyncio.sleep(0.001)
            logging.info("%s", n)
            await asyncio.to_thread(logging.info, "%s", n)
            await asyncio.get_running_loop().run_in_executor(None, logging.info, "%s", n)
            await asyncio.create_task(asyncio.to_thread(logging.info, "%s", n))

    run(handler, *map(record, range(10)), concurrency=concurrency)
    lines = [line for line in json_lines.read() if line["logger"] == "root"]
    assert len(lines) == 120
    for line in lines:
        assert of_the_record(line) == fields_of(int(line["message"]))


def test_a_plain_thread_is_nobodys_where_two_tasks_could_own_it(json_lines: JsonLines) -> None:
    """A thread without context variables has no record's fields rather than another's."""

    async def handler(event: Any, context: Any) -> None:
        await asyncio.sleep(0.01)
        in_plain_threads(lambda: logging.info("in thread"))
        await asyncio.sleep(0.01)

    run(handler, record(0), record(1))
    lines = [line for line in json_lines.read() if line["message"] == "in thread"]
    assert [of_the_record(line) for line in lines] == [{}] * 4


def test_text_lines_carry_the_fields_too(capsys: pytest.CaptureFixture[str]) -> None:
    """In text, the fields of the record are pairs in the last column."""
    run(lambda event, context: logging.info("sold"), record(0))
    first, second = capsys.readouterr().err.splitlines()
    pairs = " ".join(f"{name}={value}" for name, value in fields_of(0).items())
    assert first.endswith(f"\troot\tsold\t{pairs}")
    assert "\talgernon_logging\tTask work-0: done after " in second
    assert f"\t{pairs} outcome=done " in second


def test_the_queues_own_lines_carry_the_fields(json_lines: JsonLines) -> None:
    """What the queue says of a record that failed has that record's fields."""

    def handler(event: Any, context: Any) -> None:
        if event["task_kwargs"]["n"] != 1:
            raise ValueError("no")

    run(handler, record(0), record(1), record(2))
    lines = [line for line in json_lines.read() if line["logger"] == "algernon_queue"]
    assert [of_the_record(line) for line in lines] == [fields_of(0), fields_of(2)]
    assert {line["exception"]["message"] for line in lines} == {"no"}


def test_a_record_that_cannot_be_read_is_known_by_its_message(json_lines: JsonLines) -> None:
    """Lines of a record without a readable message have what SQS says of it."""
    with pytest.raises(algernon_queue.BatchFailedError):
        run(lambda event, context: None, record(0, body="{"), record(1), failures="batch")
    failure, *ends = json_lines.read()
    assert failure["logger"] == "algernon_queue"
    assert of_the_record(failure) == {"message_id": "m-0", "receive_count": 1}
    assert [(line["message"].partition(" after")[0], of_the_record(line)) for line in ends] == [
        ("Task unknown: failed", {"message_id": "m-0", "receive_count": 1}),
        ("Task work-1: handed_back", fields_of(1)),
    ]


def test_fields_do_not_outlive_their_record(json_lines: JsonLines) -> None:
    """Neither the next record, nor the lines after the batch, nor its threads have them."""

    def handler(event: Any, context: Any) -> None:
        bind(leaked=event["task_name"]).__enter__()  # and never leaves the block
        logging.info("%s", event["task_kwargs"]["n"])

    @lambda_logged
    def outer(event: Any, context: Any) -> None:
        logging.info("before")
        queued(event, context)
        logging.info("after")
        in_plain_threads(lambda: logging.info("thread after"))
        in_a_lasting_pool(lambda: logging.info("pool after"))

    queued = algernon_queue.queued(handler)
    outer({"Records": [record(0), record(1)]}, SimpleNamespace(aws_request_id="r-1"))
    logging.info("outside")
    for line in json_lines.read():
        if line["logger"] == "algernon_logging":
            continue
        if line["message"].isdigit():
            n = int(line["message"])
            assert of_the_record(line) == fields_of(n)
            assert line["leaked"] == f"work-{n}"
        else:
            assert of_the_record(line) == {}
            assert "leaked" not in line


def test_fields_do_not_outlive_a_batch_that_is_cut_short(json_lines: JsonLines) -> None:
    """What ends the process, such as an interrupt, leaves no field behind either."""

    def handler(event: Any, context: Any) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(handler, record(0), record(1))
    json_lines.read()
    logging.info("after")
    in_plain_threads(lambda: logging.info("after"))
    assert [of_the_record(line) for line in json_lines.read()] == [{}] * 3


def test_what_is_bound_around_a_batch_is_in_its_records_lines(json_lines: JsonLines) -> None:
    """A block around a batch holds for the lines of every record, beside the record's fields."""
    queued = algernon_queue.queued(lambda event, context: logging.info("work"))
    with bind(stage="test", task_id="mine"):
        lambda_logged(queued)({"Records": [record(0), record(1)]}, None)
    for line in json_lines.read():
        assert line["stage"] == "test"
        assert line["extra_task_id"] == "mine"
        assert of_the_record(line) == fields_of(line["receive_count"] - 1)


def test_no_field_takes_the_place_of_a_records_own(json_lines: JsonLines) -> None:
    """What code binds, or logs as extra, never says that a line is another record's."""
    forged: dict[str, Any] = dict.fromkeys(fields_of(0), "forged")

    def handler(event: Any, context: Any) -> None:
        with bind(**forged):
            logging.info("bound")
        logging.info("extra", extra=forged)

    run(handler, record(0))
    bound, extra, _ = json_lines.read()
    for line in (bound, extra):
        assert of_the_record(line) == fields_of(0)
        assert [line[f"extra_{name}"] for name in forged] == ["forged"] * 5


def test_a_line_tells_how_each_record_ended(json_lines: JsonLines) -> None:
    """The last line of a record says what came of it, when, how large, and why."""

    def handler(event: Any, context: Any) -> None:
        if event["task_kwargs"]["n"]:
            raise ValueError("no\n" + "x" * 5000)

    run(handler, record(0), record(1))
    done, failed = (line for line in json_lines.read() if line["logger"] == "algernon_logging")
    assert done["message"].startswith("Task work-0: done after ")
    assert of_the_record(done) == fields_of(0)
    assert (done["outcome"], done["level"]) == ("done", "INFO")
    assert done["sent_at"] == "2018-12-17T21:37:30.636Z"
    assert done["started_at"] <= done["timestamp"]
    assert 0 <= done["duration_ms"] < 60_000
    assert done["message_bytes"] == len(record(0)["body"])
    assert "error" not in done
    assert of_the_record(failed) == fields_of(1)
    assert (failed["outcome"], failed["error"]) == ("failed", "ValueError")
    assert failed["reason"] == "no\n" + "x" * 1021
    assert failed["error_at"].endswith(" in handler")


@pytest.fixture
def topics(aws: LocalAWS) -> dict[str, str]:
    """Topics of two Tasks."""
    sns = aws.client("sns")
    return {name: sns.create_topic(Name=name)["TopicArn"] for name in ("bill", "mail")}


def read_ours(json_lines: JsonLines) -> list[dict[str, Any]]:
    """Take the lines since the last time, without those of the local AWS in this process."""
    return [line for line in json_lines.read() if line["logger"] != "werkzeug"]


@pytest.mark.usefixtures("on_lambda")
def test_a_line_tells_of_each_message_that_a_task_sends(
    topics: dict[str, str], json_lines: JsonLines
) -> None:
    """It names the Task that it is for; of a callback the line of the record's end tells."""
    router = algernon_queue.TaskRouter(listeners=topics, failures="report")
    sent: list[str] = []

    def work(n: int) -> None:
        sent.append(algernon_queue.send_task("bill", {"n": n}))
        sent.extend(algernon_queue.send_tasks([algernon_queue.Task("mail")] * 2))
        logging.getLogger().setLevel(logging.CRITICAL)

    router.task(name="work-0")(work)
    message = {**json.loads(record(0)["body"]), "callback": "bill"}
    lambda_logged(router.handler)({"Records": [record(0, json.dumps(message))]}, None)
    *sends, end = read_ours(json_lines)
    assert [line["message"] for line in sends] == [
        "Task bill: sent",
        "Task mail: sent",
        "Task mail: sent",
    ]
    assert [line["next_task_id"] for line in sends] == sent
    assert [line["next_task_name"] for line in sends] == ["bill", "mail", "mail"]
    assert all(of_the_record(line) == fields_of(0) for line in sends)
    assert all((line["logger"], line["level"]) == ("algernon_logging", "INFO") for line in sends)
    assert (end["outcome"], end["next_task_name"]) == ("done", "bill")


def test_a_line_tells_of_what_is_sent_outside_of_tasks(
    topics: dict[str, str], json_lines: JsonLines
) -> None:
    """Whoever starts a chain in a decorated function logs that, with the chain's id."""

    @lambda_logged
    def order() -> str:
        return str(algernon_queue.send_task("bill", listeners=topics))

    task_id = order()
    (line,) = read_ours(json_lines)
    assert (line["message"], line["chain_id"]) == ("Task bill: sent", task_id)
    assert (line["next_task_name"], line["next_task_id"]) == ("bill", task_id)


def test_no_line_tells_of_what_was_not_sent(aws: LocalAWS, json_lines: JsonLines) -> None:
    """What SNS doesn't take is the sender's error, and no line says that it was sent."""

    @lambda_logged
    def order() -> None:
        algernon_queue.send_task("bill", listeners={"bill": aws.topic_arn("nope")})

    with pytest.raises(algernon_queue.PublishError):
        order()
    assert read_ours(json_lines) == []


def test_a_line_tells_when_a_failure_comes_back(aws: LocalAWS, json_lines: JsonLines) -> None:
    """It is the time that the queue says, in UTC."""
    sqs = aws.client("sqs")
    queue = f"comes-back-{uuid4()}"
    url = sqs.create_queue(QueueName=queue, Attributes={"VisibilityTimeout": "90"})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]

    def handler(event: Any, context: Any) -> None:
        raise ValueError("no")

    before = datetime.now(UTC)
    run(handler, {**record(0), "eventSourceARN": arn["QueueArn"]})
    *_, end = read_ours(json_lines)
    seconds = (datetime.fromisoformat(end["comes_back_at"]) - before).total_seconds()
    assert 89.9 <= seconds <= 90 + (datetime.now(UTC) - before).total_seconds()


def test_times_of_sqs_are_exact(json_lines: JsonLines) -> None:
    """The time that SQS took a message is written to the millisecond that it said."""
    records = [record(n, SentTimestamp=str(SENT_MS - 636 + n)) for n in range(1000)]
    run(lambda event, context: None, *records)
    assert [line["sent_at"] for line in json_lines.read()] == [
        f"2018-12-17T21:37:30.{n:03d}Z" for n in range(1000)
    ]


class HostileError(Exception):
    """Can't be told."""

    def __str__(self) -> str:
        raise RuntimeError


@pytest.mark.parametrize(
    "hostile",
    [
        {"messageId": "a\tb\nc=d \udc80"},
        {"attributes": {"SentTimestamp": "9" * 40}},
        {"attributes": {"SentTimestamp": "-1"}},
        {"attributes": {"ApproximateReceiveCount": "9" * 400}},
        {"body": json.dumps({"task_name": "größe =あ \\", "task_id": str(UUID(int=0))})},
        {"eventSourceARN": "x\ny"},
    ],
)
def test_hostile_records_write_whole_lines(hostile: dict[str, Any], json_lines: JsonLines) -> None:
    """Whatever a record holds, its lines are objects, and its Task runs."""
    ran = []

    def handler(event: Any, context: Any) -> None:
        ran.append(event)
        logging.info("work")
        raise HostileError

    run(handler, {**record(0), **hostile})
    assert len(ran) == 1
    assert any(line["message"] == "work" for line in json_lines.read())
