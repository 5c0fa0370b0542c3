"""What a real worker of Celery asks of AWS for a hop of a chain."""

from __future__ import annotations

import subprocess
import sys
from time import monotonic, sleep

import boto3

from .distant_aws import Proxy
from .events import arguments

CHAINS = 10
HOPS = 10

#: How long the chains may take, in seconds; they take a few.
_PATIENCE = 60


def calls_a_hop(aws: Proxy) -> dict[str, float]:
    """Run chains through a worker, and return the calls of each operation for one hop.

    The broker is SQS, results are stored in S3, and arguments travel in the
    message. The worker waits 20 s in a poll and takes ten messages ahead. The
    calls of its start aren't counted, those of the sender are.

    Raises:
        TimeoutError: The chains didn't get through.
    """
    # Importing the application asks for the local AWS, which must be there.
    from celery import chain

    from .celery_app import QUEUE, hop

    boto3.client("sqs").create_queue(QueueName=QUEUE)
    command = [sys.executable, "-m", "celery", "-A", "tests.benchmarks.queue.celery_app", "worker"]
    options = ["--pool=solo", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    worker = subprocess.Popen(
        [*command, *options], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _wait(aws, "sqs ReceiveMessage", 1)
        aws.forget()
        for _ in range(CHAINS):
            chain(hop.s(arguments()), *(hop.s() for _ in range(HOPS - 1))).apply_async()
        _wait(aws, "s3 PUT", CHAINS * HOPS)
        _wait(aws, "sqs DeleteMessage", CHAINS * HOPS)
        return {name: count / (CHAINS * HOPS) for name, count in aws.counted().items()}
    finally:
        worker.terminate()
        worker.wait()


def _wait(aws: Proxy, operation: str, count: int) -> None:
    deadline = monotonic() + _PATIENCE
    while aws.counted().get(operation, 0) < count:
        if monotonic() > deadline:
            raise TimeoutError(f"Celery's worker made no {count} calls of {operation}")
        sleep(0.1)
