"""Sending on what the Tasks of a batch returned: to callbacks, and to state machines."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from algernon_serialize import ajson
from algernon_storage import Document, Ledger, Outcome, S3Ledger, StoredData

from .batch import Batch, Item
from .deadline import Deadline
from .listener import find_listeners
from .message import OutgoingTask
from .parallel import in_parallel
from .publishing import Publication, publish, write_publication
from .sender import Sender
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
        if item.task_token is not None
        and item.error is not None
        and item.has_failed
        and not item.is_settled
    ]
    reports = batch.do_in_parallel(lambda _, token, error: report_failure(token, error), failed)
    for item, _ in reports:
        item.is_settled = True


def store_parts(batch: Batch, ledger: Ledger | None) -> None:
    """Store the stored data in what the Tasks returned, in parallel.

    With a ledger this goes for a batch that stays whole too, as `record_results` does.
    """
    alive = batch.alive if ledger is not None else batch.leaving(batch.alive)
    parts = [(item, upload) for item, _ in alive for upload in item.uploads]
    batch.do_in_parallel(lambda _, upload: upload.store(), parts)


def record_results(batch: Batch, ledger: Ledger) -> None:
    """Note in the ledger what the Tasks returned, in parallel.

    This goes for a batch that stays whole too, so that none of them runs again.
    """
    finish = _finishing(ledger)
    done = [
        (item, item.claim)
        for item, _ in batch.alive
        if item.claim is not None and item.outcome is None
    ]
    outcomes = in_parallel(
        lambda one: one[0].do(finish, one[1], one[0].given_result, ends_chain=one[0].ends_chain),
        done,
    )
    for (item, _), outcome in zip(done, outcomes, strict=True):
        if isinstance(outcome, Outcome):
            item.outcome = outcome
            item.ends_chain = outcome.ends_chain
        else:
            # It may be noted all the same: the claim is left to lapse.
            item.claim = None
            batch.fail(item, outcome)


def _finishing(ledger: Ledger) -> Callable[..., Outcome]:
    """Return what finishes a Task of which there is a document."""
    if isinstance(ledger, S3Ledger) and type(ledger).finish is S3Ledger.finish:
        return ledger.finish

    def finish(claim: Any, document: Document, *, ends_chain: bool) -> Outcome:
        # A ledger of somebody's own gets plain JSON, which `ajson` writes as it stands.
        result = ajson.loads(document.data, rebuild=False)
        return ledger.finish(claim, result, ends_chain=ends_chain)

    return finish


def send_on(batch: Batch, deadline: Deadline, sender: Sender) -> None:
    """Store the results that go to a callback, and publish its message, in parallel."""
    parcels = [
        (item, next_task)
        for item, message in batch.leaving(batch.alive)
        if not item.ends_chain and (next_task := message.next_task) is not None
    ]
    addressed = _address(batch, parcels, sender)
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
    batch: Batch, parcels: list[tuple[Item, OutgoingTask]], sender: Sender
) -> list[tuple[Item, OutgoingTask, str]]:
    task_names = {task.task_name for _, task in parcels}
    found = find_listeners(task_names, sender.listeners, sender.function_arn)
    addressed = []
    for item, task in parcels:
        topic = found[task.task_name]
        if isinstance(topic, Exception):
            batch.fail(item, topic)
        else:
            addressed.append((item, task, topic))
    return addressed


def _publication(item: Item, task: OutgoingTask, topic: str) -> Publication:
    write = partial(_message, item, task)
    return write_publication(task, topic, write, item.record.group, is_callback=True)


def _message(item: Item, task: OutgoingTask, room: int) -> str:
    if item.outcome is not None:
        return task.message(ajson.dumps(StoredData.at(item.outcome.pointer)))
    if item.document is None:
        return task.message("{}")
    # The name is all that tells results apart: a Task that runs again finds its
    # first result in place, and its callback gets that one every time.
    stored = StoredData.of(task.task_id, item.document, timestamp="0")
    if stored.travels_inline:
        message = task.message(item.document.data.decode())
        if len(message.encode()) <= room:
            return message
    stored.store(keep_existing=True)
    item.result_bytes = stored.size
    return task.message(ajson.dumps(stored))


def _publish(batch: Batch, parcels: list[tuple[Item, Publication]], deadline: Deadline) -> None:
    outcomes = publish(
        (publication for _, publication in parcels), seconds=deadline.seconds_to_wait()
    )
    for (item, _), error in zip(parcels, outcomes, strict=True):
        if error is not None:
            batch.fail(item, error)


def _report(item: Item, task_token: str) -> None:
    report_success(task_token, _output(item))


def _output(item: Item) -> str:
    if item.outcome is not None and item.is_duplicate:
        return stored_output(item.outcome.pointer)
    return output_of(item.given_result)
