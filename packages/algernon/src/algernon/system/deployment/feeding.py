"""Whether the Tasks' messages are taken to their workers, before a deployment and after it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from ...errors import DeploymentError, MappingError
from ..looks import looks
from ..mappings import QueueMapping, feeding_of, find_mappings, switch_mappings
from ..place import Place
from ..task_queues import TaskQueues
from .draining import paused_tasks

# Half a minute or so is usual.
_SECONDS = 600


def tasks_paused_by_hand(
    place: Place, tasks: Sequence[TaskQueues], deployed: Mapping[str, object]
) -> set[str]:
    """Return the Tasks whose messages aren't taken, though nothing in the template says so.

    Args:
        place: The system.
        tasks: Its Tasks.
        deployed: The template that its stack has.

    Raises:
        botocore.exceptions.ClientError: Lambda refused it, such as for the right
            ``lambda:ListEventSourceMappings``.
    """
    mappings = _mappings(place, tasks)
    paused = {task for task, some in mappings.items() if feeding_of(some) in ("paused", "pausing")}
    return paused - {*paused_tasks(deployed)}


def pause(place: Place, tasks: Sequence[TaskQueues]) -> None:
    """Let no messages of Tasks be taken any more, if CloudFormation hasn't seen to that already.

    That it has once doesn't say that nobody has resumed them since.

    Raises:
        DeploymentError: That isn't so in time.
        botocore.exceptions.ClientError: Lambda refused it, such as for one of the rights
            ``lambda:ListEventSourceMappings`` and ``lambda:UpdateEventSourceMapping``.
    """
    some = [each for mappings in _mappings(place, tasks).values() for each in mappings]
    try:
        switch_mappings(place.client("lambda"), some, is_enabled=False, timeout=_SECONDS)
    except MappingError as error:
        raise DeploymentError(f"{error}; and then run this again") from error


def are_paused(place: Place, tasks: Sequence[TaskQueues]) -> bool:
    """Tell whether the messages of none of these Tasks are taken to a worker.

    Raises:
        botocore.exceptions.ClientError: Lambda refused it, such as for the right
            ``lambda:ListEventSourceMappings``.
    """
    found = _mappings(place, tasks).values()
    return all(feeding_of(some) in ("paused", "no worker") for some in found)


def wait_until_fed(
    place: Place, tasks: Sequence[TaskQueues], *, paused: Collection[str]
) -> tuple[str, ...]:
    """Wait until the messages of all Tasks are taken to their workers.

    Args:
        place: The system.
        tasks: Its Tasks.
        paused: Those that somebody paused, which may stay so.

    Returns:
        Those that are still paused.

    Raises:
        DeploymentError: That isn't so in time.
        botocore.exceptions.ClientError: Lambda refused it, such as for the right
            ``lambda:ListEventSourceMappings``.
    """
    for _ in looks(_SECONDS):
        feedings = {task: feeding_of(some) for task, some in _mappings(place, tasks).items()}
        still = tuple(
            task for task, feeding in feedings.items() if feeding == "paused" and task in paused
        )
        late = {
            task: feeding
            for task, feeding in feedings.items()
            if feeding != "active" and task not in still
        }
        if not late:
            return still
    told = ", ".join(f"{task} is {feeding}" for task, feeding in late.items())
    raise DeploymentError(
        f"all of it is deployed, but after {_SECONDS} s not all messages are taken to their"
        f" workers: {told}; look again with algernon tasks, and resume what is paused"
    )


def _mappings(place: Place, tasks: Sequence[TaskQueues]) -> dict[str, list[QueueMapping]]:
    found = find_mappings(place.client("lambda"), [each.queue_arn for each in tasks])
    return {each.task: found[each.queue_arn] for each in tasks}
