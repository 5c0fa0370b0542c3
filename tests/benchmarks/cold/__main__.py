"""What a cold start takes, to the end of the first batch, against Powertools and boto3.

Each start is a new process that imports a worker and works off one record with a callback:
the Task runs, its result is stored in S3, and the next Task's message published. AWS is moto
behind a proxy that replays its first answer of each kind. Nothing here fails on a time.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from importlib.metadata import version
from resource import RUSAGE_CHILDREN, getrusage
from time import perf_counter
from typing import NamedTuple

import boto3

from ...queue.events import enveloped, event, message, record
from ..queue.distant_aws import ACCOUNT, BUCKET, REGION, distant_aws

ROUNDS = 15
CALLBACK = "bill"

PEER = "Powertools and boto3"
#: By name: the module of the worker, what its environment says besides, and its peer.
WORKERS = {
    "Algernon": ("ours", {"ALGERNON_TRACING": "off"}, PEER),
    PEER: ("powertools", {}, PEER),
    "Algernon, X-Ray": ("ours", {"ALGERNON_TRACING": "xray"}, f"{PEER}, X-Ray"),
    f"{PEER}, X-Ray": ("powertools_traced", {}, f"{PEER}, X-Ray"),
}


class Start(NamedTuple):
    """What one cold start took, in seconds.

    Attributes:
        all: From the process's start to its end.
        batch: The first batch.
        cpu: The time of processors, of all threads.
    """

    all: float
    batch: float
    cpu: float


def start(name: str, text: str) -> Start:
    """Start a worker in a new process, and have it work off a batch."""
    module, variables, _ = WORKERS[name]
    package = __package__ or ""
    command = [sys.executable, "-m", f"{package}.start", f"{package}.{module}"]
    environment = {**os.environ, **variables}
    before = _cpu_of_children()
    begin = perf_counter()
    run = subprocess.run(
        command, env=environment, input=text, capture_output=True, text=True, check=False
    )
    end = perf_counter()
    if run.returncode:
        raise RuntimeError(f"{name} failed: {run.stderr}")
    *_, batch = run.stdout.split()
    return Start(end - begin, float(batch), _cpu_of_children() - before)


def _cpu_of_children() -> float:
    usage = getrusage(RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def like_lambda() -> dict[str, str]:
    """Return the variables that Lambda, its runtime and a template set for a worker."""
    topics = f"arn:aws:sns:{REGION}:{ACCOUNT}:"
    return {
        "AWS_LAMBDA_FUNCTION_NAME": "prices",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "256",
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "LAMBDA_TASK_ROOT": "/var/task",
        "ALGERNON_BUCKET_NAME": BUCKET,
        "ALGERNON_FAILURES": "report",
        "ALGERNON_TOPIC_PREFIX": "",
        "BUCKET": BUCKET,
        "TOPICS": topics,
        # With compiled modules, as they are where they have been imported once.
        "PYTHONDONTWRITEBYTECODE": "",
    }


def main() -> None:
    """Print all figures."""
    for name in [*os.environ]:
        if name.startswith(("ALGERNON_", "AWS_", "POWERTOOLS_")) or name == "CACHE_FOLDER_NAME":
            del os.environ[name]
    versions = [f"{name} {version(name)}" for name in ("boto3", "aws-lambda-powertools")]
    print(f"Python {sys.version.split()[0]}, {', '.join(versions)}, {os.cpu_count()} processors")
    items = [{"sku": f"A-{number:05d}", "price": 1.25} for number in range(20)]
    text = json.dumps(
        event(record(enveloped(message("price", task_kwargs={"items": items}, callback=CALLBACK))))
    )
    starts: dict[str, list[Start]] = {name: [] for name in WORKERS}
    with distant_aws() as aws:
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        boto3.client("sns").create_topic(Name=CALLBACK)
        os.environ.update(like_lambda())
        aws.replay(True)
        for _ in range(1 + ROUNDS):
            for name in WORKERS:
                starts[name].append(start(name, text))
    medians = {
        name: Start(*map(statistics.median, zip(*taken[1:], strict=True)))
        for name, taken in starts.items()
    }
    print(f"\n## A new process that works off one record with a callback, {ROUNDS} times each\n")
    print("| | in all | / peer | first batch | CPU | / peer |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name, taken in medians.items():
        peer = medians[WORKERS[name][2]]
        print(
            f"| {name} | {taken.all * 1000:.0f} ms | {taken.all / peer.all:.2f}"
            f" | {taken.batch * 1000:.0f} ms"
            f" | {taken.cpu * 1000:.0f} ms | {taken.cpu / peer.cpu:.2f} |"
        )


if __name__ == "__main__":
    main()
