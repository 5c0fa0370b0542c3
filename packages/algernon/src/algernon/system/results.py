"""What came of what was sent, as JSON, for whoever doesn't know its classes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from .at_once import at_once

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from algernon_queue import SentGroup, SentTask


def read_result(sent_id: str, *, timeout: float | None = None) -> str:
    """Wait for the result of what was sent, and return its JSON text as it is stored.

    Nothing of it is rebuilt, so that its classes needn't be known here. The results of a
    group that has no `then` are an array.

    Args:
        sent_id: The id of a Task, a chain or a group.
        timeout: For how many seconds; None waits for as long as it takes.

    Raises:
        algernon_queue.QueueError: What `SentTask.result` raises.
        algernon_storage.StorageError: The same.
        botocore.exceptions.ClientError: S3 refuses.

    Example:
        >>> read_result("4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11", timeout=60)  # doctest: +SKIP
        '{"total": 3}'
    """
    from algernon_queue import ResultTimeoutError, SentTask, as_completed
    from algernon_queue.sent_group import timed_out
    from algernon_serialize import ajson
    from algernon_storage import Outcomes

    group = find_group(sent_id)
    sent: SentTask[Any] = SentTask(sent_id) if group is None else SentTask(group.result_id)
    try:
        for _ in as_completed([sent], timeout=timeout):
            pass
    except ResultTimeoutError as error:
        if group is None:
            raise
        raise timed_out(group, error) from error
    outcomes = Outcomes()
    outcome = outcomes.find(sent.task_id)
    if outcome is None or not outcome.is_kept:
        return ajson.dumps(sent.result(timeout=0))  # which raises what is wrong
    return _with_members(outcomes.document(outcome).decode())


def find_group(group_id: str) -> SentGroup[Any] | None:
    """Return the group of an id, or None where it is that of something else.

    Raises:
        algernon_queue.SettingError: It is no UUID.
        algernon_storage.StorageError: No bucket is named, or it doesn't exist.
        botocore.exceptions.ClientError: S3 refuses.
    """
    from algernon_queue import SentGroup
    from algernon_storage import MissingObjectError

    group: SentGroup[Any] = SentGroup(group_id)
    try:
        len(group)
    except MissingObjectError:
        return None
    return group


def _with_members(text: str) -> str:
    """Return a result or, where that says in which group the results are, those in an array."""
    match json.loads(text):
        case {"_alg_class": "Results", "_alg_module": "algernon_queue", "value": dict(value)}:
            # What is but a part of a group's results stays as it is.
            if "shown" not in value:
                return f"[{','.join(_results_of(value))}]"
    return text


def _results_of(group: Mapping[str, Any]) -> Iterator[str]:
    """Give the results of a group's members, each as it is stored."""
    from algernon_queue import SentGroup
    from algernon_storage import MissingObjectError, Outcomes

    bucket, folder = group["bucket"], group["folder"]
    outcomes = Outcomes(bucket=bucket, folder=folder)

    def read(member: SentTask[Any]) -> str:
        outcome = outcomes.find(member.task_id)
        if outcome is None:
            raise MissingObjectError(
                f"the result {member.task_id} of a member of the group {group['group_id']} isn't in"
                f" {bucket}#{folder}/ any more: look for what removes it, such as the bucket's"
                " lifecycle rule"
            )
        return outcomes.document(outcome).decode()

    yield from at_once(read, SentGroup(group["group_id"], bucket=bucket, folder=folder))
