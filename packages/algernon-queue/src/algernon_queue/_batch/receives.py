"""How often SQS gives a message out, and in which of these times its Task is run.

SQS moves a message to the dead-letter queue, and says nothing of why, when it was
received `maxReceiveCount` times and is to be received once more. So a worker that can
tell the last time moves it itself, with the reason.
"""

from __future__ import annotations

from collections import OrderedDict

from .._aws.queues import max_receive_count
from .._wire.record import Record
from ..errors import WorkerLostError
from ..settings import number_of

# As many messages as a worker may have handed back untried, and see again.
_MOST_REMEMBERED = 10_000


def is_last(record: Record) -> bool:
    """Tell whether SQS won't give a record out again."""
    most = max_receive_count(record.queue_arn)
    return most is not None and record.receive_count >= most


def is_last_try(record: Record) -> bool:
    """Tell whether a record's Task isn't run again after this time.

    Raises:
        SettingError: `ALGERNON_EXTRA_RECEIVES` is no number.
    """
    return tries_left_in_queue(record, extra_receives()) == 0


def is_extra(record: Record) -> bool:
    """Tell whether a record comes after all of its tries, to find out what became of it.

    Raises:
        SettingError: `ALGERNON_EXTRA_RECEIVES` is no number.
    """
    most = _most_tries(record, extra_receives())
    return most is not None and record.receive_count > most


def tries_left_in_queue(record: Record, extra: int) -> int | None:
    """Return in how many more receives of a record its Task is run, or None if unknown.

    Args:
        record: The record.
        extra: How many times its queue gives it out beyond its tries.
    """
    most = _most_tries(record, extra)
    return None if most is None else max(0, most - record.receive_count)


def _most_tries(record: Record, extra: int) -> int | None:
    most = max_receive_count(record.queue_arn)
    return None if most is None else max(1, most - extra)


def extra_receives() -> int:
    """Return how many times a queue gives a message out beyond its tries.

    Raises:
        SettingError: `ALGERNON_EXTRA_RECEIVES` is no number.
    """
    meaning = (
        "how many times a queue gives a message out beyond those in which its Task is run, such"
        " as 2"
    )
    return number_of("ALGERNON_EXTRA_RECEIVES", 0, meaning)


def worker_lost(what_else: str) -> WorkerLostError:
    """Return the error of a record that comes after all of its tries."""
    return WorkerLostError(
        "the message was received more often than its Task is tried, and no worker lived to say"
        " what came of it: it ends every worker that runs it, by its memory or time perhaps,"
        f" {what_else}; look into the workers' logs, and move it back to its queue to try again"
    )


class TriesCounter:
    """Counts the tries of messages: the times they were received, but for those untried.

    SQS counts a message that was received and handed back untried as received. What
    this process handed back so, it remembers.
    """

    def __init__(self) -> None:
        # Without a lock, which a fork could leave held: threads that meet here miscount by
        # one at the worst.
        self._untried: OrderedDict[str, int] = OrderedDict()

    def note_untried(self, record: Record) -> None:
        """Note that a record is handed back without having been tried."""
        self._untried[record.message_id] = self._untried.pop(record.message_id, 0) + 1
        if len(self._untried) > _MOST_REMEMBERED:
            self._untried.popitem(last=False)

    def of(self, record: Record) -> int:
        """Return how often a record was tried, this time included."""
        return max(1, record.receive_count - self._untried.get(record.message_id, 0))
