"""The system on ministack, deployed from its template, with workers in processes of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from algernon.local import LocalSystem

from .queues import Queues, QueueSystem, wait_until_quiet
from .system import FIFO, TIMEOUT, VISIBILITY_TIMEOUT, Start

_STACK = "contract"
_PREFIX = f"{_STACK}-"
_MAX_RECEIVE_COUNT = 7


@contextmanager
def on_ministack() -> Iterator[Start]:
    """Deploy the system, with FIFO topics and queues, which the template hasn't, beside it."""
    with LocalSystem(
        "worker.plain:router",
        "worker.under_ledger:router",
        directory=Path(__file__).parent,
        timeout=TIMEOUT,
        stack_name=_STACK,
    ) as local:
        queues = Queues(local.environ)
        topics = {
            topic["TopicArn"].rpartition(":")[2].removeprefix(_PREFIX): topic["TopicArn"]
            for page in queues.sns.get_paginator("list_topics").paginate()
            for topic in page["Topics"]
        }
        for task in local.tasks:
            queues.topics[task] = topics[task]
            queues.queues[task] = local.queue_url(task)
            queues.dead_letter_queues[task] = local.dead_letter_queue_url(task)
            queues.sqs.set_queue_attributes(
                QueueUrl=queues.queues[task],
                Attributes={"VisibilityTimeout": str(VISIBILITY_TIMEOUT)},
            )
        for task in FIFO:
            _replace_by_fifo(queues, task)

        @contextmanager
        def start() -> Iterator[QueueSystem]:
            system = QueueSystem(queues, lambda: wait_until_quiet(queues))
            with local.as_default(), system:
                yield system

        yield start


def _replace_by_fifo(queues: Queues, task: str) -> None:
    """Have FIFO messages of a Task brought to its function."""
    functions = queues.client("lambda")
    (mapping,) = functions.list_event_source_mappings(
        EventSourceArn=queues.arn(queues.queues[task])
    )["EventSourceMappings"]
    queues.create(
        task,
        prefix=_PREFIX,
        visibility_timeout=VISIBILITY_TIMEOUT,
        max_receive_count=_MAX_RECEIVE_COUNT,
        fifo=True,
    )
    functions.create_event_source_mapping(
        EventSourceArn=queues.arn(queues.queues[task]),
        FunctionName=mapping["FunctionArn"],
        BatchSize=10,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
