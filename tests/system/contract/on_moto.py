"""The system on moto, whose queues are worked off in this process, as Lambda would."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest
from algernon_queue import TaskRouter
from algernon_queue._batch import redelivery
from algernon_queue.retry import Retry
from algernon_queue.testing import lambda_context

from ...batches import Invoke, work_off
from ...waiting import wait_for
from .queues import Queues, QueueSystem
from .system import FIFO, TIMEOUT, VISIBILITY_TIMEOUT, Start
from .worker import plain, under_ledger

_REGION = "us-east-1"
_PREFIX = "contract-"
_MAX_RECEIVE_COUNT = 7


@contextmanager
def on_moto() -> Iterator[Start]:
    """Have a moto of its own, with all topics and queues."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        environ = {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_REGION": _REGION,
            "AWS_DEFAULT_REGION": _REGION,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "ALGERNON_BUCKET_NAME": "contract",
            "ALGERNON_TOPIC_PREFIX": _PREFIX,
            "ALGERNON_EXTRA_RECEIVES": "2",
        }
        queues = Queues(environ)
        queues.client("s3").create_bucket(Bucket="contract")
        routers = {
            task: router for router in (plain.router, under_ledger.router) for task in router.tasks
        }
        for task in routers:
            queues.create(
                task,
                prefix=_PREFIX,
                visibility_timeout=VISIBILITY_TIMEOUT,
                max_receive_count=_MAX_RECEIVE_COUNT,
                fifo=task in FIFO,
            )

        @contextmanager
        def start() -> Iterator[QueueSystem]:
            with pytest.MonkeyPatch.context() as patch:
                for name, value in environ.items():
                    patch.setenv(name, value)
                patch.setattr(redelivery, "_UNREGISTERED", Retry(retries=4, backoff=0))
                with QueueSystem(queues, lambda: _work_off(queues, routers)) as system:
                    yield system

        yield start
    finally:
        server.stop()


def _work_off(queues: Queues, routers: Mapping[str, TaskRouter]) -> None:
    arns = {task: queues.arn(url) for task, url in queues.queues.items()}

    def is_done() -> bool:
        batches = [
            work_off(queues.sqs, queues.queues[task], arns[task], _invoking(router))
            for task, router in routers.items()
        ]
        return not any(batches) and not queues.left()

    wait_for(is_done, moving=queues.left)


def _invoking(router: TaskRouter) -> Invoke:
    return lambda event: router.handler(event, lambda_context(TIMEOUT))
