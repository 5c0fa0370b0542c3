"""Measure every module of the standard library on a local AWS, and check the result.

For each module a chain of three Tasks reads the source, measures it and writes
a report to S3. One file is no Python on purpose: it ends in a dead-letter
queue. At the end, all reports are compared with the same measurement made here,
in one process.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import measuring
from algernon import Task, ajson, send_tasks
from algernon.local import LocalSystem
from algernon_storage import aws_client
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

# Long enough for a batch of ten modules on a busy machine. What a worker had in hand that
# was stopped comes again after six times this.
FUNCTION_SECONDS = 10
# It is given up when nothing has moved for so long.
PATIENCE_SECONDS = 150
TASK_NAMES = ("read_source", "measure_source", "write_report")
CHAIN = "measure_source#write_report"
UNPARSEABLE = "unparseable.txt"

console = Console()


def main() -> int:
    """Run the demo, and return the exit code of the process."""
    paths = measuring.modules()
    console.print(
        f"Starting a local AWS, to measure {len(paths)} modules of Python {sys.version.split()[0]}."
    )
    with LocalSystem(
        "worker:router", directory=Path(__file__).parent, timeout=FUNCTION_SECONDS
    ) as system:
        os.environ.update(system.environ)
        console.print(f"The stack {system.stack_name} is deployed at {system.endpoint_url}.")
        console.print("The unparseable file is tried five times, at growing intervals.")
        seconds = run_chains(paths, system)
        reports = read_reports(system.bucket_name)
        letters = dead_letters(system)
    return show(paths, reports, letters, seconds)


def run_chains(paths: list[str], system: LocalSystem) -> float:
    """Send all chains, wait until each ended, and return how many seconds the modules took.

    As long as anything moves, it is waited for: a busy machine takes longer.
    """
    tasks = [
        Task("read_source", {"root": "example", "path": UNPARSEABLE}, CHAIN),
        *(Task("read_source", {"root": "standard library", "path": path}, CHAIN) for path in paths),
    ]
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console) as progress:
        reports = progress.add_task("modules reported", total=len(paths))
        letters = progress.add_task("dead letters", total=1)
        begin = moved = time.monotonic()
        send_tasks(tasks)
        seconds = 0.0
        before = None
        while time.monotonic() - moved < PATIENCE_SECONDS:
            done = len(report_keys(system.bucket_name))
            failed = sum(message_counts(system.dead_letter_queue_url).values())
            left = message_counts(system.queue_url)
            progress.update(reports, completed=done)
            progress.update(letters, completed=failed)
            if not seconds and done == len(paths):
                seconds = time.monotonic() - begin
            if seconds and failed:
                return seconds
            if (done, failed, left) != before:
                before, moved = (done, failed, left), time.monotonic()
            time.sleep(0.5)
    console.print(
        f"Given up, since nothing moved for {PATIENCE_SECONDS} s; the messages that are left, by"
        f" Task: {left}",
        style="red",
    )
    return time.monotonic() - begin


def report_keys(bucket: str) -> list[str]:
    """Return the keys of the reports that are written so far."""
    pages = (
        aws_client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="reports/")
    )
    return [found["Key"] for page in pages for found in page.get("Contents", [])]


def read_reports(bucket: str) -> dict[str, measuring.Measure]:
    """Return the measure in each report, by the path of its module."""
    s3 = aws_client("s3")
    bodies = (s3.get_object(Bucket=bucket, Key=key)["Body"] for key in report_keys(bucket))
    measures = [ajson.loads(body.read()) for body in bodies]
    return {measure.path: measure for measure in measures}


def message_counts(queue_url: Callable[[str], str]) -> dict[str, int]:
    """Return how many messages are in a queue of each Task, whoever has them in hand."""
    counts = {}
    for name in TASK_NAMES:
        answer = aws_client("sqs").get_queue_attributes(
            QueueUrl=queue_url(name), AttributeNames=["All"]
        )
        waiting = "ApproximateNumberOfMessages"
        counts[name] = sum(
            int(answer["Attributes"][key]) for key in (waiting, f"{waiting}NotVisible")
        )
    return counts


def dead_letters(system: LocalSystem) -> list[dict[str, Any]]:
    """Return the messages of the dead-letter queue where the unparseable file should be."""
    answer = aws_client("sqs").receive_message(
        QueueUrl=system.dead_letter_queue_url("measure_source"), MaxNumberOfMessages=10
    )
    envelopes = [ajson.loads(found["Body"]) for found in answer.get("Messages", [])]
    return [ajson.loads(envelope["Message"]) for envelope in envelopes]


def show(
    paths: list[str],
    reports: dict[str, measuring.Measure],
    letters: list[dict[str, Any]],
    seconds: float,
) -> int:
    """Print what came out, and return 0 if all of it is as it should be, else 1."""
    console.print(largest(reports))
    for letter in letters:
        path = letter["task_kwargs"]["path"]
        console.print(f"In the dead-letter queue of {letter['task_name']}, after 5 tries: {path}")
    done = len(TASK_NAMES) * len(reports) + len(letters)
    console.print(
        f"Tasks done: {done}, failed: {len(letters)}, a second: {done / seconds:.0f}"
        f" ({done} in {seconds:.1f} s)"
    )
    expected = {
        path: measuring.measure(**measuring.read("standard library", path)) for path in paths
    }
    wrong = [path for path in paths if reports.get(path) != expected[path]]
    for path in wrong:
        console.print(f"{path}: {'differs' if path in reports else 'is missing'}", style="red")
    # A worker that dies at the wrong moment leaves a letter twice.
    as_planned = {letter["task_kwargs"]["path"] for letter in letters} == {UNPARSEABLE}
    if not as_planned:
        console.print(f"{UNPARSEABLE} should be the one dead letter, and isn't.", style="red")
    if wrong or not as_planned:
        return 1
    console.print(f"All {len(paths)} reports equal what one process measures.", style="green")
    return 0


def largest(reports: dict[str, measuring.Measure]) -> Table:
    """Return a table of the largest modules."""
    table = Table("module", "lines", "imports", "longest function")
    for measure in sorted(reports.values(), key=lambda found: -found.lines)[:10]:
        name, lines = measure.longest_function or ("none", 0)
        table.add_row(
            measure.path,
            f"{measure.lines}",
            f"{len(measure.imports)}",
            f"{name} ({lines})",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
