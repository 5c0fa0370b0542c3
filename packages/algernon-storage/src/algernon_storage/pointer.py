"""The pointer that travels in the place of stored data: ``BUCKET#FOLDER/NAME!TIMESTAMP.json``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Self
from urllib.parse import quote, unquote

from .errors import MalformedPointerError

# Amazon S3 User Guide, "Naming Amazon S3 objects".
_MAX_KEY_BYTES = 1024

_SHOWN = 200


@dataclass(frozen=True, slots=True)
class Pointer:
    """Where an object is, and what its name says about it."""

    bucket: str
    key: str
    name: str

    @classmethod
    def to(cls, bucket: str, folder: str, name: str, timestamp: str) -> Self:
        """Return the pointer to an object that is going to be stored.

        Args:
            bucket: The bucket.
            folder: The folder in it, which may hold slashes.
            name: Any name. What would break a pointer is percent-encoded in the key.
            timestamp: What tells objects of the same name apart.

        Raises:
            MalformedPointerError: The folder or the timestamp can't stand in a
                pointer, or S3 has no room for the key.
        """
        folder = folder.strip("/")
        for part, reserved in ((folder, "#!"), (timestamp, "#!/")):
            if not part or not part.isprintable() or set(part) & set(reserved):
                raise MalformedPointerError(
                    f"{part!r} can't stand in a pointer to stored data, whose parts are printable"
                    " and separated by '#', '!' and '/': choose another folder or timestamp"
                )
        if not name:
            raise MalformedPointerError("stored data needs a name, but this one is empty")
        key = f"{folder}/{quote(name, safe='', errors='surrogatepass')}!{timestamp}.json"
        if len(key.encode()) > _MAX_KEY_BYTES:
            raise MalformedPointerError(
                f"the key of the stored object {name[:40]!r}… would have {len(key.encode())} bytes,"
                f" more than S3's {_MAX_KEY_BYTES}: choose a shorter name"
            )
        return cls(bucket, key, name)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the pointer that a text holds.

        Raises:
            MalformedPointerError: The text is no pointer.
        """
        # A message brings this text, so it is taken apart in time proportional to its length.
        bucket, _, key = text.partition("#") if isinstance(text, str) else ("", "", "")
        _, _, file = key.rpartition("/")
        name, _, timestamp = file.removesuffix(".json").rpartition("!")
        if not (bucket and name and timestamp and file.endswith(".json") and is_utf8(key)):
            raise MalformedPointerError(
                f"{_shortened(text)} is no pointer to stored data, which has the form"
                " BUCKET#FOLDER/NAME!TIMESTAMP.json"
            )
        return cls(bucket, key, _decoded(name))

    def at(self, timestamp: str) -> Self:
        """Return the pointer to the object of the same name with another timestamp."""
        path, _, _ = self.key.rpartition("!")
        return replace(self, key=f"{path}!{timestamp}.json")

    def __str__(self) -> str:
        return f"{self.bucket}#{self.key}"


def is_utf8(key: str) -> bool:
    """Tell whether S3 could have such a key: a lone surrogate has no UTF-8."""
    try:
        key.encode()
    except UnicodeEncodeError:
        return False
    return True


def _decoded(name: str) -> str:
    try:
        return unquote(name, errors="surrogatepass")
    except UnicodeDecodeError:
        # moncrief writes names as they are, so a percent sign may be just that.
        return name


def _shortened(text: object) -> str:
    shown = repr(text)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}…"
