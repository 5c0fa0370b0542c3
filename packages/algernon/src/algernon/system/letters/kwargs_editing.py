"""The keyword arguments of a dead letter as text: as they are edited, and as they are sent."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ...errors import EditError
from .body import LetterBody
from .sending import bytes_of

if TYPE_CHECKING:
    from .reader import Taken

# What SNS has no room for, senders put into S3: Amazon SNS API Reference, Publish.
_MOST_BYTES_INLINE = 256 * 1024

# What a JSON text consists of, but for its white space.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\],:]|[^\s{}\[\],:"]+')


def kwargs_to_edit(taken: Taken) -> str:
    """Return the keyword arguments of a letter as JSON text, tags and all, each in its own line.

    Those that are stored are fetched. Numbers and texts stay spelt as they are.

    Args:
        taken: The letter, of the system that this process is led to.

    Raises:
        EditError: The letter is no Task's message.
        algernon_storage.StorageError: They are stored, and can't be read.
        botocore.exceptions.ClientError: S3 refuses, such as for the right ``s3:GetObject``.
    """
    from algernon_storage import Outcome, Outcomes, StoredData

    text = LetterBody(taken.message["Body"]).kwargs
    if text is None:
        raise EditError(
            f"the letter {taken.letter.id} is no message of a Task, so that it has no keyword"
            " arguments to edit: look at it by algernon dead show"
        )
    pointer = StoredData.pointer_in(json.loads(text))
    if pointer is not None:
        text = Outcomes().document(Outcome(pointer)).decode()
    return _indented(text)


def edited_kwargs(taken: Taken, before: str, after: str) -> str | None:
    """Return edited keyword arguments as the letter's message has them, or None if nothing changed.

    What a message has no room for is stored.

    Args:
        taken: The letter.
        before: What `kwargs_to_edit` returned.
        after: What became of it.

    Raises:
        algernon_serialize.SerializeError: It isn't JSON any more.
        EditError: It isn't an object any more, or has what is no strict JSON.
        algernon_storage.StorageError: They have to be stored, and can't be.
        botocore.exceptions.ClientError: S3 refuses, such as for the right ``s3:PutObject``.
    """
    from algernon_serialize import ajson
    from algernon_storage import Document, StoredData

    ajson.loads(after, rebuild=False)  # as whoever runs it reads it
    if not isinstance(json.loads(after, parse_constant=_refuse, object_pairs_hook=_once), dict):
        raise EditError('keyword arguments are a JSON object, such as {"width": 640}')
    text = _compact(after)
    if text == _compact(before):
        return None
    body = LetterBody(taken.message["Body"])
    # Within an envelope, it is escaped.
    more = len(body.with_kwargs(text).encode()) - len(body.text.encode())
    if bytes_of(taken) + more <= _MOST_BYTES_INLINE:
        return text
    stored = StoredData.of(taken.letter.id, Document.around(text.encode()))
    stored.store()  # or it might travel inline all the same
    return ajson.dumps(stored)


def _refuse(constant: str) -> None:
    # Python reads and writes it all the same, and others don't.
    raise EditError(f"{constant} is no JSON")


def _once(members: list[tuple[str, Any]]) -> dict[str, Any]:
    names: set[str] = set()
    for name, _ in members:
        if name in names:
            raise EditError(f"an object has the name {name!r} twice")
        names.add(name)
    return dict(members)


def _indented(text: str) -> str:
    """Return a JSON text with each value in its own line, and all else as it was spelt."""
    parts: list[str] = []
    depth = 0
    last = ""
    for token in _TOKEN.findall(text):
        is_empty = last in ("{", "[") and token in ("}", "]")
        depth -= token in ("}", "]")
        if not is_empty and (last in ("{", "[", ",") or token in ("}", "]")):
            parts.append(f"\n{'  ' * depth}")
        elif last == ":":
            parts.append(" ")
        parts.append(token)
        depth += token in ("{", "[")
        last = token
    return f"{''.join(parts)}\n"


def _compact(text: str) -> str:
    """Return a JSON text without white space, as it can stand in a message."""
    compact = "".join(_TOKEN.findall(text))
    # Amazon SQS API Reference, SendMessage: these two don't get through a queue. In JSON they
    # can only stand in a string.
    return compact.replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")
