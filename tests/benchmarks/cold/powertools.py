"""The same worker on Powertools for AWS Lambda and boto3, with its clients made at import."""

from __future__ import annotations

import json
import os
from typing import Any
from uuid import uuid4

import boto3
from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)

logger = Logger(service="prices")
processor = BatchProcessor(event_type=EventType.SQS)
s3 = boto3.client("s3")
sns = boto3.client("sns")

TOPICS = os.environ["TOPICS"]
BUCKET = os.environ["BUCKET"]


def price(items: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what the items cost together."""
    return {"total": sum(item["price"] for item in items)}


def handle_record(record: Any) -> None:
    """Run the Task of a record, and send its result on."""
    message = json.loads(json.loads(record.body)["Message"])
    result = price(**message["task_kwargs"])
    key = f"cache/{uuid4()}.json"
    s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(result))
    callback = message["callback"]
    sent = {"task_name": callback, "task_kwargs": {"pointer": key}}
    sns.publish(TopicArn=TOPICS + callback, Message=json.dumps(sent))


@logger.inject_lambda_context  # type: ignore[untyped-decorator]
def handler(event: dict[str, Any], context: Any) -> Any:
    """Work off a batch."""
    return process_partial_response(
        event=event, record_handler=handle_record, processor=processor, context=context
    )
