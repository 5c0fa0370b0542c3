"""What SQS says of a queue: how many messages there are, and how long they stay."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

# Amazon SQS API Reference, SetQueueAttributes: four days, where nothing is said.
_RETENTION_SECONDS = 4 * 24 * 3600

_WAITING = "ApproximateNumberOfMessages"
_IN_FLIGHT = "ApproximateNumberOfMessagesNotVisible"
_DELAYED = "ApproximateNumberOfMessagesDelayed"


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """What SQS says of a queue, of this moment.

    The numbers are approximate: Amazon SQS API Reference, GetQueueAttributes.

    Attributes:
        arn: Its ARN.
        waiting: How many messages can be received.
        in_flight: How many were received, and are neither deleted nor visible again.
        delayed: How many can't be received yet for the first time.
        retention_seconds: For how many seconds SQS keeps a message, from when it was sent.
        most_receives: After how many receives SQS moves a message to the dead-letter queue
            (``maxReceiveCount``), or None where it moves none.
    """

    arn: str
    waiting: int
    in_flight: int
    delayed: int
    retention_seconds: int
    most_receives: int | None

    @property
    def name(self) -> str:
        """The queue's name."""
        return self.arn.rpartition(":")[2]

    @property
    def messages(self) -> int:
        """How many messages there are, in whatever state."""
        return self.waiting + self.in_flight + self.delayed


def read_queue_facts(sqs: Any, queue_url: str) -> QueueFacts:
    """Return what SQS says of a queue.

    Args:
        sqs: A boto3 client for SQS.
        queue_url: The queue.

    Raises:
        botocore.exceptions.ClientError: SQS refused it, such as for the right
            ``sqs:GetQueueAttributes``.

    Example:
        >>> read_queue_facts(boto3.client("sqs"), url).waiting  # doctest: +SKIP
        17
    """
    answer = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["All"])
    attributes = answer["Attributes"]
    redrive = json.loads(attributes.get("RedrivePolicy", "{}"))
    receives = redrive.get("maxReceiveCount")
    return QueueFacts(
        arn=attributes["QueueArn"],
        waiting=int(attributes.get(_WAITING, 0)),
        in_flight=int(attributes.get(_IN_FLIGHT, 0)),
        delayed=int(attributes.get(_DELAYED, 0)),
        retention_seconds=int(attributes.get("MessageRetentionPeriod", _RETENTION_SECONDS)),
        most_receives=None if receives is None else int(receives),
    )
