"""How values and fields are written: as JSON, and as the pairs of a text line."""

from __future__ import annotations

import json
from json.encoder import encode_basestring, encode_basestring_ascii

from .credentials import MASK, is_hidden
from .values import plain, shortened

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_encode: Callable[[object], str] = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":")
).encode


# Of the event of a line, of which there is 1 MB (Amazon CloudWatch Logs API Reference,
# PutLogEvents), what one value may take, in bytes: several such still fit.
_MOST_BYTES = 64 * 1024
#: The same of an exception, which has more frames, with its causes, than others have parts.
MOST_BYTES_OF_AN_EXCEPTION = 512 * 1024
# No character takes more, as two halves of one that are written as escapes.
_MOST_BYTES_OF_A_CHARACTER = 12
_SURELY_FIT = _MOST_BYTES // _MOST_BYTES_OF_A_CHARACTER
_MOST_IN_A_NAME = 1000


def as_json(values: Mapping[str, object]) -> str:
    """Return fields as members of a JSON object, each after a comma."""
    members = {name: _shown(name, value) for name, value in values.items() if value is not None}
    if not members:
        return ""
    json_text = _encode(members)
    if len(json_text) > _SURELY_FIT:
        json_text = _encode(
            {shortened(name, _MOST_IN_A_NAME): fitting(value) for name, value in members.items()}
        )
    return f",{json_text[1:-1]}"


def as_text(values: Mapping[str, object]) -> str:
    """Return fields as pairs ``name=value``, each after a space, the first after a tab."""
    pairs = " ".join(
        f"{_word(shortened(name, _MOST_IN_A_NAME))}={_fitting_word(_shown(name, value))}"
        for name, value in values.items()
        if value is not None
    )
    return f"\t{pairs}" if pairs else ""


def encode(value: object) -> str:
    """Return the JSON text of a plain value."""
    return encode_basestring(value) if type(value) is str else _encode(value)


def encode_fitting(value: object, most: int = _MOST_BYTES) -> str:
    """Return the JSON text of a plain value, or of what an event of a log has room for."""
    json_text = encode(value)
    if len(json_text) * _MOST_BYTES_OF_A_CHARACTER <= most:
        return json_text
    return encode(fitting(value, most))


def fitting(value: object, most: int = _MOST_BYTES) -> object:
    """Return a plain value, or of a large one the beginning of its text, which says so.

    Args:
        value: The value.
        most: How many bytes it may take, with what isn't ASCII written as escapes,
            which is the longest way to write it.
    """
    if len(json.dumps(value)) <= most:
        return value
    text = value if type(value) is str else _encode(value)
    kept = text[:most]
    while (size := len(encode_basestring_ascii(kept))) > most:
        kept = kept[: len(kept) * most // size]
    return shortened(text, len(kept))


def fitting_text(text: str, most: int = _MOST_BYTES) -> str:
    """Return a text, or of a large one its beginning, which says so."""
    if len(text) * _MOST_BYTES_OF_A_CHARACTER <= most:
        return text
    return str(fitting(text, most))


def encodable(text: str) -> str:
    """Return a text without what no encoding takes: halves of characters."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def one_line(json_text: str) -> str:
    r"""Return a JSON text that is one line to everybody, and that every encoding takes.

    Half a character stands there as text, such as ``\udcff``, since many who read
    JSON refuse one.
    """
    if json_text.isascii():
        return json_text
    for end, escape in (("\x85", r"\u0085"), ("\u2028", r"\u2028"), ("\u2029", r"\u2029")):
        if end in json_text:
            json_text = json_text.replace(end, escape)
    try:
        json_text.encode()
    except UnicodeEncodeError:
        return "".join(
            rf"\\u{ord(char):04x}" if "\ud800" <= char <= "\udfff" else char for char in json_text
        )
    return json_text


def _shown(name: str, value: object) -> object:
    form = plain(value)
    return MASK if is_hidden(name, form) else form


def _fitting_word(value: object) -> str:
    word = _word(value)
    return word if len(word) <= _SURELY_FIT else _word(fitting(value))


def _word(value: object) -> str:
    if type(value) is not str:
        return _printable(_encode(value))
    needs_no_quotes = value and value.isprintable() and not any(mark in value for mark in ' "=\\')
    if needs_no_quotes and not _is_json(value):
        return value
    return _printable(encode_basestring(value))


def _is_json(text: str) -> bool:
    """Tell whether who reads the text takes it for a number or the like."""
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _printable(json_text: str) -> str:
    if json_text.isprintable():
        return json_text
    return "".join(
        char if char.isprintable() else encode_basestring_ascii(char)[1:-1] for char in json_text
    )
