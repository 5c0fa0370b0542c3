"""An exception as plain JSON: what it says, where it was raised, and what led to it."""

from __future__ import annotations

import os
import traceback

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

# What a line holds of a recursion that ended badly, or of a long chain of causes.
_MOST_FRAMES = 50
_MOST_CAUSES = 10


def exception_form(error: BaseException) -> dict[str, object]:
    """Return an exception as plain JSON.

    It has the ``type``, the ``message`` and the ``frames``, the innermost last, each
    with ``file``, ``line``, ``function`` and ``code``; and the ``cause``, if there is
    one, in the same form; and those of a group as ``exceptions``. Where frames are
    left out from the middle, ``frames_left_out`` says how many.
    """
    return _form(error, set())


def place_of(error: BaseException) -> str | None:
    """Return where an exception was raised, by its file beside the worker, or None."""
    trace = error.__traceback__
    if trace is None:
        return None
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    file = code.co_filename.removeprefix(os.environ.get("LAMBDA_TASK_ROOT", "") + os.sep)
    return f"{file}:{trace.tb_lineno} in {code.co_name}"


def _form(error: BaseException, seen: set[int]) -> dict[str, object]:
    seen.add(id(error))
    frames, left_out = _frames(error.__traceback__)
    form: dict[str, object] = {
        "type": type(error).__qualname__,
        "message": _message(error),
        "frames": frames,
    }
    if left_out:
        form["frames_left_out"] = left_out
    cause = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if cause is not None and id(cause) not in seen and len(seen) < _MOST_CAUSES:
        form["cause"] = _form(cause, seen)
    if isinstance(error, BaseExceptionGroup):
        members = [
            _form(member, seen)
            for member in error.exceptions[:_MOST_CAUSES]
            if id(member) not in seen and len(seen) < _MOST_CAUSES
        ]
        form["exceptions"] = members
    return form


def _message(error: BaseException) -> str:
    try:
        return str(error)
    except Exception:  # noqa: BLE001 - a line is written, whatever an error does when it is told
        return f"<a {type(error).__name__} that can't be told>"


def _frames(trace: TracebackType | None) -> tuple[list[dict[str, object]], int]:
    places = list(traceback.walk_tb(trace))
    left_out = max(len(places) - _MOST_FRAMES, 0)
    if left_out:
        places[_MOST_FRAMES // 2 : -_MOST_FRAMES // 2] = []
    summary = traceback.StackSummary.extract(iter(places))
    return [
        {"file": frame.filename, "line": frame.lineno, "function": frame.name, "code": frame.line}
        for frame in summary
    ], left_out
