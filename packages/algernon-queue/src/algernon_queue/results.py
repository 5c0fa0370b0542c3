"""The results of a group, which are read where they are asked for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from functools import partial
from itertools import groupby
from typing import Any, Self, TypeVar, overload

from algernon_serialize import AlgObject, MalformedTagError, ajson
from algernon_storage import (
    Document,
    MalformedObjectError,
    MissingObjectError,
    Objects,
    StoredData,
)
from algernon_storage.tally import Place, Tally

from ._aws.manifests import objects_at
from ._aws.parallel import in_background, in_parallel
from ._wire.manifest import results_value
from ._wire.membership import MOST_MEMBERS, checked_uuid
from .errors import ResultError

T_co = TypeVar("T_co", covariant=True)

# Those of a family of results that are longer are read one by one, as they are asked for.
_MOST_BYTES = 256 * 1024
# A node has 64 KiB of results, and what stands around them.
_MOST_NODE_BYTES = 256 * 1024
# How many families' nodes are kept.
_FAMILIES_KEPT = 8

# A result as JSON text, or why there is none; None is one that is read alone.
_Text = bytes | Exception | None


class Results(AlgObject, Sequence[T_co], wire_name="algernon_queue:Results"):
    """The results of a group's members, in the order of the members.

    They stay in S3 until they are asked for: a slice reads nothing, nor does `len`. What goes
    through them has the next 32 read while it works on those before, and keeps none of them,
    so that ten thousand take no more room than some. Each access makes the object anew. They
    can be handed on, in arguments or as a Task's result: what travels is where they are.

    A Task gets them as its argument ``results``, and `SentGroup.result` returns them.

    Example:
        >>> from algernon_queue import Group, Results, TaskRouter
        >>> from algernon_queue.testing import InMemorySystem
        >>> router = TaskRouter()
        >>> @router.task
        ... def count(words: str) -> int:
        ...     return len(words.split())
        >>> @router.task
        ... def add(results: Results[int]) -> None:
        ...     print(sum(results), results[-1], len(results[:2]))
        >>> with InMemorySystem(router) as system:
        ...     members = [count.request(words=words) for words in ("a b", "c", "d e f")]
        ...     sent = Group(members, then=add).send()
        ...     system.run()
        6 3 2
    """

    __slots__ = ("_nodes", "_objects", "_shown", "_tally")

    def __init__(self, tally: Tally, shown: range | None = None) -> None:
        self._tally = tally
        self._shown = range(tally.size) if shown is None else shown
        self._objects: Objects | None = None
        self._nodes: dict[int, Mapping[int, bytes]] = {}

    def __len__(self) -> int:
        return len(self._shown)

    @overload
    def __getitem__(self, index: int) -> T_co: ...

    @overload
    def __getitem__(self, index: slice) -> Results[T_co]: ...

    def __getitem__(self, index: int | slice) -> T_co | Results[T_co]:
        """Return one result, or those of a slice, of which none is read yet.

        Raises:
            IndexError: There is no such member.
            ResultError: It can't be read, or not rebuilt here.
            botocore.exceptions.ClientError: S3 refuses.
        """
        if isinstance(index, slice):
            view = type(self)(self._tally, self._shown[index])
            view._nodes = self._nodes
            return view
        try:
            member = self._shown[index]
        except IndexError:
            raise IndexError(
                f"there is no result {index} of the {len(self)} of the group {self._tally.group_id}"
            ) from None
        try:
            texts = self._node_of(member)
        except Exception as error:
            raise ResultError(self._tally.group_id, member, error) from error
        return self._of(member, texts)

    def __iter__(self) -> Iterator[T_co]:
        families = [[*members] for _, members in groupby(self._shown, self._tally.family_of)]
        ahead = self._begin(families[0]) if families else None
        for number, members in enumerate(families):
            texts = self._read(members) if ahead is None else ahead.result()
            is_last = number + 1 == len(families)
            ahead = None if is_last else self._begin(families[number + 1])
            for member in members:
                yield self._of(member, texts)

    def __reversed__(self) -> Iterator[T_co]:
        return iter(self[::-1])

    def to_json(self) -> Mapping[str, Any]:
        """Return where the results are: that is what travels."""
        value = results_value(self._tally)
        if self._shown != range(self._tally.size):
            value["shown"] = [self._shown.start, self._shown.stop, self._shown.step]
        return value

    @classmethod
    def parse_json(cls, json_dict: Mapping[str, Any]) -> Self:
        """Return the results that a message tells of, and read none."""
        match dict(json_dict):
            case {
                "group_id": str(group_id),
                "bucket": str(bucket),
                "folder": str(folder),
                "size": int(size),
                "family": int(family),
                **others,
            } if 0 <= size <= MOST_MEMBERS and family > 1:
                tally = Tally(
                    checked_uuid(group_id, "the id of a group of which there are results"),
                    Place(bucket, folder),
                    size,
                    family,
                )
                return cls(tally, _range_of(others.get("shown"), size))
        raise MalformedTagError(
            "the value of Results isn't what says where they are: a group_id, bucket, folder, size"
            " and family"
        )

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Results):
            return NotImplemented
        return self._known_by() == other._known_by()

    def __hash__(self) -> int:
        return hash(self._known_by())

    def __repr__(self) -> str:
        return f"<{len(self)} results of the group {self._tally.group_id}>"

    def _known_by(self) -> tuple[Any, ...]:
        return self._tally.group_id, self._tally.place, self._shown

    def _begin(self, members: list[int]) -> Future[Mapping[int, _Text]] | None:
        return in_background(partial(self._read, members))

    def _read(self, members: list[int]) -> Mapping[int, _Text]:
        """Return the texts of the small results of members of one family, or why there is none."""
        try:
            node = self._read_node(members[0])
        except Exception as error:  # noqa: BLE001 - it is the failure of each of them
            return dict.fromkeys(members, error)
        others = [member for member in members if member not in node]
        return {**node, **dict(zip(others, in_parallel(self._read_leaf, others), strict=True))}

    def _node_of(self, member: int) -> Mapping[int, bytes]:
        """Return what the node above a member has, for one that is asked for alone."""
        family = self._tally.family_of(member)
        if family not in self._nodes:
            if len(self._nodes) >= _FAMILIES_KEPT:
                self._nodes.pop(next(iter(self._nodes)), None)
            self._nodes[family] = self._read_node(member)
        return self._nodes[family]

    def _read_node(self, member: int) -> Mapping[int, bytes]:
        tally = self._tally
        # A group of one has none.
        if tally.size == 1:
            return {}
        name = tally.node_name(1, tally.family_of(member))
        found = self._place.find(name, most=_MOST_NODE_BYTES)
        if found is None or found.body is None:
            return {}
        match ajson.loads(found.body, rebuild=False):
            case {"results": dict(results)}:
                return {int(index): ajson.dumpb(result) for index, result in results.items()}
            case {}:
                return {}
        raise MalformedObjectError(
            f"the object at {self._place.pointer(name)} has no results of a group: look for what"
            " else writes there"
        )

    def _read_leaf(self, member: int) -> bytes | None:
        """Return the text of a result, or None of one that is too long to be read ahead."""
        name = self._tally.leaf_name(member)
        found = self._place.find(name, most=_MOST_BYTES)
        if found is None:
            raise MissingObjectError(
                f"nothing is stored at {self._place.pointer(name)}: it was removed, perhaps by the"
                " bucket's lifecycle rule"
            )
        return found.body and Document.found(found.body, self._place.pointer(name)).data

    def _of(self, member: int, texts: Mapping[int, _Text]) -> T_co:
        """Return the result of a member, rebuilt."""
        try:
            return self._rebuilt(member, texts.get(member))
        except Exception as error:
            raise ResultError(self._tally.group_id, member, error) from error

    def _rebuilt(self, member: int, text: bytes | Exception | None) -> T_co:
        result: T_co
        if isinstance(text, Exception):
            raise text
        if text is None:
            pointer = self._place.pointer(self._tally.leaf_name(member))
            result = StoredData.retrieve(pointer).data
        else:
            result = ajson.loads(text)
        return result

    @property
    def _place(self) -> Objects:
        if self._objects is None:
            objects = objects_at(self._tally.place)
            # A message says where it is.
            objects.check_trust()
            self._objects = objects
        return self._objects


def _range_of(shown: Any, size: int) -> range | None:
    match shown:
        case None:
            return None
        case [int(start), int(stop), int(step)] if step:
            members = range(start, stop, step)
            if not members or (members[0] in range(size) and members[-1] in range(size)):
                return members
    raise MalformedTagError("the value of Results tells of members that the group hasn't got")
