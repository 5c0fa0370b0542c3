"""Sending on what the Tasks of a batch returned: to callbacks, and to state machines."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from algernon_serialize import ajson
from algernon_storage import StoredData

from .._aws.parallel import in_parallel
from .._aws.step_functions import output_of, report_success, stored_output
from .._aws.topics import MessageText, Publication, publish
from .._wire.message import OutgoingTask
from .batch import Batch
from .delivery import Attempt, Delivery, going
from .failures import fail
from .redelivery import leave_to_state_machine

if TYPE_CHECKING:
    from .groups import Groups

D = TypeVar("D", bound=Delivery)


def report_failures(batch: Batch) -> None:
    """Tell the state machines that wait for Tasks that failed.

    Trying again is then the state machine's business, and not the queue's. A batch
    that another record keeps in the queue will run again, and tells nobody yet.
    """
    staying = [each for each in batch.deliveries if each.stays]
    waited_for = [each for each in staying if each.has_failed and each.task_token is not None]
    if not batch.stays_whole or len(waited_for) == len(staying):
        _do_in_parallel(batch, leave_to_state_machine, waited_for)


def store_parts(batch: Batch, attempts: list[Attempt]) -> None:
    """Store the stored data in what the Tasks returned, in parallel.

    With a ledger this goes for a batch that stays whole too, as `finish_claims` does.
    """
    if batch.worker.ledger is None and not batch.may_send:
        return
    parts = [
        (attempt, upload)
        for attempt in going(attempts)
        if attempt.result is not None
        for upload in attempt.result.uploads
    ]
    answers = in_parallel(lambda part: part[0].do(part[1].store), parts)
    for (attempt, _), answer in zip(parts, answers, strict=True):
        if isinstance(answer, Exception):
            fail(batch, attempt, answer)


def send_on(batch: Batch, attempts: list[Attempt], groups: Groups | None) -> None:
    """Send on what Tasks returned to whoever gets it: callbacks, groups, state machines."""
    if any(attempt.expansion is not None for attempt in attempts):
        # What few cold starts need.
        from .expansions import expand_groups

        expand_groups(batch, attempts)
    _publish_to_callbacks(batch, attempts)
    if groups is not None and batch.may_send:
        groups.answer(attempts)
    _report_successes(batch, attempts)


def _publish_to_callbacks(batch: Batch, attempts: list[Attempt]) -> None:
    """Store the results that go to a callback, and publish the messages for it."""
    addressed = _address(batch, attempts) if batch.may_send else []
    if not (addressed and batch.may_send):
        return
    _do_in_parallel(batch, _write, addressed)
    may_send = batch.may_send
    sending: list[Attempt] = []
    publications: list[Publication] = []
    for attempt in addressed:
        publication = attempt.publication
        if publication is None:
            continue
        if may_send and attempt.failure is None:
            sending.append(attempt)
            publications.append(publication)
        else:
            publication.withdraw()
    errors = publish(publications, seconds=batch.deadline.seconds_to_wait())
    for attempt, error in zip(sending, errors, strict=True):
        if error is not None:
            fail(batch, attempt, error)


def _report_successes(batch: Batch, attempts: list[Attempt]) -> None:
    """Tell the state machines that wait for Tasks what these returned."""
    waited_for = [attempt for attempt in going(attempts) if attempt.task_token is not None]
    if waited_for and batch.may_send:
        _do_in_parallel(batch, _report_success, waited_for)


def _do_in_parallel(batch: Batch, function: Callable[[D], None], deliveries: list[D]) -> None:
    answers = in_parallel(lambda delivery: delivery.do(function, delivery), deliveries)
    for delivery, answer in zip(deliveries, answers, strict=True):
        if isinstance(answer, Exception):
            fail(batch, delivery, answer)


def _address(batch: Batch, attempts: list[Attempt]) -> list[Attempt]:
    """Find the topics of callbacks, and return the attempts whose results go to one."""
    next_tasks = {
        attempt: next_task
        for attempt in going(attempts)
        if (next_task := attempt.message.next_task) is not None and not attempt.ends_chain
    }
    if not next_tasks:
        return []
    topics = batch.listeners.find(task.task_name for task in next_tasks.values())
    for attempt, task in next_tasks.items():
        topic = topics[task.task_name]
        if isinstance(topic, Exception):
            fail(batch, attempt, topic)
        else:
            attempt.publication = Publication(task, topic, attempt.record.group, is_callback=True)
    return [attempt for attempt in next_tasks if attempt.failure is None]


def _write(attempt: Attempt) -> None:
    if attempt.publication is not None:
        write = partial(_message, attempt, attempt.publication.task)
        attempt.publication = attempt.publication.written(write)


def _message(attempt: Attempt, task: OutgoingTask, room: int) -> MessageText:
    if attempt.outcome is not None:
        return MessageText(task.message(ajson.dumps(StoredData.at(attempt.outcome.pointer))))
    document = None if attempt.result is None else attempt.result.document
    if document is None:
        return MessageText(task.message("{}"))
    # The name is all that tells results apart: a Task that runs again finds its
    # first result in place, and its callback gets that one every time.
    stored = StoredData.of(task.task_id, document, timestamp="0")
    if stored.travels_inline:
        text = task.message(document.data.decode())
        if len(text.encode()) <= room:
            return MessageText(text)
    stored.store(keep_existing=True)
    return MessageText(task.message(ajson.dumps(stored)), stored.size)


def _report_success(attempt: Attempt) -> None:
    if attempt.task_token is not None:
        report_success(attempt.task_token, _output(attempt))


def _output(attempt: Attempt) -> str:
    if attempt.outcome is not None and attempt.is_duplicate:
        return stored_output(attempt.outcome.pointer)
    return output_of(attempt.document)
