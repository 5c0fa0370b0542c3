"""Values as a line shows them: plain JSON, readable, without credentials."""

from __future__ import annotations

import json
from json.encoder import encode_basestring
from math import isfinite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MASK = "***"

# A key's words, put together: without case, and without what may stand between them.
_CREDENTIALS = (
    "accesskey",
    "apikey",
    "authorization",
    "cookie",
    "credential",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "secret",
    "sessionid",
    "signature",
    "signingkey",
    "token",
)
_WHOLE_NAMES = frozenset({"auth", "jwt", "pwd", "sid", "pin", "otp"})

_MOST_DEPTH = 20
_PLAIN = frozenset({str, int, bool, type(None)})
_looks_like_a_credential: dict[str, bool] = {}
_MOST_NAMES = 1000

_encode: Callable[[object], str] = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":")
).encode


def plain(value: object) -> object:
    """Return what stands for a value in a line: plain JSON of a readable form.

    Times, numbers and identifiers are written as text in their usual notation,
    collections as lists, bytes in hexadecimal, AlgObjects as their attributes, and
    what is none of these by its `repr`. Nothing is raised, whatever the value does.
    """
    return value if type(value) in _PLAIN else _plain(value, 0)


def is_credential(name: str) -> bool:
    """Tell whether a value of this name shouldn't be seen."""
    known = _looks_like_a_credential.get(name)
    if known is None:
        squeezed = "".join(filter(str.isalnum, name)).lower()
        known = squeezed in _WHOLE_NAMES or any(word in squeezed for word in _CREDENTIALS)
        if len(_looks_like_a_credential) < _MOST_NAMES:
            _looks_like_a_credential[name] = known
    return known


def masked(name: str, value: object) -> object:
    """Return what stands for the value of a field in a line."""
    if is_credential(name) and not _is_harmless(value):
        return MASK
    return plain(value)


def as_json(values: Mapping[str, object]) -> str:
    """Return fields as members of a JSON object, each after a comma."""
    return "".join(
        f",{encode_basestring(name)}:{encode(masked(name, value))}"
        for name, value in values.items()
        if value is not None
    )


def as_text(values: Mapping[str, object]) -> str:
    """Return fields as pairs ``name=value``, each after a space, the first after a tab."""
    pairs = " ".join(
        f"{_word(name)}={_word(masked(name, value))}"
        for name, value in values.items()
        if value is not None
    )
    return f"\t{pairs}" if pairs else ""


def encode(value: object) -> str:
    """Return the JSON text of a plain value."""
    return encode_basestring(value) if type(value) is str else _encode(value)


def encodable(text: str) -> str:
    """Return a text without what no encoding takes: halves of characters."""
    if text.isascii():
        return text
    return text.encode("utf-8", "backslashreplace").decode()


def _word(value: object) -> str:
    if type(value) is not str:
        return _encode(value)
    if value and value.isprintable() and not any(mark in value for mark in ' "=\\'):
        return value
    return encode_basestring(value)


def _is_harmless(value: object) -> bool:
    # How many tokens there are is a number, and no secret. A password may be one.
    return value is None or type(value) in (bool, float)


def _plain(value: object, depth: int) -> object:
    try:
        return _form(value, depth)
    except Exception:  # noqa: BLE001 - a line is written, whatever a value does when it is looked at
        return f"<a {type(value).__name__} that can't be shown>"


def _form(value: object, depth: int) -> object:
    if value is None or isinstance(value, (str, bool)):
        return str(value) if isinstance(value, str) else value
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        return float(value) if isfinite(value) else str(value)
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    if depth == _MOST_DEPTH:
        return f"<a {type(value).__name__} that is nested too deep>"
    if isinstance(value, dict):
        return {
            str(name): MASK
            if is_credential(str(name)) and not _is_harmless(item)
            else _plain(item, depth + 1)
            for name, item in value.items()
        }
    if isinstance(value, (list, tuple, set, frozenset)) or type(value).__name__ == "deque":
        return [_plain(item, depth + 1) for item in value]  # type: ignore[attr-defined]
    return _form_by_name(value, depth)


def _form_by_name(value: object, depth: int) -> object:
    # By names, since importing the modules that these are in takes longer than this package.
    kinds = {f"{kind.__module__}.{kind.__qualname__}" for kind in type(value).__mro__}
    if "enum.Enum" in kinds:
        return _plain(value.value, depth + 1)  # type: ignore[attr-defined]
    if kinds & _ISO_8601:
        return value.isoformat()  # type: ignore[attr-defined]
    if kinds & _BY_STR:
        return str(value)
    if "algernon_serialize.alg_object.AlgObject" in kinds:
        # What is written of stored data would store it.
        if type(value).__module__.partition(".")[0] == "algernon_storage":
            return repr(value)
        return _plain(value.to_json(), depth + 1)  # type: ignore[attr-defined]
    return repr(value)


_ISO_8601 = frozenset({"datetime.date", "datetime.datetime", "datetime.time"})
_BY_STR = frozenset(
    {
        "datetime.timedelta",
        "decimal.Decimal",
        "fractions.Fraction",
        "ipaddress._IPAddressBase",
        "pathlib.PurePath",
        "pathlib._local.PurePath",
        "uuid.UUID",
        "zoneinfo.ZoneInfo",
    }
)
