"""Sending on what the Tasks of a batch returned: to callbacks, and to state machines."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from algernon_serialize import SerializeError
from algernon_storage import Ledger, Outcome, StoredData

from .batch import Batch, Item
from .deadline import Deadline
from .listener import find_listeners
from .message import Message, OutgoingTask
from .parallel import in_parallel
from .publishing import Publication, publish, write_publication
from .state_machine import output_of, report_failure, report_success, stored_output


def report_failures(batch: Batch) -> None:
    """Tell the state machines that wait for Tasks that failed.

    Trying again is then the state machine's business, and not the queue's. A batch
    that another record keeps in the queue will run again, and tells nobody yet.
    """
    if batch.stays_whole and any(
        item.error is not None and not (item.task_token and item.has_failed) for item in batch.items
    ):
        return
    failed = [
        (item, item.task_token, item.error)
        for item in batch.items
        if item.task_token is not None and item.error is not None and item.has_failed
    ]
    reports = batch.do_in_parallel(lambda _, token, error: report_failure(token, error), failed)
    for item, _ in reports:
        item.is_settled = True


def record_results(batch: Batch, ledger: Ledger) -> None:
    """Note in the ledger what the Tasks returned, in parallel.

    This goes for a batch that stays whole too, so that none of them runs again.
    """
    done = [
        (item, message, item.claim)
        for item, message in batch.alive
        if item.claim is not None and item.outcome is None
    ]
    outcomes = in_parallel(
        lambda one: one[0].do(
            ledger.finish, one[2], _wanted_result(one[0], one[1]), ends_chain=one[0].ends_chain
        ),
        done,
    )
    for (item, _, _), outcome in zip(done, outcomes, strict=True):
        if isinstance(outcome, Outcome):
            item.outcome = outcome
            item.ends_chain = outcome.ends_chain
        else:
            if not isinstance(outcome, SerializeError):
                # It may be noted all the same: the claim is left to lapse.
                item.claim = None
            batch.fail(item, outcome)


def send_on(
    batch: Batch,
    deadline: Deadline,
    listeners: Mapping[str, str] | None,
    function_arn: str | None,
) -> None:
    """Store the results that go to a callback, and publish its message, in parallel."""
    parcels = [
        (item, next_task)
        for item, message in batch.leaving(batch.alive)
        if not item.ends_chain and (next_task := message.next_task) is not None
    ]
    addressed = _address(batch, parcels, listeners, function_arn)
    publications = batch.do_in_parallel(_publication, batch.leaving(addressed))
    leaving = batch.leaving(publications)
    for item, publication in publications:
        if (item, publication) in leaving:
            item.publication = publication
        else:
            publication.withdraw()
    _publish(batch, leaving, deadline)
    waited_for = [
        (item, item.task_token)
        for item, _ in batch.leaving(batch.alive)
        if item.task_token is not None
    ]
    batch.do_in_parallel(_report, waited_for)


def _address(
    batch: Batch,
    parcels: list[tuple[Item, OutgoingTask]],
    listeners: Mapping[str, str] | None,
    function_arn: str | None,
) -> list[tuple[Item, OutgoingTask, str]]:
    found = find_listeners({task.task_name for _, task in parcels}, listeners, function_arn)
    addressed = []
    for item, task in parcels:
        topic = found[task.task_name]
        if isinstance(topic, Exception):
            batch.fail(item, topic)
        else:
            addressed.append((item, task, topic))
    return addressed


def _publication(item: Item, task: OutgoingTask, topic: str) -> Publication:
    return write_publication(task, topic, partial(_message, item, task), item.record.group)


def _message(item: Item, task: OutgoingTask, room: int) -> str:
    if item.outcome is not None:
        return task.message(StoredData.at(item.outcome.pointer))
    if item.result is None:
        return task.message({})
    # The name is all that tells results apart: a Task that runs again finds its
    # first result in place, and its callback gets that one every time.
    stored = StoredData(task.task_id, item.result, full_unpack=True, timestamp="0")
    if stored.travels_inline:
        message = task.message(item.result)
        if len(message.encode()) <= room:
            return message
    stored.store(keep_existing=True)
    item.result_bytes = stored.size
    return task.message(stored)


def _publish(batch: Batch, parcels: list[tuple[Item, Publication]], deadline: Deadline) -> None:
    outcomes = publish(
        (publication for _, publication in parcels), seconds=deadline.seconds_to_wait()
    )
    for (item, _), error in zip(parcels, outcomes, strict=True):
        if error is not None:
            batch.fail(item, error)


def _report(item: Item, task_token: str) -> None:
    try:
        output = _output(item)
    except SerializeError as error:
        report_failure(task_token, error)
    else:
        report_success(task_token, output)


def _output(item: Item) -> str:
    if item.outcome is not None and item.is_duplicate:
        return stored_output(item.outcome.pointer)
    return output_of(item.given_result)


def _wanted_result(item: Item, message: Message) -> Any:
    # What nobody gets may be anything, and isn't looked at.
    is_wanted = item.ends_chain or message.next_task is not None or item.task_token is not None
    return item.given_result if is_wanted else {}
