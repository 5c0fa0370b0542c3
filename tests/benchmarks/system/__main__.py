"""Hops a second and calls a hop of the whole way, against Celery on SQS with results in S3.

The same chains run on the same local AWS, ministack, through two processes each. Algernon's
do what Lambda does for a worker: they poll its queue, call it with what came, and delete that.
Lambda by ministack would start and feed its processes through ministack itself, which Celery's
workers need nothing of. The speed is measured without anything between; the calls are counted
in another run, by a proxy. Nothing here fails on a time.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter, sleep
from typing import NamedTuple
from uuid import uuid4

import boto3
from algernon.local.aws import LocalAWS

from ..queue import prices
from ..queue.distant_aws import ACCOUNT, BUCKET, REGION, Proxy, counting_proxy
from .hops import CHAINS, HOPS
from .progress import Progress

WORKERS = 2
ROUNDS = 3
#: Longer than any result here.
INLINE_BYTES = 16 * 1024
PACKAGE = __package__ or ""


class System(NamedTuple):
    """What runs the chains.

    Attributes:
        worker: The command of a worker.
        sender: The module that sends the chains.
        environ: What the environment says besides.
    """

    worker: list[str]
    sender: str
    environ: Mapping[str, str] = {}


OURS = [sys.executable, "-m", f"{PACKAGE}.algernon_worker"]
CELERY = [
    *(sys.executable, "-m", "celery", "-A", f"{PACKAGE}.celery_worker", "worker"),
    *("--pool=solo", "--without-gossip", "--without-mingle", "--without-heartbeat"),
]
SYSTEMS = {
    "Algernon": System(OURS, "algernon_sender"),
    "Algernon, results inline": System(
        OURS, "algernon_sender", {"ALGERNON_INLINE_BYTES": str(INLINE_BYTES)}
    ),
    "Celery, results in S3": System(CELERY, "celery_sender"),
}


def run(system: System, endpoint: str, aws: Proxy | None = None) -> float:
    """Run the chains once, and return how long they took in seconds.

    Args:
        system: What runs them.
        endpoint: Where AWS is.
        aws: What counts the calls there, from when the workers are ready.
    """
    with TemporaryDirectory() as folder, ExitStack() as processes:
        progress = Progress(Path(folder) / "progress")
        environ = {
            **os.environ,
            **system.environ,
            **progress.environ,
            **processes.enter_context(queues()),
            "AWS_ENDPOINT_URL": endpoint,
        }
        for number in range(WORKERS):
            name = ["--hostname", f"worker-{number}@local"] if system.worker is CELERY else []
            processes.enter_context(running([*system.worker, *name], environ))
        progress.wait_for("ready", WORKERS)
        sender = [sys.executable, "-m", f"{PACKAGE}.{system.sender}"]
        with running(sender, environ, is_talked_to=True) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdout.readline()
            if aws is not None:
                aws.forget()
            begin = perf_counter()
            process.stdin.write("\n")
            process.stdin.flush()
            progress.wait_for("hop", CHAINS * HOPS)
            seconds = perf_counter() - begin
        if aws is not None:
            settle(aws)
        return seconds


def settle(aws: Proxy) -> None:
    """Wait until nothing is called any more, such as what deletes the last messages."""
    calls = -1
    while (now := sum(aws.counted().values())) != calls:
        calls = now
        sleep(1)


@contextmanager
def running(
    command: list[str], environ: Mapping[str, str], *, is_talked_to: bool = False
) -> Iterator[subprocess.Popen[str]]:
    """Have a process run."""
    ends = subprocess.PIPE if is_talked_to else subprocess.DEVNULL
    process = subprocess.Popen(
        command, env=environ, stdin=ends, stdout=ends, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        with process:
            pass


def calls_a_hop(system: System, endpoint: str) -> dict[str, float]:
    """Run the chains once, and return the calls of each operation for one hop."""
    with counting_proxy(endpoint) as aws:
        run(system, aws.url(), aws)
        calls = aws.counted()
    hop = {name: count / (CHAINS * HOPS) for name, count in calls.items()}
    if system.worker is OURS:
        # What SNS and the event source mapping do besides; SNS asks nothing for deliveries.
        hop |= {"sqs SendMessage": 1.0, "lambda Invoke": hop["sqs DeleteMessageBatch"]}
    return hop


@contextmanager
def queues() -> Iterator[dict[str, str]]:
    """Give a queue to each system, as variables: polls of the run before may wait at an old one."""
    sqs, sns = boto3.client("sqs"), boto3.client("sns")
    name = f"hop-{uuid4()}"
    celery = f"celery-{name}"
    sqs.create_queue(QueueName=celery)
    # As long as a batch may take, six times over.
    queue = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "360"})["QueueUrl"]
    subscription = sns.subscribe(
        TopicArn=f"arn:aws:sns:{REGION}:{ACCOUNT}:hop",
        Protocol="sqs",
        Endpoint=f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}",
    )["SubscriptionArn"]
    yield {"BENCH_QUEUE": queue, "BENCH_CELERY_QUEUE": celery}
    sns.unsubscribe(SubscriptionArn=subscription)


def main() -> None:
    """Print all figures."""
    for name in [*os.environ]:
        if name.startswith(("ALGERNON_", "AWS_")) or name == "CACHE_FOLDER_NAME":
            del os.environ[name]
    versions = [f"{name} {version(name)}" for name in ("boto3", "celery", "ministack")]
    print(f"Python {sys.version.split()[0]}, {', '.join(versions)}, {os.cpu_count()} processors")
    with LocalAWS() as aws:
        # The key's id is what ministack takes for the account.
        os.environ.update(aws.environ | {"AWS_ACCESS_KEY_ID": ACCOUNT})
        for variable in [*os.environ]:
            if variable.startswith("AWS_ENDPOINT_URL_"):
                del os.environ[variable]
        os.environ["ALGERNON_BUCKET_NAME"] = BUCKET
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        boto3.client("sns").create_topic(Name="hop")
        seconds: dict[str, list[float]] = {name: [] for name in SYSTEMS}
        for _ in range(ROUNDS):
            for name, system in SYSTEMS.items():
                seconds[name].append(run(system, aws.endpoint_url))
        calls = {name: calls_a_hop(system, aws.endpoint_url) for name, system in SYSTEMS.items()}
    print(f"\n## {CHAINS} chains of {HOPS} Tasks on one local AWS, {WORKERS} processes each\n")
    print("| | hops a second | calls a hop | US$ a million | of these, S3 |")
    print("| --- | --- | --- | --- | --- |")
    for name, taken in seconds.items():
        hop = calls[name]
        price = sum(prices.of_calls(hop, service) for service in ("s3", "sns", "sqs", "lambda"))
        print(
            f"| {name} | {CHAINS * HOPS / min(taken):.0f} | {sum(hop.values()):.2f} | {price:.2f}"
            f" | {prices.of_calls(hop, 's3'):.2f} |"
        )
    print()
    for name, hop in calls.items():
        print(f"- {name}: {', '.join(f'{n:.2f} {call}' for call, n in sorted(hop.items()))}.")


if __name__ == "__main__":
    main()
