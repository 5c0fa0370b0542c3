"""What a group is, as it is written down before the first of its members is sent.

Blocks have the members, and the header has the blocks, their hashes and the Task that gets the
results. None of it has an id of a member, which follows from the group's and the member's index.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, NamedTuple, Self

from algernon_serialize import MalformedJSONError, NestingError, ajson
from algernon_storage import MalformedObjectError, Upload
from algernon_storage.tally import Place, Tally

from ..errors import kind_of
from .callback import Callback, is_task_name, shown_keys
from .membership import RESULTS, Membership, first_task_id
from .message import HOPS, ONCE, POSITION, OutgoingTask

#: The bytes that a member's keyword arguments may have to stand in its block. What is longer is
#: an object of its own, so that no message grows with it.
MAX_ARGUMENTS_BYTES = 16 * 1024

_MOST_MEMBERS = 250
_MOST_BYTES = 256 * 1024

#: What a member's own message says that isn't the Task's name and arguments.
_CALLBACK, _GROUP, _EXPIRES = "callback", "message_group", "expires"


@dataclass(frozen=True, slots=True)
class Member:
    """A member, as a block has it.

    Attributes:
        task_name: The name of its first Task.
        task_kwargs: That one's keyword arguments, as JSON text.
        callback: The rest of its chain.
        message_group: Its message group, where it says so itself.
        expires: After how many seconds it isn't begun any more, or None.
        once: Whether it runs under a ledger, whatever the worker says.
    """

    task_name: str
    task_kwargs: str
    callback: Callback
    message_group: str | None = None
    expires: float | None = None
    once: bool = False

    @property
    def text(self) -> str:
        """What its block has of it, as JSON text."""
        rest: dict[str, Any] = {_CALLBACK: self.callback.as_json}
        if self.message_group is not None:
            rest[_GROUP] = self.message_group
        if self.expires is not None:
            rest[_EXPIRES] = self.expires
        if self.once:
            rest[ONCE] = True
        name = ajson.dumps(self.task_name)
        kwargs = f'"task_kwargs":{self.task_kwargs}'
        return f'{{"task_name":{name},{kwargs},{ajson.dumps(rest)[1:]}'

    @classmethod
    def of(cls, noted: Any) -> Self:
        """Return the member that a block tells of, in plain JSON.

        Raises:
            ValueError: It tells of none.
        """
        match noted:
            case {"task_name": str(name), "task_kwargs": dict(kwargs)} if is_task_name(name):
                return cls(
                    name,
                    ajson.dumps(kwargs),
                    Callback.of(noted.get(_CALLBACK), name),
                    noted.get(_GROUP),
                    noted.get(_EXPIRES),
                    noted.get(ONCE, False),
                )
        raise ValueError(f"{_shown(noted)} is no member")

    def outgoing(self, header: Header, index: int) -> OutgoingTask:
        """Return it as it is sent, as the member of this index."""
        place = header.tally.place
        membership = Membership(header.tally.group_id, index, place.bucket, place.folder)
        chain = self.callback.chain
        task_id, position = membership.result_id, None
        if chain is not None:
            task_id = first_task_id(task_id, self.task_name)
            begins_it = "#" in chain and chain.split("#")[0] == self.task_name
            position = 0 if begins_it else -1
        callback = Callback(chain, self.callback.constants, membership=membership)
        return OutgoingTask(
            self.task_name,
            task_id,
            header.chain_id,
            callback.as_json,
            position,
            header.hops,
            once=self.once,
            expires_at=None if self.expires is None else header.made_at + self.expires,
        )


class WrittenMember(NamedTuple):
    """A member on its way to a block.

    Attributes:
        text: What the block has of it, as JSON text.
        uploads: What has to be stored for it.
    """

    text: str
    uploads: Sequence[Upload] = ()


class BlockText(NamedTuple):
    """A block on its way to the bucket.

    Attributes:
        text: Its object, as JSON text.
        size: How many members it has.
        uploads: What has to be stored for them.
    """

    text: bytes
    size: int
    uploads: Sequence[Upload]


class Block(NamedTuple):
    """A block, as the header has it.

    Attributes:
        name: What it is called in the group.
        sha256: The SHA-256 of its text, in hexadecimal.
        size: How many members it has.
    """

    name: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Header:
    """What holds for a whole group.

    Attributes:
        tally: What its joins have to know.
        blocks: Where its members are written down, in order.
        then: The Task that gets the results, sent without them, or None.
        result_id: The id under which what comes of it all stands.
        chain_id: The chain that it belongs to.
        hops: How many Tasks led to its members.
        message_group: The message group of what doesn't say another one, on FIFO topics.
        made_at: When it was written, in seconds since 1970.
    """

    tally: Tally
    blocks: tuple[Block, ...]
    then: OutgoingTask | None
    result_id: str
    chain_id: str
    hops: int
    message_group: str | None
    made_at: float

    @property
    def name(self) -> str:
        """The name of its object."""
        return header_name(self.tally.group_id)

    @property
    def text(self) -> bytes:
        """Its object, as JSON text."""
        then = self.then and ajson.loads(self.then.message("{}"), rebuild=False)
        return ajson.dumpb(
            {
                "tally": self.tally.as_json(),
                "blocks": [block._asdict() for block in self.blocks],
                "then": then,
                "failures": "hold",
                "result_id": self.result_id,
                "chain_id": self.chain_id,
                HOPS: self.hops,
                _GROUP: self.message_group,
                "made_at": self.made_at,
            }
        )

    @classmethod
    def of(cls, group_id: str, place: Place, text: bytes) -> Self:
        """Return the header that an object holds.

        Raises:
            MalformedObjectError: It holds none, or one that needs a newer version.
        """
        noted = _read(text, f"the header of the group {group_id}")
        match noted:
            case {
                "tally": tally,
                "blocks": list(blocks),
                "then": (dict() | None) as then,
                "failures": "hold",
                "result_id": str(result_id),
                "chain_id": str(chain_id),
                "hops": int(hops),
                "message_group": (str() | None) as message_group,
                "made_at": (int() | float()) as made_at,
            }:
                return cls(
                    Tally.of(group_id, place, tally),
                    tuple(_block(block, group_id) for block in blocks),
                    None if then is None else _join_task(then, group_id),
                    result_id,
                    chain_id,
                    hops,
                    message_group,
                    float(made_at),
                )
        raise _malformed(f"the header of the group {group_id}", noted)

    def members(self, block: Block, text: bytes) -> Iterator[Member]:
        """Give the members that a block has.

        Raises:
            MalformedObjectError: It isn't the block that was written.
        """
        what = f"the block {block.name} of the group {self.tally.group_id}"
        if sha256(text).hexdigest() != block.sha256:
            raise MalformedObjectError(
                f"{what} isn't the one that its header tells of: look for what else writes there"
            )
        match noted := _read(text, what):
            case {"members": list(members)} if len(members) == block.size:
                for number, member in enumerate(members):
                    try:
                        yield Member.of(member)
                    except ValueError as error:
                        raise MalformedObjectError(f"number {number} of {what}: {error}") from error
                return
        raise _malformed(what, noted)


def header_name(group_id: str) -> str:
    """Return the name of a group's header."""
    return f"{group_id}!header"


def blocks_of(members: Iterable[WrittenMember]) -> Iterator[BlockText]:
    """Give the texts of the blocks that have members, in order."""
    block: list[WrittenMember] = []
    size = 0
    for member in members:
        length = len(member.text.encode())
        if block and (len(block) == _MOST_MEMBERS or size + length > _MOST_BYTES):
            yield _block_text(block)
            block, size = [], 0
        block.append(member)
        size += length
    if block:
        yield _block_text(block)


def results_value(tally: Tally) -> dict[str, Any]:
    """Return what tells where the results of a group are."""
    return {
        "group_id": tally.group_id,
        **tally.place._asdict(),
        "size": tally.size,
        "family": tally.family,
    }


def results_text(tally: Tally) -> str:
    """Return the results of a group as JSON text, which a reader rebuilds."""
    value = ajson.dumps(results_value(tally))
    return f'{{"_alg_class":"Results","_alg_module":"algernon_queue","value":{value}}}'


def join_message(task: OutgoingTask, tally: Tally) -> str:
    """Return the text of the message that brings a Task the results of a group."""
    return task.message(f'{{"{RESULTS}":{results_text(tally)}}}')


def _block_text(members: list[WrittenMember]) -> BlockText:
    text = f'{{"members":[{",".join(member.text for member in members)}]}}'
    uploads = [upload for member in members for upload in member.uploads]
    return BlockText(text.encode(), len(members), uploads)


def _block(noted: Any, group_id: str) -> Block:
    match noted:
        case {"name": str(name), "sha256": str(digest), "size": int(size)}:
            return Block(name, digest, size)
    raise _malformed(f"a block of the group {group_id}", noted)


def _join_task(noted: Mapping[str, Any], group_id: str) -> OutgoingTask:
    match noted:
        case {
            "task_name": str(name),
            "task_id": str(task_id),
            "chain_id": str(chain_id),
            "callback": (str() | dict()) as callback,
        }:
            position, hops = noted.get(POSITION), noted.get(HOPS, 0)
            return OutgoingTask(name, task_id, chain_id, callback, position, hops, once=True)
    raise _malformed(f"the Task that gets the results of the group {group_id}", noted)


def _read(text: bytes, what: str) -> Any:
    try:
        return ajson.loads(text, rebuild=False)
    except (MalformedJSONError, NestingError) as error:
        raise MalformedObjectError(f"{what} can't be read: {error}") from error


def _malformed(what: str, noted: Any) -> MalformedObjectError:
    return MalformedObjectError(
        f"{what} is {_shown(noted)}, which isn't what one has: look for what else writes there, or"
        " give this worker a newer algernon-queue"
    )


def _shown(noted: Any) -> str:
    # What stands in it may be nobody's business.
    return f"an object of {shown_keys(noted)}" if type(noted) is dict else kind_of(noted)
