"""What workers logged while they gave a letter up."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from ..log_events import LogEvent, find_events
from .letter import Letter

# AWS Lambda Developer Guide, "Lambda quotas": so long the invocation may take that moves a letter.
_LONGEST_INVOCATION = timedelta(minutes=15)
# Between the clocks of Lambda and of SQS.
_DISORDER = timedelta(minutes=1)


def find_last_events(client: Any, group: str, letter: Letter) -> Iterator[LogEvent]:
    """Give what the process logged that had a letter last, around that time.

    Args:
        client: A boto3 client for CloudWatch Logs.
        group: The log group's name.
        letter: The letter, whose Task's id is known.

    Raises:
        botocore.exceptions.ClientError: AWS refused it, such as for the right
            ``logs:FilterLogEvents``.
    """
    since, until = letter.sent_at - _LONGEST_INVOCATION - _DISORDER, None
    if letter.dead.error is not None:  # else it is known only when it was first sent
        until = letter.sent_at + _DISORDER
    last: LogEvent | None = None
    for event in find_events(client, group, since, phrase=letter.dead.task_id, until=until):
        last = event
    if last is not None:
        at = datetime.fromtimestamp(last.at_ms / 1000, UTC)
        yield from find_events(
            client,
            group,
            at - _LONGEST_INVOCATION,
            streams=[last.stream],
            until=at + _DISORDER,
        )
