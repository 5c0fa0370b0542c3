"""Trying out, before an object is sent, whether its class makes the same one again.

The code of a class may change what it is given, by validators, converters or its `__init__`. What
it would make at the reader's is found out at the sender's.
"""

from __future__ import annotations

from .errors import UnserializableError, shown
from .likeness import are_alike, copied

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a tenth of this package's time
    from collections.abc import Callable
    from typing import Any

_WAY_OUT = "let it take what it made as it is, or register it with encode= and decode="


def form_on_trial(
    obj: object,
    form_of: Callable[[Any], dict[str, Any]],
    make: Callable[[dict[str, Any]], Any],
    private_of: Callable[[Any], dict[str, Any]] | None = None,
) -> dict[str, Any]:
    """Return what is sent of an object of which its class makes the same one again.

    Args:
        obj: The object.
        form_of: Gives what is sent of one.
        make: Makes an object of what was sent.
        private_of: Gives what isn't sent of one, and has to be the same in the other all the same.

    Raises:
        UnserializableError: It makes another one, or none.
    """
    cls = type(obj)
    form: dict[str, Any] = _done(cls, lambda: form_of(obj), "doesn't give the fields of this one")
    again = _done(cls, lambda: make(copied(form)), "doesn't take the fields of this one")
    if type(again) is not cls:
        raise UnserializableError(
            f"{cls.__qualname__} makes no object of its own of the fields of this one: {_WAY_OUT}"
        )

    def differences() -> list[str]:
        others = _differences(form, form_of(again))
        if private_of is not None:
            others += _differences(private_of(obj), private_of(again))
        return others

    if others := _done(cls, differences, "can't be compared"):
        raise UnserializableError(
            f"{cls.__qualname__}, made again of the fields of this one, has another"
            f" {shown(', '.join(others))}: {_WAY_OUT}"
        )
    return form


def _differences(values: dict[str, Any], others: dict[str, Any]) -> list[str]:
    if values.keys() != others.keys():
        return sorted(map(str, values.keys() ^ others.keys()))
    return [
        name
        for name, value in values.items()
        if (other := others[name]) is not value and not are_alike(value, other)
    ]


def _done(cls: type, step: Callable[[], Any], problem: str) -> Any:
    try:
        return step()
    except (MemoryError, RecursionError, UnserializableError):
        raise
    except Exception as error:
        # What else the error says may quote the values, which aren't for every log.
        raise UnserializableError(
            f"{cls.__qualname__} {problem}, since {type(error).__name__} was raised: {_WAY_OUT}"
        ) from error
