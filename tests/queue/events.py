"""What Lambda hands over to a function that is subscribed to a queue."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

FUNCTION_ARN = "arn:aws:lambda:eu-west-1:123456789012:function:worker"
QUEUE_ARN = "arn:aws:sqs:eu-west-1:123456789012:worker"

#: Lambda's and SQS's ids are UUIDs; a test's own Task and chain have these.
TASK_ID = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"
CHAIN_ID = "9e107d9d-372b-4b6a-8aee-1c2d3e4f5a6b"


@dataclass
class LambdaContext:
    """The part of Lambda's own context that a worker may look at."""

    invoked_function_arn: str = FUNCTION_ARN
    millis_left: float = 30_000

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the invocation may still take."""
        return int(self.millis_left)


def message(task_name: str = "work", **others: Any) -> str:
    """Return a message as it is published to a listener."""
    return json.dumps({"task_name": task_name, **others})


def enveloped(text: str, **others: Any) -> str:
    """Return a message in the envelope in which SNS hands it to a queue."""
    return json.dumps(
        {
            "Type": "Notification",
            "MessageId": str(uuid4()),
            "TopicArn": "arn:aws:sns:eu-west-1:123456789012:work",
            "Message": text,
            "Timestamp": "2026-11-24T02:28:00.000Z",
            "SignatureVersion": "1",
            "Signature": "…",
            "SigningCertURL": "https://sns.eu-west-1.amazonaws.com/certificate.pem",
            "UnsubscribeURL": "https://sns.eu-west-1.amazonaws.com/?Action=Unsubscribe",
            **others,
        }
    )


def record(body: Any, **others: Any) -> dict[str, Any]:
    """Return a record, which is a message of SQS."""
    return {
        "messageId": str(uuid4()),
        "receiptHandle": "AQEBzWwaftRI0KuVm4tP+/7q1rGgNqicHq",
        "body": body,
        "attributes": {
            "ApproximateReceiveCount": "1",
            "SentTimestamp": "1545082650636",
            "SenderId": "AIDAIENQZJOLO23YVJ4VO",
            "ApproximateFirstReceiveTimestamp": "1545082650649",
        },
        "messageAttributes": {},
        "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3",
        "eventSource": "aws:sqs",
        "eventSourceARN": QUEUE_ARN,
        "awsRegion": "eu-west-1",
        **others,
    }


def fifo_record(group: str | None, body: Any) -> dict[str, Any]:
    """Return a record of a FIFO queue."""
    attributes = {"ApproximateReceiveCount": "1"}
    if group is not None:
        attributes["MessageGroupId"] = group
    return record(body, eventSourceARN=f"{QUEUE_ARN}.fifo", attributes=attributes)


def event(*records: dict[str, Any]) -> dict[str, Any]:
    """Return the event of a batch."""
    return {"Records": list(records)}


def failed(*records: dict[str, Any]) -> dict[str, Any]:
    """Return the answer that has these records stay in the queue."""
    return {"batchItemFailures": [{"itemIdentifier": record["messageId"]} for record in records]}


ALL_DONE = failed()
