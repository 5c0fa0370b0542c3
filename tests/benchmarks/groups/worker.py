"""A process that does for a worker what Lambda does: poll its queue, call it, delete.

``python -m tests.benchmarks.groups.worker once|free``: it notes what its members did, what it
asked of S3, and its peak memory, in a file, after each batch.
"""

from __future__ import annotations

import json
import os
import resource
import sys
from collections import Counter
from pathlib import Path
from time import monotonic
from typing import Any

import boto3
from algernon_queue import TaskRouter
from algernon_storage import aws_client

from ...queue.events import LambdaContext, record
from ..queue.distant_aws import ACCOUNT, REGION

CONTEXT = LambdaContext(
    invoked_function_arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:groups", millis_left=60_000
)

calls: Counter[str] = Counter()
ended: list[tuple[int, float]] = []


def member(group: int, index: int) -> dict[str, int]:
    """Be a member of a group."""
    ended.append((group, monotonic()))
    return {"index": index}


def _count(model: Any, **_: Any) -> None:
    calls[model.http["method"]] += 1


def main(ledger: str) -> None:
    """Work until the process is ended."""
    router = TaskRouter(failures="report", once=ledger == "once")
    router.task(member)
    aws_client("s3").meta.events.register("before-call.s3", _count)
    sqs, queue, notes = boto3.client("sqs"), os.environ["BENCH_QUEUE"], os.environ["BENCH_NOTES"]
    with Path(notes).open("a") as file:
        print(json.dumps(["ready"]), file=file, flush=True)
        while True:
            answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=20)
            messages = answer.get("Messages", [])
            if not messages:
                continue
            records = [record(one["Body"], messageId=one["MessageId"]) for one in messages]
            failed = router.handler({"Records": records}, CONTEXT)["batchItemFailures"]
            if failed:
                raise RuntimeError(f"records failed: {failed}")
            entries = [
                {"Id": str(number), "ReceiptHandle": one["ReceiptHandle"]}
                for number, one in enumerate(messages)
            ]
            sqs.delete_message_batch(QueueUrl=queue, Entries=entries)
            peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            print(json.dumps(["batch", ended, calls, peak]), file=file, flush=True)
            ended.clear()
            calls.clear()


if __name__ == "__main__":
    main(*sys.argv[1:])
