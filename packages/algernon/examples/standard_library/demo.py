"""Measure every module of the standard library on a local AWS, and check the result.

For each module a chain of three Tasks reads the source, measures it and writes
a report to S3. The chains are a group: when the last of them is done, one more
Task gets all measures and sums them up, and its result is what is waited for. One
file is no Python on purpose: it is sent beside the group, which would wait for it,
and ends in a dead-letter queue. At the end, all is compared with the same
measurement made here before, in one process, which also tells how fast the
machine is.
"""

from __future__ import annotations

import os
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Self

import measuring
from algernon import Group, ResultTimeoutError, SentGroup, Task, ajson, send_tasks
from algernon.local import LocalSystem
from algernon.template import TIMEOUTS
from algernon_storage import aws_client
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

# A worker has at least so many seconds for a batch, and so many times as long as the slowest
# module takes here: it begins no other while it has too little time. What it had in hand when
# it was stopped comes again after six times that.
LEAST_SECONDS = 10
MOST_TIMES_SLOWER = 30
# However long it takes, it is given up only when nothing has moved in the time of so many tries.
PATIENT_TRIES = 3
# Of what went wrong, so much is shown.
MOST_SHOWN = 10
TASK_NAMES = ("read_source", "measure_source", "write_report", "summarize")
CHAIN = "measure_source#write_report"
UNPARSEABLE = "unparseable.txt"

console = Console()


@dataclass(frozen=True)
class DeadLetter:
    """A message that its worker gave up, and why."""

    task_name: str
    path: str
    reason: str

    @classmethod
    def of(cls, received: dict[str, Any]) -> Self:
        """Read what SQS hands over."""
        message = ajson.loads(ajson.loads(received["Body"])["Message"])
        kwargs = message["task_kwargs"]
        path = kwargs["measure"].path if "measure" in kwargs else kwargs.get("path", "all modules")
        # SQS gives none where it moved the message itself.
        reason = received.get("MessageAttributes", {}).get("algernon.reason", {})
        return cls(message["task_name"], path, reason.get("StringValue", "its worker was stopped"))


def main() -> int:
    """Run the demo, and return the exit code of the process."""
    paths = measuring.modules()
    console.print(f"Measuring {len(paths)} modules of Python {sys.version.split()[0]} here.")
    expected, slowest = measure_here(paths)
    console.print("Starting a local AWS, to measure them there.")
    timeout = min(TIMEOUTS[-1], max(LEAST_SECONDS, ceil(MOST_TIMES_SLOWER * slowest)))
    with LocalSystem("worker:router", directory=Path(__file__).parent, timeout=timeout) as system:
        os.environ.update(system.environ)
        console.print(f"The stack {system.stack_name} is deployed: {system.endpoint_url}")
        console.print("The unparseable file is tried five times, at growing intervals.")
        summary, seconds = run_chains(paths, system, patience=PATIENT_TRIES * 6 * timeout)
        reports = read_reports(system.bucket_name)
        letters = dead_letters(system)
    return show(expected, reports, summary, letters, seconds)


def measure_here(paths: list[str]) -> tuple[dict[str, measuring.Measure], float]:
    """Return the measure of each module, and how many seconds the slowest took."""
    measures = {}
    slowest = 0.0
    for path in paths:
        begin = time.monotonic()
        measures[path] = measuring.measure(**measuring.read("standard library", path))
        slowest = max(slowest, time.monotonic() - begin)
    return measures, slowest


def run_chains(
    paths: list[str], system: LocalSystem, patience: float
) -> tuple[measuring.Summary | None, float]:
    """Send all chains, wait for their summary, and return it and how many seconds that took.

    As long as anything moves, it is waited for: a busy machine takes longer. Where it is
    given up, it says why.
    """
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
        send_tasks([chain("example", UNPARSEABLE)])
        group = Group([chain("standard library", path) for path in paths], then="summarize").send()
        summary: measuring.Summary | None = None
        seconds = 0.0
        before = None
        said: deque[str] = deque(maxlen=MOST_SHOWN)
        while time.monotonic() - moved < patience:
            if summary is None and (summary := summary_of(group)) is not None:
                seconds = time.monotonic() - begin
            lines = system.log_lines()
            said.extend(lines)
            done = len(report_keys(system.bucket_name))
            failed = sum(message_counts(system.dead_letter_queue_url).values())
            left = message_counts(system.queue_url)
            progress.update(reports, completed=done)
            progress.update(letters, completed=failed)
            if summary is not None and failed:
                return summary, seconds
            if lines or (done, failed, left) != before:
                before, moved = (done, failed, left), time.monotonic()
            elif not any(left.values()):
                why = "since no message is left in a queue"
                break
            time.sleep(0.5)
        else:
            why = f"since nothing moved for {patience} s; messages left, by Task: {left}"
    console.print(f"Given up after {done} of {len(paths)} reports, {why}.", style="red")
    console.print("What the workers said last:", *said, sep="\n", markup=False)
    if summary is None:
        console.print(f"The summary waits for the group: {group.progress()}.", markup=False)
    return summary, time.monotonic() - begin


def chain(root: str, path: str) -> Task:
    """Return the Task with which a module's chain begins."""
    return Task("read_source", {"root": root, "path": path}, CHAIN)


def summary_of(group: SentGroup[measuring.Summary]) -> measuring.Summary | None:
    """Return the summary, or None as long as it isn't there."""
    try:
        return group.result(timeout=0)
    except ResultTimeoutError:
        return None


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


def dead_letters(system: LocalSystem) -> list[DeadLetter]:
    """Return what is in the dead-letter queues, where the unparseable file alone should be."""
    letters: list[DeadLetter] = []
    for name in TASK_NAMES:
        url = system.dead_letter_queue_url(name)
        while (
            found := aws_client("sqs")
            .receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])
            .get("Messages")
        ):
            letters += map(DeadLetter.of, found)
    return letters


def show(
    expected: dict[str, measuring.Measure],
    reports: dict[str, measuring.Measure],
    summary: measuring.Summary | None,
    letters: list[DeadLetter],
    seconds: float,
) -> int:
    """Print what came out, and return 0 if all of it is as it should be, else 1."""
    console.print(largest(reports))
    if summary is not None:
        show_summary(summary)
    for letter in letters[:MOST_SHOWN]:
        console.print(
            f"In the dead-letter queue of {letter.task_name}: {letter.path}: {letter.reason}",
            markup=False,
        )
    show_rest(letters, "dead letters")
    is_summed_up = summary == measuring.summarize(expected.values())
    done = 3 * len(reports) + len(letters) + (summary is not None)
    console.print(
        f"Tasks done: {done}, failed: {len(letters)}, a second: {done / seconds:.0f}"
        f" ({done} in {seconds:.1f} s)"
    )
    wrong = [path for path, measure in expected.items() if reports.get(path) != measure]
    for path in wrong[:MOST_SHOWN]:
        console.print(f"{path}: {'differs' if path in reports else 'is missing'}", style="red")
    show_rest(wrong, "modules that differ or are missing")
    if not is_summed_up:
        what = "is missing" if summary is None else "differs"
        console.print(f"The summary {what}.", style="red")
    # A worker that dies at the wrong moment leaves a letter twice.
    as_planned = {letter.path for letter in letters} == {UNPARSEABLE}
    if not as_planned:
        console.print(f"{UNPARSEABLE} should be the one dead letter, and isn't.", style="red")
    if wrong or not is_summed_up or not as_planned:
        return 1
    console.print(f"All {len(expected)} reports equal what one process measures.", style="green")
    return 0


def show_summary(summary: measuring.Summary) -> None:
    """Print what one Task made of the measures of all modules."""
    imported = ", ".join(f"{name} ({count})" for name, count in summary.most_imported)
    path, name, lines = summary.longest_function or ("no module", "none", 0)
    console.print(
        f"The summary: {summary.modules} modules have {summary.lines} lines; most imported:"
        f" {imported}; longest function: {name} of {path} ({lines})",
        markup=False,
    )


def show_rest(found: Sequence[object], what: str) -> None:
    """Say how many there are that weren't shown."""
    if len(found) > MOST_SHOWN:
        console.print(f"and {len(found) - MOST_SHOWN} more {what}", style="red")


def largest(reports: dict[str, measuring.Measure]) -> Table:
    """Return a table of the largest modules."""
    numbers = (Column("lines", justify="right"), Column("imports", justify="right"))
    table = Table("module", *numbers, "longest function")
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
