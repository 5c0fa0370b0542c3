"""What a deployment changes, and what it has changed, as people are told of it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from ..system.deployment.failures import in_words
from ..system.deployment.plan import Kind, Plan, TaskChange
from ..system.deployment.stack_events import StackEvent
from .terminal import Line, Style
from .wording import count

if TYPE_CHECKING:
    from ..system.deployment.deploy import Outcome
    from ..system.deployment.removal import Removal

_SIGNS: dict[Kind, tuple[str, Style]] = {
    "add": ("+", "good"),
    "change": ("~", "open"),
    "move": (">", "open"),
    "remove": ("-", "bad"),
    "keep": (" ", "plain"),
}
# By what the statuses of resources begin with.
_VERBS = {
    "CREATE": ("making", "made"),
    "DELETE": ("deleting", "deleted"),
    "ROLLBACK": ("taking back", "took back"),
}


def plan_lines(plan: Plan, stack: str) -> Iterator[Line]:
    """Give the lines of a plan, in the words of Tasks.

    Args:
        plan: It.
        stack: The name of the stack that it is for.

    Example:
        >>> added = TaskChange("add", "price")
        >>> changed = TaskChange("change", "bill", details=("timeout 30 → 60",))
        >>> plan = Plan(
        ...     (added, changed), (), template_changes=True, code_changes=True, is_new=False
        ... )
        >>> [line.text for line in plan_lines(plan, "shop")]
        ['shop:', '+ price', '~ bill: timeout 30 → 60', '~ code']
    """
    if plan.is_empty:
        yield Line(f"{stack} is as it should be: there is nothing to do", "good")
        return
    yield Line(f"{stack}, which is new:" if plan.is_new else f"{stack}:", "bold")
    for change in plan.tasks:
        if change.kind != "keep":
            yield _task_line(change)
    if plan.code_changes and not plan.is_new:
        yield Line("~ code", "open")
    others = plan.others
    if plan.template_changes and not (others or plan.changed or plan.is_new):
        others = ("what the template says besides",)
    for other in others:
        yield Line(f"~ {other}", "open")
    if same := sum(change.kind == "keep" for change in plan.tasks):
        yield Line(f"  {count(same, 'Task')} as before", "faint")
    if plan.paused:
        yield Line(f"  meanwhile the messages of {', '.join(plan.paused)} wait", "faint")


def outcome_lines(outcome: Outcome, plan: Plan, stack: str) -> Iterator[Line]:
    """Give what a deployment has done besides what its plan says.

    Args:
        outcome: It.
        plan: The plan that was carried out.
        stack: The stack's name.
    """
    for each in outcome.deleted:
        yield Line(f"deleted the queue {each.name}, which its Task left behind")
    for each in outcome.left:
        yield Line(
            f"{each.url} stays, in no stack any more, since it holds"
            f" {count(each.messages, 'message')}",
            "open",
        )
    for task in outcome.paused:
        yield Line(f"{task} is paused, as it was: algernon resume {task} ends that", "open")
    for task in outcome.resumed:
        yield Line(
            f"{task} was paused and isn't any more, since what takes its messages is another one",
            "open",
        )
    if not plan.is_empty:
        running = sum(change.kind != "remove" for change in plan.tasks)
        yield Line(f"{stack} is deployed, and runs {count(running, 'Task')}", "good")


def removal_lines(removal: Removal, drop: Collection[str]) -> Iterator[Line]:
    """Give what goes when a system is deleted, and what stays.

    Args:
        removal: It.
        drop: The names of the Tasks whose queues go with what they hold.
    """
    yield Line(f"{removal.stack_name}:", "bold")
    for task in removal.tasks:
        if removal.is_stack_there:
            yield Line(f"- {task}", "bad")
    for other in removal.others:
        yield Line(f"- {other}, which isn't Algernon's, and goes along", "bad")
    for queue in removal.queues:
        if queue.messages:
            fate = "deleted" if queue.is_of(drop) else "in the way"
            text = f"{removal.in_words(queue)}: {count(queue.messages, 'message')}, {fate}"
            yield Line(f"  {text}", "open")
    if removal.bucket is not None:
        yield Line(f"  the bucket {removal.bucket} stays, with what is in it", "faint")


def event_text(event: StackEvent, tasks: Collection[str]) -> str:
    """Return what CloudFormation does just now, in a few words.

    Args:
        event: The event of it.
        tasks: The names of the system's Tasks.

    Example:
        >>> making = StackEvent(
        ...     "1", "stack", "QueuePay9350872D", "", "AWS::SQS::Queue", "CREATE_IN_PROGRESS", ""
        ... )
        >>> event_text(making, ["pay"])
        "making the queue of the Task 'pay'"
    """
    verb, _, state = event.status.partition("_")
    doing, done = _VERBS.get(verb, ("changing", "changed"))
    what = in_words(event, tasks).partition(" (")[0]
    if event.status.endswith("_FAILED"):
        return f"{what} failed"
    return f"{doing if state.endswith('IN_PROGRESS') else done} {what}"


def _task_line(change: TaskChange) -> Line:
    sign, style = _SIGNS[change.kind]
    details = f": {', '.join(change.details)}" if change.details else ""
    counts = ""
    if change.count is not None:
        counts = f" ({change.count.waiting:,} waiting, {change.count.dead:,} dead)"
    return Line(f"{sign} {change.task}{details}{counts}", style)
