"""Celery's application, whose worker notes how far it is."""

from __future__ import annotations

from typing import Any

from celery.signals import task_postrun, worker_ready

from ..queue.celery_app import app
from .progress import note

__all__ = ["app"]


@worker_ready.connect  # type: ignore[untyped-decorator]
def note_ready(**_: Any) -> None:
    """Note that the worker is ready."""
    note("ready")


@task_postrun.connect  # type: ignore[untyped-decorator]
def note_hop(**_: Any) -> None:
    """Note that a Task has run, its result is stored, and the next one is sent."""
    note("hop")
