"""Fields that lines carry: those of the record being worked on, and what code binds."""

from __future__ import annotations

from contextlib import suppress
from contextvars import ContextVar

from .encoding import as_json, as_text
from .urls import without_credentials
from .values import name_of

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing takes a third of this package's time
    from collections.abc import Mapping
    from contextvars import Token
    from typing import Any

#: The keys of a line that no field can take: one of that name is called ``extra_…``.
RESERVED = frozenset(
    {
        "_aws",  # it would make the line a metric of CloudWatch
        "cold_start",
        "exception",
        "function_arn",
        "function_name",
        "level",
        "logger",
        "message",
        "requestId",
        "stack",
        "tenantId",
        "timestamp",
    }
)


class Fields:
    """Fields by their names, and how they are written.

    Args:
        values: The fields.
        fixed: The names of those that code can't bind anew.
    """

    __slots__ = ("_json", "_text", "fixed", "values")

    def __init__(self, values: Mapping[str, object], fixed: frozenset[str] = frozenset()) -> None:
        self.values = values
        self.fixed = fixed
        self._json: str | None = None
        self._text: str | None = None

    @property
    def json(self) -> str:
        """The members of a JSON object, each after a comma."""
        if self._json is None:
            self._json = as_json(self.values)
        return self._json

    @property
    def text(self) -> str:
        """Pairs ``name=value``, each after a space, the first after a tab."""
        if self._text is None:
            self._text = as_text(self.values)
        return self._text

    def with_more(self, more: Mapping[str, object]) -> Fields:
        """Return these fields and others."""
        return Fields({**self.values, **self._added(more)}, self.fixed)

    def json_with(self, more: Mapping[object, object]) -> str:
        """The members of a JSON object, with those of other fields, each after a comma."""
        added = self._added(more)
        if added.keys().isdisjoint(self.values):
            return self.json + as_json(added)
        return as_json({**self.values, **added})

    def _added(self, more: Mapping[Any, object]) -> dict[str, object]:
        """Return fields under the names that they can have here."""
        added: dict[str, object] = {}
        for key, value in more.items():
            name = without_credentials(key if type(key) is str else name_of(key))
            while name in RESERVED or name in self.fixed or name in added:
                name = f"extra_{name}"
            added[name] = value
        return added


_NONE = Fields({})
_here: ContextVar[Fields | None] = ContextVar("algernon_fields", default=None)

_record: ContextVar[Fields] = ContextVar("algernon_record", default=_NONE)

# A new thread starts without its starter's context variables. While one record alone is
# worked on, it is clear whose they would be.
_running: list[Fields] = []


def current() -> Fields:
    """The fields of the lines that the caller writes."""
    fields = _here.get()
    if fields is not None:
        return fields
    running = _running
    return running[0] if len(running) == 1 else _NONE


def bind(**fields: object) -> Binding:
    """Add fields to every line that is written in a `with` block.

    It holds for what the block calls, awaits, and runs by ``asyncio.to_thread``. A
    thread of another kind begins with the fields of the record alone.

    Args:
        fields: The fields, of any type. A name that a line needs for itself, such
            as ``level`` or ``task_id``, becomes ``extra_level``. Values whose names
            look like those of credentials are masked, and so are credentials in URLs.

    Returns:
        A context manager, which can be used once.

    Example:
        >>> import logging
        >>> with bind(order_id=7):
        ...     logging.getLogger("shop").info("packed")
    """
    return Binding(fields)


class Binding:
    """The fields of a `with` block."""

    def __init__(self, fields: Mapping[str, object]) -> None:
        self._fields = fields
        self._token: Token[Fields | None] | None = None

    def __enter__(self) -> None:
        self._token = _here.set(current().with_more(self._fields))

    def __exit__(self, *error: object) -> None:
        if self._token is not None:
            # A generator may be closed in another context, which has nothing to go back to.
            with suppress(ValueError):
                _here.reset(self._token)


def is_in_record() -> bool:
    """Whether the caller runs in the context of a record."""
    return bool(current().fixed)


def set_record(values: Mapping[str, object]) -> None:
    """Make these the fields of a record, in the context of which the caller runs.

    What was bound around its batch stays bound.
    """
    around = _here.get()
    here = Fields(values, frozenset(values))
    if around is not None:
        bound = {name: value for name, value in around.values.items() if name not in around.fixed}
        here = here.with_more(bound)
    _here.set(here)


def add(**more: object) -> None:
    """Add fields to those of the record in whose context the caller runs.

    As those, they can't be bound anew.
    """
    here = current()
    _here.set(Fields({**here.values, **more}, here.fixed | more.keys()))


def begin_record() -> None:
    """Note that the record in whose context the caller runs is worked on."""
    here = current()
    _record.set(here)
    _running.append(here)


def end_record() -> None:
    """Note that it isn't any more."""
    here = _record.get()
    if here in _running:
        _running.remove(here)
