"""algernon-queue against its peers, all in one run: medians, as tables in Markdown.

The peers are boto3 in the pattern of moncrief 7.0.0, the batch processor of
Powertools for AWS Lambda, and Celery with SQS as its broker. Nothing here fails on
a time.
"""

from __future__ import annotations

import json
import logging
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib.metadata import version
from math import ceil
from typing import Any

import boto3

from ..imports import program_seconds
from ..serialize import without_orjson
from ..timing import medians, medians_of_prepared
from . import celery_calls, endurance, prices, workers
from .distant_aws import BUCKET, Proxy, distant_aws
from .events import (
    NEXT_TASK,
    RECORDS,
    Handler,
    InlineBatches,
    StoredBatches,
    plain_batch,
    run,
)

DELAY = 0.020
MEMORY_GB = 0.5
MONTH = 30 * 24 * 3600

#: Who sends results on, by the name in the tables: how the handler is made, and how
#: many rounds are enough. A further way to run a batch is a further line.
SENDERS: dict[str, tuple[Callable[[], Handler], int]] = {
    "`@queued`": (workers.ours_with_callbacks, 40),
    "`@queued(once=True)`": (workers.ours_once, 40),
    "boto3, four calls a record": (workers.four_calls_a_record, 5),
    "boto3, the calls of moncrief 7.0.0": (workers.calls_of_moncrief, 5),
}
OURS = "`@queued`"
#: Longer than any result here.
INLINE_BYTES = 16 * 1024

Batches = StoredBatches | InlineBatches


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> None:
    """Print a table."""
    lines = [list(head), *map(list, rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    for line in lines:
        print(f"| {' | '.join(line)} |")


def batch_with_callbacks(
    aws: Proxy, batches: StoredBatches
) -> tuple[dict[str, float], dict[str, dict[str, int]]]:
    """Print what a batch takes whose arguments and results are stored.

    Returns:
        By sender, the time of a batch with replayed answers in seconds, and its calls.
    """
    arn = boto3.client("sns").create_topic(Name=NEXT_TASK)["TopicArn"]
    boto3.client("ssm").put_parameter(Name=NEXT_TASK, Value=arn, Type="String")
    handlers = {name: (make(), rounds) for name, (make, rounds) in SENDERS.items()}
    calls = {name: count_calls(aws, batches, handler) for name, (handler, _) in handlers.items()}

    aws.delay(DELAY)
    times, rows = {}, []
    for replay in (False, True):
        aws.replay(replay)
        round_trip = time_of_round_trip(batches.pointer)
        times = {
            name: time_of_batch(handler, batches, rounds)
            for name, (handler, rounds) in handlers.items()
        }
        answers = "replayed" if replay else "by moto"
        rows.append([f"one GET, {answers}", milliseconds(round_trip), "1", "", ""])
        rows += [
            [
                f"{name}, {answers}",
                milliseconds(seconds),
                str(sum(calls[name].values())),
                f"{seconds / (3 * round_trip):.2f}",
                f"{seconds / times[OURS]:.2f}",
            ]
            for name, seconds in times.items()
        ]
    aws.replay(False)
    aws.delay(0)

    print("\n## A batch of ten, arguments and results stored, results published\n")
    print(f"Every call of AWS takes {DELAY * 1000:.0f} ms longer, in a proxy. moto answers ten")
    print("calls at once one after the other; replayed answers come at once.\n")
    table(["", "a batch", "calls", "/ three round trips", "/ ours"], rows)
    return times, calls


def batch_inline(aws: Proxy) -> tuple[float, dict[str, int]]:
    """Return what a batch takes whose arguments and results travel in the messages.

    Returns:
        Its time with replayed answers in seconds, and its calls.
    """
    os.environ["ALGERNON_INLINE_BYTES"] = str(INLINE_BYTES)
    handler, batches = workers.ours_with_callbacks(), InlineBatches()
    calls = count_calls(aws, batches, handler)
    aws.delay(DELAY)
    aws.replay(True)
    seconds = time_of_batch(handler, batches, 40)
    aws.replay(False)
    aws.delay(0)
    del os.environ["ALGERNON_INLINE_BYTES"]
    return seconds, calls


def count_calls(aws: Proxy, batches: Batches, handler: Handler) -> dict[str, int]:
    """Return the calls of a warm handler for one batch."""
    run(handler, batches.batch())
    aws.forget()
    run(handler, batches.batch())
    return aws.counted()


def time_of_batch(handler: Handler, batches: Batches, rounds: int) -> float:
    """Return the median time of a batch in seconds; every batch is a new one."""

    def prepare() -> Callable[[], object]:
        event = batches.batch()
        return lambda: run(handler, event)

    return medians_of_prepared({"": prepare}, rounds=rounds)[""]


def time_of_round_trip(pointer: str) -> float:
    """Return the median time of getting one object, in seconds."""
    s3 = boto3.client("s3")
    bucket, _, key = pointer.partition("#")

    def get() -> object:
        return s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    return medians_of_prepared({"": lambda: get}, rounds=40)[""]


def batch_without_work() -> None:
    """Print what it costs to get a batch to a handler that does nothing."""
    event = plain_batch()
    handlers = {
        "Powertools `BatchProcessor`": workers.powertools_without_work(),
        '`@queued(failures="report")`': workers.ours_without_work(),
        "`TaskRouter`": workers.router_without_work(),
        "a loop with `json`": workers.loop_without_work(),
    }
    functions = {name: bound(handler, event) for name, handler in handlers.items()}
    with without_orjson():
        plain = medians(functions, rounds=25)
    times = medians(functions, rounds=25)
    peer = times["Powertools `BatchProcessor`"]
    print("\n## Ten records to a handler that does nothing\n")
    table(
        ["", "a record", "/ Powertools", "without orjson", "/ Powertools"],
        [
            [
                name,
                microseconds(seconds / RECORDS),
                f"{seconds / peer:.2f}",
                microseconds(plain[name] / RECORDS),
                f"{plain[name] / plain['Powertools `BatchProcessor`']:.2f}",
            ]
            for name, seconds in times.items()
        ],
    )


def bound(handler: Handler, event: Any) -> Callable[[], object]:
    """Return the handler's call with an event."""
    return lambda: run(handler, event)


def long_life(aws: Proxy, batches: StoredBatches) -> None:
    """Print what the first and the last of many messages cost."""
    aws.replay(True)
    rows = []
    for title, worker, make_batch in [
        ("nothing to do", "ours_without_work", plain_batch),
        ("arguments and results stored", "ours_with_callbacks", batches.batch),
    ]:
        first, last = endurance.first_and_last_tenth(worker, make_batch, traced=False)
        traced_first, traced_last = endurance.first_and_last_tenth(worker, make_batch, traced=True)
        rows.append(
            [
                title,
                microseconds(first.seconds),
                microseconds(last.seconds),
                f"{last.seconds / first.seconds:.2f}",
                f"{first.size / 2**20:.1f} → {last.size / 2**20:.1f} MiB",
                f"{(traced_last.size - traced_first.size) / 1024:+.1f} KiB",
            ]
        )
    aws.replay(False)
    print(f"\n## {endurance.MESSAGES:,} messages through one handler, ten at a time\n")
    print("The first tenth against the last. Answers are replayed, and not delayed.\n")
    columns = ["a message, first", "last", "last / first", "memory of the process (Linux)"]
    table(["", *columns, "Python's objects"], rows)


def imports() -> None:
    """Print what imports cost in a new process."""
    ours, peer = "algernon_queue", "aws_lambda_powertools.utilities.batch"
    times = program_seconds({name: f"import {name}" for name in (ours, peer)})
    print("\n## Import in a new process, less a bare Python's start\n")
    table(
        ["", "time", "/ Powertools"],
        [
            [f"`{name}`", milliseconds(times[name]), f"{times[name] / times[peer]:.2f}"]
            for name in times
        ],
    )


def costs(
    aws: Proxy,
    batches: StoredBatches,
    times: Mapping[str, float],
    calls: Mapping[str, Mapping[str, int]],
) -> None:
    """Print the calls and the price of a million hops."""
    size = sum(len(json.dumps(record)) for record in batches.batch()["Records"])
    chunks = ceil(size / prices.CHUNK)
    # What the subscription and the event source mapping do for a batch of ten.
    around = {
        "sqs SendMessage": RECORDS,
        "sqs ReceiveMessage": chunks,
        "sqs DeleteMessageBatch": 1,
        "lambda Invoke": 1,
    }
    rows = []
    for name, counted in calls.items():
        rows.append(hop_row(name, counted, times[name], around))
        if name == OURS:
            seconds, inline = batch_inline(aws)
            rows.append(hop_row(f"{name}, results inline", inline, seconds, around))
    celery = celery_calls.calls_a_hop(aws)
    rows.append(price_row("Celery, results in S3", celery, None))
    queue_only = {name: count for name, count in celery.items() if name.startswith("sqs ")}
    rows.append(price_row("Celery, results ignored", queue_only, None))

    print("\n## A million hops, in calls and US$\n")
    print("A hop is one Task of a chain: its arguments fetched, its result stored and sent on.")
    print("Prices: us-east-1, as published, looked up in November 2026; no free tier.\n")
    services = ["s3", "sns", "sqs", "ssm", "lambda"]
    table(["", "calls a hop", *services, "US$", "Lambda's time"], rows)
    chains = f"{celery_calls.CHAINS} chains of {celery_calls.HOPS} hops"
    print(f"""
- Counted: what the handler asks of AWS in a full batch of ten ({size / 1024:.0f} KB); what
  Celery's worker and its sender ask in {chains}.
- Not counted but added, for all but Celery, per batch: ten SendMessage (SNS asks nothing
  for delivery to SQS; its sends are taken as requests of SQS), one ReceiveMessage, one
  DeleteMessageBatch, one Lambda request.
- Lambda's time, not in US$: a batch as in the first table, answers replayed, at
  {MEMORY_GB * 1024:.0f} MB on x86. Celery's worker is a machine that runs all month: not in US$.
- Celery's calls a hop: {shown(celery)}.
  Its arguments travel in the message, so it fetches none.""")
    worker, mapping = (count * MONTH / 20 for count in (1, 5))
    sqs = prices.of_a_million("sqs ReceiveMessage")
    print(
        f"- Idle for 30 days, polls of 20 s: a worker of Celery {worker:,.0f} requests a queue, US$"
        f" {worker * sqs / 1e6:.2f};\n  Lambda's event source mapping, taken to keep 5 polls"
        f" waiting, {mapping:,.0f} a queue, US$ {mapping * sqs / 1e6:.2f}, of moncrief too."
    )


def hop_row(
    name: str, counted: Mapping[str, int], seconds: float, around: Mapping[str, int]
) -> list[str]:
    """Return a row of the prices, of what was counted for a batch.

    Args:
        name: Who it is.
        counted: The calls of the handler.
        seconds: How long it takes.
        around: The calls around it.
    """
    hop = {operation: count / RECORDS for operation, count in {**counted, **around}.items()}
    duration = seconds / RECORDS * MEMORY_GB * prices.GB_SECOND * 1e6
    return price_row(name, hop, duration)


def price_row(name: str, hop: Mapping[str, float], duration: float | None) -> list[str]:
    """Return a row of the prices.

    Args:
        name: Who it is.
        hop: The calls of each operation for one hop.
        duration: What Lambda asks for the time of a million hops.
    """
    services = ["s3", "sns", "sqs", "ssm", "lambda"]
    parts = [prices.of_calls(hop, service) for service in services]
    total = sum(parts)
    time = "" if duration is None else f"{duration:.2f}"
    counted = f"{sum(hop.values()):.2f}"
    return [name, counted, *(f"{part:.2f}" for part in parts), f"**{total:.2f}**", time]


def shown(calls: Mapping[str, float]) -> str:
    """Return the calls as a text."""
    return ", ".join(f"{count:.2f} {name}" for name, count in sorted(calls.items()))


def milliseconds(seconds: float) -> str:
    """Return a time as a text."""
    return f"{seconds * 1000:.1f} ms"


def microseconds(seconds: float) -> str:
    """Return a time as a text."""
    return f"{seconds * 1e6:.1f} µs"


def main() -> None:
    """Print all figures."""
    for name in [*os.environ]:
        if name.startswith(("ALGERNON_", "AWS_")) or name == "CACHE_FOLDER_NAME":
            del os.environ[name]
    logging.disable(logging.CRITICAL)
    versions = [f"{name} {version(name)}" for name in ("boto3", "aws-lambda-powertools", "celery")]
    print(f"Python {sys.version.split()[0]}, {', '.join(versions)}, {os.cpu_count()} processors")
    with distant_aws() as aws:
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        batches = StoredBatches()
        times, calls = batch_with_callbacks(aws, batches)
        batch_without_work()
        long_life(aws, batches)
        imports()
        costs(aws, batches, times, calls)


if __name__ == "__main__":
    main()
