"""Membership in a group: whose member a message's Task is, and where the group lies."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self
from uuid import UUID, uuid5

from ..errors import MalformedMessageError

#: The keyword argument by which a Task gets the results of a group.
RESULTS = "results"

#: The most members that a group may have.
MOST_MEMBERS = 10_000

_KEYS = ("id", "index", "bucket", "folder")


@dataclass(frozen=True, slots=True)
class Membership:
    """That a Task, or a chain, is a member of a group.

    Attributes:
        group_id: The group's id, a UUID.
        index: Its number in the group, from 0.
        bucket: The bucket in which the group lies.
        folder: The folder in it.
    """

    group_id: str
    index: int
    bucket: str
    folder: str

    @classmethod
    def of(cls, value: Any, where: str) -> Self:
        """Return the membership that a message tells of, in plain JSON.

        Raises:
            MalformedMessageError: It is none.
        """
        if type(value) is not dict or sorted(value) != sorted(_KEYS):
            raise MalformedMessageError(
                f"the group in {where} isn't an object of id, index, bucket and folder"
            )
        group_id, index, bucket, folder = (value[key] for key in _KEYS)
        if not (type(index) is int and 0 <= index < MOST_MEMBERS):
            raise MalformedMessageError(
                f"the index {str(index)[:40]!r} of the group in {where} is no number from 0 to"
                f" {MOST_MEMBERS - 1}"
            )
        if not all(isinstance(text, str) and text for text in (bucket, folder)):
            raise MalformedMessageError(f"the group in {where} has no bucket, or no folder")
        return cls(checked_uuid(group_id, f"the id of the group in {where}"), index, bucket, folder)

    @property
    def result_id(self) -> str:
        """The id under which the member's result stands."""
        return member_id(self.group_id, self.index)

    @property
    def of_group(self) -> Self:
        """What all members of the group have in common: the membership of the first."""
        return replace(self, index=0)

    @property
    def as_json(self) -> dict[str, Any]:
        """What messages have for it."""
        return {
            "id": self.group_id,
            "index": self.index,
            "bucket": self.bucket,
            "folder": self.folder,
        }


def member_id(group_id: str, index: int) -> str:
    """Return the id of a group's member, under which its result stands."""
    return str(uuid5(UUID(group_id), str(index)))


def first_task_id(result_id: str, task_name: str) -> str:
    """Return the id of the first Task of a chain whose result stands under an id of its own."""
    return str(uuid5(UUID(result_id), f"0#{task_name}"))


def checked_uuid(value: Any, what: str) -> str:
    """Return a UUID as text, spelt as UUIDs are.

    Raises:
        MalformedMessageError: It is none.
    """
    try:
        return str(UUID(value))
    except (TypeError, ValueError, AttributeError) as error:
        raise MalformedMessageError(f"{what} is {str(value)[:80]!r}, which is no UUID") from error
