"""What a deployment changes, and what it has changed, as people are told of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..system.deployment.leftovers import Leftover
from ..system.deployment.plan import Kind, Plan, TaskChange
from .terminal import Line, Style
from .wording import count

_SIGNS: dict[Kind, tuple[str, Style]] = {
    "add": ("+", "good"),
    "change": ("~", "open"),
    "move": (">", "open"),
    "remove": ("-", "bad"),
    "keep": (" ", "plain"),
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


def leftover_lines(leftovers: Sequence[Leftover]) -> Iterator[Line]:
    """Give what Tasks that went have left behind, since there are messages in it."""
    for each in leftovers:
        yield Line(
            f"{each.name} stays, in no stack any more, since it holds"
            f" {count(each.messages, 'message')}: {each.url}",
            "open",
        )


def _task_line(change: TaskChange) -> Line:
    sign, style = _SIGNS[change.kind]
    details = f": {', '.join(change.details)}" if change.details else ""
    counts = ""
    if change.count is not None:
        counts = f" ({change.count.waiting:,} waiting, {change.count.dead:,} dead)"
    return Line(f"{sign} {change.task}{details}{counts}", style)
