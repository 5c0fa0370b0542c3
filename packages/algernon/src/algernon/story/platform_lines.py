"""What Lambda itself writes around the lines of a function.

It is told by the AWS Lambda Developer Guide, "Configuring JSON and plain text log formats" and
"Lambda Telemetry API Event schema reference".
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

_ID = re.compile(r"RequestId: (\S+)")
_TEXT = re.compile(
    r"(START|END|REPORT) RequestId: |(?:INIT|RESTORE)_(?:START|REPORT)\b"
    r"|(?:EXTENSION|TELEMETRY|LOGS)\s+Name: "
)
_STATUS = re.compile(r"\bStatus: (\w+)(?:\s+Error Type: (\S+))?")
_TIMED_OUT = re.compile(r"\S+Z (\S+) Task (timed out after .* seconds)\s*")
_EXITED = re.compile(r"RequestId: (\S+) (?:Process exited|Error:) .*", re.DOTALL)

_FINE = "success"


@dataclass(frozen=True, slots=True)
class PlatformLine:
    """A line of Lambda's own.

    Attributes:
        request_id: The invocation that it is about, or None where it is about none.
        kind: Whether it begins or ends the invocation.
        fault: What went wrong, or None where it says nothing of that.
    """

    request_id: str | None = None
    kind: Literal["start", "end", "other"] = "other"
    fault: str | None = None


def platform_line(text: str) -> PlatformLine | None:
    """Return what a line of Lambda's own says, or None where a function wrote it.

    Example:
        >>> platform_line("REPORT RequestId: r-1 Duration: 3000.00 ms Status: timeout").fault
        'timed out'
    """
    return _of_json(text) if text.startswith("{") else _of_text(text)


def _of_text(text: str) -> PlatformLine | None:
    if (found := _TIMED_OUT.fullmatch(text)) is not None:
        return PlatformLine(found[1], fault=found[2])
    if (found := _EXITED.fullmatch(text)) is not None:
        return PlatformLine(found[1], fault=" ".join(text.split()[2:]).removeprefix("Error: "))
    begin = _TEXT.match(text)
    if begin is None:
        return None
    request_id = _ID.search(text)
    status = _STATUS.search(text)
    return PlatformLine(
        None if request_id is None else request_id[1],
        _KINDS.get(begin[1], "other"),
        None if status is None else _fault(begin[0].strip(), status[1], status[2]),
    )


def _of_json(text: str) -> PlatformLine | None:
    if '"platform.' not in text:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not (isinstance(found, dict) and {"time", "type", "record"} <= found.keys()):
        return None
    kind, record = found["type"], found["record"]
    if not (isinstance(kind, str) and kind.startswith("platform.")):
        return None
    if not isinstance(record, dict):
        record = {}
    return PlatformLine(
        record["requestId"] if isinstance(record.get("requestId"), str) else None,
        _KINDS.get(kind, "other"),
        _fault_of(kind, record),
    )


def _fault_of(kind: str, record: Mapping[str, Any]) -> str | None:
    if kind == "platform.logsDropped":
        return f"Lambda dropped {record.get('droppedRecords', 'some')} lines"
    if isinstance(status := record.get("status"), str):
        return _fault(kind, status, record.get("errorType"))
    return None


def _fault(kind: str, status: str, error: object) -> str | None:
    if status == _FINE:
        return None
    what = "timed out" if status == "timeout" else f"ended with {error or status}"
    return f"{_PHASES.get(kind, '')}{what}"


_KINDS: dict[str | None, Literal["start", "end"]] = {
    "START": "start",
    "REPORT": "end",
    "platform.start": "start",
    "platform.report": "end",
}
_PHASES = {
    "INIT_REPORT": "its start ",
    "platform.initReport": "its start ",
    "platform.initRuntimeDone": "its start ",
    "RESTORE_REPORT": "its restore ",
    "platform.restoreReport": "its restore ",
    "platform.restoreRuntimeDone": "its restore ",
}
