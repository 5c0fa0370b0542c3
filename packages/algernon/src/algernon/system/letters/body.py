"""The body of a dead letter: the message in it, and how that is changed and nothing else."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

_KWARGS = "task_kwargs"
_EXPIRY = "expires_at"

# Around a message may be SNS's envelope and, or else, the token of a state machine.
_AROUND = ("Message", "Input")

_decode = json.JSONDecoder().raw_decode
_SPACE = re.compile(r"[ \t\n\r]*")
# What doesn't get through a queue as it is (Amazon SQS API Reference, SendMessage), and what
# has no bytes in UTF-8.
_TO_ESCAPE = re.compile("[\ud800-\udfff\ufffe\uffff]")


class LetterBody:
    """The body of a dead letter, as SQS has it.

    The message stands in it alone, or in SNS's envelope, or beside the token of a state
    machine. What is changed is changed in the text, so that all else stays as it was written.

    Args:
        text: The body.

    Example:
        >>> body = LetterBody('{"task_name": "bill", "expires_at": 1.50, "task_kwargs": {}}')
        >>> body.without_expiry()
        '{"task_name": "bill", "task_kwargs": {}}'
    """

    def __init__(self, text: str) -> None:
        self.text = text

    @property
    def message(self) -> Mapping[str, Any] | None:
        """The message as plain JSON, or None where there is none that can be read."""
        text = self._text_of_message()
        return None if text is None else json.loads(text)

    @property
    def kwargs(self) -> str | None:
        """The JSON text of the keyword arguments as it stands, or None where no message is."""
        text = self._text_of_message()
        if text is None:
            return None
        member = _last(_members(text), _KWARGS)
        return "{}" if member is None else text[member.value : member.end]

    def without_expiry(self) -> str:
        """Return the body without the time from which on its Task isn't begun any more.

        Where it has none, it is as it was, byte for byte.
        """
        return self._with(_without_expiry)

    def with_kwargs(self, kwargs: str) -> str:
        """Return the body with other keyword arguments, of their JSON text."""
        return self._with(lambda text: _with_kwargs(text, kwargs))

    def _text_of_message(self) -> str | None:
        found: list[str] = []

        def note(text: str) -> str:
            found.append(text)
            return text

        self._with(note)
        return found[0] if found else None

    def _with(self, change: Callable[[str], str]) -> str:
        try:
            return _changed(self.text, change)
        except (ValueError, RecursionError):
            return self.text  # it is nothing that a worker could read either


class _Member(NamedTuple):
    """A member of a JSON object: its name, and where that, the value and its end are."""

    name: str
    start: int
    value: int
    end: int


def _changed(text: str, change: Callable[[str], str]) -> str:
    """Return a text with the message in it changed, wherever that stands.

    Raises:
        ValueError: It isn't the JSON of an object, or what should be in it isn't.
        RecursionError: Too much is in one another.
    """
    members = _members(text)
    if _last(members, "task_name") is not None:
        return change(text)
    for name in _AROUND:
        if (member := _last(members, name)) is not None:
            inner = text[member.value : member.end]
            changed = (
                _changed_literal(inner, change) if inner[0] == '"' else _changed(inner, change)
            )
            return f"{text[: member.value]}{changed}{text[member.end :]}"
    return text


def _changed_literal(literal: str, change: Callable[[str], str]) -> str:
    text = json.loads(literal)
    changed = _changed(text, change)
    if changed == text:
        return literal  # as it was spelt
    written = json.dumps(changed, ensure_ascii=literal.isascii())
    return _TO_ESCAPE.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


def _without_expiry(text: str) -> str:
    while (expiry := _last(members := _members(text), _EXPIRY)) is not None:
        number = members.index(expiry)
        if number > 0:
            start, end = members[number - 1].end, expiry.end
        else:
            start, end = expiry.start, members[1].start if len(members) > 1 else expiry.end
        text = f"{text[:start]}{text[end:]}"
    return text


def _with_kwargs(text: str, kwargs: str) -> str:
    members = _members(text)
    member = _last(members, _KWARGS)
    if member is not None:
        return f"{text[: member.value]}{kwargs}{text[member.end :]}"
    end = members[-1].end
    return f'{text[:end]},"{_KWARGS}":{kwargs}{text[end:]}'


def _last(members: list[_Member], name: str) -> _Member | None:
    # Of several with one name, Python reads the last.
    return next((member for member in reversed(members) if member.name == name), None)


def _members(text: str) -> list[_Member]:
    """Return the members of an object in the order of its JSON text.

    Raises:
        ValueError: The text isn't an object's.
        RecursionError: Too much is in one another.
    """
    members: list[_Member] = []
    position = _after(text, _space(text, 0), "{")
    while not members or text[position : position + 1] == ",":
        start = _space(text, position + 1 if members else position)
        if not members and text[start : start + 1] == "}":
            position = start
            break
        name, end = _decode(text, _after(text, start, '"') - 1)
        value = _space(text, _after(text, _space(text, end), ":"))
        _, end = _decode(text, value)
        members.append(_Member(name, start, value, end))
        position = _space(text, end)
    if _space(text, _after(text, position, "}")) != len(text):
        raise ValueError("something follows the object")
    return members


def _after(text: str, position: int, mark: str) -> int:
    if text[position : position + 1] != mark:
        raise ValueError(f"there is no {mark!r} where one should be")
    return position + 1


def _space(text: str, position: int) -> int:
    """Return where the white space at a position ends."""
    found = _SPACE.match(text, position)
    return position if found is None else found.end()
