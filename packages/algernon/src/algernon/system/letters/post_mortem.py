"""A debugger at the line where somebody's own code failed."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType

from .own_code import is_below, is_of_algernon


def debug(error: BaseException, directory: Path) -> bool:
    """Open Python's debugger, pdb, at the innermost line below a directory that led to an error.

    Where that is a call of what is installed, the debugger's ``down`` leads into it.

    Args:
        error: The error.
        directory: Where somebody's own code is.

    Returns:
        Whether there was such a line; if not, nothing is opened.
    """
    begin = error.__traceback__
    while begin is not None and is_of_algernon(begin.tb_frame.f_code.co_filename):
        begin = begin.tb_next
    trail = _trail(begin)
    own = [
        number
        for number, each in enumerate(trail)
        if is_below(each.tb_frame.f_code.co_filename, directory)
    ]
    if not own:
        return False
    from pdb import Pdb

    debugger = Pdb()
    debugger.reset()
    if above := len(trail) - 1 - own[-1]:
        debugger.cmdqueue.append(f"up {above}")
    debugger.interaction(None, begin)
    return True


def _trail(trace: TracebackType | None) -> list[TracebackType]:
    trail = []
    while trace is not None:
        trail.append(trace)
        trace = trace.tb_next
    return trail
