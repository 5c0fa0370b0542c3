"""Environment variables in a file of lines such as ``BANK_URL=http://localhost:8000``."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

from ...errors import MissingExtraError, SettingsError
from .variables import check_local_name, check_name

if TYPE_CHECKING:
    from dotenv.parser import Binding


def read_env_file(path: Path) -> dict[str, str]:
    """Return the environment variables that a file has.

    It is read as python-dotenv reads one: a variable a line, in quotes where a value begins with
    spaces or goes on over several lines; ``export`` may stand before it, and ``#`` begins a
    comment. Nothing is put in place of ``${…}``. Of two lines of one variable the later one holds.

    Args:
        path: The file.

    Raises:
        SettingsError: The file or a line of it can't be read, or a variable has no value, or a
            name that a worker's can't have; the message names the file and the line, and no
            value.
        MissingExtraError: python-dotenv isn't installed.

    Example:
        >>> read_env_file(Path(".env"))  # doctest: +SKIP
        {'BANK_URL': 'http://localhost:8000'}
    """
    try:
        from dotenv.parser import parse_stream
    except ImportError as error:
        raise MissingExtraError(
            "python-dotenv isn't installed, which reads files of environment variables: install"
            " the extra algernon[local], as algernon's README says",
            name="dotenv",
        ) from error
    try:
        # Files of other systems may begin with a byte order mark.
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path} can't be read: {error}") from error
    variables: dict[str, str] = {}
    for binding in parse_stream(StringIO(text)):
        where = f"{path}, line {_line(binding)}: "
        # What has no value isn't shown, since it may be a part of one.
        if binding.error or (binding.key is not None and binding.value is None):
            raise SettingsError(
                "is not a line such as NAME=VALUE, or NAME= for an empty value; or its quotes"
                " have no end",
                where=where,
            )
        if binding.key is not None and binding.value is not None:
            _check(binding.key, binding.value, where)
            variables[binding.key] = binding.value
    return variables


def _line(binding: Binding) -> int:
    """Return the number of its line, which blank ones may precede."""
    text = binding.original.string
    return binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")


def _check(name: str, value: str, where: str) -> None:
    try:
        check_name(name, name)
        check_local_name(name, name)
    except SettingsError as error:
        raise SettingsError(error.problem, key=error.key, where=where) from error
    if "\0" in value:
        raise SettingsError("has a null character in its value", key=(name,), where=where)
