"""The handlers that are compared: ours, and those of the peers."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import Any
from uuid import uuid4

import boto3
from algernon_queue import TaskRouter, queued
from algernon_serialize import rebuild_event
from aws_lambda_powertools.utilities.batch import (
    BatchProcessor,
    EventType,
    process_partial_response,
)
from botocore.exceptions import ClientError

from .distant_aws import ACCOUNT, BUCKET, REGION
from .events import NEXT_TASK, Handler

TOPIC_ARN = f"arn:aws:sns:{REGION}:{ACCOUNT}:{NEXT_TASK}"


def ours_with_callbacks() -> Handler:
    """Return a handler of ours that sends its arguments on."""

    @queued(failures="report", listeners={NEXT_TASK: TOPIC_ARN})
    def handler(event: dict[str, Any], context: dict[str, Any]) -> Any:
        return rebuild_event(event)["task_kwargs"]

    return handler


def ours_once() -> Handler:
    """Return a handler of ours that sends its arguments on, and keeps a ledger."""

    @queued(failures="report", listeners={NEXT_TASK: TOPIC_ARN}, once=True)
    def handler(event: dict[str, Any], context: dict[str, Any]) -> Any:
        return rebuild_event(event)["task_kwargs"]

    return handler


def ours_without_work() -> Handler:
    """Return a handler of ours that does nothing."""

    @queued(failures="report")
    def handler(event: dict[str, Any], context: dict[str, Any]) -> None:
        pass

    return handler


def router_without_work() -> Handler:
    """Return a router of ours, to a function that does nothing."""
    router = TaskRouter(failures="report")

    @router.task(name="orders")
    def orders(customer: str, order: int, *, express: bool) -> None:
        pass

    return router.handler


def powertools_without_work() -> Handler:
    """Return Powertools' handler, which unpacks the envelope and the message and does no more."""
    processor = BatchProcessor(event_type=EventType.SQS)

    def handle_record(record: Any) -> None:
        json.loads(json.loads(record.body)["Message"])

    def handler(event: Any, context: Any) -> Any:
        return process_partial_response(
            event=event, record_handler=handle_record, processor=processor, context=context
        )

    return handler


def loop_without_work() -> Handler:
    """Return the least that can be done: unpack with json, in a loop."""

    def handler(event: Any, context: Any) -> Any:
        for record in event["Records"]:
            json.loads(json.loads(record["body"])["Message"])
        return {"batchItemFailures": []}

    return handler


def four_calls_a_record() -> Handler:
    """Return moncrief's pattern at its plainest: four calls a record, one after the other."""
    aws = _Clients()

    def handler(event: Any, context: Any) -> Any:
        for message in _messages(event):
            result = aws.fetch(message["task_kwargs"])
            stored = aws.store(_new_key(), result)
            aws.publish(aws.find_topic(message["callback"]), message["callback"], stored)
        return {"batchItemFailures": []}

    return handler


def calls_of_moncrief() -> Handler:
    """Return what moncrief 7.0.0 asks of AWS, as counted when it ran.

    It looks twice whether an object is there before writing it, and asks for a
    topic once a batch.
    """
    aws = _Clients()

    def handler(event: Any, context: Any) -> Any:
        topics: dict[str, str] = {}
        for message in _messages(event):
            result = aws.fetch(message["task_kwargs"])
            callback = message["callback"]
            if callback not in topics:
                topics[callback] = aws.find_topic(callback)
            key = _new_key()
            aws.look_for(key)
            aws.look_for(key)
            aws.publish(topics[callback], callback, aws.store(key, result))
        return {"batchItemFailures": []}

    return handler


class _Clients:
    """Plain boto3, with clients that live as long as the handler."""

    def __init__(self) -> None:
        self._s3, self._sns, self._ssm = map(boto3.client, ("s3", "sns", "ssm"))

    def fetch(self, tag: dict[str, Any]) -> Any:
        bucket, _, key = tag["value"]["pointer"].partition("#")
        answer = self._s3.get_object(Bucket=bucket, Key=key)
        return json.loads(answer["Body"].read())["data_string"]

    def look_for(self, key: str) -> None:
        with suppress(ClientError):
            self._s3.head_object(Bucket=BUCKET, Key=key)

    def store(self, key: str, result: Any) -> dict[str, Any]:
        document = {"data_string": result, "full_unpack": True, "safe_mode": False}
        self._s3.put_object(Bucket=BUCKET, Key=key, Body=json.dumps(document))
        return {
            "_alg_class": "StoredData",
            "_alg_module": "algernon.aws.snakes",
            "value": {"pointer": f"{BUCKET}#{key}"},
        }

    def find_topic(self, task_name: str) -> str:
        arn: str = self._ssm.get_parameter(Name=task_name)["Parameter"]["Value"]
        return arn

    def publish(self, topic_arn: str, task_name: str, task_kwargs: Any) -> None:
        message = json.dumps({"task_name": task_name, "task_kwargs": task_kwargs})
        self._sns.publish(TopicArn=topic_arn, Subject="callback", Message=message)


def _messages(event: Any) -> list[dict[str, Any]]:
    return [json.loads(json.loads(record["body"])["Message"]) for record in event["Records"]]


def _new_key() -> str:
    return f"cache/{uuid4()}!0.json"
