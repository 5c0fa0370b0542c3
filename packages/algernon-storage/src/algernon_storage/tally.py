"""Which members of a group of Tasks are done, told by objects in S3: no counter, no lock, no list.

Each member that is done has an outcome there, its leaf. Families of leaves have a node above
them, families of nodes another one, up to the root, where the group's verdict stands. Whoever has
seen a leaf stored looks for the rest of its family, and goes up where all of it is there.

A step is a generator of requests, and does nothing itself: whoever runs it does what it asks for,
and sends the answer. So the same code runs in a worker and, in its tests, in every order.

    >>> from algernon_storage.tally import Await, Create, Find, Place, Publish, Seen, Tally, join
    >>> from algernon_storage.tally import Step
    >>> there: dict[str, Seen] = {}
    >>> def answer(request: object) -> object:
    ...     match request:
    ...         case Find(_, names):
    ...             return tuple(there.get(name) for name in names)
    ...         case Create(_, name, body, kind):
    ...             return there.setdefault(name, new := Seen(kind, body)) is new
    ...         case Await(_, name):
    ...             return name in there
    ...         case Publish(tally):
    ...             print(f"all {tally.size} are done")
    >>> def run(step: Step) -> None:
    ...     request = next(step, None)
    ...     while request is not None:
    ...         try:
    ...             request = step.send(answer(request))
    ...         except StopIteration:
    ...             request = None
    >>> group = Tally(
    ...     "0b7c1e7e-6d0c-4f7e-9c53-3f1f6f0f9a11", Place("our-bucket", "cache"), 2, has_then=True
    ... )
    >>> for index in range(2):
    ...     there[group.leaf_name(index)] = Seen("done", b"1")
    ...     run(join(group, {index: b"1"}))
    all 2 are done

Here the second member finds the first one's leaf. In a worker both may come at once, and again.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self, TypeAlias
from uuid import UUID, uuid5

from algernon_serialize import MalformedJSONError, NestingError, ajson

from .errors import LedgerError, MalformedObjectError

__all__ = [
    "FAMILY",
    "SMALL_BYTES",
    "Await",
    "Create",
    "Find",
    "Outer",
    "Place",
    "Publish",
    "Request",
    "Seen",
    "Step",
    "Tally",
    "cancel",
    "conclude",
    "fail",
    "join",
]

#: How many leaves, or nodes, have one node above them.
FAMILY = 32
#: The bytes of a result, as JSON text, that the node above it carries as well.
SMALL_BYTES = 4096
# Those of all results that one node carries.
_NODE_BYTES = 64 * 1024
# A header has a hundred bytes for each 250 members, and a message.
_HEADER_BYTES = 4 * 1024 * 1024

# How long who finds that another one joined the group waits for the word that it is published.
_SENT_SECONDS = 2.0

# How often an object is looked at that is there when it is written, and gone when it is looked at.
_LOOKS = 3

Verdict: TypeAlias = Literal["joined", "failed", "cancelled"]
_OUTCOMES: Mapping[str, str] = {"joined": "done", "failed": "failed", "cancelled": "cancelled"}


class Place(NamedTuple):
    """A folder of a bucket."""

    bucket: str
    folder: str


@dataclass(frozen=True, slots=True)
class Outer:
    """What waits for a group: a chain whose result is kept, or a member of another group.

    Attributes:
        result_id: The id under which the outcome is written.
        place: Where it is written; a member's is where its group lies.
        group_id: The other group, or None for a chain that is no member.
        index: Which of its members waits.
        results: The results of the group, as JSON text, which that outcome holds where the
            group has no `then`.
    """

    result_id: str
    place: Place
    group_id: str | None = None
    index: int | None = None
    results: bytes = b"{}"


@dataclass(frozen=True, slots=True)
class Tally:
    """What a step has to know of its group.

    Attributes:
        group_id: The group's id, a UUID.
        place: Where its objects lie.
        size: How many members it has.
        family: How many leaves, or nodes, have one node above them.
        has_then: Whether a Task gets the results. It has the word then: `Outer` is only told
            where the group fails or is cancelled.
        outer: What waits for the group, also where it has a `then`.
    """

    group_id: str
    place: Place
    size: int
    family: int = FAMILY
    has_then: bool = False
    outer: Outer | None = None

    @classmethod
    def of(cls, group_id: str, place: Place, noted: Any) -> Self:
        """Return the tally that a group's header has, as `as_json` gave it.

        Args:
            group_id: The group's id.
            place: Where its header lies.
            noted: What stands there, as plain JSON.

        Raises:
            MalformedObjectError: It is no tally.
        """
        match noted:
            case {"size": int(size), "family": int(family), "then": bool(then), "outer": outer} if (
                size >= 0 and family > 1
            ):
                outer = None if outer is None else _outer_of(outer, group_id)
                return cls(group_id, place, size, family, then, outer)
        raise _no_tally(group_id, noted)

    def as_json(self) -> dict[str, Any]:
        """Return what a header has to say of it, as plain JSON."""
        outer = self.outer
        return {
            "size": self.size,
            "family": self.family,
            "then": self.has_then,
            "outer": outer
            and {
                "result_id": outer.result_id,
                "bucket": outer.place.bucket,
                "folder": outer.place.folder,
                "group_id": outer.group_id,
                "index": outer.index,
                "results": outer.results.decode(),
            },
        }

    def family_of(self, index: int) -> int:
        """Return the number of a member's family: its members' leaves go to one `join`."""
        return index // self.family

    def leaf_name(self, index: int) -> str:
        """Return the name of a member's outcome."""
        return f"{uuid5(UUID(self.group_id), str(index))}!done"

    def node_name(self, level: int, index: int) -> str:
        """Return the name of a node, or at level 0 of a leaf."""
        return f"{self.group_id}!node{level}-{index}" if level else self.leaf_name(index)

    @property
    def verdict_name(self) -> str:
        """The name of what came of the group: joined, failed or cancelled."""
        return f"{self.group_id}!done"

    @property
    def sent_name(self) -> str:
        """The name of the word that the join Task is published."""
        return f"{self.group_id}!sent"


@dataclass(frozen=True, slots=True)
class Seen:
    """An object that was found.

    Attributes:
        kind: Its kind, ``done`` where it names none.
        body: Its JSON text, where it was asked for and isn't longer than that.
    """

    kind: str
    body: bytes | None = None


@dataclass(frozen=True, slots=True)
class Find:
    """Look for objects, all at once: the answer is a tuple with a `Seen`, or None, for each name.

    Attributes:
        place: Where they are.
        names: Their names, such as ``ID!done``.
        most: The bytes of a body that is wanted; what is longer needn't be read.
    """

    place: Place
    names: tuple[str, ...]
    most: int = 0


@dataclass(frozen=True, slots=True)
class Create:
    """Write an object unless one is there: the answer is whether it is new.

    Attributes:
        place: Where to.
        name: Its name, such as ``ID!done``.
        body: Its JSON text.
        kind: What it says came of what it is named for.
        is_kept: Whether it notes that the result is kept.
    """

    place: Place
    name: str
    body: bytes = b"{}"
    kind: str = "done"
    is_kept: bool = False


@dataclass(frozen=True, slots=True)
class Await:
    """Look for an object until it is there: the answer is whether it came.

    Attributes:
        place: Where it should be.
        name: Its name.
        seconds: How long to look for it.
    """

    place: Place
    name: str
    seconds: float


@dataclass(frozen=True, slots=True)
class Publish:
    """Publish the Task that gets a group's results; the answer doesn't matter.

    Attributes:
        tally: That of the group.
    """

    tally: Tally


Request: TypeAlias = Find | Create | Await | Publish
#: A step asks, and is sent the answer. An error of what it asks for is thrown into it, and ends it.
Step: TypeAlias = Generator[Request, Any, None]


def join(tally: Tally, leaves: Mapping[int, bytes | None]) -> Step:
    """Join a group if all of its members are done.

    Args:
        tally: That of the group.
        leaves: Members whose leaves are stored, and done, by their index, all of one family,
            each with its result as JSON text where that is known. Only a group without
            members has none.

    Returns:
        The step. The members' messages may be acknowledged only when it is through.

    Raises:
        LedgerError: The group has no such member, or they aren't of one family; or an object
            is there whenever it is to be written, and gone whenever it is looked at.
        MissingObjectError, MalformedObjectError: The header of an outer group.
    """
    _check_members(tally, leaves)
    if (yield from _are_all_done(tally, leaves)):
        yield from _settle(tally, "joined")


def fail(tally: Tally) -> Step:
    """Have a group fail: the leaf of one of its members is stored, and isn't done.

    Returns:
        The step. The member's message may be acknowledged only when it is through.

    Raises:
        LedgerError, MissingObjectError, MalformedObjectError: As `join` does.
    """
    yield from _settle(tally, "failed")


def cancel(tally: Tally) -> Generator[Request, Any, bool]:
    """Cancel a group, unless it is too late.

    Returns:
        The step, which returns whether the group wasn't joined, failed or cancelled before.

    Raises:
        LedgerError, MissingObjectError, MalformedObjectError: As `join` does.
    """
    verdict, is_ours = yield from _decide(tally, "cancelled")
    # What a join asks for is up to who joined. Who failed or cancelled it before may have died
    # over the rest, so that whoever cancels it again does that.
    if verdict != "joined":
        yield from _follow(tally, verdict, is_ours=is_ours)
    return is_ours


def conclude(tally: Tally) -> Step:
    """Do what a verdict asks for, that a member found before it ran.

    Returns:
        The step. The member's message may be acknowledged only when it is through.

    Raises:
        LedgerError, MissingObjectError, MalformedObjectError: As `join` does, and where there
            is no verdict.
    """
    (seen,) = yield Find(tally.place, (tally.verdict_name,))
    if seen is None:
        raise _vanishing(tally.place, tally.verdict_name)
    yield from _follow(tally, _verdict_of(tally, seen.kind), is_ours=False)


def _are_all_done(
    tally: Tally, leaves: Mapping[int, bytes | None]
) -> Generator[Request, Any, bool]:
    """Go up from leaves as far as all of a family is there, and tell whether that is the root."""
    level, width, known = 0, tally.size, dict(leaves)
    while width > 1:
        parent = min(known) // tally.family
        first = parent * tally.family
        # Members are sent in order, so that the last one of a family is missing longest.
        others = [
            index
            for index in reversed(range(first, min(first + tally.family, width)))
            if index not in known
        ]
        found = yield from _found(tally, level, others)
        if found is None:
            return False
        text = b"{}" if level else _results_text({**known, **found})
        # Whoever wrote it, if it is there already, may have died since. So that says nothing.
        yield Create(tally.place, tally.node_name(level + 1, parent), text)
        level, width, known = level + 1, -(-width // tally.family), {parent: None}
    return True


def _found(
    tally: Tally, level: int, indices: Sequence[int]
) -> Generator[Request, Any, dict[int, bytes | None] | None]:
    """Look for nodes in windows that double, and return their texts, or None if one is missing."""
    found: dict[int, bytes | None] = {}
    while len(found) < len(indices):
        window = indices[len(found) : 2 * len(found) + 1]
        names = tuple(tally.node_name(level, index) for index in window)
        answer = yield Find(tally.place, names, 0 if level else SMALL_BYTES)
        for index, seen in zip(window, answer, strict=True):
            if seen is None or seen.kind != "done":
                return None
            found[index] = seen.body
    return found


def _results_text(leaves: Mapping[int, bytes | None]) -> bytes:
    """Return what the node above leaves holds: those of their results that are small."""
    parts: list[bytes] = []
    left = _NODE_BYTES
    for index in sorted(leaves):
        body = leaves[index]
        if body is not None and len(body) <= min(SMALL_BYTES, left):
            parts.append(b'"%d": %b' % (index, body))
            left -= len(body)
    return b'{"results": {%b}}' % b", ".join(parts)


def _settle(tally: Tally, wanted: Verdict) -> Step:
    verdict, is_ours = yield from _decide(tally, wanted)
    yield from _follow(tally, verdict, is_ours=is_ours)


def _decide(tally: Tally, wanted: Verdict) -> Generator[Request, Any, tuple[Verdict, bool]]:
    """Write a verdict if there is none: return the one that stands, and whether it is ours."""
    create = Create(tally.place, tally.verdict_name, _text_of(tally, wanted), wanted)
    kind, is_ours = yield from _created(create)
    return _verdict_of(tally, kind), is_ours


def _follow(tally: Tally, verdict: Verdict, *, is_ours: bool) -> Step:
    """Do what a verdict asks for, and so on outward."""
    behind = {tally.group_id}
    while True:
        if verdict == "joined" and tally.has_then:
            yield from _publish(tally, is_ours=is_ours)
            return
        outer = tally.outer
        if outer is None:
            return
        outcome = yield from _outer_outcome(outer, tally, verdict)
        if outer.group_id is None or outer.index is None:
            return
        if outer.group_id in behind:
            raise MalformedObjectError(
                f"the group {outer.group_id} waits for itself, by what the headers say of"
                f" {len(behind)} groups around one another: whoever sent that made up a membership"
            )
        behind.add(outer.group_id)
        tally = yield from _tally_of(outer.group_id, outer.place)
        leaves = {outer.index: outer.results}
        _check_members(tally, leaves)
        wanted: Verdict = "failed"
        if outcome == "done":
            if not (yield from _are_all_done(tally, leaves)):
                return
            wanted = "joined"
        verdict, is_ours = yield from _decide(tally, wanted)


def _publish(tally: Tally, *, is_ours: bool) -> Step:
    """Publish the join Task, unless another one did."""
    if not is_ours and (yield Await(tally.place, tally.sent_name, _SENT_SECONDS)):
        return
    yield Publish(tally)
    yield Create(tally.place, tally.sent_name)


def _outer_outcome(outer: Outer, tally: Tally, verdict: Verdict) -> Generator[Request, Any, str]:
    """Write what came of what waits for a group, and return the kind that stands."""
    text = outer.results if verdict == "joined" else _text_of(tally, verdict)
    name = f"{outer.result_id}!done"
    kind, _ = yield from _created(Create(outer.place, name, text, _OUTCOMES[verdict], is_kept=True))
    return kind


def _created(create: Create) -> Generator[Request, Any, tuple[str, bool]]:
    """Write an object if none is there: return the kind of what stands, and whether it is new."""
    for _ in range(_LOOKS):
        if (yield create):
            return create.kind, True
        (seen,) = yield Find(create.place, (create.name,))
        if seen is not None:
            return seen.kind, False
    raise _vanishing(create.place, create.name)


def _tally_of(group_id: str, place: Place) -> Generator[Request, Any, Tally]:
    name = f"{group_id}!header"
    (seen,) = yield Find(place, (name,), _HEADER_BYTES)
    if seen is None or seen.body is None:
        found = "nothing" if seen is None else f"more than {_HEADER_BYTES} bytes"
        raise LedgerError(
            f"there is {found} where the header of a group should be that a member of it waits to"
            f" join: {_shown(place, name)}. Look at the bucket's lifecycle rule, and for what else"
            " writes or removes objects there"
        )
    try:
        header = ajson.loads(seen.body, rebuild=False)
    except (MalformedJSONError, NestingError) as error:
        raise _no_tally(group_id, seen.body) from error
    return Tally.of(group_id, place, header.get("tally") if isinstance(header, dict) else header)


def _text_of(tally: Tally, verdict: Verdict) -> bytes:
    """Return what a verdict, or what it makes of an outcome, says in its body."""
    if verdict != "failed":
        return b"{}"
    failure = {
        "error": "GroupFailed",
        "reason": f"a member of the group {tally.group_id} was cancelled, expired or failed for"
        " good, so that it is never joined",
        "task_id": tally.group_id,
        "attempts": 0,
        "task_name": None,
    }
    return ajson.dumpb(failure)


def _verdict_of(tally: Tally, kind: str) -> Verdict:
    match kind:
        case "joined" | "failed" | "cancelled":
            return kind
    raise LedgerError(
        f"{_shown(tally.place, tally.verdict_name)} is of the kind {kind!r}, and what came of a"
        " group is joined, failed or cancelled: look for what else writes there"
    )


def _outer_of(noted: Any, group_id: str) -> Outer:
    match noted:
        case {
            "result_id": str(result_id),
            "bucket": str(bucket),
            "folder": str(folder),
            "group_id": (str() | None) as outer_group,
            "index": (int() | None) as index,
            "results": str(results),
        } if (outer_group is None) == (index is None):
            return Outer(result_id, Place(bucket, folder), outer_group, index, results.encode())
    raise _no_tally(group_id, noted)


def _check_members(tally: Tally, leaves: Mapping[int, object]) -> None:
    # A family that has nobody in it would be complete.
    if not all(0 <= index < tally.size for index in leaves) or (tally.size and not leaves):
        raise LedgerError(
            f"the group {tally.group_id} has {tally.size} members, and none of the indices"
            f" {sorted(leaves)}: whoever sent that made up a membership"
        )
    if len({tally.family_of(index) for index in leaves}) > 1:
        raise LedgerError(
            f"the members {sorted(leaves)} of the group {tally.group_id} aren't of one family of"
            f" {tally.family}: join those of each family by a step of their own"
        )


def _no_tally(group_id: str, noted: object) -> MalformedObjectError:
    return MalformedObjectError(
        f"what the header of the group {group_id} says of its members isn't what a header has:"
        f" {repr(noted)[:200]}. Look for what else writes there"
    )


def _vanishing(place: Place, name: str) -> LedgerError:
    return LedgerError(
        f"{_shown(place, name)} was there when it was looked for first, and is gone: look for what"
        " removes it, such as the bucket's lifecycle rule"
    )


def _shown(place: Place, name: str) -> str:
    return f"{place.bucket}#{place.folder}/{name}.json"
