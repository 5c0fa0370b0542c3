"""Beginning groups: writing down what they are, and then sending their members."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from math import inf
from operator import call
from typing import Any
from uuid import uuid4

from algernon_storage import Upload
from algernon_storage.tally import Place, Tally, join

from .._wire.manifest import Block, BlockText, Header, Member
from ..errors import GroupNotSentError
from .clock import now
from .joins import publish_join, run_steps
from .listeners import Listeners
from .manifests import find_header, objects_at, read_block, read_header
from .parallel import in_parallel
from .topics import MessageText, Publication, check_message_group, publish

# What is stored at a time: requests, and their bytes.
_REQUESTS = 20
_BYTES = 16 * 1024 * 1024

# The bytes of blocks that are kept from when they are written to when their members are sent.
_KEPT_BYTES = 16 * 1024 * 1024

# How many messages are written at a time, and of how many bytes.
_MESSAGES = 1000


@dataclass(frozen=True, slots=True)
class Prepared:
    """A group that is ready to begin.

    Attributes:
        header: What holds for all of it, so far without its blocks.
        blocks: The blocks, which may be written as they are asked for.
        addressed: The names of its members' first Tasks, each with the message group that a
            member names.
        uploads: What has to be stored for the Task that gets the results.
    """

    header: Header
    blocks: Iterable[BlockText]
    addressed: AbstractSet[tuple[str, str | None]]
    uploads: Sequence[Upload] = ()


def begin(
    prepared: Prepared, listeners: Listeners, *, is_unique: bool = False, seconds: float = inf
) -> Tally:
    """Write down what a group is, and send its members; or those of the one that stands.

    It isn't to be called from what is done in parallel itself.

    Args:
        prepared: The group.
        listeners: The topics that are known here.
        is_unique: Whether what was begun once isn't begun again.
        seconds: The time after which what SNS throttled isn't tried again.

    Returns:
        The tally of the group that stands under this id.

    Raises:
        UnknownListenerError: No topic is known for a Task; nothing was sent.
        SettingError: A member has a message group, but its topic none; nothing was sent.
        GroupNotSentError: SNS doesn't take all members.
        PublishError: SNS doesn't take the Task that gets the results of no members.
        algernon_storage.StorageError: Something can't be stored; nothing was sent.
        botocore.exceptions.ClientError: S3 refuses; nothing was sent.
    """
    unwritten = prepared.header
    place, group_id = unwritten.tally.place, unwritten.tally.group_id
    if is_unique and (standing := find_header(place, group_id)) is not None:
        return _send_once(standing, {}, listeners, seconds)
    header, texts = _written_down(prepared, listeners)
    if is_unique:
        return _send_once(header, texts, listeners, seconds)
    return _send(header, texts, listeners, seconds)


def write_down(prepared: Prepared, listeners: Listeners) -> Tally:
    """Write down what a group is, and send nothing yet: `resume` does that.

    Args:
        prepared: The group.
        listeners: As in `begin`.

    Returns:
        The tally of the group that stands under this id.

    Raises:
        Exception: What `begin` raises of which it says that nothing was sent.
    """
    header, _ = _written_down(prepared, listeners)
    return header.tally


def resume(place: Place, group_id: str, listeners: Listeners, *, seconds: float = inf) -> Tally:
    """Send the members of a group again.

    Args:
        place: Where it lies.
        group_id: Its id.
        listeners: As in `begin`.
        seconds: As in `begin`.

    Raises:
        algernon_storage.MissingObjectError: There is no such group (any more).
        Exception: What `begin` raises.
    """
    return _send(read_header(place, group_id), {}, listeners, seconds)


def _written_down(prepared: Prepared, listeners: Listeners) -> tuple[Header, Mapping[str, bytes]]:
    """Return the header that stands, and the texts of its first blocks where they are known."""
    _check_topics(prepared, listeners)
    blocks, texts = _write_blocks(prepared)
    header = replace(prepared.header, blocks=blocks, made_at=now())
    # Two runs of a Task may have different ones: then the first one's members count.
    if not objects_at(header.tally.place).create(header.name, header.text):
        return read_header(header.tally.place, header.tally.group_id), {}
    return header, texts


def _check_topics(prepared: Prepared, listeners: Listeners) -> None:
    then = prepared.header.then
    names = {name for name, _ in prepared.addressed} | ({then.task_name} if then else set())
    topics = _topics(names, listeners)
    for name, message_group in prepared.addressed:
        check_message_group(name, message_group, topics[name])


def _topics(task_names: Iterable[str], listeners: Listeners) -> dict[str, str]:
    topics: dict[str, str] = {}
    for name, topic in sorted(listeners.find(task_names).items()):
        if isinstance(topic, Exception):
            raise topic
        topics[name] = topic
    return topics


def _write_blocks(prepared: Prepared) -> tuple[tuple[Block, ...], dict[str, bytes]]:
    """Write the blocks; return them, and the texts of the first ones by their names."""
    run = uuid4().hex
    tally = prepared.header.tally
    objects = objects_at(tally.place)
    blocks: list[Block] = []
    texts: dict[str, bytes] = {}
    room = _KEPT_BYTES
    calls: list[Callable[[], Any]] = [upload.store for upload in prepared.uploads]
    size = 0
    for text, members, uploads in prepared.blocks:
        block = Block(f"{run}-{len(blocks)}", sha256(text).hexdigest(), members)
        blocks.append(block)
        room -= len(text)
        if room >= 0:
            texts[block.name] = text
        calls += [upload.store for upload in uploads]
        calls.append(partial(objects.create, f"{tally.group_id}!{block.name}", text))
        size += len(text) + sum(len(upload.text) for upload in uploads)
        if len(calls) >= _REQUESTS or size >= _BYTES:
            _do_all(calls)
            calls, size = [], 0
    _do_all(calls)
    return tuple(blocks), texts


def _do_all(calls: Sequence[Callable[[], Any]]) -> None:
    for answer in in_parallel(call, calls):
        if isinstance(answer, Exception):
            raise answer


def _send_once(
    header: Header, texts: Mapping[str, bytes], listeners: Listeners, seconds: float
) -> Tally:
    objects = objects_at(header.tally.place)
    begun = f"{header.tally.group_id}!begun"
    if objects.find(begun, most=1) is None:
        _send(header, texts, listeners, seconds)
        objects.create(begun, b"{}")
    return header.tally


def _send(
    header: Header, texts: Mapping[str, bytes], listeners: Listeners, seconds: float
) -> Tally:
    tally = header.tally
    for first, members in _chunks(_members(header, texts)):
        topics = _topics({member.task_name for member in members}, listeners)
        publications = [
            _publication(header, index, member, topics[member.task_name])
            for index, member in enumerate(members, first)
        ]
        errors = publish(publications, seconds=seconds)
        failures = {first + n: error for n, error in enumerate(errors) if error is not None}
        if failures:
            cause = next(iter(failures.values()))
            raise GroupNotSentError(tally.group_id, tally.size, failures) from cause
    if tally.size == 0:
        publish_it = partial(publish_join, listeners=listeners, header=header, seconds=seconds)
        (outcome,) = run_steps([join(tally, {})], publish_it)
        if outcome is not None:
            raise outcome
    return tally


def _members(header: Header, texts: Mapping[str, bytes]) -> Iterator[Member]:
    for block in header.blocks:
        text = texts.get(block.name)
        yield from header.members(block, read_block(header, block) if text is None else text)


def _chunks(members: Iterator[Member]) -> Iterator[tuple[int, list[Member]]]:
    """Give the members that are written at a time, with the index of the first."""
    first, chunk, size = 0, list[Member](), 0
    for member in members:
        chunk.append(member)
        size += len(member.task_kwargs)
        if len(chunk) == _MESSAGES or size >= _BYTES:
            yield first, chunk
            first, chunk, size = first + len(chunk), [], 0
    if chunk:
        yield first, chunk


def _publication(header: Header, index: int, member: Member, topic: str) -> Publication:
    task = member.outgoing(header, index)
    unwritten = Publication(task, topic, member.message_group or header.message_group)
    return unwritten.written(lambda _: MessageText(task.message(member.task_kwargs)))
