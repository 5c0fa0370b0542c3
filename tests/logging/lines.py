"""Lines in JSON, read strictly."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest


def parsed(line: str) -> dict[str, Any]:
    """Return the object that one line is, by RFC 8259 and as every reader of JSON takes it."""
    assert line.splitlines() == [line]
    found = json.loads(line, parse_constant=_refuse, object_pairs_hook=_without_repetition)
    json.dumps(found, ensure_ascii=False).encode()  # there are no halves of characters
    assert isinstance(found, dict)
    return found


def _refuse(constant: str) -> NoReturn:
    raise AssertionError(f"{constant} is no JSON")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    assert len(members) == len(pairs)
    return members


def lines_of(text: str) -> list[dict[str, Any]]:
    """Return the objects of a text of lines."""
    assert not text or text.endswith("\n")
    return [parsed(line) for line in text.split("\n")[:-1]]


def logged_by(function: Callable[[], object]) -> list[dict[str, Any]]:
    """Return the lines that a function logs on standard error."""
    with redirect_stderr(io.StringIO()) as stream:
        function()
    return lines_of(stream.getvalue())


class JsonLines:
    """The lines on standard error."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def read(self) -> list[dict[str, Any]]:
        """Take the lines since the last time."""
        return lines_of(self._capsys.readouterr().err)

    def one(self) -> dict[str, Any]:
        """Take the one line that there is."""
        (line,) = self.read()
        return line
