"""The pointer that travels in the place of stored data: ``BUCKET#FOLDER/NAME!TIMESTAMP.json``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, unquote

from .errors import MalformedPointerError

# Amazon S3 User Guide, "Naming Amazon S3 objects".
_MAX_KEY_BYTES = 1024

_POINTER = re.compile(r"(?P<bucket>[^#]+)#(?P<key>(?:.*/)?(?P<name>[^/]+)!(?P<timestamp>.+)\.json)")
_RESERVED = re.compile(r"[#!]")


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
        for part, allowed in ((folder, "/"), (timestamp, "")):
            if not part or _RESERVED.search(part) or ("/" in part) > ("/" in allowed):
                raise MalformedPointerError(
                    f"{part!r} can't stand in a pointer to stored data, where '#', '!' and '/'"
                    " separate the parts: choose another folder or timestamp"
                )
        if not name:
            raise MalformedPointerError("stored data needs a name, but this one is empty")
        key = f"{folder.strip('/')}/{quote(name, safe='', errors='surrogatepass')}!{timestamp}.json"
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
        match = _POINTER.fullmatch(text) if isinstance(text, str) else None
        if match is None:
            raise MalformedPointerError(
                f"{text!r} is no pointer to stored data, which has the form"
                " BUCKET#FOLDER/NAME!TIMESTAMP.json"
            )
        return cls(match["bucket"], match["key"], unquote(match["name"], errors="surrogatepass"))

    def __str__(self) -> str:
        return f"{self.bucket}#{self.key}"
