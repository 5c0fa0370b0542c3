"""The settings in a project's `pyproject.toml`."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import SettingsError
from .settings import Settings
from .table import settings_from

_NAME = "pyproject.toml"
_TABLE = ("tool", "algernon")


def read_settings(directory: Path) -> Settings:
    """Return what ``[tool.algernon]`` says in the pyproject.toml of a worker's project.

    That is the one in the directory or, where there is none, in the nearest directory above.

    Args:
        directory: Where the workers' modules are.

    Returns:
        The settings, which are all the defaults where there is no such file or table.

    Raises:
        SettingsError: The file can't be read, a key isn't known, or a value means nothing; the
            message names the file and the line.

    Example:
        >>> read_settings(Path("shop")).environment  # doctest: +SKIP
        {'BANK_URL': 'https://bank.example'}
    """
    folder = directory.resolve()
    for parent in (folder, *folder.parents):
        if (path := parent / _NAME).is_file():
            return _settings_in(path)
    return Settings()


def _settings_in(path: Path) -> Settings:
    try:
        text = path.read_text(encoding="utf-8")
        document = tomllib.loads(text)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise SettingsError(f"{path} can't be read: {error}") from error
    tool = document.get("tool", {})
    table = tool.get("algernon", {}) if isinstance(tool, dict) else {}
    try:
        return settings_from(table)
    except SettingsError as error:
        line = _line_of(text, (*_TABLE, *error.key))
        where = f"{path}, line {line}: [tool.algernon] "
        raise SettingsError(error.problem, key=error.key, where=where) from error


def _line_of(text: str, key: Sequence[str | int]) -> int:
    """Return the number of the line in which a key stands, or the nearest one that it is within.

    What is parsed doesn't say. But the lines from the first on are TOML wherever a statement ends,
    and so the key stands in the statement with which it first appears.
    """
    beginning, statement = "", 1
    deepest, found = 0, 1
    for number, line in enumerate(text.split("\n"), start=1):
        beginning += f"{line}\n"
        try:
            document = tomllib.loads(beginning)
        except tomllib.TOMLDecodeError:
            continue
        if (depth := _depth(document, key)) > deepest:
            deepest, found = depth, statement
        statement = number + 1
    return found


def _depth(value: Any, key: Sequence[str | int]) -> int:
    """Return how many parts of a key lead to something."""
    for depth, part in enumerate(key):
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return depth
    return len(key)
