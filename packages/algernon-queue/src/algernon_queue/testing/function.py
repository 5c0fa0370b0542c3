"""A Lambda function that works off queues, in the process itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any

from .client import REGION
from .lambda_context import ACCOUNT, LambdaContext
from .sqs import InMemorySQS, Queue
from .sqs_message import SQSMessage

logger = logging.getLogger("algernon_queue")

LambdaHandler = Callable[[Any, Any], Any]


class Function:
    """A Lambda function with event source mappings that have ``ReportBatchItemFailures``.

    Args:
        name: Its name.
        handler: What Lambda calls.
        timeout: How long an invocation may take, in seconds.
    """

    def __init__(self, name: str, handler: LambdaHandler, timeout: float) -> None:
        self._name = name
        self._arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{name}"
        self._handler = handler
        self._timeout = timeout

    def work_off(self, sqs: InMemorySQS, queue: Queue) -> int:
        """Take a batch out of a queue, and return how many messages it had.

        What is done is deleted. What isn't comes back when its time is over, and so does
        all of a batch if the handler raises.
        """
        messages = sqs.receive(queue)
        if messages:
            event = {"Records": [message.record(queue.arn) for message in messages]}
            try:
                answer = self._handler(event, self._context())
            except Exception:
                logger.exception("%s failed with a batch of %s", self._name, queue.name)
            else:
                sqs.delete(queue, _done(messages, answer))
        return len(messages)

    def _context(self) -> LambdaContext:
        return LambdaContext(self._name, self._arn, monotonic() + self._timeout)


def _done(messages: Sequence[SQSMessage], answer: Any) -> list[SQSMessage]:
    """Return the messages that a handler's answer leaves to be deleted.

    Source: AWS Lambda Developer Guide, "Handling errors for an SQS event source in Lambda",
    "Success and failure conditions".
    """
    failures = answer.get("batchItemFailures") if isinstance(answer, Mapping) else None
    if not failures:
        return [*messages]
    ids = [message.message_id for message in messages]
    staying = [
        failure.get("itemIdentifier") if isinstance(failure, Mapping) else None
        for failure in (failures if isinstance(failures, list) else [failures])
    ]
    if not all(each in ids for each in staying):
        return []
    return [message for message in messages if message.message_id not in staying]
