"""What a system's `pyproject.toml` says of its workers, and what programs say in its place."""

from __future__ import annotations

from .system.settings.file import read_settings
from .system.settings.settings import (
    Alarms,
    Parameter,
    Secret,
    Settings,
    Vpc,
    WorkerSettings,
)

__all__ = [
    "Alarms",
    "Parameter",
    "Secret",
    "Settings",
    "Vpc",
    "WorkerSettings",
    "read_settings",
]
