"""What is in the queues and the bucket of a system."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from .system import System


def count(system: System, url: str) -> int:
    """Return how many messages are in a queue, whoever has them in hand."""
    answer = system.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["All"])
    waiting = "ApproximateNumberOfMessages"
    return int(answer["Attributes"][waiting]) + int(answer["Attributes"][f"{waiting}NotVisible"])


def keys(system: System, prefix: str) -> Iterator[str]:
    """Give the keys of the objects under a prefix."""
    paginator = system.client("s3").get_paginator("list_objects_v2")
    for page in paginator.paginate(Bucket=system.bucket, Prefix=prefix):
        yield from (found["Key"] for found in page.get("Contents", []))


def documents(system: System, prefix: str) -> dict[str, Any]:
    """Return what is in the objects under a prefix, by the rest of their keys."""
    s3 = system.client("s3")

    def document(key: str) -> Any:
        return json.loads(s3.get_object(Bucket=system.bucket, Key=key)["Body"].read())

    found = list(keys(system, prefix))
    with ThreadPoolExecutor(8) as threads:
        read = threads.map(document, found)
        return {key.removeprefix(prefix): one for key, one in zip(found, read, strict=True)}


def bodies(system: System, url: str) -> list[str]:
    """Return the bodies of the messages in a queue, which anybody may take again then."""
    sqs = system.client("sqs")
    taken: list[dict[str, Any]] = []
    while messages := sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, VisibilityTimeout=600
    ).get("Messages"):
        taken += messages
    for message in taken:
        sqs.change_message_visibility(
            QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
        )
    return [message["Body"] for message in taken]
