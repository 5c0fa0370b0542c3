"""Dead letters: reading them where they are, and moving them back to their queue."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from algernon_queue.dead_letter import DeadLetter

# So long nobody else gets what was taken, if this process dies before it gives it back.
_HELD_SECONDS = 300
# Amazon SQS Developer Guide, "Amazon SQS short and long polling": only a receive that waits
# asks all of SQS's servers.
_WAIT_SECONDS = 1
# Amazon SQS API Reference, ReceiveMessage and ChangeMessageVisibilityBatch: messages a call.
_MOST_A_CALL = 10


def read_dead_letters(sqs: Any, dead_letter_queue_url: str, task: str) -> list[DeadLetter]:
    """Return what is in a dead-letter queue, and leave it there.

    Meanwhile nobody else gets it, and what somebody else has in hand isn't among it. Of a
    message group of a FIFO queue, SQS gives out the first ten.

    Args:
        sqs: A boto3 client for SQS.
        dead_letter_queue_url: The dead-letter queue.
        task: The Task whose messages end there.

    Raises:
        botocore.exceptions.ClientError: SQS refused a call, such as for one of the rights
            ``sqs:ChangeMessageVisibility``, ``sqs:GetQueueAttributes`` and
            ``sqs:ReceiveMessage``.

    Example:
        >>> read_dead_letters(sqs, url, "charge")  # doctest: +SKIP
        [DeadLetter(task='charge', error='ConnectionError', …)]
    """
    with _taken(sqs, dead_letter_queue_url) as messages:
        return [DeadLetter.of(record_of(message), task) for message in messages]


def redrive(sqs: Any, dead_letter_queue_url: str, queue_url: str) -> int:
    """Move what is in a dead-letter queue back to its queue, and return how many that were.

    Each goes with all of its attributes, as SQS's own redrive would move it (Amazon SQS API
    Reference, StartMessageMoveTask): by these a worker knows the Task's id again. It is
    deleted only after the queue has it, so that what is interrupted loses none.

    Args:
        sqs: A boto3 client for SQS.
        dead_letter_queue_url: The dead-letter queue.
        queue_url: The queue that they go to.

    Raises:
        botocore.exceptions.ClientError: SQS refused a call, such as for one of the rights of
            `read_dead_letters`, ``sqs:DeleteMessage``, or ``sqs:SendMessage`` to the queue.

    Example:
        >>> redrive(sqs, dead_letter_url, url)  # doctest: +SKIP
        3
    """
    with _taken(sqs, dead_letter_queue_url) as messages:
        count = len(messages)
        while messages:
            sqs.send_message(QueueUrl=queue_url, **_as_sent(messages[0], queue_url))
            handle = messages[0]["ReceiptHandle"]
            sqs.delete_message(QueueUrl=dead_letter_queue_url, ReceiptHandle=handle)
            messages.popleft()
    return count


@contextmanager
def _taken(sqs: Any, queue_url: str) -> Iterator[deque[dict[str, Any]]]:
    """Take all messages of a queue, and give those back that are left at the end.

    What is moved, fails and comes back before all are taken would be taken once more, and so
    on without end: so nothing is moved before.
    """
    taken: deque[dict[str, Any]] = deque()
    try:
        while messages := _receive(sqs, queue_url):
            taken += messages
        yield taken
    finally:
        _give_back(sqs, queue_url, taken)


def record_of(message: Mapping[str, Any]) -> dict[str, Any]:
    """Return a message as Lambda hands it over, but for what is no text beside it."""
    return {
        "messageId": message["MessageId"],
        "body": message["Body"],
        "attributes": message.get("Attributes", {}),
        "messageAttributes": {
            name: {"dataType": attribute["DataType"], "stringValue": attribute["StringValue"]}
            for name, attribute in message.get("MessageAttributes", {}).items()
            if "StringValue" in attribute
        },
    }


def _receive(sqs: Any, queue_url: str) -> list[dict[str, Any]]:
    """Return the next messages of a queue, and wait for them only if it should have some."""
    waiting = "ApproximateNumberOfMessages"
    answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=[waiting])
    if answer["Attributes"][waiting] == "0":
        return []
    answer = sqs.receive_message(
        QueueUrl=queue_url,
        MaxNumberOfMessages=_MOST_A_CALL,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
        VisibilityTimeout=_HELD_SECONDS,
        WaitTimeSeconds=_WAIT_SECONDS,
    )
    messages: list[dict[str, Any]] = answer.get("Messages", [])
    return messages


def _give_back(sqs: Any, queue_url: str, messages: deque[dict[str, Any]]) -> None:
    while messages:
        together = [messages.popleft() for _ in range(min(_MOST_A_CALL, len(messages)))]
        entries = [
            {"Id": f"{number}", "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
            for number, message in enumerate(together)
        ]
        sqs.change_message_visibility_batch(QueueUrl=queue_url, Entries=entries)


def _as_sent(message: Mapping[str, Any], queue_url: str) -> dict[str, Any]:
    """Return what SendMessage takes to make a message once more."""
    fields: dict[str, Any] = {"MessageBody": message["Body"]}
    if attributes := message.get("MessageAttributes"):
        fields["MessageAttributes"] = attributes
    ours = message.get("Attributes", {})
    if trace := ours.get("AWSTraceHeader"):
        fields["MessageSystemAttributes"] = {
            "AWSTraceHeader": {"DataType": "String", "StringValue": trace}
        }
    # On a standard queue it is the tenant of a fair queue.
    if group := ours.get("MessageGroupId"):
        fields["MessageGroupId"] = group
    if queue_url.endswith(".fifo"):
        # SQS may still remember its own, of when it was sent first.
        fields["MessageDeduplicationId"] = message["MessageId"]
    return fields
