"""Groups that the Tasks of a batch returned: their members are sent, in place of a result."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid5

from algernon_storage import Objects
from algernon_storage.tally import Place

from .._aws.groups import Prepared, begin, resume, write_down
from ..errors import UnrunTaskError
from ..group import Group, prepare
from .batch import Batch
from .delivery import Attempt, going
from .failures import fail


def expand_groups(batch: Batch, attempts: list[Attempt]) -> None:
    """Send the members of the groups that Tasks returned.

    A Task that comes again doesn't run again then: the members that were written down the
    first time are sent again. Under a ledger that goes for a batch that stays whole too, of
    which nothing is sent yet.
    """
    for attempt in going(attempts):
        if attempt.expansion is None:
            continue
        may_send = batch.may_send
        try:
            attempt.do(_expand if may_send else _note, batch, attempt)
        except Exception as error:  # noqa: BLE001 - it is the failure of this record alone
            fail(batch, attempt, error)
        if not may_send:
            attempt.leave()


def prepared(attempt: Attempt, group: Group[Any], *, ends_chain: bool) -> Prepared:
    """Return a group that a Task returned, as it is sent, whatever becomes of it from now on.

    Raises:
        UnrunTaskError: A state machine waits for the Task, and gets what it returns itself.
        TaskArgumentsError: There is no room for constants.
        algernon_serialize.UnserializableError: `ajson` can't send some of it.
        algernon_storage.MissingBucketError: No bucket is named.
    """
    message = attempt.message
    if attempt.task_token is not None:
        raise UnrunTaskError(
            f"the Task {message.task_name!r} returned a Group, and a state machine waits for its"
            " result: send the Group, or have the state machine map"
        )
    return prepare(
        group,
        group_id=str(uuid5(UUID(message.task_id), "group")),
        message=message,
        message_group=attempt.record.group,
        ends_chain=ends_chain,
    )


def _expand(batch: Batch, attempt: Attempt) -> None:
    group, seconds = attempt.expansion, batch.deadline.seconds_to_wait()
    if isinstance(group, str):
        own = Objects()
        resume(Place(own.bucket, own.folder), group, batch.listeners, seconds=seconds)
    elif group is not None:
        begin(group, batch.listeners, seconds=seconds)
        _note_in_ledger(batch, attempt, group)


def _note(batch: Batch, attempt: Attempt) -> None:
    """Have a Task whose group can't be sent now not run again, if a ledger knows it."""
    group, ledger = attempt.expansion, batch.worker.ledger_of(attempt.message)
    if isinstance(group, Prepared) and ledger is not None:
        write_down(group, batch.listeners)
        _note_in_ledger(batch, attempt, group)


def _note_in_ledger(batch: Batch, attempt: Attempt, group: Prepared) -> None:
    ledger = batch.worker.ledger_of(attempt.message)
    if ledger is not None and attempt.claim is not None:
        ledger.expand(attempt.claim, group.header.tally.group_id)
