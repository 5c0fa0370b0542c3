"""Bringing a stack to where it can be changed, whatever became of it before."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, TypeAlias

from ...errors import DeploymentError, NotASystemError
from ..looks import looks
from ..stack import Stack, StackFacts
from .change_set import UNDER_REVIEW
from .deployed import is_of_algernon, read_template
from .failures import first_failure, with_advice
from .operation import Operation, delete_stack
from .stack_events import StackEvent, read_events

#: What there is of a stack: nothing, nothing but a change set, or the stack.
StackState: TypeAlias = Literal["absent", "new", "there"]

#: The statuses of stacks that can be changed.
READY = {
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
}
# With what began that ended so, where it isn't called alike.
_BEGINS = {"ROLLBACK_COMPLETE": "CREATE_IN_PROGRESS"}
# AWS CloudFormation User Guide, "Understand CloudFormation stack creation events", and "Stack
# status codes": what helps where nothing else goes on.
_WAY_OUT = {
    "CREATE_FAILED": "delete it by aws cloudformation delete-stack, and run this again",
    "ROLLBACK_FAILED": "delete it by aws cloudformation delete-stack, and run this again",
    "DELETE_FAILED": (
        "delete it by algernon destroy or, if that fails too, by aws cloudformation delete-stack"
        " --deletion-mode FORCE_DELETE_STACK, which keeps what can't be deleted"
    ),
    "UPDATE_FAILED": (
        "somebody updated it without rollback: take that back by aws cloudformation"
        " rollback-stack, and run this again"
    ),
    "UPDATE_ROLLBACK_FAILED": (
        "mend what the reason says and run this again, or have CloudFormation go on without that"
        " resource: aws cloudformation continue-update-rollback --resources-to-skip"
    ),
    "IMPORT_ROLLBACK_FAILED": "mend it in the console of CloudFormation",
}


def ready(
    cloudformation: Any,
    stack_name: str,
    *,
    tell: Callable[[str], object],
    timeout: float,
) -> StackState:
    """Bring a stack to where it can be changed, and return what there is of it.

    What is under way is waited for. A stack that couldn't be created, so that nothing of it
    is left but its name, is deleted. An update that couldn't be taken back is taken back.

    Args:
        cloudformation: A boto3 client for CloudFormation.
        stack_name: The stack's name.
        tell: What is said of what it does goes there, in sentences without a full stop.
        timeout: For how many seconds to wait for each of these.

    Raises:
        DeploymentError: It isn't done in time, or can't be brought there; the message says
            what to do.
        NotASystemError: It would have to be deleted, and isn't Algernon's.
        botocore.exceptions.ClientError: AWS refused a call, such as for one of the rights
            ``cloudformation:DescribeStacks``, ``cloudformation:DescribeStackEvents``,
            ``cloudformation:GetTemplate``, ``cloudformation:DeleteStack`` and
            ``cloudformation:ContinueUpdateRollback``.

    Example:
        >>> ready(cloudformation, "shop", tell=print, timeout=3600)  # doctest: +SKIP
        the stack 'shop' is UPDATE_IN_PROGRESS since 12:03:20 UTC: waiting for its end
        'there'
    """
    facts = settled(cloudformation, stack_name, tell=tell, timeout=timeout)
    if facts is not None and facts.status == "UPDATE_ROLLBACK_FAILED":
        facts = _rolled_back(cloudformation, stack_name, facts, tell, timeout)
    if facts is not None and facts.status == "ROLLBACK_COMPLETE":
        _delete_remains(cloudformation, stack_name, facts, tell, timeout)
        facts = None
    if facts is None:
        return "absent"
    if facts.status == UNDER_REVIEW:
        return "new"
    if facts.status in READY:
        return "there"
    raise DeploymentError(
        f"the stack {stack_name!r} can't be changed, since it is {facts.status}"
        f"{_because(cloudformation, facts)}; {_WAY_OUT.get(facts.status, 'look at its events')}"
    )


def settled(
    cloudformation: Any,
    stack_name: str,
    *,
    tell: Callable[[str], object],
    timeout: float,
) -> StackFacts | None:
    """Wait until nobody changes a stack, and return what it says of itself; None of none.

    Args:
        cloudformation: A boto3 client for CloudFormation.
        stack_name: The stack's name.
        tell: What is waited for is said there, once, in a sentence without a full stop.
        timeout: For how many seconds to wait.

    Raises:
        DeploymentError: It isn't done in time.
        botocore.exceptions.ClientError: AWS refused it, such as for the right
            ``cloudformation:DescribeStacks``.
    """
    stack = Stack(cloudformation, stack_name)
    told = None
    for _ in looks(timeout):
        facts = stack.find()
        if facts is None or not _is_under_way(facts):
            return facts
        if told is None:
            told = f"the stack {stack_name!r} is {facts.status} since {_time(facts)}"
            tell(f"{told}: waiting for its end")
    raise DeploymentError(
        f"{told}, and still is after {timeout:.0f} s: somebody else, or an earlier run, has it"
        " changed; run this again when that is done"
    )


def _is_under_way(facts: StackFacts) -> bool:
    return facts.status.endswith("_IN_PROGRESS") and facts.status != UNDER_REVIEW


def _time(facts: StackFacts) -> str:
    return f"{facts.since.astimezone():%H:%M:%S %Z}"


def _rolled_back(
    cloudformation: Any,
    stack_name: str,
    facts: StackFacts,
    tell: Callable[[str], object],
    timeout: float,
) -> StackFacts | None:
    """Have CloudFormation go on to take back an update that it couldn't take back."""
    tell(
        f"an update of the stack {stack_name!r} couldn't be taken back"
        f"{_because(cloudformation, facts)}: trying that again"
    )
    operation = Operation(cloudformation, facts.stack_id)
    cloudformation.continue_update_rollback(StackName=facts.stack_id)
    operation.wait(timeout)
    return Stack(cloudformation, stack_name).find()


def _delete_remains(
    cloudformation: Any,
    stack_name: str,
    facts: StackFacts,
    tell: Callable[[str], object],
    timeout: float,
) -> None:
    """Delete a stack that couldn't be created, and that holds nothing but its name."""
    template = read_template(cloudformation, facts.stack_id)
    if template is None or not is_of_algernon(template):
        raise NotASystemError(
            f"the stack {stack_name!r}, which couldn't be created ({facts.status}), isn't one of"
            " algernon template: delete it if it is yours, or choose another --stack"
        )
    tell(
        f"the stack {stack_name!r} couldn't be created before{_because(cloudformation, facts)}:"
        " deleting what is left of it"
    )
    delete_stack(cloudformation, facts.stack_id, timeout=timeout)


def _because(cloudformation: Any, facts: StackFacts) -> str:
    """Return why a stack is as it is, in brackets, or nothing where nothing is told."""
    begin = _BEGINS.get(facts.status) or facts.status.replace("_FAILED", "_IN_PROGRESS")
    events: list[StackEvent] = []
    for event in read_events(cloudformation, facts.stack_id):
        events.insert(0, event)
        if event.is_of_stack and event.status == begin:
            break
    failed = first_failure(events)
    return f" ({failed.logical_id}: {with_advice(failed.reason)})" if failed else ""
