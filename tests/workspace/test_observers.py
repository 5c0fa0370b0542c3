"""Who watches Tasks for algernon-logging hears what algernon-queue tells.

Neither package imports the other, so that only this ties them together: mypy checks the
assignments.
"""

from __future__ import annotations

from inspect import getmembers, isfunction, signature
from typing import TYPE_CHECKING

from algernon_logging import tasks
from algernon_logging.lines.task_lines import TaskLines
from algernon_logging.metrics import TaskMetrics
from algernon_queue.observers import Observer

LINES: Observer = TaskLines()
METRICS: Observer = TaskMetrics("shop")

if TYPE_CHECKING:
    from typing import TypedDict

    from algernon_logging.tracing.otel import OpenTelemetry
    from algernon_logging.tracing.xray.tracer import XRay

    opentelemetry: Observer = OpenTelemetry()
    xray: Observer = XRay()

    class OtherMessage(TypedDict):
        """What no queue tells of a message."""

        name: str

    class OfOtherMessages(tasks.Observer):
        """Hears of what isn't told, which nobody who checks types lets pass."""

        def sent(self, message: OtherMessage, error: Exception | None) -> None:  # type: ignore[override]
            """Hear of it."""

    misled: Observer = OfOtherMessages()  # type: ignore[assignment]


def methods_of(observer: type[object]) -> dict[str, list[str]]:
    """Return the parameters of what an observer hears, by the names of its methods."""
    return {
        name: list(signature(method).parameters)
        for name, method in getmembers(observer, isfunction)
        if not name.startswith("_")
    }


def test_observers_of_logging_hear_all_that_the_queue_tells() -> None:
    """Each thing that is told has its method, with the parameters by which it is told."""
    for observer in (tasks.Observer, TaskLines, TaskMetrics):
        assert methods_of(observer) == methods_of(Observer)
