"""Handlers that give what a test says, one for each record."""

from __future__ import annotations

import asyncio
from typing import Any

from algernon_queue import queued


def returning(*results: Any, **options: Any) -> Any:
    """Return a handler that gives or raises these, one for each record."""
    left = list(results)

    @queued(**{"failures": "report", **options})
    def handler(event: Any, context: Any) -> Any:
        result = left.pop(0)
        if isinstance(result, BaseException):
            raise result
        return result

    return handler


def returning_later(*results: Any, **options: Any) -> Any:
    """Return an async handler that gives or raises these, one for each record."""
    left = list(results)

    @queued(**{"failures": "report", **options})
    async def handler(event: Any, context: Any) -> Any:
        result = left.pop(0)
        await asyncio.sleep(0.001)
        if isinstance(result, BaseException):
            raise result
        return result

    return handler
