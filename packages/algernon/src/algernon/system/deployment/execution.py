"""The execution of a change set, watched to its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

from ...errors import DeploymentError
from .change_set import ChangeSet
from .deployed import read_template, tasks_of
from .failures import in_words, validation_errors, with_advice
from .operation import Operation
from .stack_events import StackEvent

_DONE = {"CREATE_COMPLETE", "UPDATE_COMPLETE"}
_TAKES_BACK = {"ROLLBACK_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"}
_ENDS = {
    "ROLLBACK_COMPLETE": "nothing of it is left, and the next deployment begins anew",
    "UPDATE_ROLLBACK_COMPLETE": "all of it was taken back, and the stack is as it was",
    "UPDATE_ROLLBACK_FAILED": (
        "it couldn't be taken back either, which the next deployment tries again"
    ),
}


def execute(
    change_set: ChangeSet,
    *,
    tell: Callable[[str], object],
    progress: Callable[[StackEvent], object],
) -> None:
    """Execute a change set, and wait until CloudFormation is done with it.

    Whoever is killed meanwhile stops nothing: CloudFormation goes on, and
    `algernon.system.deployment.stack_state.ready` waits for its end.

    Args:
        change_set: The change set.
        tell: What is said of it goes there, in sentences without a full stop: that it is taken
            back, and why; and what couldn't be deleted.
        progress: Is called with each event of the stack and its resources, as it comes.

    Raises:
        RefusedError: The stack was changed since the change set was made; nothing was done.
        DeploymentError: It failed, for the reason that is told, and CloudFormation took it back.
        botocore.exceptions.ClientError: AWS refused a call, such as for one of the rights
            ``cloudformation:ExecuteChangeSet``, ``cloudformation:DescribeStacks`` and
            ``cloudformation:DescribeStackEvents``.

    Example:
        >>> execute(change_set, tell=print, progress=lambda event: None)  # doctest: +SKIP
    """
    tasks = _tasks(change_set)
    operation = Operation(change_set.cloudformation, change_set.stack_id)
    change_set.execute()

    def watch(event: StackEvent) -> None:
        if event.is_of_stack and event.status in _TAKES_BACK:
            tell(f"{_why(change_set, operation, tasks)}: CloudFormation takes the changes back")
        progress(event)

    try:
        status = operation.wait(progress=watch)
    except BaseException:
        tell("CloudFormation goes on with it meanwhile, and the next run waits for its end")
        raise
    if status not in _DONE:
        verb = "created" if change_set.is_new_stack else "updated"
        raise DeploymentError(
            f"the stack {change_set.stack_name!r} couldn't be {verb} ({status}):"
            f" {_why(change_set, operation, tasks)}; {_ENDS.get(status, 'look at its events')}"
        )
    for event in operation.events:
        if event.status == "DELETE_FAILED":
            tell(f"{in_words(event, tasks)} couldn't be deleted, and stays: {event.reason}")


def _tasks(change_set: ChangeSet) -> set[str]:
    """Return the names of the Tasks that the stack has, and of those that it is to have."""
    cloudformation, stack = change_set.cloudformation, change_set.stack_id
    templates = [] if change_set.is_new_stack else [read_template(cloudformation, stack)]
    # One that is gone can't be executed either, which says more.
    with suppress(cloudformation.exceptions.ChangeSetNotFoundException):
        templates.append(read_template(cloudformation, stack, change_set=change_set.change_set_id))
    return {task for template in templates for task in tasks_of(template or {})}


def _why(change_set: ChangeSet, operation: Operation, tasks: Iterable[str]) -> str:
    failed = operation.failure
    if failed is None:
        told = operation.is_cancelled
        return "somebody cancelled it" if told else "CloudFormation doesn't say why"
    reasons = [failed.reason]
    if failed.is_of_stack:
        stack = change_set.stack_id
        reasons = [*validation_errors(change_set.cloudformation, StackName=stack)] or reasons
    return f"{in_words(failed, tasks)}: {with_advice('; '.join(reasons))}"
