"""S3's clock in a test's hand, so that none waits until a claim lapses."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from .wire import Answer

if TYPE_CHECKING:
    from collections.abc import Callable

    from .wire import Call, Wire


class S3Clock:
    """What S3 takes for the time, which goes on only when a test says so.

    It starts years before any worker's. S3 takes one call at a time, since moto may
    let two conditional writes pass that are under way together.

    Args:
        wire: The way to S3, whose answers tell the time.
    """

    def __init__(self, wire: Wire) -> None:
        self.now = datetime(2007, 6, 5, 4, 3, 2, tzinfo=UTC)
        self._written: dict[str, datetime] = {}
        self._one_at_a_time = Lock()
        wire.treatment = self.treat

    def goes_on(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)

    def treat(self, call: Call, forward: Callable[[], Answer]) -> Answer:
        """Hand a call on to S3, and let the answer tell this clock's times."""
        if call.service != "s3":
            return forward()
        with self._one_at_a_time:
            answer = forward()
            path = urlsplit(call.path).path
            if call.operation == "PUT" and answer.status == 200:
                self._written[path] = self.now
            times = {"date": self.now, "last-modified": self._written.get(path, self.now)}
            headers = [
                (name, format_datetime(times[name.lower()].replace(microsecond=0), usegmt=True))
                if name.lower() in times
                else (name, value)
                for name, value in answer.headers
            ]
            return Answer(answer.status, headers, answer.body)
