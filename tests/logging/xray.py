"""What tests of X-Ray share: tracing headers, workers, and what is read of documents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

#: A trace, Lambda's own segment in it, and the tracing headers of its invocations.
ROOT = "1-5759e988-bd862e3fe1be46a994272793"
SEGMENT = "53995c3f42cd8ad8"
SAMPLED = f"Root={ROOT};Parent={SEGMENT};Sampled=1"
UNSAMPLED = f"Root={ROOT};Parent={SEGMENT};Sampled=0"
#: The trace of a message's sender, and the tracing header that the message brings from there.
SENDER = "1-67891233-abcdef012345678912345678"
SENT = f"Root={SENDER};Parent=463ac35c9f6413ad;Sampled=1"
#: The message attribute that has it.
HEADER = "X-Amzn-Trace-Id"

#: What makes a call, and a handler that does.
WORKER = """
import boto3, threading
from algernon_logging import lambda_logged

def call():
    boto3.client("sqs").list_queues()
"""
HANDLER = """
@lambda_logged
def handler(event, context):
    call()
"""

#: A worker with Tasks, which come after it; "start" sends the first message of a chain.
TASKS = """
import asyncio, boto3, threading, time
from algernon_logging import lambda_logged
from algernon_queue import TaskRouter, send_task
from aws_xray_sdk.core import xray_recorder

router = TaskRouter(failures="report")
handler = lambda_logged(router.handler)

@router.task
def start(**message):
    return {"task_id": send_task(**message)}
"""
#: One with a Task that makes a call.
SENDING = (
    TASKS
    + """
@router.task
def ship():
    call = boto3.client("sqs").list_queues()
"""
)


@dataclass(frozen=True)
class Subsegment:
    """What a document says of one (sub)segment."""

    name: str
    trace_id: str
    id: str
    parent_id: str | None
    annotations: dict[str, Any]
    document: dict[str, Any]


def subsegments(documents: list[dict[str, Any]]) -> list[Subsegment]:
    """Return the subsegments of documents, those inside others included."""
    found = []
    for document in documents:
        found.append(
            Subsegment(
                document["name"],
                document["trace_id"],
                document["id"],
                document.get("parent_id"),
                document.get("annotations", {}),
                document,
            )
        )
        found += subsegments(document.get("subsegments", []))
    return found


def of_tasks(documents: list[dict[str, Any]]) -> list[Subsegment]:
    """Return the subsegments of Tasks."""
    return [each for each in subsegments(documents) if "task_id" in each.annotations]
