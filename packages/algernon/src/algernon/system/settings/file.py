"""The settings in a project's `pyproject.toml`."""

from __future__ import annotations

import tomllib
from pathlib import Path

from ...errors import SettingsError
from .lines import line_of
from .settings import Settings
from .table import settings_from
from .values import check_table

_NAME = "pyproject.toml"
_TABLE = ("tool", "algernon")


def read_settings(directory: Path) -> Settings:
    """Return what ``[tool.algernon]`` says in a project's pyproject.toml.

    That is the one in the directory or, where that has no such table, in the nearest directory
    above that has one: so one file may do for the members of a workspace.

    Args:
        directory: Where it is looked for first. The command's is the current one.

    Returns:
        The settings, which are all the defaults where there is no such table.

    Raises:
        SettingsError: The file can't be read, a key isn't known, or a value means nothing; the
            message names the file and the line.

    Example:
        >>> read_settings(Path("shop")).environment  # doctest: +SKIP
        {'BANK_URL': 'https://bank.example'}
    """
    folder = directory.resolve()
    for parent in (folder, *folder.parents):
        path = parent / _NAME
        try:
            content = path.read_bytes()
        except (FileNotFoundError, IsADirectoryError, NotADirectoryError) as error:
            if path.is_symlink():
                raise SettingsError(f"{path} leads to nothing: {error}") from error
            continue
        except OSError as error:
            raise SettingsError(f"{path} can't be read: {error}") from error
        if (settings := _settings_in(path, content)) is not None:
            return settings
    return Settings()


def _settings_in(path: Path, content: bytes) -> Settings | None:
    """Return what a file says, or None if it says nothing of Algernon."""
    try:
        text = content.decode()
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise SettingsError(f"{path}, line {line} isn't UTF-8: {error}") from error
    # A number of too many digits is a ValueError of Python's own.
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{path} isn't TOML that can be read: {error}") from error
    try:
        tool = check_table(document.get("tool", {}), "tools")
        return settings_from(tool["algernon"]) if "algernon" in tool else None
    except SettingsError as error:
        line = line_of(text, document, (*_TABLE, *error.key))
        where = f"{path}, line {line}: [tool.algernon] "
        raise SettingsError(error.problem, key=error.key, where=where) from error
