"""Queries of sqlite3, as X-Ray records them."""

from __future__ import annotations

import functools
import os
import sqlite3
from typing import TYPE_CHECKING, Any

from .calls import RecordedCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_xray_sdk.core.models.subsegment import Subsegment

_FACTORY_S_PLACE = 5


def patch_sqlite3(module: Any) -> None:
    """Have `sqlite3.connect` make connections that record their queries.

    They are ``sqlite3.Connection`` and their cursors ``sqlite3.Cursor``, so that they can do
    what those can. Where code names a class of its own, its connections stay as they are.
    """
    connect = module.connect

    @functools.wraps(connect)
    def traced(*args: Any, **kwargs: Any) -> sqlite3.Connection:
        if len(args) <= _FACTORY_S_PLACE:
            kwargs.setdefault("factory", Connection)
        return connect(*args, **kwargs)  # type: ignore[no-any-return]

    traced.__module__ = module.__name__  # where it is found again, such as by pickle
    module.connect = traced


class Cursor(sqlite3.Cursor):
    """A cursor that records its queries."""

    __module__ = "sqlite3"  # by which it is shown
    __slots__ = ()

    def execute(self, *args: Any) -> Any:
        """Record what it does."""
        return _recorded(self, super().execute, args)

    def executemany(self, *args: Any) -> Any:
        """Record what it does."""
        return _recorded(self, super().executemany, args)

    def executescript(self, *args: Any) -> Any:
        """Record what it does."""
        return _recorded(self, super().executescript, args)


class Connection(sqlite3.Connection):
    """A connection whose cursors record their queries."""

    __module__ = "sqlite3"
    __slots__ = ("_database",)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._database = args[0] if args else kwargs["database"]

    def cursor(self, factory: Any = Cursor) -> Any:
        """Return a cursor that records its queries, if it isn't of a class of the caller's."""
        return super().cursor(factory)

    def execute(self, *args: Any) -> Any:
        """Execute by a cursor."""
        return self.cursor().execute(*args)

    def executemany(self, *args: Any) -> Any:
        """Execute by a cursor."""
        return self.cursor().executemany(*args)

    def executescript(self, *args: Any) -> Any:
        """Execute by a cursor."""
        return self.cursor().executescript(*args)


def _recorded(cursor: sqlite3.Cursor, execute: Callable[..., Any], args: tuple[Any, ...]) -> Any:
    with RecordedCall(lambda: _name_of(cursor.connection), "remote") as call:
        call.note(_note_database)
        return execute(*args)


def _name_of(connection: Any) -> str:
    """Return what it connects to, without the parameters of a URI."""
    return os.fsdecode(connection._database).partition("?")[0]


def _note_database(subsegment: Subsegment) -> None:
    subsegment.set_sql({"database_type": "sqlite3", "database_version": sqlite3.sqlite_version})
