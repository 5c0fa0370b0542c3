"""Lambda's part between a queue and a worker: it deletes of a batch what is done."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from typing import Any

#: Hands an event to a worker, and returns its answer, or None if the worker died of it.
Invoke = Callable[[dict[str, Any]], Any]

_BATCH_SIZE = 10


def work_off(sqs: Any, url: str, arn: str, invoke: Invoke) -> int:
    """Hand one batch of a queue to a worker, and delete what it doesn't name as failed.

    If the worker dies, everything stays in the queue.

    Returns:
        How many messages there were.
    """
    records = [_record(message, arn) for message in receive(sqs, url)]
    if not records:
        return 0
    answer = invoke({"Records": records})
    if answer is not None:
        failed = {failure["itemIdentifier"] for failure in answer["batchItemFailures"]}
        for record in records:
            if record["messageId"] not in failed:
                sqs.delete_message(QueueUrl=url, ReceiptHandle=record["receiptHandle"])
    return len(records)


def receive(sqs: Any, url: str) -> list[dict[str, Any]]:
    """Receive up to ten messages of a queue, with all that they have beside them."""
    messages: list[dict[str, Any]] = sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=_BATCH_SIZE,
        AttributeNames=["All"],
        MessageAttributeNames=["All"],
    ).get("Messages", [])
    return messages


def _record(message: Mapping[str, Any], arn: str) -> dict[str, Any]:
    return {
        "messageId": message["MessageId"],
        "receiptHandle": message["ReceiptHandle"],
        "body": message["Body"],
        "attributes": message["Attributes"],
        "messageAttributes": {
            name: as_lambda_has_it(value)
            for name, value in message.get("MessageAttributes", {}).items()
        },
        "eventSource": "aws:sqs",
        "eventSourceARN": arn,
        "awsRegion": arn.split(":")[3],
    }


def as_lambda_has_it(attribute: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message attribute as Lambda hands it over."""
    value: dict[str, Any] = {"dataType": attribute["DataType"]}
    if "BinaryValue" in attribute:
        value["binaryValue"] = b64encode(attribute["BinaryValue"]).decode()
    else:
        value["stringValue"] = attribute["StringValue"]
    return {**value, "stringListValues": [], "binaryListValues": []}
