"""Where a system is, as a value, and how what reads the environment is led there."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Place:
    """Where a system is: a local AWS, or AWS as somebody and in a region.

    Attributes:
        session: The boto3 session that calls AWS there.
        environ: The whole environment in which `algernon_queue.send_task`, and what else
            of Algernon's reads its settings there, means this system.
        log_groups: The log groups of the system's workers, as far as they are known.
        endpoint_url: Where all of AWS's services answer, or None where each has an
            endpoint of its own.
        stack_name: The name of the system's stack, or None where it has none of
            ``algernon template``, or no system is meant.
    """

    session: Any
    # It may hold credentials.
    environ: Mapping[str, str] = field(repr=False)
    log_groups: tuple[str, ...] = ()
    endpoint_url: str | None = None
    stack_name: str | None = None

    @property
    def topic_prefix(self) -> str:
        """What stands before a Task's name in that of its topic."""
        return self.environ.get("ALGERNON_TOPIC_PREFIX", "")

    def client(self, service: str, *, connections: int = 10) -> Any:
        """Return a boto3 client for a service there.

        Args:
            service: The service's name, such as ``"sqs"``.
            connections: How many calls its users may make at once.
        """
        from botocore.config import Config

        config = Config(max_pool_connections=connections)
        return self.session.client(service, endpoint_url=self.endpoint_url, config=config)


@contextmanager
def leading_to(place: Place) -> Iterator[None]:
    """Lead this process to a place until the block ends.

    What sends Tasks takes its settings from the environment of the process, and its
    clients from boto3's default session. Nothing else changes either of them, so
    that a value says where a command goes.

    Example:
        >>> with leading_to(place):  # doctest: +SKIP
        ...     send_task("resize", {"width": 640})
    """
    import boto3

    environ, session = {**os.environ}, boto3.DEFAULT_SESSION
    _put_environ(place.environ)
    boto3.DEFAULT_SESSION = place.session
    try:
        yield
    finally:
        boto3.DEFAULT_SESSION = session
        _put_environ(environ)


def _put_environ(environ: Mapping[str, str]) -> None:
    os.environ.clear()
    os.environ.update(environ)
