"""Metrics of Tasks, in lines that CloudWatch reads them from.

Amazon CloudWatch User Guide, "Specification: Embedded metric format". The lines have no
level, so that Lambda takes them for INFO: AWS Lambda Developer Guide, "Log-level filtering".
"""

from __future__ import annotations

import json
import os
import time

from .errors import LoggingSettingError
from .tasks import Observer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .tasks import TaskEnd, TaskRecord

_VARIABLE = "ALGERNON_METRICS_NAMESPACE"
_LONGEST_NAMESPACE = 255
_MARKS = frozenset(" #-./:_")
# Amazon CloudWatch API Reference, "Dimension".
_LONGEST_DIMENSION = 1024
# Values of a metric in one line.
_MOST_VALUES = 100

_UNITS = {
    "Done": "Count",
    "Failed": "Count",
    "Retried": "Count",
    "Duplicate": "Count",
    "Duration": "Milliseconds",
    "Age": "Milliseconds",
}
_UNKNOWN = "unknown"
_DEFINITIONS = [{"Name": name, "Unit": unit} for name, unit in _UNITS.items()]


_metrics: TaskMetrics | None = None


def start() -> None:
    """Count Tasks from now on, if the environment asks for it.

    Raises:
        LoggingSettingError: `ALGERNON_METRICS_NAMESPACE` can't be a namespace.
    """
    global _metrics  # noqa: PLW0603 - a process has one
    value = os.environ.get(_VARIABLE)
    if not value or _metrics is not None:
        return
    if not _is_namespace(value):
        raise LoggingSettingError(
            f"the environment variable {_VARIABLE} is {value[:40]!r}, but a namespace of CloudWatch"
            f" has 1 to {_LONGEST_NAMESPACE} letters and digits of ASCII, spaces and any of"
            " #-./:_ and doesn't begin with 'AWS/' or ':'"
        )
    _metrics = TaskMetrics(value)


def metrics() -> TaskMetrics | None:
    """What counts Tasks, if anybody asks for it."""
    return _metrics


def _is_namespace(text: str) -> bool:
    """Tell whether a namespace can have this name: Amazon CloudWatch User Guide, "Namespaces"."""
    return (
        len(text) <= _LONGEST_NAMESPACE
        and not text.startswith(("AWS/", ":"))
        and not text.isspace()
        and text.isascii()
        and all(char.isalnum() or char in _MARKS for char in text)
    )


class TaskMetrics(Observer):
    """Counts what the Tasks of a batch came to, by their names."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._by_task: dict[str, dict[str, Any]] = {}

    def ended(self, record: TaskRecord, end: TaskEnd) -> None:
        """Count one record of the batch."""
        # Each name is a metric that costs money, and whoever sends messages may choose it.
        has_task = type(end["error"]).__name__ != "UnregisteredTaskError"
        task_name = record.get("task_name", _UNKNOWN) if has_task else _UNKNOWN
        counts = self._by_task.setdefault(
            task_name, {name: [] if unit == "Milliseconds" else 0 for name, unit in _UNITS.items()}
        )
        outcome = end["outcome"]
        counts["Done"] += outcome == "done"
        counts["Failed"] += outcome in ("failed", "dead_letter")
        counts["Duplicate"] += outcome == "duplicate"
        if end["seconds"] is not None:
            counts["Retried"] += record["receive_count"] > 1
            counts["Duration"].append(round(end["seconds"] * 1000, 3))
            if record["sent_at"] is not None and end["started_at"] is not None:
                age = end["started_at"] - record["sent_at"]
                counts["Age"].append(round(max(age, 0) * 1000, 3))

    def batch_ended(self) -> None:
        """Write what was counted to standard output, a line a Task, and begin anew."""
        counted, self._by_task = self._by_task, {}
        for task_name, counts in counted.items():
            for part in _parts(counts):
                print(_line(self._namespace, task_name, part), flush=True)


def _parts(counts: dict[str, Any]) -> list[dict[str, Any]]:
    """Split what is too much for one line."""
    longest = max(len(counts["Duration"]), len(counts["Age"]), 1)
    counted = {name: count for name, count in counts.items() if _UNITS[name] == "Count"}
    parts = []
    for start in range(0, longest, _MOST_VALUES):
        values = {
            name: counts[name][start : start + _MOST_VALUES]
            for name, unit in _UNITS.items()
            if unit == "Milliseconds"
        }
        parts.append(
            {**(counted if start == 0 else {}), **{n: some for n, some in values.items() if some}}
        )
    return parts


def _line(namespace: str, task_name: str, values: dict[str, Any]) -> str:
    directive = {
        "Namespace": namespace,
        "Dimensions": [["task_name"]],
        "Metrics": [each for each in _DEFINITIONS if each["Name"] in values],
    }
    metadata = {"Timestamp": int(time.time() * 1000), "CloudWatchMetrics": [directive]}
    function = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")
    properties = {"function_name": function} if function else {}
    line = {"_aws": metadata, "task_name": _dimension(task_name), **properties, **values}
    return json.dumps(line, separators=(",", ":"))


def _dimension(task_name: str) -> str:
    """Return a Task's name as a dimension's value can be: ASCII, and more than spaces."""
    text = task_name.encode("ascii", "backslashreplace").decode()[:_LONGEST_DIMENSION]
    return text if text.strip() else repr(text)
