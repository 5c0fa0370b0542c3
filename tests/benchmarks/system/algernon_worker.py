"""A process that does for a worker of Algernon what Lambda does: poll its queue, call it, delete.

It polls and deletes as an event source mapping does, with boto3's own clients.
"""

from __future__ import annotations

import os
from typing import Any

import boto3
from algernon_queue import TaskRouter

from ...queue.events import LambdaContext, record
from ..queue.distant_aws import ACCOUNT, REGION
from .progress import note

router = TaskRouter(failures="report")
CONTEXT = LambdaContext(
    invoked_function_arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:hops", millis_left=60_000
)


@router.task
def hop(payload: Any) -> dict[str, Any]:
    """Send the argument on."""
    return {"payload": payload}


def main() -> None:
    """Work until the process is ended."""
    sqs, queue = boto3.client("sqs"), os.environ["BENCH_QUEUE"]
    note("ready")
    while True:
        answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=20)
        messages = answer.get("Messages", [])
        if not messages:
            continue
        records = [record(one["Body"], messageId=one["MessageId"]) for one in messages]
        failed = router.handler({"Records": records}, CONTEXT)["batchItemFailures"]
        if failed:
            raise RuntimeError(f"records failed: {failed}")
        sqs.delete_message_batch(
            QueueUrl=queue,
            Entries=[
                {"Id": str(number), "ReceiptHandle": one["ReceiptHandle"]}
                for number, one in enumerate(messages)
            ],
        )
        note("hop", len(messages))


if __name__ == "__main__":
    main()
