"""A local AWS at a distance: moto, behind a proxy that delays and counts the calls.

Each of the two is a process of its own, so that what they take of the interpreter
isn't charged to the handler that is measured. moto needs several milliseconds of
a processor for a call, and ten calls that come at once wait for each other; so the
proxy can also replay, at once, the answer that moto gave to the first call of an
operation, or to the first GET of an object.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context
from multiprocessing.managers import BaseManager
from threading import Thread
from typing import Any

from ...wire import Answer, Call, Wire, proxy_to

REGION = "us-east-1"
ACCOUNT = "123456789012"
BUCKET = "bench-bucket"


class Moto:
    """moto's server, in the process of whoever makes it."""

    def __init__(self) -> None:
        import logging

        from moto.server import ThreadedMotoServer

        logging.getLogger("werkzeug").disabled = True
        self._server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        self._server.start()

    def url(self) -> str:
        """Return where it listens."""
        host, port = self._server.get_host_and_port()
        return f"http://{host}:{port}"


class Proxy:
    """The proxy, in the process of whoever makes it."""

    def __init__(self, url: str) -> None:
        self._wire = Wire()
        self._answers: dict[str, Answer] = {}
        self._server = proxy_to(url, self._wire)
        Thread(target=self._server.serve_forever, daemon=True).start()

    def url(self) -> str:
        """Return where it listens."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def delay(self, seconds: float) -> None:
        """Hold every call back."""
        self._wire.delay = seconds

    def replay(self, on: bool) -> None:
        """Answer as moto did the first time, or ask moto every time."""
        self._answers.clear()
        self._wire.treatment = self._replayed if on else None

    def _replayed(self, call: Call, forward: Callable[[], Answer]) -> Answer:
        # An object's answer says which object it is.
        place = call.path if call.operation == "GET" else ""
        asked = f"{call.service} {call.operation} {place}"
        if asked not in self._answers:
            self._answers[asked] = forward()
        return self._answers[asked]

    def forget(self) -> None:
        """Count from zero."""
        self._wire.calls.clear()

    def counted(self) -> dict[str, int]:
        """Return how many calls there were of each operation."""
        return self._wire.counted()


class _Process(BaseManager):
    """A process that makes one of them, and hands calls of its methods on to it."""


_Process.register("Moto", Moto)
_Process.register("Proxy", Proxy)


@contextmanager
def counting_proxy(url: str) -> Iterator[Proxy]:
    """Start a proxy to a local AWS."""
    with _Process(ctx=get_context("spawn")) as process:
        yield _made(process, "Proxy", url)


@contextmanager
def distant_aws() -> Iterator[Proxy]:
    """Start both, have boto3's clients go there, and give the proxy to steer it by."""
    with (
        _Process(ctx=get_context("spawn")) as process,
        counting_proxy(_made(process, "Moto").url()) as proxy,
    ):
        os.environ.update(
            AWS_ACCESS_KEY_ID="local",
            AWS_SECRET_ACCESS_KEY="local",
            AWS_DEFAULT_REGION=REGION,
            AWS_REGION=REGION,
            AWS_ENDPOINT_URL=proxy.url(),
            ALGERNON_BUCKET_NAME=BUCKET,
        )
        yield proxy


def _made(process: _Process, name: str, *args: Any) -> Any:
    return getattr(process, name)(*args)
