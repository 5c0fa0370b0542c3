"""Groups whose members a batch has: what came of them, and joining them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import partial
from typing import Any

from algernon_storage import MalformedObjectError, MissingObjectError
from algernon_storage.tally import Place, Step, Tally, conclude, join
from algernon_storage.tally import fail as fail_group

from .._aws.clock import now
from .._aws.joins import publish_join, run_steps
from .._aws.manifests import objects_at, read_header
from .._wire.manifest import Header
from .._wire.membership import Membership
from ..errors import GroupOverError, MalformedMessageError
from ..settings import number_of
from .batch import Batch
from .delivery import Attempt, going
from .failures import fail
from .lookup import Lookup

# A day before its objects are removed, a group is given up.
_DAY = 86_400


class Groups:
    """The groups of a batch's members.

    Args:
        batch: The batch.
        attempts: Its attempts.
    """

    def __init__(self, batch: Batch, attempts: list[Attempt]) -> None:
        self._batch = batch
        self._headers: dict[Membership, Header | Exception] = {}
        self._verdicts: dict[Membership, Any] = {}
        self._ids: dict[Attempt, Membership] = {}
        for attempt in attempts:
            if (membership := attempt.message.membership) is not None:
                self._ids[attempt] = membership.of_group
        self._groups = dict.fromkeys(self._ids.values())

    @property
    def lookups(self) -> list[Lookup]:
        """What is to be looked up: of each group its header, and its verdict."""
        lookups = []
        for group in self._groups:
            header = partial(read_header, _place(group), group.group_id)
            lookups.append(Lookup(header, partial(self._headers.__setitem__, group)))
            verdict = partial(_verdict, group)
            lookups.append(Lookup(verdict, partial(self._verdicts.__setitem__, group)))
        return lookups

    def check_members(self, attempts: list[Attempt]) -> None:
        """Refuse members of groups that can't be joined, and skip those of decided ones."""
        for attempt in going(attempts):
            group = self._ids.get(attempt)
            if group is None:
                continue
            problem = self._problem(attempt, group)
            if problem is not None:
                is_permanent = isinstance(problem, MalformedObjectError)
                fail(self._batch, attempt, problem, is_permanent=is_permanent)
            elif self._verdicts[group] is not None:
                attempt.skipped = "joined" if self._verdicts[group] == "joined" else "cancelled"
                attempt.leave(attempt.outcome)

    def _problem(self, attempt: Attempt, group: Membership) -> Exception | None:
        header = self._headers[group]
        if isinstance(header, MissingObjectError):
            error: Exception = GroupOverError(
                f"the Task is a member of the group {group.group_id}, which can't be joined any"
                f" more: {header}"
            )
            error.__cause__ = header
            return error
        if isinstance(header, Exception):
            return header
        membership = attempt.message.membership
        if membership is not None and membership.index >= header.tally.size:
            return MalformedMessageError(
                f"the message for {attempt.message.task_name!r} says that it is number"
                f" {membership.index} of the group {group.group_id}, which has"
                f" {header.tally.size} members"
            )
        verdict = self._verdicts[group]
        if isinstance(verdict, Exception):
            return verdict
        return None if verdict is not None else _end_of(header)

    def answer(self, attempts: list[Attempt]) -> None:
        """Join the groups all of whose members are done, and do what else their verdicts ask.

        The leaves of the batch's own members are stored.
        """
        members: dict[Membership, list[Attempt]] = defaultdict(list)
        for attempt in going(attempts):
            if (group := self._ids.get(attempt)) is not None:
                members[group].append(attempt)
        asked: list[tuple[Step, list[Attempt]]] = []
        for group, of_group in members.items():
            header = self._headers[group]
            if not isinstance(header, Exception):
                asked += _steps(header.tally, of_group)
        headers = {group.group_id: header for group, header in self._headers.items()}
        answers = run_steps([step for step, _ in asked], partial(self._publish, headers))
        for (_, waiting), answer in zip(asked, answers, strict=True):
            if isinstance(answer, Exception):
                for attempt in waiting:
                    fail(self._batch, attempt, answer)

    def _publish(self, headers: Mapping[str, Header | Exception], tally: Tally) -> None:
        header = headers.get(tally.group_id)
        publish_join(
            tally,
            listeners=self._batch.listeners,
            header=header if isinstance(header, Header) else None,
            seconds=self._batch.deadline.seconds_to_wait(),
        )


def _steps(tally: Tally, members: list[Attempt]) -> list[tuple[Step, list[Attempt]]]:
    """Return what is to be done for members of one group, each with those that wait for it."""
    late = [each for each in members if each.is_too_late_for_group]
    lost: list[Attempt] = []
    families: dict[int, dict[int, Attempt]] = defaultdict(dict)
    done: dict[int, list[Attempt]] = defaultdict(list)
    for attempt in members:
        membership = attempt.message.membership
        if attempt.kept is None or membership is None:
            continue  # another Task of its chain is still to come
        if attempt.kept.kind == "done":
            family = tally.family_of(membership.index)
            families[family][membership.index] = attempt
            done[family].append(attempt)
        else:
            lost.append(attempt)
    steps: list[tuple[Step, list[Attempt]]] = []
    if late:
        steps.append((conclude(tally), late))
    if lost:
        steps.append((fail_group(tally), lost))
    for family, leaves in families.items():
        texts = {index: attempt.kept_text for index, attempt in leaves.items()}
        steps.append((join(tally, texts), done[family]))
    return steps


def _place(group: Membership) -> Place:
    return Place(group.bucket, group.folder)


def _verdict(group: Membership) -> str | None:
    found = objects_at(_place(group)).find(f"{group.group_id}!done", most=1)
    return None if found is None else found.kind


def _end_of(header: Header) -> GroupOverError | None:
    days = _cache_days()
    if days == 0 or now() < header.made_at + (days - 1) * _DAY:
        return None
    return GroupOverError(
        f"the Task is a member of the group {header.tally.group_id}, whose objects the bucket"
        f" removes within a day, {days} days after they were written (ALGERNON_CACHE_DAYS): it"
        " can't be relied on to be joined any more, so that nothing is run for it; send the group"
        " anew"
    )


def _cache_days() -> int:
    meaning = "for how many days the worker's bucket keeps objects, such as 14"
    return number_of("ALGERNON_CACHE_DAYS", 0, meaning)
