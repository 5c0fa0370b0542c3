"""The systems that are tried: one on ministack, and one on moto, each behind the bad network."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from algernon.local import LocalSystem

from .mapping import event_source_mapping
from .messages import TASKS
from .network import bad_network
from .settings import Settings

# What workers need, copied to where the run's own settings lie beside it.
_WORKERS = "faulty"
_MODULES = (
    "counter",
    "free_worker",
    "group_worker",
    "groups",
    "journal",
    "kills",
    "messages",
    "pipe",
    "process",
    "settings",
    "worker",
)

# What a dead worker had in hand comes back after so many of the function's timeouts: much
# sooner than the template says, so that a run is over sooner. By then its claims lapsed, and
# whoever had to be started first was through.
_VISIBILITY_FACTOR = 2

# As few as AWS lets one have: together they aren't to keep each other from being in time.
_WORKERS_A_QUEUE = 2

_REGION = "us-east-1"
_ACCOUNT = "123456789012"


@dataclass(frozen=True)
class System:
    """A running system.

    Attributes:
        environ: The environment variables that lead to its AWS, past the bad network.
        bucket: Its bucket.
        topics: The ARN of each Task's topic.
        queues: The URL of each Task's queue.
        dead_letter_queues: The URL of each Task's dead-letter queue.
    """

    environ: dict[str, str]
    bucket: str
    topics: dict[str, str]
    queues: dict[str, str]
    dead_letter_queues: dict[str, str]

    def client(self, service: str) -> Any:
        """Return a boto3 client that talks to it, past the bad network."""
        return _client(
            service,
            self.environ["AWS_ENDPOINT_URL"],
            self.environ["AWS_REGION"],
            self.environ["AWS_ACCESS_KEY_ID"],
            self.environ["AWS_SECRET_ACCESS_KEY"],
        )


#: Runs a system: it gets the run's settings, a folder, and the function's timeout in seconds.
Start = Callable[[Settings, Path, int], AbstractContextManager[System]]


@cache
def _client(service: str, url: str, region: str, key: str, secret: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        region_name=region,
        aws_access_key_id=key,
        aws_secret_access_key=secret,
    )


@contextmanager
def on_ministack(settings: Settings, folder: Path, timeout: int) -> Iterator[System]:
    """Run the template's own system, with ministack's event source mappings and workers."""
    with _on_ministack(["worker"], settings, folder, timeout) as system:
        yield system


@contextmanager
def groups_on_ministack(settings: Settings, folder: Path, timeout: int) -> Iterator[System]:
    """Run the same with the workers whose Tasks are members of groups."""
    with _on_ministack(["group_worker", "free_worker"], settings, folder, timeout) as system:
        yield system


@contextmanager
def _on_ministack(
    workers: Sequence[str], settings: Settings, folder: Path, timeout: int
) -> Iterator[System]:
    local = LocalSystem(
        *(f"{_WORKERS}.{worker}:router" for worker in workers),
        directory=folder,
        timeout=timeout,
        stack_name="faults",
    )
    environ = {
        "AWS_REGION": _REGION,
        "AWS_DEFAULT_REGION": _REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    settings = replace(settings, aws_url=local.endpoint_url)
    with _network(settings, folder, environ), local:
        system = System(local.environ, local.bucket_name, {}, {}, {})
        arns = [
            topic["TopicArn"]
            for page in system.client("sns").get_paginator("list_topics").paginate()
            for topic in page["Topics"]
        ]
        for task in local.tasks:
            (system.topics[task],) = (arn for arn in arns if arn.endswith(f":faults-{task}"))
            system.queues[task] = local.queue_url(task)
            system.dead_letter_queues[task] = local.dead_letter_queue_url(task)
            system.client("sqs").set_queue_attributes(
                QueueUrl=system.queues[task],
                Attributes={"VisibilityTimeout": str(_VISIBILITY_FACTOR * timeout)},
            )
        functions = system.client("lambda")
        for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
            functions.update_event_source_mapping(
                UUID=mapping["UUID"], ScalingConfig={"MaximumConcurrency": _WORKERS_A_QUEUE}
            )
        yield system


@contextmanager
def on_moto(settings: Settings, folder: Path, timeout: int) -> Iterator[System]:
    """Run a system on moto, which has no event source mappings: they are played here."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        url = f"http://{host}:{port}"
        system = _made_by_hand(url, timeout)
        settings = replace(settings, aws_url=url)
        # Its threads don't keep two conditional writes of one object apart.
        network = _network(settings, folder, system.environ, one_at_a_time=True)
        with (
            network,
            event_source_mapping(
                system.client("sqs"),
                system.queues,
                module=f"{_WORKERS}.pipe",
                directory=folder,
                environ=system.environ,
                function_arn=f"arn:aws:lambda:{_REGION}:{_ACCOUNT}:function:worker",
                timeout=timeout,
            ),
        ):
            yield system
    finally:
        server.stop()


@contextmanager
def _network(
    settings: Settings, folder: Path, environ: dict[str, str], *, one_at_a_time: bool = False
) -> Iterator[None]:
    worker = folder / _WORKERS
    worker.mkdir()
    for module in _MODULES:
        shutil.copy(Path(__file__).with_name(f"{module}.py"), worker)
    path = worker / "settings.json"
    settings.save(path)
    with bad_network(path, environ, one_at_a_time=one_at_a_time) as proxy_url:
        replace(settings, proxy_url=proxy_url).save(path)
        yield


def _made_by_hand(url: str, timeout: int) -> System:
    environ = {
        "PATH": os.environ["PATH"],
        "AWS_ENDPOINT_URL": url,
        "AWS_REGION": _REGION,
        "AWS_DEFAULT_REGION": _REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "ALGERNON_BUCKET_NAME": "faults",
        "ALGERNON_FAILURES": "report",
        "ALGERNON_TOPIC_PREFIX": "faults-",
    }
    system = System(environ, "faults", {}, {}, {})
    sns, sqs = system.client("sns"), system.client("sqs")
    system.client("s3").create_bucket(Bucket=system.bucket)
    for task in TASKS:
        dead = sqs.create_queue(QueueName=f"{task}-dead")["QueueUrl"]
        redrive = {"deadLetterTargetArn": _arn(sqs, dead), "maxReceiveCount": "51"}
        queue = sqs.create_queue(
            QueueName=task,
            Attributes={
                "VisibilityTimeout": str(_VISIBILITY_FACTOR * timeout),
                "RedrivePolicy": json.dumps(redrive),
            },
        )["QueueUrl"]
        topic = sns.create_topic(Name=f"faults-{task}")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=_arn(sqs, queue))
        system.topics[task] = topic
        system.queues[task], system.dead_letter_queues[task] = queue, dead
    return system


def _arn(sqs: Any, queue: str) -> str:
    answer = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])
