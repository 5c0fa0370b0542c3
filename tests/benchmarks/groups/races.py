"""Groups all of whose members end at about the same time, so that their joins race."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from time import monotonic
from typing import Any, NamedTuple

import boto3
from algernon_queue import Group, TaskRouter

from ...queue.events import LambdaContext, record
from ..queue.distant_aws import ACCOUNT, REGION

CONTEXT = LambdaContext(
    invoked_function_arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:groups", millis_left=60_000
)
_BATCH = 10


class Race(NamedTuple):
    """One group whose batches were handled at the same time.

    Attributes:
        group_id: The group's id.
        span: The seconds between the end of the first member's function and that of the last.
    """

    group_id: str
    span: float


def race(queue: str, size: int) -> Race:
    """Send a group to a queue, and handle all of its batches at the same time.

    Args:
        queue: The URL of the queue of the Task ``member``, which has nothing else in it.
        size: How many members it has.
    """
    ended: list[float] = []
    router = TaskRouter(failures="report")

    @router.task
    def member(index: int) -> int:
        ended.append(monotonic())
        return index

    sent = Group([member.request(index) for index in range(size)], then="join").send()
    messages = _received(queue, size)
    batches = [messages[first : first + _BATCH] for first in range(0, size, _BATCH)]
    with ThreadPoolExecutor(len(batches)) as threads:
        answers = list(threads.map(lambda batch: router.handler(_event(batch), CONTEXT), batches))
    assert all(answer == {"batchItemFailures": []} for answer in answers), answers
    return Race(sent.group_id, max(ended) - min(ended))


def _event(messages: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {"Records": [record(one["Body"], messageId=one["MessageId"]) for one in messages]}


def _received(queue: str, size: int) -> list[dict[str, Any]]:
    sqs = boto3.client("sqs")
    messages: list[dict[str, Any]] = []
    while len(messages) < size:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
        for message in answer.get("Messages", []):
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
            messages.append(message)
    return messages
