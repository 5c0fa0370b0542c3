"""AWS in memory: the services that Algernon calls, and what is in them for each Task."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from .client import InMemoryClient
from .clock import Clock
from .errors import NotEmulatedError
from .s3 import InMemoryS3
from .sns import InMemorySNS, topic_arn
from .sqs import InMemorySQS, Queue
from .ssm import InMemorySSM
from .sts import InMemorySTS

_BUCKET = "in-memory-system"
_PARAMETER_PREFIX = "/in-memory-system/topics/"

# Services that Algernon calls only where a system is larger than one in memory.
_ABSENT = {"stepfunctions": "Step Functions"}


class InMemoryAWS:
    """AWS in memory.

    Attributes:
        clock: Its clock.
        sqs: Its queues.
        settings: The environment variables by which what is in it is found; None stands
            for one that would lead elsewhere.
    """

    def __init__(self) -> None:
        self.clock = Clock()
        self.sqs = InMemorySQS(self.clock)
        self._sns = InMemorySNS(self.clock, self.sqs)
        self._ssm = InMemorySSM(self.clock)
        services: list[InMemoryClient] = [
            InMemoryS3(self.clock, _BUCKET),
            self._sns,
            self.sqs,
            self._ssm,
            InMemorySTS(self.clock),
        ]
        self._clients = {client.service: client for client in services}
        self._process = os.getpid()
        self.settings: dict[str, str | None] = {
            "ALGERNON_BUCKET_NAME": _BUCKET,
            "ALGERNON_TOPIC_PARAMETER_PREFIX": None,
            "ALGERNON_TOPIC_PREFIX": None,
            "CACHE_FOLDER_NAME": None,
        }

    def add_task(self, name: str, queue: Queue) -> None:
        """Have a Task's queue, and the topic that feeds it."""
        self.sqs.add(queue)
        if queue.dead_letters is not None:
            self.sqs.add(queue.dead_letters)
        arn = topic_arn(f"{name}.fifo" if queue.is_fifo else name)
        if queue.is_fifo:
            # By convention a topic is called as its Task is, which that of a FIFO Task can't be.
            self.settings["ALGERNON_TOPIC_PARAMETER_PREFIX"] = _PARAMETER_PREFIX
        self._ssm.parameters[f"{_PARAMETER_PREFIX}{name}"] = arn
        self._sns.subscribe_queue(arn, queue)

    def add_topics(self, queues: Mapping[str, Queue]) -> None:
        """Have more topics that feed queues, by the topics' ARNs."""
        for arn, queue in queues.items():
            self._sns.subscribe_queue(arn, queue)

    def belongs_to_this_process(self) -> None:
        """Note that it is this process whose threads call it, rather than one that forks it."""
        self._process = os.getpid()

    def client(self, service: str) -> Any:
        """Return the client of a service, or None of one that Algernon never calls.

        Raises:
            NotEmulatedError: The service isn't there, or what asks for it is a child of the
                process that it is in.
        """
        if os.getpid() != self._process:
            raise NotEmulatedError(
                f"{service} was asked for in a process of its own, which the InMemorySystem of its"
                " parent can't be reached from: send and store in the Task's own process, or have"
                " a local AWS for this test"
            )
        if service in _ABSENT:
            raise NotEmulatedError(
                f"{_ABSENT[service]} was asked for within an InMemorySystem, which has none: have"
                " a local AWS for this test"
            )
        return self._clients.get(service)
