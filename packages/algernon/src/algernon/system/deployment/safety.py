"""What a deployment refuses, since something would be lost by it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from difflib import SequenceMatcher
from typing import TYPE_CHECKING, Any

from ...errors import RefusedError, UnknownTaskError
from .deployed import others_in
from .plan import Plan, TaskChange

if TYPE_CHECKING:
    from .change_set import Change

# What holds messages or results, or is what others send to.
_HOLDS_SOMETHING = {
    "AWS::SQS::Queue": "queue",
    "AWS::SNS::Topic": "topic",
    "AWS::S3::Bucket": "bucket",
}


def check_plan(plan: Plan, drop: Collection[str], *, left: Collection[str] = ()) -> None:
    """Refuse a plan by which messages would be left behind that nobody means to lose.

    Args:
        plan: It, with how many messages the Tasks have that go.
        drop: The names of the Tasks that may go with what their queues hold.
        left: The names of Tasks that went before, of which a queue is still there.

    Raises:
        UnknownTaskError: What may go stays, or isn't there.
        RefusedError: A Task goes that looks as if it had got another name, or that has messages.
    """
    _check_drop(plan, drop, left)
    going = [each for each in plan.tasks if each.kind == "remove" and each.task not in drop]
    if renamed := {each.task: new for each in going if (new := _new_name(each, plan))}:
        told = (_of_a_name(each, renamed[each.task]) for each in going if each.task in renamed)
        raise RefusedError("; ".join(told))
    if full := [each for each in going if _messages(each)]:
        raise RefusedError(
            f"{'; '.join(_of_messages(each) for each in full)}. Let its worker work them off, see"
            " to the dead letters (algernon dead list, redrive or discard), and deploy then; or"
            f" {' '.join(f'--drop {each.task}' for each in full)} deletes them"
        )


def check_others(deployed: Mapping[str, Any], template: Mapping[str, Any]) -> None:
    """Refuse to take from a stack what isn't Algernon's, such as a table that somebody added.

    Args:
        deployed: The template that the stack has.
        template: The one that it gets.

    Raises:
        RefusedError: It would be deleted.
    """
    gone = {name: kind for name, kind in others_in(deployed).items() if not _has(template, name)}
    if gone:
        told = ", ".join(f"{name} ({kind})" for name, kind in gone.items())
        raise RefusedError(
            f"the stack has what the new template doesn't, and would be deleted with all that it"
            f" holds: {told}. Deploy the stack by what added that, or move it to a stack of its own"
        )


def _has(template: Mapping[str, Any], name: str) -> bool:
    return name in template["Resources"]


def check_replacements(changes: Iterable[Change]) -> None:
    """Refuse what CloudFormation would replace by an empty one.

    Raises:
        RefusedError: It would replace a queue, a topic or a bucket.
    """
    replaced = [
        f"the {_HOLDS_SOMETHING[each.kind]} {each.logical_id}"
        for each in changes
        if each.action == "Modify"
        and each.replacement is not False
        and each.kind in _HOLDS_SOMETHING
    ]
    if replaced:
        raise RefusedError(
            f"CloudFormation would replace {', '.join(replaced)} by another one, without what is"
            " in it, and under a name that nobody sends to: somebody has changed what can't be"
            " changed in place; leave that as it is deployed, or make another stack"
        )


def _check_drop(plan: Plan, drop: Collection[str], left: Collection[str]) -> None:
    stay = [each.task for each in plan.tasks if each.kind != "remove"]
    for name in drop:
        if name in stay:
            raise UnknownTaskError(
                f"--drop {name}: the Task {name!r} is still in its worker, and doesn't go; take it"
                " out there, or leave --drop out"
            )
        if name not in plan.removed and name not in left:
            raise UnknownTaskError(
                f"--drop {name}: no Task {name!r} goes by this deployment, and none has left its"
                " queues behind"
            )


def _new_name(gone: TaskChange, plan: Plan) -> str | None:
    """Return the name of the new Task that a Task which goes may have got."""
    added = [each.task for each in plan.tasks if each.kind == "add" and each.worker == gone.worker]
    return max(added, key=lambda name: _likeness(gone.task, name), default=None)


def _likeness(one: str, other: str) -> float:
    return SequenceMatcher(None, one, other).ratio()


def _of_a_name(gone: TaskChange, new: str) -> str:
    old = gone.task
    return (
        f"the Task {old!r} goes{_counts(gone, ' with ')}, and {new!r} comes in the same worker, as"
        f" if its function had got another name. Keep the old one, by @router.task(name={old!r}),"
        f" and nothing is lost; or, if it is to go, say --drop {old}"
    )


def _of_messages(gone: TaskChange) -> str:
    return f"the Task {gone.task!r} goes, {_counts(gone, 'and has ')}"


def _messages(change: TaskChange) -> int:
    return 0 if change.count is None else change.count.waiting + change.count.dead


def _counts(change: TaskChange, before: str) -> str:
    """Return how many messages a Task has, or nothing where it has none."""
    if change.count is None or not _messages(change):
        return ""
    return f"{before}{change.count.waiting:,} waiting and {change.count.dead:,} dead messages"
