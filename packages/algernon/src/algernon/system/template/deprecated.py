"""How the template was asked for in 1.4, which goes with 1.6."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from types import MappingProxyType
from typing import Any, Protocol, overload

from ...worker import Worker
from ..settings.settings import Settings
from .part import TemplatePart


class _SystemTemplate(Protocol):
    @overload
    def __call__(
        self,
        workers: Sequence[Worker],
        *,
        timeout: int | None = None,
        memory: int | None = None,
        settings: Settings | None = None,
        part: TemplatePart = "all",
        customize: Callable[[dict[str, Any]], None] | None = None,
    ) -> dict[str, Any]: ...
    @overload
    def __call__(
        self,
        tasks: Sequence[str],
        *,
        handler: str,
        timeout: int = 30,
        memory: int = 256,
        retries: Mapping[str, int] = MappingProxyType({}),
        others: Sequence[Worker] = (),
    ) -> dict[str, Any]: ...


def takes_tasks_too(system_template: Callable[..., dict[str, Any]]) -> _SystemTemplate:
    """Let it take the first worker in pieces, too: its Tasks, `handler` and `retries`."""

    @wraps(system_template)
    def either(*args: Any, **options: Any) -> dict[str, Any]:
        if "handler" not in options:
            return system_template(*args, **options)
        warnings.warn(
            "system_template(tasks, handler=…, retries=…, others=…) ends with algernon 1.6: write"
            " system_template([Worker(handler, tasks, retries), *others]), with Worker from"
            " algernon.worker",
            DeprecationWarning,
            stacklevel=2,
        )
        workers, limits = _as_workers(*args, **options)
        return system_template(workers, **limits)

    return either


def _as_workers(
    tasks: Sequence[str],
    *,
    handler: str,
    retries: Mapping[str, int] = MappingProxyType({}),
    others: Sequence[Worker] = (),
    **limits: int,
) -> tuple[list[Worker], dict[str, int]]:
    return [Worker(handler, tuple(tasks), retries), *others], limits
