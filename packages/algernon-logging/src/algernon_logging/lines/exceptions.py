"""An exception as plain JSON: what it says, where it was raised, and what led to it."""

from __future__ import annotations

import os
import traceback

from .urls import without_credentials
from .values import name_of_class, shortened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import TracebackType

# What a line holds of a recursion that ended badly, or of a long chain of causes.
_MOST_FRAMES = 50
_MOST_CAUSES = 10
# In characters.
_MOST_TEXT = 10_000
_MOST_NOTE = 1_000
_MOST_CODE = 1_000

# Whatever a metaclass says of them.
_qualified_name = type.__dict__["__qualname__"].__get__
_module = type.__dict__["__module__"].__get__


def exception_form(error: BaseException) -> dict[str, object]:
    """Return an exception as plain JSON, and raise nothing, whatever the exception does.

    It has the ``type``, the ``message`` and the ``frames``, the innermost last, each
    with ``file``, ``line``, ``function`` and ``code``; the ``notes`` that were added to
    it; the ``cause``, if there is one, in the same form; and those of a group as
    ``exceptions``. Where frames are left out from the middle, ``frames_left_out`` says
    how many, and ``exceptions_left_out`` how many of a group. Long texts end with how
    many characters more there are.
    """
    return _form(error, set())


def type_of(error: BaseException) -> str:
    """Return the name of an exception's class, with its module where that isn't builtin."""
    kind = type(error)
    module = _module(kind)
    name: str = _qualified_name(kind)
    return name if module == "builtins" else f"{module}.{name}"


def place_of(error: BaseException) -> str | None:
    """Return where an exception was raised, by its file beside the worker, or None."""
    trace = error.__traceback__
    if trace is None:
        return None
    while trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code
    file = code.co_filename
    if root := os.environ.get("LAMBDA_TASK_ROOT"):
        file = file.removeprefix(root + os.sep)
    return f"{file}:{trace.tb_lineno} in {code.co_name}"


def _form(error: BaseException, seen: set[int]) -> dict[str, object]:
    seen.add(id(error))
    frames, left_out = _frames(error.__traceback__)
    form: dict[str, object] = {
        "type": type_of(error),
        "message": text_of(error),
        "frames": frames,
    }
    if left_out:
        form["frames_left_out"] = left_out
    try:
        form |= _about(error, seen)
    except Exception:  # noqa: BLE001 - a class may have made anything of these attributes
        form["notes"] = ["<what led to it can't be told>"]
    return form


def _about(error: BaseException, seen: set[int]) -> dict[str, object]:
    form: dict[str, object] = {}
    if notes := getattr(error, "__notes__", None):
        form["notes"] = [shortened(text_of(note), _MOST_NOTE) for note in notes[:_MOST_CAUSES]]
    cause = error.__cause__
    if cause is None and not error.__suppress_context__:
        cause = error.__context__
    if cause is not None and id(cause) not in seen and len(seen) < _MOST_CAUSES:
        form["cause"] = _form(cause, seen)
    if isinstance(error, BaseExceptionGroup):
        members: list[object] = []
        for member in error.exceptions:
            if id(member) not in seen and len(seen) < _MOST_CAUSES:
                members.append(_form(member, seen))  # noqa: PERF401 - it adds to those seen
        form["exceptions"] = members
        if left_out := len(error.exceptions) - len(members):
            form["exceptions_left_out"] = left_out
    return form


def text_of(error: object) -> str:
    """Return what an exception says: 10,000 characters of it, and how many more there are.

    Credentials in URLs are masked.
    """
    try:
        return shortened(without_credentials(str.__str__(str(error))), _MOST_TEXT)
    except Exception:  # noqa: BLE001 - a line is written, whatever an error does when it is told
        return f"<a {name_of_class(type(error))} that can't be told>"


def _frames(trace: TracebackType | None) -> tuple[list[dict[str, object]], int]:
    places = list(traceback.walk_tb(trace))
    left_out = max(len(places) - _MOST_FRAMES, 0)
    if left_out:
        places[_MOST_FRAMES // 2 : -_MOST_FRAMES // 2] = []
    try:
        summary = traceback.StackSummary.extract(iter(places))
        lines = [
            shortened(without_credentials(frame.line or ""), _MOST_CODE) or None
            for frame in summary
        ]
    except Exception:  # noqa: BLE001 - a module's loader may do anything when asked for its source
        lines = [None] * len(places)
    frames: list[dict[str, object]] = []
    for (frame, number), line in zip(places, lines, strict=True):
        code = frame.f_code
        frames.append(
            {"file": code.co_filename, "line": number, "function": code.co_name, "code": line}
        )
    return frames, left_out
