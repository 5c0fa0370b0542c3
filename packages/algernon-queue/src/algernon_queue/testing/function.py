"""A Lambda function that works off queues, in the process itself."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from time import monotonic
from typing import Any
from uuid import uuid4

from .client import ACCOUNT, REGION
from .sqs import InMemorySQS, Message, Queue

logger = logging.getLogger("algernon_queue")

LambdaHandler = Callable[[Any, Any], Any]


class FunctionContext:
    """What Lambda tells a function of itself and of an invocation.

    Source: AWS Lambda Developer Guide, "Using the Lambda context object to retrieve Python
    function information".

    Args:
        function_name: The function's name.
        seconds: How long the invocation may take from now on.
    """

    function_version = "$LATEST"
    memory_limit_in_mb = "256"
    identity = None
    client_context = None

    def __init__(self, function_name: str, seconds: float) -> None:
        self.function_name = function_name
        self.invoked_function_arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{function_name}"
        self.aws_request_id = str(uuid4())
        self.log_group_name = f"/aws/lambda/{function_name}"
        self.log_stream_name = "in-memory"
        self._end = monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the invocation may still take."""
        return max(0, int((self._end - monotonic()) * 1000))


class Function:
    """A Lambda function with event source mappings that have ``ReportBatchItemFailures``.

    Args:
        name: Its name.
        handler: What Lambda calls.
        timeout: How long an invocation may take, in seconds.
    """

    def __init__(self, name: str, handler: LambdaHandler, timeout: float) -> None:
        self._name = name
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
                answer = self._handler(event, FunctionContext(self._name, self._timeout))
            except Exception:
                logger.exception("%s failed with a batch of %s", self._name, queue.name)
            else:
                sqs.delete(queue, _done(messages, answer))
        return len(messages)


def _done(messages: Sequence[Message], answer: Any) -> list[Message]:
    """Return the messages that a handler's answer leaves to be deleted.

    Source: AWS Lambda Developer Guide, "Handling errors for an SQS event source in Lambda",
    "Success and failure conditions".
    """
    failures = answer.get("batchItemFailures") if isinstance(answer, Mapping) else None
    if not failures:
        return [*messages]
    staying = {
        failure.get("itemIdentifier") if isinstance(failure, Mapping) else None
        for failure in failures
    }
    if not staying <= {message.message_id for message in messages}:
        return []
    return [message for message in messages if message.message_id not in staying]
