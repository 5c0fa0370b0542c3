"""How a dead letter goes back: what failed is forgotten, then it is sent, then deleted."""

from __future__ import annotations

import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from ...errors import LetterQueueError
from .body import LetterBody
from .outcome import LetterOutcome

if TYPE_CHECKING:
    from ..place import Place
    from .letter import Letter
    from .reader import LetterReader, Taken

#: Amazon SQS API Reference, SendMessageBatch: messages a call, and bytes of all of them.
MOST_A_CALL = 10
MOST_BYTES = 1024 * 1024

# Amazon SQS Developer Guide, "Amazon SQS message metadata": attributes a message.
_MOST_ATTRIBUTES = 10
# By attributes whose names begin so, a worker knows that a message was a dead letter.
_OURS = "algernon."
_TASK_ID = f"{_OURS}task_id"

# What SQS refuses a whole call with because of one of its messages, or of all of them together;
# others are of the queue, of a right or of the day (Amazon SQS API Reference, SendMessageBatch).
_OF_MESSAGES = {
    "BatchRequestTooLong",
    "InvalidMessageContents",
    "InvalidParameterValue",
    "MissingParameter",
    "UnsupportedOperation",
}

# Botocore tries a call again that was throttled as a whole, but knows nothing of entries.
_TRIES = 5
_FIRST_WAIT_SECONDS = 0.1

_UNSURE = (
    "several Tasks share its dead-letter queue, and neither SQS nor the letter says from which of"
    " their queues it came"
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A letter that its queue didn't take, so that it stays, or that couldn't be deleted.

    Attributes:
        letter: The letter.
        reason: Why, as SQS says it.
        went: Whether its queue has it all the same.
        cause: The refused call that the reason cites, where no letter is to blame for it.
    """

    letter: Letter
    reason: str
    went: bool = False
    cause: ClientError | BotoCoreError | None = None


class LetterSender:
    """Sends letters back to the queues of their Tasks, with all of their attributes.

    By these a worker knows the Task's id again. A letter is deleted only after its queue has
    it, so that one is never lost; one that went twice, because this process was killed in
    between, has the same id both times.

    Args:
        place: Where the queues are. This process has to be led there.
        reader: What holds the letters.

    Example:
        >>> with LetterReader(place, tasks) as reader:  # doctest: +SKIP
        ...     sender = LetterSender(place, reader)
        ...     for taken in reader:
        ...         sender.send([taken])
    """

    def __init__(self, place: Place, reader: LetterReader) -> None:
        self._sqs = place.client("sqs")
        self._reader = reader
        # Why SQS deletes nothing at all.
        self._no_deletion: ClientError | BotoCoreError | None = None

    def send(self, letters: Sequence[Taken], *, kwargs: str | None = None) -> list[Refusal]:
        """Send up to ten letters of one Task, and delete those that its queue took.

        Together they may have no more than `MOST_BYTES`. Of a FIFO queue it is one at a time.
        Once a call to delete was refused, nothing more is sent: each time it would go again.

        Args:
            letters: The letters.
            kwargs: The JSON text of other keyword arguments, for them all.

        Returns:
            Those that the queue didn't take, or that can't be deleted, and why.

        Raises:
            algernon_storage.StorageError: The system's bucket isn't there.
            botocore.exceptions.ClientError: AWS refused a call, such as for one of the rights
                ``sqs:SendMessage`` to the queue and ``s3:DeleteObject``; or one to delete
                letters that went before these.
            botocore.exceptions.BotoCoreError: AWS can't be reached.
        """
        if self._no_deletion is not None:
            raise self._no_deletion
        unsure = [
            Refusal(taken.letter, _UNSURE) for taken in letters if not taken.letter.is_certain
        ]
        letters = [taken for taken in letters if taken.letter.is_certain]
        if not letters:
            return unsure
        entries = []
        refused: dict[str, str] = {}
        for number, taken in enumerate(letters):
            body = LetterBody(taken.message["Body"])
            if (problem := _forget(LetterOutcome(taken.letter, body))) is not None:
                refused[f"{number}"] = problem
            else:
                entries.append({"Id": f"{number}", **_as_sent(taken, body, kwargs)})
        if entries:
            refused |= send_entries(self._sqs, letters[0].letter.queues.queue_url, entries)
        sent = [taken for number, taken in enumerate(letters) if f"{number}" not in refused]
        stay = [Refusal(letters[int(number)].letter, reason) for number, reason in refused.items()]
        return [*unsure, *stay, *self._delete(sent)]

    def _delete(self, letters: Sequence[Taken]) -> list[Refusal]:
        """Delete letters that went, and return those of which SQS doesn't delete one."""
        try:
            self._reader.delete_all(letters)
        except LetterQueueError:
            # It was given out once more, since it took too long to come to it.
            return [refusal for each in letters for refusal in self._delete_one(each)]
        except (ClientError, BotoCoreError) as error:
            self._no_deletion = error
            return [_undeleted(taken, error) for taken in letters]
        return []

    def _delete_one(self, taken: Taken) -> list[Refusal]:
        try:
            self._reader.delete(taken)
        except LetterQueueError as error:
            return [Refusal(taken.letter, str(error), went=True)]
        except (ClientError, BotoCoreError) as error:
            self._no_deletion = error
            return [_undeleted(taken, error)]
        return []


def _undeleted(taken: Taken, cause: ClientError | BotoCoreError) -> Refusal:
    return Refusal(taken.letter, str(cause), went=True, cause=cause)


def _forget(outcome: LetterOutcome) -> str | None:
    """Have the failure of a letter forgotten, or return why that can't be where others keep it.

    Raises:
        algernon_storage.StorageError, botocore.exceptions.ClientError: It can't be where the
            system keeps it, and so can't those of other letters.
    """
    from algernon_storage import StorageError

    try:
        outcome.forget()
    except (StorageError, ClientError, BotoCoreError) as error:
        if not outcome.is_elsewhere:
            raise
        return f"its failure can't be forgotten where its group lies: {error}"
    return None


def send_entries(sqs: Any, queue_url: str, entries: list[dict[str, Any]]) -> dict[str, str]:
    """Send entries, and return why those weren't taken that weren't, by their Ids.

    They go in one call, or in more where SQS refuses that because of some of them.

    Raises:
        botocore.exceptions.ClientError: SQS refused a call, and would with any message.
    """
    for tried in range(1, _TRIES + 1):
        failed = _failures(sqs, queue_url, entries)
        entries = [entry for entry in entries if entry["Id"] in failed]
        # Which no other try changes.
        is_final = all(failure["SenderFault"] for failure in failed.values())
        if is_final or tried == _TRIES:
            break
        time.sleep(random.uniform(0, _FIRST_WAIT_SECONDS * 2**tried))  # noqa: S311
    return {
        number: f"{failure['Code']}: {failure.get('Message') or 'SQS gives no reason'}"
        for number, failure in failed.items()
    }


def _failures(sqs: Any, queue_url: str, entries: list[dict[str, Any]]) -> dict[str, Any]:
    """Send entries, and return what SQS says of those that it didn't take, by their Ids."""
    try:
        answer = sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)
    except ClientError as error:
        said = error.response["Error"]
        code = said["Code"].rpartition(".")[2]
        if code not in _OF_MESSAGES:
            raise
        if len(entries) == 1:
            reason = {"Code": code, "Message": said.get("Message"), "SenderFault": True}
            return {entries[0]["Id"]: reason}
        half = len(entries) // 2
        parts = (entries[:half], entries[half:])
        return {
            number: failure
            for part in parts
            for number, failure in _failures(sqs, queue_url, part).items()
        }
    return {failure["Id"]: failure for failure in answer.get("Failed", [])}


def bytes_of(taken: Taken) -> int:
    """Return the bytes of a letter that count against `MOST_BYTES`, or some more."""
    return taken.letter.bytes + _bytes_of(_attributes_as_sent(taken, taken.letter.bytes))


def _bytes_of(attributes: Mapping[str, Mapping[str, Any]]) -> int:
    return sum(
        len(name.encode())
        + sum(
            len(value if isinstance(value, bytes) else str(value).encode(errors="replace"))
            for value in attribute.values()
        )
        for name, attribute in attributes.items()
    )


def _attributes_as_sent(taken: Taken, body_bytes: int) -> Mapping[str, Any]:
    """Return the attributes with which a letter goes: its own, and the id that it had."""
    own: Mapping[str, Any] = taken.message.get("MessageAttributes", {})
    letter = taken.letter
    # One without an id has the one that SQS gave it, which it loses with this.
    if letter.dead.task_id != letter.message_id:
        return own
    noted = {**own, _TASK_ID: {"DataType": "String", "StringValue": letter.message_id}}
    has_room = len(noted) <= _MOST_ATTRIBUTES and body_bytes + _bytes_of(noted) <= MOST_BYTES
    return noted if has_room else own


def _as_sent(taken: Taken, body: LetterBody, kwargs: str | None) -> dict[str, Any]:
    """Return what SendMessageBatch takes to make a message once more."""
    message, letter = taken.message, taken.letter
    if kwargs is not None:
        body = LetterBody(body.with_kwargs(kwargs))
    # Whoever runs one that a worker moved knows by its attributes that it doesn't expire any more.
    is_moved_by_worker = any(
        name.startswith(_OURS) for name in message.get("MessageAttributes", {})
    )
    text = body.text if is_moved_by_worker else body.without_expiry()
    attributes = _attributes_as_sent(taken, len(text.encode(errors="surrogatepass")))
    fields: dict[str, Any] = {"MessageBody": text}
    if attributes:
        fields["MessageAttributes"] = attributes
    if trace := message.get("Attributes", {}).get("AWSTraceHeader"):
        fields["MessageSystemAttributes"] = {
            "AWSTraceHeader": {"DataType": "String", "StringValue": trace}
        }
    # On a standard queue it is the tenant of a fair queue.
    if letter.message_group is not None:
        fields["MessageGroupId"] = letter.message_group
    if letter.queues.is_fifo:
        # SQS may still remember its own, of when it was sent first.
        fields["MessageDeduplicationId"] = letter.message_id
    return fields
