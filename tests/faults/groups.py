"""What groups are sent: of many sizes, with members of many kinds, some of which fail at first."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal
from uuid import UUID, uuid5

from .settings import Settings

#: The object without which a frail Task fails.
CURE = "cured"

# How many of the largest there are.
_LARGE = 10
_SMALL = (0, 1, 2, 3, 5, 8, 13, 21, 31, 32, 33, 34, 64, 65)

#: How a member comes to its result: under a ledger, without one, in a chain of both, by a
#: group that it returns, with a Task that gets that one's results or without, or, once it is
#: cured, after all.
Kind = Literal["kept", "free", "chain", "branch", "bare branch", "frail", "frail chain"]

# Those that don't fail, and how many of a hundred there are.
_KINDS: dict[Kind, int] = {"kept": 60, "free": 20, "chain": 12, "branch": 4, "bare branch": 4}
_SENT_TWICE = 0.1


@dataclass(frozen=True, slots=True)
class Member:
    """A member of a group.

    Attributes:
        kind: How it comes to its result.
        index: Its number in the group.
        value: What it begins with.
        inner: The members of the group that it returns.
    """

    kind: Kind
    index: int
    value: int
    inner: tuple[Member, ...] = ()

    @property
    def result(self) -> Any:
        """What comes of it: a list where it is the results of a group."""
        inner = [member.result for member in self.inner]
        match self.kind:
            case "branch":
                return {"index": self.index, "value": sum(one["value"] for one in inner)}
            case "bare branch":
                return inner
            case "chain" | "frail chain":
                return {"index": self.index, "value": self.value + 2}
            case _:
                return {"index": self.index, "value": self.value + 1}

    @property
    def is_held(self) -> bool:
        """Whether it fails until it is cured."""
        return self.kind in ("frail", "frail chain") or any(one.is_held for one in self.inner)

    @property
    def count(self) -> int:
        """How many members there are, with those of the group that it returns."""
        return 1 + sum(one.count for one in self.inner)


@dataclass(frozen=True, slots=True)
class SentGroup:
    """A group that is sent, by its number.

    Attributes:
        name: Its name, in the keys of what it leaves in the bucket.
        task_id: The id of the Task that returns it.
        members: Its members.
        has_then: Whether the Task that gets the results is the group's own, and not the
            callback of the Task that returns it.
    """

    name: str
    task_id: str
    members: tuple[Member, ...]
    has_then: bool

    @property
    def group_id(self) -> str:
        """Its id."""
        return str(uuid5(UUID(self.task_id), "group"))

    @property
    def end(self) -> list[Any]:
        """What its join Task is to get, and to write."""
        return [member.result for member in self.members]

    @property
    def is_held(self) -> bool:
        """Whether it waits for members that fail until they are cured."""
        return any(member.is_held for member in self.members)

    @property
    def size(self) -> int:
        """How many members there are, with those of inner groups."""
        return sum(member.count for member in self.members)

    @property
    def joined(self) -> list[Joined]:
        """It, and the groups that its members return."""
        return [*Joined(self.group_id, self.members, has_join_task=True).with_inner()]

    @property
    def message(self) -> str:
        """The message of the Task that returns it."""
        steps = {"0": {"kwargs": {"name": self.name}}}
        message = {
            "task_name": "split",
            "task_kwargs": {"number": int(self.name)},
            "callback": None if self.has_then else {"chain": "summary", "steps": steps},
            "task_id": self.task_id,
        }
        return json.dumps(message)


def make_groups(settings: Settings, members: int) -> list[SentGroup]:
    """Return the groups of a run: ten large ones, and small ones up to so many members."""
    groups: list[SentGroup] = []
    while members > 0:
        groups.append(make_group(settings, len(groups)))
        members -= groups[-1].size
    return groups


def make_group(settings: Settings, number: int) -> SentGroup:
    """Return a group of a run, by its number."""
    chances = settings.chances("group", number)
    size = settings.largest_group if number < _LARGE else _SMALL[number % len(_SMALL)]
    task_id = str(UUID(int=chances.getrandbits(128), version=4))
    members = tuple(_member(settings, (number, index), index) for index in range(size))
    return SentGroup(f"{number:04}", task_id, members, chances.random() < 0.5)


def _member(settings: Settings, path: tuple[int, ...], index: int) -> Member:
    chances = settings.chances("member", *path)
    value = chances.randrange(1_000_000)
    kind: Kind
    if chances.random() < settings.frail_chance:
        kind = chances.choice(("frail", "frail chain"))
    else:
        (kind,) = chances.choices([*_KINDS], [*_KINDS.values()])
    if kind not in ("branch", "bare branch"):
        return Member(kind, index, value)
    if len(path) > 2:
        return Member("kept", index, value)
    inner = [_member(settings, (*path, n), n) for n in range(chances.randrange(5))]
    return Member(kind, index, value, tuple(inner))


@dataclass(frozen=True, slots=True)
class Joined:
    """A group that is to be joined: one that is sent, or one that a member returns.

    Attributes:
        group_id: Its id.
        members: Its members.
        has_join_task: Whether a Task gets its results.
    """

    group_id: str
    members: tuple[Member, ...]
    has_join_task: bool

    @property
    def join_id(self) -> str:
        """The id of the Task that gets its results."""
        return str(uuid5(UUID(self.group_id), "then"))

    @property
    def leaf_ids(self) -> list[str]:
        """The ids of its members' outcomes."""
        return [str(uuid5(UUID(self.group_id), str(one.index))) for one in self.members]

    @property
    def task_ids(self) -> Iterator[str]:
        """The ids of its Tasks that are under a ledger, and never fail."""
        for leaf, member in zip(self.leaf_ids, self.members, strict=True):
            match member.kind:
                case "kept" | "branch" | "bare branch":
                    yield leaf
                case "chain":
                    yield str(uuid5(UUID(leaf), "0#measure"))
        if self.has_join_task:
            yield self.join_id

    def with_inner(self) -> Iterator[Joined]:
        """Give it, and the groups that its members return."""
        yield self
        for leaf, member in zip(self.leaf_ids, self.members, strict=True):
            if member.kind in ("branch", "bare branch"):
                group_id = str(uuid5(UUID(leaf), "group"))
                yield from Joined(group_id, member.inner, member.kind == "branch").with_inner()


def batches(groups: Sequence[SentGroup], settings: Settings) -> Iterator[list[str]]:
    """Give the messages in the order in which they are sent, up to ten at a time."""
    chances = settings.chances("order of groups")
    messages = [group.message for group in groups]
    messages += [one for one in messages if chances.random() < _SENT_TWICE]
    chances.shuffle(messages)
    left = iter(messages)
    while batch := [*islice(left, 10)]:
        yield batch
