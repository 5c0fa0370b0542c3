"""The removal of a system: what goes, what stays, and what holds messages first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from ...errors import DeploymentError, NotASystemError, RefusedError, UnknownTaskError
from ..place import Place
from ..queue_facts import read_queue_facts
from ..stack import Stack, StackFacts
from .change_set import NAME_PREFIX, UNDER_REVIEW, create_change_set
from .code_bucket import code_bucket
from .deployed import others_in, read_template, tasks_of
from .draining import interim_template
from .execution import execute
from .failures import part_in_words
from .leftovers import Leftover, delete_leftovers, find_leftovers
from .operation import delete_stack
from .stack_events import StackEvent
from .stack_state import READY, settled
from .template_tasks import tasks_in

_QUEUE = "AWS::SQS::Queue"
_BUCKET = "AWS::S3::Bucket"


@dataclass(frozen=True, slots=True)
class Removal:
    """What the removal of a system does.

    Attributes:
        stack_name: The stack's name.
        stack_id: Its id.
        is_stack_there: Whether the stack is still there. It isn't where a removal was
            interrupted, which left queues behind.
        tasks: The names of the system's Tasks.
        queues: The queues and dead-letter queues that go if nothing is in them.
        bucket: The system's own bucket, which stays with what is in it; None where it has none.
        others: What goes with the stack and isn't Algernon's, such as ``Orders
            (AWS::DynamoDB::Table)``.
    """

    stack_name: str
    stack_id: str
    is_stack_there: bool
    tasks: tuple[str, ...] = ()
    queues: tuple[Leftover, ...] = ()
    bucket: str | None = None
    others: tuple[str, ...] = ()

    def in_words(self, queue: Leftover) -> str:
        """Return what one of its queues is called by who uses it."""
        return part_in_words(queue.logical_id, _QUEUE, self.tasks)


def find_removal(place: Place, *, tell: Callable[[str], object], timeout: float) -> Removal:
    """Return what the removal of a system does, without doing it.

    Args:
        place: Where, with the name of the stack.
        tell: What is waited for is said there, in sentences without a full stop.
        timeout: For how many seconds to wait for what is under way.

    Raises:
        NotASystemError: There is no such stack, or it isn't one of ``algernon template``.
        DeploymentError: What is under way isn't done in time.
        botocore.exceptions.ClientError: AWS refused a call, such as for one of the rights
            ``cloudformation:DescribeStacks``, ``cloudformation:ListStacks``,
            ``cloudformation:GetTemplate``, ``cloudformation:ListStackResources``,
            ``cloudformation:DescribeStackEvents`` and ``sqs:GetQueueAttributes``.

    Example:
        >>> find_removal(place, tell=print, timeout=3600).bucket  # doctest: +SKIP
        'shop-bucket-1x2y3z'
    """
    name = str(place.stack_name)
    cloudformation = place.client("cloudformation")
    facts = settled(cloudformation, name, tell=tell, timeout=timeout)
    if facts is None:
        return _after_its_end(place, cloudformation, name)
    if facts.status == UNDER_REVIEW:
        return _of_plans(cloudformation, name, facts)
    template = _template(cloudformation, name, facts.stack_id)
    stack = Stack(cloudformation, facts.stack_id)
    return Removal(
        name,
        facts.stack_id,
        is_stack_there=True,
        tasks=tuple(tasks_of(template)),
        queues=tuple(_queues(place, stack)),
        bucket=stack.resources(_BUCKET).get("Bucket"),
        others=tuple(f"{name} ({kind})" for name, kind in others_in(template).items()),
    )


def destroy(
    place: Place,
    removal: Removal,
    *,
    drop: Collection[str] = (),
    tell: Callable[[str], object],
    progress: Callable[[StackEvent], object],
) -> None:
    """Delete a system: its stack, and those of its queues that nothing is in.

    The queues go after the stack, when nothing feeds them any more: what comes while the stack is
    deleted isn't lost, but keeps its queue. Whoever is interrupted runs it again.

    Args:
        place: Where.
        removal: What is done, as it was shown.
        drop: The names of the Tasks whose queues go with all that they hold.
        tell: What stays is said there, in sentences without a full stop.
        progress: Is called with each event of the stack and its resources, as it comes.

    Raises:
        RefusedError: A queue holds messages, and its Task isn't one of `drop`; nothing was done.
        UnknownTaskError: None of the queues is one of a Task of `drop`; nothing was done.
        DeploymentError: The stack can't be deleted, for the reason that is told.
        botocore.exceptions.ClientError: AWS refused a call, such as for one of the rights
            ``cloudformation:DeleteStack``, ``sqs:DeleteQueue`` and ``sqs:ReceiveMessage``.

    Example:
        >>> removal = find_removal(place, tell=print, timeout=3600)  # doctest: +SKIP
        >>> destroy(  # doctest: +SKIP
        ...     place, removal, drop=["mail"], tell=print, progress=lambda event: None
        ... )
    """
    cloudformation = place.client("cloudformation")
    if removal.is_stack_there:
        # Whoever was asked may have taken an hour.
        stack = Stack(cloudformation, removal.stack_id)
        removal = replace(removal, queues=tuple(_queues(place, stack)))
    check_removal(removal, drop)
    if removal.is_stack_there:
        _keep_queues(place, removal, tell=tell, progress=progress)
        try:
            delete_stack(cloudformation, removal.stack_id, progress=progress)
        except DeploymentError:
            raise
        except BaseException:
            tell("CloudFormation goes on with what it has begun: run this again for what is left")
            raise
    left = find_leftovers(place, Stack(cloudformation, removal.stack_id))
    _, stay = delete_leftovers(place, left, drop=drop)
    for queue in stay:
        tell(
            f"{removal.in_words(queue)} stays with {_count(queue)}, as {queue.url}: run this again"
            " when it is empty"
        )
    if removal.bucket is not None:
        tell(
            f"the bucket {removal.bucket!r} stays with what is in it: aws s3 rb"
            f" s3://{removal.bucket} --force deletes both"
        )


def _queues(place: Place, stack: Stack) -> Iterator[Leftover]:
    """Give the queues that a stack has or left, but for those that were deleted by hand."""
    sqs = place.client("sqs")
    for logical_id, url in stack.resources(_QUEUE).items():
        with suppress(sqs.exceptions.QueueDoesNotExist):
            yield Leftover(logical_id, url, read_queue_facts(sqs, url).messages)
    yield from find_leftovers(place, stack)


def _keep_queues(
    place: Place,
    removal: Removal,
    *,
    tell: Callable[[str], object],
    progress: Callable[[StackEvent], object],
) -> None:
    """Have the queues of a stack outlive it, which in templates of 1.8 and older go with it."""
    cloudformation = place.client("cloudformation")
    if Stack(cloudformation, removal.stack_id).status() not in READY:
        return
    template = read_template(cloudformation, removal.stack_id)
    if template is None or not any(_goes_along(each) for each in template["Resources"].values()):
        return
    tasks = [*tasks_in(template)]
    kept = interim_template(template, tasks, tasks)
    tell(
        f"pausing {', '.join(tasks)}: the template is one of an older Algernon, whose queues would"
        " go with the stack, whatever comes meanwhile, so it is told first that they stay"
    )
    change_set = create_change_set(
        cloudformation,
        removal.stack_name,
        template_url=code_bucket(place, None, tell=tell).put_template(kept),
        parameters=dict.fromkeys(template.get("Parameters", {})),
    )
    if not change_set.is_empty:
        execute(change_set, tell=tell, progress=progress)


def _goes_along(resource: Mapping[str, Any]) -> bool:
    policy = str(resource.get("DeletionPolicy", "Delete"))
    return bool(resource["Type"] == _QUEUE) and not policy.startswith("Retain")


def _after_its_end(place: Place, cloudformation: Any, name: str) -> Removal:
    """Return what a removal that was interrupted has left to do."""
    for stack_id in _deleted(cloudformation, name):
        queues = find_leftovers(place, Stack(cloudformation, stack_id))
        template = read_template(cloudformation, stack_id)
        tasks = tasks_of(template or {})
        if queues and tasks:
            return Removal(
                name,
                stack_id,
                is_stack_there=False,
                tasks=tuple(tasks),
                queues=tuple(queues),
            )
    region = place.session.region_name
    raise NotASystemError(
        f"there is no stack {name!r} in the region {region}, nor a queue that it left: look at its"
        " name and region"
    )


def _deleted(cloudformation: Any, name: str) -> Iterator[str]:
    """Give the ids of the stacks of a name that were deleted, the last one first."""
    pages = cloudformation.get_paginator("list_stacks").paginate(
        StackStatusFilter=["DELETE_COMPLETE"]
    )
    # AWS CloudFormation API Reference, ListStacks, tells of those of the last 90 days.
    found = [one for page in pages for one in page["StackSummaries"] if one["StackName"] == name]
    found.sort(key=lambda one: one["CreationTime"], reverse=True)
    for one in found:
        yield one["StackId"]


def _of_plans(cloudformation: Any, name: str, facts: StackFacts) -> Removal:
    """Return the removal of a stack of which there are only change sets, if these are ours."""
    pages = cloudformation.get_paginator("list_change_sets").paginate(StackName=name)
    names = [one["ChangeSetName"] for page in pages for one in page["Summaries"]]
    if not all(each.startswith(NAME_PREFIX) for each in names):
        raise _not_ours(name)
    return Removal(name, facts.stack_id, is_stack_there=True)


def _template(cloudformation: Any, name: str, stack_id: str) -> dict[str, Any]:
    template = read_template(cloudformation, stack_id)
    if template is None or not tasks_of(template):
        raise _not_ours(name)
    return template


def _not_ours(name: str) -> NotASystemError:
    return NotASystemError(
        f"the stack {name!r} isn't one of algernon template, and is left as it is: delete it"
        " by what made it, if it is to go"
    )


def check_removal(removal: Removal, drop: Collection[str]) -> None:
    """Refuse a removal that would leave messages behind.

    Args:
        removal: What is done.
        drop: The names of the Tasks whose queues go with all that they hold.

    Raises:
        RefusedError: A queue holds messages, and its Task isn't one of `drop`.
        UnknownTaskError: None of the queues is one of a Task of `drop`.
    """
    for task in drop:
        if not any(queue.is_of([task]) for queue in removal.queues):
            names = ", ".join(removal.tasks) or "no Tasks"
            raise UnknownTaskError(
                f"the stack {removal.stack_name!r} has no queue of a Task {task!r}: it has {names}"
            )
    held = [queue for queue in removal.queues if queue.messages and not queue.is_of(drop)]
    if removal.is_stack_there and held:
        told = "; ".join(f"{removal.in_words(queue)} holds {_count(queue)}" for queue in held)
        raise RefusedError(
            f"nothing was deleted, since messages would stay behind: {told}. Have them worked off,"
            " or dead letters redriven, and run this again, or give a Task's up by --drop TASK"
        )


def _count(queue: Leftover) -> str:
    return "1 message" if queue.messages == 1 else f"{queue.messages} messages"
