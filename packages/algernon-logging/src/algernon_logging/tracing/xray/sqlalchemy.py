"""Statements of SQLAlchemy, as X-Ray records them."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from aws_xray_sdk.core import xray_recorder

from .calls import RecordedCall

if TYPE_CHECKING:
    from aws_xray_sdk.core.models.subsegment import Subsegment


def patch_sqlalchemy(sqlalchemy: Any) -> None:
    """Record what connections execute, by which sessions execute too."""
    connection = sqlalchemy.engine.Connection
    execute = connection.execute

    @functools.wraps(execute)
    def traced(self: Any, *args: Any, **kwargs: Any) -> Any:
        with RecordedCall(lambda: _name_of(self.engine.url), "remote") as call:
            call.note(_note_engine, self.engine)
            result = execute(self, *args, **kwargs)
            call.note(_note_query, result)
            return result

    connection.execute = traced


def _name_of(url: Any) -> str:
    if url.host is None:
        return url.database or url.drivername  # type: ignore[no-any-return]
    return url.host if url.port is None else f"{url.host}:{url.port}"


def _note_engine(subsegment: Subsegment, engine: Any) -> None:
    sql = {
        "url": engine.url.set(password=None, query={}).render_as_string(),
        "user": engine.url.username,
        "database_type": engine.name,
        "driver_version": engine.driver,
    }
    if version := engine.dialect.server_version_info:
        sql["database_version"] = ".".join(map(str, version))
    subsegment.set_sql(sql)


def _note_query(subsegment: Subsegment, result: Any) -> None:
    if xray_recorder.stream_sql:
        subsegment.sql["sanitized_query"] = result.context.statement
