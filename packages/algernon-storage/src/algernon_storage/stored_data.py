"""Data that is kept in S3 while a pointer to it travels."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any, Self
from uuid import uuid4

from algernon_serialize import AlgObject, rebuild_event

from .buckets import check_trust, own_bucket, own_folder
from .canonical import by_content, content_sha256
from .document import Document, read_document, write_document
from .errors import MalformedObjectError, StorageSettingError
from .inline import inline_limit
from .limits import reading_of
from .objects import read_object
from .pointer import Pointer
from .uploads import Upload, store_or_put_off

_CLASS = "StoredData"
# Where moncrief 7.0.0 defines its StoredData, so that either reads the other's.
_MODULE = "algernon.aws.snakes"

# Stands for a SHA-256 in hexadecimal, so that a name that is too long is refused at once.
_DIGEST_TO_COME = "0" * 64


class StoredData(AlgObject, wire_name=f"{_MODULE}:{_CLASS}"):
    """Data of any size under a name, kept in the worker's bucket.

    It can be stored and retrieved by hand. Inside another object it stores
    itself when that object is written by `ajson.dumps`, leaving a pointer of a
    hundred bytes in the text, and comes back when the text is read. The data is
    turned into JSON once, so it isn't to be changed afterwards.

    Args:
        name: What the object is called in the bucket; any text.
        data: Anything that `ajson` can send.
        full_unpack: True makes the data itself come back from `ajson.loads`,
            instead of a StoredData that holds it.
        bucket: The bucket; the one that `ALGERNON_BUCKET_NAME` names by default.
        folder: The folder in the bucket; `CACHE_FOLDER_NAME`, or ``cache``, by default.
        timestamp: What tells objects of the same name apart; by default the current
            time, in seconds since 1970, with further decimals that are chosen by
            chance, so that no other StoredData has the same.
        compress: True keeps the object gzipped. moncrief can't read it then.
        deduplicate: True puts the SHA-256 of the content in the timestamp's place,
            so that the same data under the same name is one object.

    Raises:
        MissingBucketError: No bucket is named.
        MalformedPointerError: The name, folder or timestamp can't stand in a pointer.
        StorageSettingError: There are both a timestamp and deduplicate=True.

    Example:
        ``StoredData("march", rows).store()`` returns the pointer, and
        ``StoredData.retrieve(pointer).data`` the rows.
    """

    def __init__(
        self,
        name: object,
        data: Any,
        *,
        full_unpack: bool = False,
        bucket: str | None = None,
        folder: str | None = None,
        timestamp: str | None = None,
        compress: bool = False,
        deduplicate: bool = False,
    ) -> None:
        if deduplicate and timestamp is not None:
            raise StorageSettingError(
                f"the stored data {str(name)[:40]!r} has both a timestamp and deduplicate=True,"
                " which puts the SHA-256 of the content in its place: leave one of them out"
            )
        self._data = data
        self._has_data = True
        self._full_unpack = full_unpack
        self._compress = compress
        self._deduplicate = deduplicate
        self._pointer = Pointer.to(
            bucket or own_bucket(),
            folder or own_folder(),
            str(name),
            _DIGEST_TO_COME if deduplicate else timestamp or _own_timestamp(),
        )
        self._awaits_digest = deduplicate
        self._text: bytes | None = None
        self._size: int | None = None
        self._stored = False

    @property
    def name(self) -> str:
        """What the object is called in the bucket."""
        return self._pointer.name

    @property
    def data(self) -> Any:
        """The data itself."""
        return self._data

    @property
    def full_unpack(self) -> bool:
        """Whether the data itself comes back from `ajson.loads`."""
        return self._full_unpack

    @property
    def size(self) -> int | None:
        """The bytes of its JSON document, once it was stored or retrieved; else None."""
        return self._size

    @property
    def pointer(self) -> str:
        """Where the object is, or will be: ``BUCKET#FOLDER/NAME!TIMESTAMP.json``.

        With deduplicate=True it takes the data's JSON text to know.

        Raises:
            algernon_serialize.UnserializableError: It takes the text, and `ajson`
                can't send the data.
        """
        return str(self._place())

    @property
    def travels_inline(self) -> bool:
        """Whether the data itself, and no pointer, goes into an object that holds this.

        It does if it isn't stored yet, and its JSON document isn't longer than
        `ALGERNON_INLINE_BYTES` (0 by default, which sends all data through S3).

        Raises:
            StorageSettingError: `ALGERNON_INLINE_BYTES` is no number of bytes.
            algernon_serialize.UnserializableError: `ajson` can't send the data.
        """
        limit = inline_limit()
        return limit > 0 and not self._stored and len(self._document()) <= limit

    def store(self, *, keep_existing: bool = False) -> str:
        """Write the data to the bucket, once, and return the pointer to it.

        An object that is there already is never overwritten by other data. If it
        holds the same, as after an answer that got lost, all is well. With
        deduplicate=True, one that is older than a day is then written again, so
        that the bucket's lifecycle rule counts its age from now.

        Args:
            keep_existing: True takes whatever is there already for this data.

        Raises:
            AlreadyStoredError: Other data is there already, and `keep_existing` is False.
            MissingBucketError: The bucket doesn't exist.
            MissingObjectError: What is there already is gone whenever it is looked at.
            DamagedObjectError: What is there already isn't what was written there.
            algernon_serialize.UnserializableError: `ajson` can't send the data.
            botocore.exceptions.ClientError: S3 refuses for any other reason.
        """
        if not self._stored:
            upload = self._upload()
            upload.store(keep_existing=keep_existing)
            self._note_stored(upload)
        return self.pointer

    @classmethod
    def retrieve(cls, pointer: str, *, rebuild: bool = True) -> Self:
        """Read stored data back.

        Args:
            pointer: What `store` returned.
            rebuild: False leaves the data as plain JSON, tags and all.

        Raises:
            MalformedPointerError: The pointer isn't one.
            UntrustedBucketError: It leads to where this worker doesn't read from.
            MissingBucketError: The bucket doesn't exist.
            MissingObjectError: Nothing is there (any more).
            ReadLimitError: It, with what it leads to, is more than this worker reads:
                `ALGERNON_MAX_READ_BYTES`, `ALGERNON_MAX_READ_OBJECTS`.
            MalformedObjectError: What is there isn't stored data.
            DamagedObjectError: It isn't what was written there.
            algernon_serialize.SerializeError: The data can't be rebuilt here, or more than
                20 stored data are in one another.
            botocore.exceptions.ClientError: S3 refuses for any other reason.
        """
        place = Pointer.parse(pointer)
        check_trust(place.bucket, place.key)
        with reading_of(place) as reading:
            body = read_object(place, most=reading.bytes_left)
            size = len(body)
            reading.bytes_left -= size
            document = read_document(body, place)
            del body  # it may be large, and rebuilding takes room of its own
            if rebuild and not document.get("safe_mode"):
                document = rebuild_event(document)
        found = cls._found(
            place, document["data_string"], full_unpack=document["full_unpack"], stored=True
        )
        found._size = size
        return found

    @classmethod
    def at(cls, pointer: str) -> Self:
        """Return what stands for data that is stored already, and isn't read.

        Inside another object it is written as the pointer. Its `data` is None.

        Args:
            pointer: What `store` returned.

        Raises:
            MalformedPointerError: The pointer isn't one.
        """
        found = cls._found(Pointer.parse(pointer), None, full_unpack=True, stored=True)
        found._has_data = False
        return found

    @classmethod
    def of(cls, name: object, document: Document, *, timestamp: str | None = None) -> Self:
        """Return stored data that is a document already, to be stored as it stands.

        Its `data` is None here, and it comes back as with ``full_unpack=True``.

        Args:
            name: As in the constructor.
            document: The document.
            timestamp: As in the constructor.

        Raises:
            MissingBucketError: No bucket is named.
            MalformedPointerError: The name or timestamp can't stand in a pointer.
        """
        stored = cls(name, None, full_unpack=True, timestamp=timestamp)
        stored._text = document.text
        stored._has_data = False
        return stored

    @classmethod
    def pointer_in(cls, tree: Any) -> str | None:
        """Return the pointer in a piece of plain JSON, if it stands for stored data, else None.

        Example:
            >>> StoredData.pointer_in({"rows": [1, 2]}) is None
            True
        """
        if type(tree) is dict and "_alg_class" not in tree:
            return None  # as nearly all do, which takes a fourth of the time to tell
        match tree:
            case {
                "_alg_class": name,
                "_alg_module": module,
                "value": {"pointer": str(pointer)},
            } if name == _CLASS and module == _MODULE:
                return pointer
        return None

    def to_json(self) -> Mapping[str, Any]:
        """Return the data itself where it travels inline; else store it and return the pointer."""
        if by_content.get() and self._has_data:
            return {"content": content_sha256(self._data), "full_unpack": self._full_unpack}
        if not self.travels_inline:
            if not self._stored:
                upload = self._upload()
                if store_or_put_off(upload):
                    self._note_stored(upload)
            return {"pointer": self.pointer}
        inline = {"data_string": self._data, "full_unpack": self._full_unpack}
        if not self._full_unpack:
            # The StoredData that holds the data at the reader's needs it.
            inline["pointer"] = self.pointer
        return {"inline": inline}

    @classmethod
    def parse_json(cls, json_dict: Mapping[str, Any]) -> Any:
        """Take the data that travelled inline, or retrieve what a pointer leads to."""
        if "inline" not in json_dict:
            stored = cls.retrieve(json_dict.get("pointer", ""))
            return stored.data if stored.full_unpack else stored
        match json_dict["inline"]:
            case {"data_string": data, "full_unpack": True}:
                return data
            case {"data_string": data, "full_unpack": False, "pointer": pointer}:
                place = Pointer.parse(pointer)
                check_trust(place.bucket, place.key)
                return cls._found(place, data, full_unpack=False, stored=False)
        raise MalformedObjectError(
            "the inline value of a StoredData isn't stored data, which is a JSON object with"
            " 'data_string' and 'full_unpack', and 'pointer' where it isn't to be unpacked"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, StoredData):
            return NotImplemented
        return (self._place(), self._full_unpack, self._data) == (
            other._place(),
            other._full_unpack,
            other._data,
        )

    def __hash__(self) -> int:
        return hash(self._place())

    def __repr__(self) -> str:
        if self._awaits_digest:
            return f"StoredData({self.name!r}, …, deduplicate=True)"
        return f"StoredData({self.pointer!r})"

    @classmethod
    def _found(cls, place: Pointer, data: Any, *, full_unpack: bool, stored: bool) -> Self:
        found = cls.__new__(cls)
        found._data = data
        found._has_data = True
        found._full_unpack = full_unpack
        found._compress = found._deduplicate = found._awaits_digest = False
        found._pointer = place
        found._text = found._size = None
        found._stored = stored
        return found

    def _document(self) -> bytes:
        text = self._text
        if text is None:
            text = self._text = write_document(self._data, full_unpack=self._full_unpack)
        return text

    def _place(self) -> Pointer:
        if self._awaits_digest:
            self._pointer = self._pointer.at(sha256(self._document()).hexdigest())
            self._awaits_digest = False
        return self._pointer

    def _upload(self) -> Upload:
        text = self._document()
        return Upload(self._place(), text, self._compress, self._deduplicate)

    def _note_stored(self, upload: Upload) -> None:
        self._stored = True
        self._size = len(upload.text)
        self._text = None


def _own_timestamp() -> str:
    return f"{datetime.now(UTC).timestamp():.6f}{uuid4().int % 10**18:018d}"
