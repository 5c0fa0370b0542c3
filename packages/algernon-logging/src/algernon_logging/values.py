"""Values as a line shows them: plain JSON, readable, without credentials."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from json.encoder import encode_basestring, encode_basestring_ascii
from math import isfinite

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

MASK = "***"

# A name's words, put together: without case, and without what may stand between them.
_CREDENTIALS = (
    "accesskey",
    "apikey",
    "authorization",
    "bearer",
    "connectionstring",
    "cookie",
    "credential",
    "encryptionkey",
    "jwt",
    "masterkey",
    "otpcode",
    "passcode",
    "passkey",
    "passphrase",
    "passwd",
    "password",
    "pincode",
    "presigned",
    "privatekey",
    "pwd",
    "secret",
    "sessionid",
    "sharedkey",
    "signature",
    "signedurl",
    "signingkey",
    "sshkey",
    "token",
)
# Too short to be looked for in the middle of a word.
_LAST_WORDS = frozenset({"auth", "dsn", "otp", "pass", "pin", "sas", "sid", "totp"})
# A name that ends so tells something of a credential, and not the credential.
_ABOUT = frozenset(
    {"at", "bytes", "count", "expiry", "length", "limit", "path", "size", "ttl", "type", "version"}
)

_MOST_DEPTH = 20
# Parts of one value: a few lists in lists can stand for more than there are atoms.
_MOST_PARTS = 10_000
# Python refuses to write an int of more than some hundreds of digits in decimal, if told so.
_LARGE = 1 << 1024

_PLAIN = frozenset({str, bool, type(None)})
_looks_like_a_credential: dict[str, bool] = {}
_MOST_NAMES = 1000

_encode: Callable[[object], str] = json.JSONEncoder(
    ensure_ascii=False, check_circular=False, separators=(",", ":")
).encode
#: The name of a class, whatever its metaclass says.
name_of_class: Callable[[type], str] = type.__dict__["__name__"].__get__


def plain(value: object) -> object:
    """Return what stands for a value in a line: plain JSON of a readable form.

    Times, numbers and identifiers are written as text in their usual notation,
    collections as lists, bytes in hexadecimal, AlgObjects, dataclasses and named
    tuples as their attributes, and what is none of these by its `repr`. Nothing is
    raised, whatever the value does.
    """
    return value if _is_plain(value) else _Look().at(value)


def is_credential(name: str) -> bool:
    """Tell whether a value of this name shouldn't be seen."""
    known = _looks_like_a_credential.get(name)
    if known is None:
        words = _words(name)
        squeezed = "".join(words)
        known = (
            bool(words)
            and words[-1] not in _ABOUT
            and (words[-1] in _LAST_WORDS or any(part in squeezed for part in _CREDENTIALS))
        )
        if len(_looks_like_a_credential) < _MOST_NAMES:
            _looks_like_a_credential[name] = known
    return known


def is_hidden(name: str, value: object) -> bool:
    """Tell whether a line hides a value: it may be a credential, by its name."""
    return is_credential(name) and not _is_harmless(name, value)


def name_of(key: object) -> str:
    """Return what a key is called in a JSON object."""
    return _Look().name_of(key)


def as_json(values: Mapping[str, object]) -> str:
    """Return fields as members of a JSON object, each after a comma."""
    members = {name: _shown(name, value) for name, value in values.items() if value is not None}
    return f",{_encode(members)[1:-1]}" if members else ""


def as_text(values: Mapping[str, object]) -> str:
    """Return fields as pairs ``name=value``, each after a space, the first after a tab."""
    pairs = " ".join(
        f"{_word(name)}={_word(_shown(name, value))}"
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
    return MASK if is_hidden(name, value) else plain(value)


def _words(name: str) -> list[str]:
    """Return the words of a name such as ``api_key``, ``X-Api-Key`` or ``apiKey``."""
    spaced = "".join(
        f" {char}" if char.isupper() and before.islower() else char if char.isalnum() else " "
        for before, char in zip(f" {name}", name, strict=False)
    )
    return spaced.casefold().split()


def _is_harmless(name: str, value: object) -> bool:
    # How many tokens there are is a number, and no secret. A password may be one.
    kind = type(value)
    return value is None or kind in (bool, float) or (kind is int and name.endswith("okens"))


def _word(value: object) -> str:
    if type(value) is not str:
        return _printable(_encode(value))
    if value and value.isprintable() and not any(mark in value for mark in ' "=\\'):
        return value
    return _printable(encode_basestring(value))


def _printable(json_text: str) -> str:
    if json_text.isprintable():
        return json_text
    return "".join(
        char if char.isprintable() else encode_basestring_ascii(char)[1:-1] for char in json_text
    )


def _is_plain(value: Any) -> bool:
    kind = type(value)
    return kind in _PLAIN or (kind is int and -_LARGE < value < _LARGE)


class _Look:
    """One look at a value, which ends, however large that is."""

    __slots__ = ("_around", "_left")

    def __init__(self) -> None:
        self._left = _MOST_PARTS
        self._around: list[int] = []

    def at(self, value: object) -> object:
        """Return what stands for the value, or for a part of it."""
        self._left -= 1
        if _is_plain(value):
            return value
        if id(value) in self._around:
            return f"<a {name_of_class(type(value))} that contains itself>"
        if len(self._around) == _MOST_DEPTH:
            return f"<a {name_of_class(type(value))} that is nested too deep>"
        self._around.append(id(value))
        try:
            return self._form(value, type(value))
        except Exception:  # noqa: BLE001 - a line is written, whatever a value does when it is looked at
            return f"<a {name_of_class(type(value))} that can't be shown>"
        finally:
            self._around.pop()

    def name_of(self, key: object) -> str:
        """Return what a key is called."""
        form = self.at(key)
        return str.__str__(form) if isinstance(form, str) else _encode(form)

    def _form(self, value: Any, kind: type) -> object:
        # By their types' own methods, whatever a subclass makes of them.
        if issubclass(kind, int):
            number = int.__int__(value)
            return number if _is_plain(number) else hex(number)
        if issubclass(kind, str):
            return str.__str__(value)
        if issubclass(kind, float):
            real = float.__float__(value)
            return real if isfinite(real) else repr(real)
        if issubclass(kind, dict):
            return self._members(value.items())
        if issubclass(kind, tuple) and hasattr(kind, "_fields"):
            return self._members(zip(kind._fields, value, strict=False))
        if issubclass(kind, (list, tuple, set, frozenset)):
            return self._items(value)
        if issubclass(kind, (bytes, bytearray, memoryview)):
            return memoryview(value).hex()
        return self._form_by_name(value, kind)

    def _form_by_name(self, value: Any, kind: type) -> object:
        # By names, since importing the modules that these are in takes longer than this package.
        kinds = {f"{each.__module__}.{each.__qualname__}" for each in kind.__mro__}
        if "enum.Enum" in kinds:
            return self.at(value.value)
        if kinds & _ISO_8601:
            return str(value.isoformat())
        if kinds & _BY_STR:
            return str(value)
        if "collections.deque" in kinds:
            return self._items(value)
        # What is written of stored data would store it.
        if any(name.startswith("algernon_storage.") for name in kinds):
            return repr(value)
        if "algernon_serialize.alg_object.AlgObject" in kinds:
            return self._members(dict(value.to_json()).items())
        if hasattr(kind, "__dataclass_fields__") and kind.__dataclass_params__.repr:  # type: ignore[attr-defined]
            fields = sys.modules["dataclasses"].fields(value)
            return self._members((f.name, getattr(value, f.name)) for f in fields if f.repr)
        if issubclass(kind, Mapping):
            return self._members(value.items())
        return repr(value)

    def _members(self, pairs: Iterable[tuple[object, object]]) -> dict[str, object]:
        members: dict[str, object] = {}
        for key, value in pairs:
            if self._left <= 0:
                members["…"] = "<and more>"
                break
            name = key if type(key) is str else self.name_of(key)
            hidden = is_hidden(name, value)
            while name in members:  # as 1 and "1" are the same name
                name += f"_{len(members)}"
            members[name] = MASK if hidden else self.at(value)
        return members

    def _items(self, values: Iterable[object]) -> list[object]:
        items: list[object] = []
        for value in values:
            if self._left <= 0:
                items.append("<and more>")
                break
            items.append(self.at(value))
        return items


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
