"""Groups on a local AWS: how often a join is published, and what a large group takes.

The local AWS is ministack; the workers are processes that do what Lambda does for one. The
calls of S3 are counted where a worker makes them. Nothing here fails on a time.
"""

from __future__ import annotations

import json
import os
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import boto3
from algernon.local.aws import LocalAWS
from algernon_queue import Group, Task

from ...waiting import wait_for
from ..queue.distant_aws import ACCOUNT, BUCKET, REGION
from ..queue.prices import of_a_million
from ..system.__main__ import running
from .prices import OTHERS
from .races import race

WORKERS = 2
GROUPS, EACH = 100, 32
LARGE = 10_000
SECOND = 1.0
#: What the ledger writes for any Task: its claim, and its outcome, which is a member's leaf too.
LEDGER_PUTS = {"free": 0, "once": 2}


@dataclass
class Noted:
    """What the workers noted so far.

    Attributes:
        ready: How many are ready.
        ended: When each member's function ended, by its group.
        calls: How often S3 was asked, by HTTP method.
        peak: The largest memory of a worker, in KiB.
    """

    ready: int = 0
    ended: dict[int, list[float]] = field(default_factory=dict)
    calls: Counter[str] = field(default_factory=Counter)
    peak: int = 0

    @classmethod
    def in_file(cls, path: Path) -> Noted:
        """Read them."""
        noted = cls()
        for line in path.read_text().splitlines(keepends=True):
            match json.loads(line) if line.endswith("\n") else []:
                case ["ready"]:
                    noted.ready += 1
                case ["batch", ended, calls, peak]:
                    for group, time in ended:
                        noted.ended.setdefault(group, []).append(time)
                    noted.calls.update(calls)
                    noted.peak = max(noted.peak, peak)
        return noted


class System:
    """A queue for members, with workers, and one for join Tasks, which nobody takes from.

    Args:
        path: Where the workers note what they do.
        queue: The URL of the members' queue.
    """

    def __init__(self, path: Path, queue: str) -> None:
        self._path = path
        self.queue = queue
        self._joins = _queue("join")

    def noted(self) -> Noted:
        """Return what the workers noted so far."""
        return Noted.in_file(self._path)

    def run(self, groups: int, size: int) -> tuple[float, float]:
        """Run groups; return the seconds until they are sent, and until all are joined."""
        wait_for(lambda: self.noted().ready == WORKERS)
        begin = perf_counter()
        for number in range(groups):
            tasks = [Task("member", {"group": number, "index": n}) for n in range(size)]
            Group(tasks, then="join").send()
        sent = perf_counter()
        wait_for(lambda: self._count() >= groups, moving=self._path.stat)
        return sent - begin, perf_counter() - begin

    def _count(self) -> int:
        name = "ApproximateNumberOfMessages"
        sqs = boto3.client("sqs")
        answer = sqs.get_queue_attributes(QueueUrl=self._joins, AttributeNames=[name])
        return int(answer["Attributes"][name])

    def publishes(self) -> Counter[str]:
        """Take all join Tasks' messages, and return how many there are by the Task's id."""
        sqs, found = boto3.client("sqs"), Counter[str]()
        while messages := sqs.receive_message(
            QueueUrl=self._joins, MaxNumberOfMessages=10, VisibilityTimeout=600
        ).get("Messages"):
            for message in messages:
                task = json.loads(json.loads(message["Body"])["Message"])
                found[task["task_id"]] += 1
        return found


def _queue(name: str) -> str:
    """Return the URL of a new queue of a Task's topic."""
    sqs, sns = boto3.client("sqs"), boto3.client("sns")
    url: str = sqs.create_queue(QueueName=name, Attributes={"VisibilityTimeout": "360"})["QueueUrl"]
    topic = sns.create_topic(Name=name)["TopicArn"]
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    return url


@contextmanager
def system(ledger: str, workers: int = WORKERS) -> Iterator[System]:
    """Run a local AWS with workers, which this process's environment leads to."""
    with LocalAWS() as aws, TemporaryDirectory() as folder, ExitStack() as processes:
        # The key's id is what ministack takes for the account.
        os.environ.update(aws.environ | {"AWS_ACCESS_KEY_ID": ACCOUNT})
        os.environ["AWS_ENDPOINT_URL"] = aws.endpoint_url
        os.environ["AWS_REGION"] = os.environ["AWS_DEFAULT_REGION"] = REGION
        for variable in [*os.environ]:
            if variable.startswith("AWS_ENDPOINT_URL_"):
                del os.environ[variable]
        os.environ["ALGERNON_BUCKET_NAME"] = BUCKET
        os.environ["ALGERNON_TOPIC_PREFIX"] = ""
        boto3.client("s3").create_bucket(Bucket=BUCKET)
        notes = Path(folder) / "notes"
        notes.touch()
        queue = _queue("member")
        environ = {**os.environ, "BENCH_QUEUE": queue, "BENCH_NOTES": str(notes)}
        for _ in range(workers):
            command = [sys.executable, "-m", f"{__package__}.worker", ledger]
            processes.enter_context(running(command, environ))
        yield System(notes, queue)


def small_groups(groups: int, size: int) -> None:
    """Print how often the join Tasks of groups are published whose members end together."""
    with system("free", workers=0) as aws:
        begin = perf_counter()
        races = [race(aws.queue, size) for _ in range(groups)]
        seconds = perf_counter() - begin
        times = Counter(aws.publishes().values())
    print(f"\n## {groups} groups of {size}, without faults, each in parallel batches of ten\n")
    print("| | |\n| --- | --- |")
    print(f"| seconds | {seconds:.0f} |")
    print(f"| groups whose members ended within a second | {sum(r.span < SECOND for r in races)} |")
    for time in sorted({1, 2, *times}):
        print(f"| join Tasks published {time} times | {times[time]} |")


def large_group(size: int, ledger: str) -> dict[str, Any]:
    """Run one group, and return what it took."""
    with system(ledger) as aws:
        sent, seconds = aws.run(1, size)
        wait_for(lambda: sum(map(len, aws.noted().ended.values())) >= size)
        noted = aws.noted()
    get = (noted.calls["GET"] + noted.calls["HEAD"]) / size
    put = noted.calls["PUT"] / size
    own = put - LEDGER_PUTS[ledger]
    dollars = get * of_a_million("s3 GET") + own * of_a_million("s3 PUT")
    return {
        "seconds until it is sent": f"{sent:.0f}",
        "seconds until it is joined": f"{seconds:.0f}",
        "peak memory of a worker, MiB": f"{noted.peak / 1024:.0f}",
        "S3 GET and HEAD a member": f"{get:.2f}",
        "S3 PUT a member": f"{put:.2f}",
        "  of these beyond what the ledger writes for any Task": f"{own:.2f}",
        "US$ a million members, S3, beyond that": f"{dollars:.2f}",
    }


def main(size: str = f"{LARGE}", groups: str = f"{GROUPS}") -> None:
    """Print all figures."""
    for name in [*os.environ]:
        if name.startswith(("ALGERNON_", "AWS_")) or name == "CACHE_FOLDER_NAME":
            del os.environ[name]
    versions = [f"{name} {version(name)}" for name in ("boto3", "ministack")]
    print(f"Python {sys.version.split()[0]}, {', '.join(versions)}, {os.cpu_count()} processors")
    small_groups(int(groups), EACH)
    print(f"\n## A group of {int(size):,}, {WORKERS} worker processes\n")
    free, once = large_group(int(size), "free"), large_group(int(size), "once")
    print("| | without a ledger | under the ledger (`once`) |\n| --- | --- | --- |")
    for name, figure in free.items():
        print(f"| {name} | {figure} | {once[name]} |")
    print("\n| others, for join and results alone | US$ a million members, at least |")
    print("| --- | --- |")
    for name, dollars in OTHERS.items():
        print(f"| {name} | {dollars:.2f} |")


if __name__ == "__main__":
    main(*sys.argv[1:])
