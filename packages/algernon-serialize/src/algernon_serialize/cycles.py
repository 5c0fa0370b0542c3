"""Finding where a value contains itself."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from .errors import NestingError, shown, step
from .models import model_values
from .registry import by_class

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from typing import Any

_SEQUENCES = (list, tuple, deque)
_DEEPEST = 100_000


def find_cycle(value: Any) -> NestingError | None:
    """Return the error that names the innermost part of a value that contains itself, if any.

    Goes through each part once, without recursion, so that neither its depth
    nor parts that it shares matter.
    """
    path: list[str] = []
    above: dict[int, int] = {id(value): 0}
    # What is made on the way is kept, lest another object get its id.
    seen: dict[int, Any] = {id(value): value}
    levels: list[tuple[int, Iterator[tuple[str, Any]]]] = [(id(value), _parts(value))]
    # An object that makes new parts whenever it is written would have no end either.
    while 0 < len(levels) <= _DEEPEST:
        for name, part in levels[-1][1]:
            if id(part) in above:
                again = shown("$" + "".join(path[: above[id(part)]]))
                error = NestingError(
                    f"this {type(part).__name__} is the one at {again} again, and a value that"
                    " contains itself has no end as a text"
                )
                error.at([*path, name])
                return error
            if id(part) not in seen:
                seen[id(part)] = part
                path.append(name)
                above[id(part)] = len(path)
                levels.append((id(part), _parts(part)))
                break
        else:
            done, _ = levels.pop()
            del above[done]
            if path:
                path.pop()
    return None


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    items: Iterable[tuple[object, Any]] = ()
    if isinstance(value, Mapping):
        items = list(value.items())
    elif isinstance(value, _SEQUENCES):
        items = enumerate(value)
    elif type(value) in by_class:
        try:
            form = by_class[type(value)].encode(value)
        except RecursionError:  # what tries an object out goes all the way down in it
            form = model_values(value)
        items = list(form.items()) if isinstance(form, dict) else [("value", form)]
    for name, part in items:
        yield step(name), part
