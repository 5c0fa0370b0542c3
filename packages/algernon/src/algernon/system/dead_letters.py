"""Dead letters: reading them where they are, and moving them back to their queues."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from .letter_reader import LetterReader

if TYPE_CHECKING:
    from algernon_queue.dead_letter import DeadLetter

    from .place import Place
    from .task_queues import TaskQueues


def read_dead_letters(place: Place, tasks: Sequence[TaskQueues]) -> list[DeadLetter]:
    """Return what is in the dead-letter queues of Tasks, in their order, and leave it there.

    Meanwhile nobody else gets it, and what somebody else has in hand isn't among it. Of a
    message group of a FIFO queue, SQS gives out the first ten.

    Args:
        place: Where the queues are.
        tasks: The Tasks whose messages end there.

    Raises:
        LetterQueueError: As `LetterReader` says.
        botocore.exceptions.ClientError: The same.

    Example:
        >>> read_dead_letters(place, find_task_queues(place))  # doctest: +SKIP
        [DeadLetter(task='charge', error='ConnectionError', …)]
    """
    with LetterReader(place, tasks) as reader:
        letters = [taken.letter for taken in reader]
    order = {queues.task: number for number, queues in enumerate(tasks)}
    return [letter.dead for letter in sorted(letters, key=lambda each: order[each.queues.task])]


def redrive(place: Place, tasks: Sequence[TaskQueues]) -> int:
    """Move what is in the dead-letter queues of Tasks back, and return how many that were.

    Each goes with all of its attributes, as SQS's own redrive would move it (Amazon SQS API
    Reference, StartMessageMoveTask): by these a worker knows the Task's id again. It is
    deleted only after the queue has it, so that what is interrupted loses none.

    Args:
        place: Where the queues are.
        tasks: The Tasks whose messages ended there.

    Raises:
        LetterQueueError: As `LetterReader` says.
        botocore.exceptions.ClientError: SQS refused a call, such as for one of the rights of
            `LetterReader`, ``sqs:DeleteMessage``, or ``sqs:SendMessage`` to the queue.

    Example:
        >>> redrive(place, find_task_queues(place))  # doctest: +SKIP
        3
    """
    sqs = place.client("sqs")
    with LetterReader(place, tasks) as reader:
        for taken in reader:
            queue_url = taken.letter.queues.queue_url
            sqs.send_message(QueueUrl=queue_url, **_as_sent(taken.message, queue_url))
            reader.delete(taken)
    return reader.count


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
