"""The system in memory, whose clock doesn't wait."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from algernon_queue import Task, send_tasks
from algernon_queue.testing import InMemorySystem
from algernon_queue.testing.sns import topic_arn
from algernon_storage import aws_client

from .system import FIFO, TIMEOUT, Letter, Start, System
from .worker import plain, under_ledger


@contextmanager
def in_memory() -> Iterator[Start]:
    """Have a new system for each scenario."""

    @contextmanager
    def start() -> Iterator[System]:
        workers = (plain.router, under_ledger.router)
        with InMemorySystem(*workers, fifo=FIFO, timeout=TIMEOUT) as system:
            yield _InMemory(system)

    yield start


class _InMemory:
    """The system in memory, as scenarios see it."""

    def __init__(self, system: InMemorySystem) -> None:
        self._system = system
        self.run = system.run
        self.redrive = system.redrive

    def send(self, *tasks: Task) -> list[str]:
        return send_tasks(tasks)

    def send_text(self, task_name: str, text: str) -> None:
        aws_client("sns").publish_batch(
            TopicArn=topic_arn(task_name),
            PublishBatchRequestEntries=[{"Id": "0", "Message": text}],
        )

    def dead_letters(self) -> list[Letter]:
        return [
            Letter(letter.task, letter.error or "", letter.reason or "", letter.receive_count)
            for letter in self._system.dead_letters
        ]
