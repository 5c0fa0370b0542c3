"""What a deployment changes, in the words of Tasks: the deployed template beside the new one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from .template_changes import changes_besides_tasks
from .template_tasks import TemplateTask, tasks_in

# Of a template; what isn't among these describes it, and changes nothing.
_PARTS = ("Parameters", "Conditions", "Resources", "Outputs")

#: What becomes of a Task: it is new, set up otherwise, run by another worker, gone, or as it was.
Kind: TypeAlias = Literal["add", "change", "move", "remove", "keep"]


@dataclass(frozen=True, slots=True)
class Count:
    """How many messages a Task has.

    Attributes:
        waiting: In its queue, in whatever state.
        dead: In its dead-letter queue.
    """

    waiting: int
    dead: int


@dataclass(frozen=True, slots=True)
class TaskChange:
    """What becomes of a Task.

    Attributes:
        kind: Of what kind that is.
        task: The Task's name.
        worker: The module of the worker that runs it, which of one that goes is the one before.
        details: What changes, such as ``"timeout 30 → 60"``.
        is_paused: Whether its messages have to wait meanwhile, so that none meets a worker that
            doesn't know it, can't run it yet, or may run it twice.
        count: How many messages it has, where that matters and is known.
    """

    kind: Kind
    task: str
    worker: str | None = None
    details: tuple[str, ...] = ()
    is_paused: bool = False
    count: Count | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a deployment changes.

    Attributes:
        tasks: What becomes of each Task, in the order of the new template; those that go last.
        others: What else changes, in words, as far as there are some.
        template_changes: Whether the template is another one.
        code_changes: Whether the functions get other code.
        is_new: Whether there is no such system yet.
    """

    tasks: tuple[TaskChange, ...]
    others: tuple[str, ...]
    template_changes: bool
    code_changes: bool
    is_new: bool

    @property
    def is_empty(self) -> bool:
        """Whether nothing changes."""
        return not (self.template_changes or self.code_changes)

    @property
    def changed(self) -> tuple[TaskChange, ...]:
        """The Tasks that don't stay as they were."""
        return tuple(each for each in self.tasks if each.kind != "keep" or each.is_paused)

    @property
    def removed(self) -> tuple[str, ...]:
        """The names of the Tasks that go."""
        return tuple(each.task for each in self.tasks if each.kind == "remove")

    @property
    def paused(self) -> tuple[str, ...]:
        """The names of the Tasks whose messages have to wait meanwhile."""
        return tuple(each.task for each in self.tasks if each.is_paused)

    def with_counts(self, counts: Mapping[str, Count]) -> Plan:
        """Return the plan with how many messages some Tasks have."""
        tasks = (replace(each, count=counts.get(each.task)) for each in self.tasks)
        return replace(self, tasks=tuple(tasks))


def make_plan(
    deployed: Mapping[str, Any] | None, template: Mapping[str, Any], *, code_changes: bool
) -> Plan:
    """Return what changes when a system gets another template.

    Args:
        deployed: The template that it has, of whatever version of Algernon; None of a system that
            isn't there yet.
        template: The one that it gets.
        code_changes: Whether its functions get other code.

    Example:
        >>> from ...worker import Worker
        >>> from ..template.document import system_template
        >>> before, after = (
        ...     system_template([Worker("shop.handler", ("pay",), {})], timeout=timeout)
        ...     for timeout in (30, 60)
        ... )
        >>> [change.details for change in make_plan(before, after, code_changes=False).tasks]
        [('timeout 30 → 60',)]
    """
    after = tasks_in(template)
    if deployed is None:
        added = (TaskChange("add", task.name, task.worker) for task in after.values())
        return Plan(tuple(added), (), template_changes=True, code_changes=True, is_new=True)
    before = tasks_in(deployed)
    tasks = [_change(before.get(name), task) for name, task in after.items()]
    tasks += [
        TaskChange("remove", name, task.worker, is_paused=task.mapping is not None)
        for name, task in before.items()
        if name not in after
    ]
    return Plan(
        tuple(tasks),
        tuple(changes_besides_tasks(deployed, template)),
        template_changes=any(deployed.get(part) != template.get(part) for part in _PARTS),
        code_changes=code_changes,
        is_new=False,
    )


def _change(before: TemplateTask | None, after: TemplateTask) -> TaskChange:
    if before is None:
        return TaskChange("add", after.name, after.worker)
    details = tuple(_details(before, after))
    is_paused = before.mapping is not None and _has_to_wait(before, after)
    if before.worker not in (None, after.worker):
        moved = f"worker {before.worker} → {after.worker}"
        return TaskChange("move", after.name, after.worker, (moved, *details), is_paused)
    kind: Kind = "change" if details else "keep"
    return TaskChange(kind, after.name, after.worker, details, is_paused)


def _details(before: TemplateTask, after: TemplateTask) -> Iterator[str]:
    if before.mapping is None and after.mapping is not None:
        yield f"worker none → {after.worker}"
        return
    for word, value in after.settings.items():
        if (old := before.settings.get(word)) != value:
            yield f"{word} {_text(old)} → {_text(value)}"
    if before.is_paused and not after.is_paused:
        yield "paused by a deployment that was interrupted → active"


def _text(value: object) -> str:
    return "none" if value is None else str(value)


def _has_to_wait(before: TemplateTask, after: TemplateTask) -> bool:
    """Tell whether a message that comes while all of it changes may fail, or be run twice.

    A mapping of another name is made before the old one goes, and meanwhile both take messages.
    Of one function, CloudFormation changes the code and the rest one after the other. And where a
    batch may run for longer than its messages are going to be hidden, they come again meanwhile.
    """
    return (
        before.mapping != after.mapping
        or _starts(before) != _starts(after)
        or before.function.get("Timeout", 0) > after.hidden_seconds
    )


def _starts(task: TemplateTask) -> tuple[object, ...]:
    """Return what a function has to have the code for."""
    function = task.function
    architectures = function.get("Architectures", ["x86_64"])
    return task.worker, function.get("Runtime"), tuple(architectures)
