"""The Lambda handler of a queue's batches, step by step."""

from __future__ import annotations

from typing import Any

from .._aws.cold_start import make_clients
from ..errors import BatchFailedError
from .batch import Batch
from .callbacks import report_failures, send_on, store_parts
from .claims import finish_claims, release_claims
from .kept_results import keep_results
from .known import groups_of
from .options import Options
from .outcomes import tell_outcomes
from .reading import add_constants, fetch_and_claim, read_batch
from .redelivery import hand_back
from .running import run_batch
from .worker import Tasks, Worker


class BatchHandler:
    """Works off the batches of an SQS queue.

    Args:
        tasks: The Tasks that it runs.
        options: How.
        context: The dict that handlers get, whose contents live as long as the process.

    Attributes:
        worker: What its batches share.
    """

    def __init__(self, tasks: Tasks, options: Options, context: dict[str, Any]) -> None:
        self.worker = Worker(tasks, options, context)
        make_clients(options.listeners, options.once)

    def handle(self, event: Any, aws_context: Any) -> dict[str, Any]:
        """Work off one batch, and return what Lambda is to leave in the queue.

        Raises:
            NotAnSQSEventError: The event isn't one of an SQS queue.
            SettingError: An environment variable has a value that means nothing.
            BatchFailedError: Records failed, and the whole batch stays in the queue.
        """
        batch = Batch(aws_context, self.worker)
        all_stay = True  # if something ends the process
        try:
            attempts = read_batch(batch, event)
            groups = groups_of(batch, attempts)
            fetch_and_claim(batch, attempts, groups)
            add_constants(batch, attempts)
            run_batch(batch, attempts)
            if not batch.is_well:
                report_failures(batch)
            store_parts(batch, attempts)
            finish_claims(batch, attempts)
            keep_results(batch, attempts)
            send_on(batch, attempts, groups)
            release_claims(batch, attempts)
            if not batch.is_well and not batch.stays_whole:
                hand_back(batch)
            failures = batch.failures
            all_stay = batch.stays_whole and bool(failures)
        finally:
            tell_outcomes(batch, all_stay=all_stay)
        if all_stay:
            raise BatchFailedError(failures, len(batch.deliveries))
        return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failures]}
