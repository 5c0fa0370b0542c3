"""Files of dead letters: a line of JSON for each, with all that makes it what it is."""

from __future__ import annotations

import json
import os
import stat
import sys
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING, Any, Self
from uuid import uuid4

from algernon_queue.dead_letter import DeadLetter

from ...errors import LetterFileError
from .letter import record_of

if TYPE_CHECKING:
    from types import TracebackType

    from .reader import Taken

#: What stands for standard output, or input.
STANDARD = "-"

# Amazon SQS API Reference, SendMessage: a message has up to 1 MiB, each byte of which takes up to
# six in JSON, and there is something around it.
_LONGEST_LINE = 8 * 1024 * 1024
# Amazon SQS Developer Guide, "Amazon SQS message metadata": attributes a message.
_MOST_ATTRIBUTES = 10
# By which a worker knows a Task's id again.
_TASK_ID = "algernon.task_id"
# What tells damage, each of which who changes a line leaves out.
_MD5_OF_BODY = "md5_of_body"
_MD5_OF_REST = "md5_of_rest"


class LetterFile:
    """A file to which letters are written, and which is there once it is whole.

    Until then it has another name in the same folder, and is removed if its block ends early.
    Only its owner may read it.

    Args:
        name: The file's name; ``-`` is standard output, which nothing is promised of.
        overwrites: Whether it takes the place of a file that is there; that of a symbolic link
            is the file that it leads to.

    Attributes:
        count: How many letters were written.
        bytes: How many bytes.
        stored: How many of these letters lead to data in S3, which isn't in the file.

    Raises:
        LetterFileError: There is such a file, and it isn't to be overwritten; or it is no
            regular file, such as a device or a pipe, which is never replaced; or it can't be
            written.

    Example:
        >>> with LetterReader(place, tasks) as reader, LetterFile("dead.jsonl") as file:
        ...     for taken in reader:
        ...         file.write(taken)
        ...     file.keep()  # doctest: +SKIP
    """

    def __init__(self, name: str, *, overwrites: bool = False) -> None:
        self._path = None if name == STANDARD else Path(name)
        self._overwrites = overwrites
        self.count = self.bytes = self.stored = 0
        self._is_kept = False

    def __enter__(self) -> Self:
        if self._path is None:
            self._file: IO[bytes] = sys.stdout.buffer
            return self
        with self._refusals_told():
            self._check_free(self._path)
            target = self._target(self._path)
            self._file = NamedTemporaryFile(
                dir=target.parent, prefix=f".{target.name}.", suffix=".part", delete=False
            )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._path is None:
            return
        self._file.close()
        if not self._is_kept:
            Path(self._file.name).unlink(missing_ok=True)

    def write(self, taken: Taken) -> None:
        """Write a letter.

        Raises:
            LetterFileError: It can't be written.
        """
        line = _line_of(taken)
        with self._refusals_told():
            self._file.write(line)
        self.count += 1
        self.bytes += len(line)
        self.stored += "StoredData" in taken.message["Body"]

    def keep(self) -> None:
        """Have the file there, with all that was written on the disk.

        Raises:
            LetterFileError: That fails, or there is such a file meanwhile.
        """
        with self._refusals_told():
            self._file.flush()
            if self._path is None:
                return
            os.fsync(self._file.fileno())
            self._check_free(self._path)
            target = self._target(self._path)
            self._put_in_place(target)
            self._is_kept = True
            folder = os.open(target.parent, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)

    def _put_in_place(self, path: Path) -> None:
        if self._overwrites:
            Path(self._file.name).replace(path)
            return
        # Unlike a rename, it leaves alone what somebody else has put there since.
        try:
            os.link(self._file.name, path)
        except FileExistsError as error:
            raise _is_there(path) from error
        except OSError:  # as of a file system that has no links
            self._check_free(path)
            Path(self._file.name).replace(path)
        else:
            Path(self._file.name).unlink()

    def _target(self, path: Path) -> Path:
        """Return where a file is, which a symbolic link may lead to."""
        return Path(os.path.realpath(path))

    def _check_free(self, path: Path) -> None:
        if not path.exists():
            return
        if not stat.S_ISREG(path.stat().st_mode):
            raise LetterFileError(
                f"{path} is no regular file, and is never replaced: choose another name, or - for"
                " standard output"
            )
        if not self._overwrites:
            raise _is_there(path)

    @contextmanager
    def _refusals_told(self) -> Iterator[None]:
        try:
            yield
        except BrokenPipeError:
            raise
        except OSError as error:
            name = "standard output" if self._path is None else str(self._path)
            raise LetterFileError(
                f"the letters can't be written to {name}: {error.strerror or error}; they"
                " are where they were"
            ) from error


@dataclass(frozen=True, slots=True)
class FiledLetter:
    """A letter of a file.

    Attributes:
        where: The file and the number of its line, from 1, as errors say it.
        task: The Task in whose dead-letter queue it was.
        task_id: The Task's id, or None where it is no Task's message.
        fields: What SendMessage takes to make it once more, but for its queue.
        message_group: The message group that it was in, or None.
        bytes: What counts against SQS's limit of a call.
    """

    where: str
    task: str
    task_id: str | None
    fields: Mapping[str, Any]
    message_group: str | None
    bytes: int


def read_letters(file: IO[bytes], name: str) -> Iterator[FiledLetter]:
    """Give the letters of a file, one after the other.

    Args:
        file: The file.
        name: What errors call it.

    Raises:
        LetterFileError: A line is no letter, or not as it was written; the message names it.
    """
    number = 0
    while line := file.readline(_LONGEST_LINE):
        number += 1
        where = f"{name}, line {number}"
        try:
            letter = _filed(where, line)
        except LetterFileError as error:
            raise LetterFileError(f"{where}: {error}") from error
        yield letter


def _line_of(taken: Taken) -> bytes:
    letter, message = taken.letter, taken.message
    line: dict[str, Any] = {
        "task": letter.queues.task,
        "task_id": letter.dead.task_id,
        "error": letter.dead.error,
        "queue": (letter.queues.dead_letter_queue_url or "").rpartition("/")[2],
        "message_id": letter.message_id,
        "attributes": {
            name: _in_json(attribute)
            for name, attribute in message.get("MessageAttributes", {}).items()
        },
        "system_attributes": message.get("Attributes", {}),
        _MD5_OF_BODY: _md5(message["Body"]),
        "body": message["Body"],
    }
    line[_MD5_OF_REST] = _md5_of_rest(line)
    try:
        return json.dumps(line, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:  # half of a surrogate pair has no bytes but as an escape
        return json.dumps(line).encode() + b"\n"


def _in_json(attribute: Mapping[str, Any]) -> dict[str, str]:
    written = {"DataType": attribute["DataType"]}
    if "StringValue" in attribute:
        written["StringValue"] = attribute["StringValue"]
    if (value := attribute.get("BinaryValue")) is not None:
        # ministack shows it in base64 already.
        written["BinaryValue"] = b64encode(value).decode() if isinstance(value, bytes) else value
    return written


def _filed(where: str, line: bytes) -> FiledLetter:
    if not line.endswith(b"\n"):
        raise LetterFileError(
            "it has no end, so the file was cut off, or isn't one of algernon dead export"
        )
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise LetterFileError(f"it can't be read as JSON: {error}") from error
    if type(found) is not dict:
        raise LetterFileError("it is no JSON object, as each letter is")
    task, message_id, body = (_text(found, key) for key in ("task", "message_id", "body"))
    if _optional(found, _MD5_OF_BODY) not in (None, _md5(body)):
        raise LetterFileError(
            "the body isn't what was exported, by its MD5; if you changed it, leave"
            f" {_MD5_OF_BODY} out"
        )
    attributes = {
        name: _from_json(name, value) for name, value in _object(found, "attributes").items()
    }
    task_id = _optional(found, "task_id")
    system = _object(found, "system_attributes")
    if _optional(found, _MD5_OF_REST) not in (None, _md5_of_rest(found)):
        raise LetterFileError(
            "what is beside the body isn't what was exported, by its MD5; if you changed it, leave"
            f" {_MD5_OF_REST} out"
        )
    # One without an id of its own has SQS's, which is another one from now on.
    if (
        task_id == message_id
        and not _keeps_id(task_id, body, attributes)
        and (len(attributes) < _MOST_ATTRIBUTES or _TASK_ID in attributes)
    ):
        attributes[_TASK_ID] = {"DataType": "String", "StringValue": task_id}
    fields: dict[str, Any] = {"MessageBody": body}
    if attributes:
        fields["MessageAttributes"] = attributes
    if trace := _optional(system, "AWSTraceHeader"):
        fields["MessageSystemAttributes"] = {
            "AWSTraceHeader": {"DataType": "String", "StringValue": trace}
        }
    # On a standard queue it is the tenant of a fair queue.
    if group := _optional(system, "MessageGroupId"):
        fields["MessageGroupId"] = group
    return FiledLetter(
        where=where,
        task=task,
        task_id=task_id,
        fields=fields,
        message_group=group,
        bytes=len(body.encode(errors="replace")) + sum(map(_size, attributes.items())),
    )


def _keeps_id(task_id: str, body: str, attributes: Mapping[str, Any]) -> bool:
    """Tell whether a message is known by its Task's id also when SQS gives it another."""
    message = {"MessageId": str(uuid4()), "Body": body, "MessageAttributes": attributes}
    return DeadLetter.of(record_of(message), "").task_id == task_id


def _size(attribute: tuple[str, Mapping[str, Any]]) -> int:
    name, value = attribute
    return len(name.encode()) + sum(
        len(part if isinstance(part, bytes) else part.encode(errors="replace"))
        for part in value.values()
    )


def _from_json(name: str, attribute: object) -> dict[str, Any]:
    try:
        match attribute:
            case {"DataType": str(kind), "StringValue": str(text)}:
                return {"DataType": kind, "StringValue": text}
            case {"DataType": str(kind), "BinaryValue": str(text)}:
                return {"DataType": kind, "BinaryValue": b64decode(text, validate=True)}
    except (Base64Error, ValueError) as error:
        raise LetterFileError(f"its attribute {name!r} is no base64: {error}") from error
    raise LetterFileError(f"its attribute {name!r} has no DataType with a value")


def _text(found: Mapping[str, Any], key: str) -> str:
    if not (text := _optional(found, key)):
        raise _not_as_written(key)
    return text


def _optional(found: Mapping[str, Any], key: str) -> str | None:
    text = found.get(key)
    if text is not None and not isinstance(text, str):
        raise _not_as_written(key)
    return text


def _object(found: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = found.get(key)
    if not isinstance(value, dict):
        raise _not_as_written(key)
    return value


def _not_as_written(key: str) -> LetterFileError:
    return LetterFileError(f"its {key!r} isn't as algernon dead export writes it")


def _md5(body: str) -> str:
    return md5(body.encode(errors="replace"), usedforsecurity=False).hexdigest()


def _md5_of_rest(line: Mapping[str, Any]) -> str:
    apart = ("body", _MD5_OF_BODY, _MD5_OF_REST)
    rest = {key: value for key, value in line.items() if key not in apart}
    return _md5(json.dumps(rest, sort_keys=True))


def _is_there(path: Path) -> LetterFileError:
    return LetterFileError(
        f"{path} is there already, and isn't overwritten: choose another name, or add --overwrite"
    )
