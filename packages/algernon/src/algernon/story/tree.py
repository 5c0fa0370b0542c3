"""The Tasks of a long chain, as a tree of their names with counts."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from statistics import median

from .chain import Chain, TaskKey, TaskRun
from .terminal import Line, Style
from .wording import count, duration, table

_HEADINGS = ("TASK", "TASKS", "RUNS", "DONE", "FAILED", "OPEN", "MEDIAN", "LONGEST")
_NUMBERS = _HEADINGS[1:]
_MOST_ERRORS = 10


class _Node:
    """The Tasks of one name that those of the node above it sent.

    A Task that, through others or not, sends one of its own name is in one node with
    it, so that a chain which goes round is as deep as it has names.
    """

    def __init__(self, name: str, parent: _Node | None) -> None:
        self.name = name
        self.parent = parent
        self.children: dict[str, _Node] = {}
        self.tasks: list[list[TaskRun]] = []

    def place_of(self, name: str) -> _Node:
        """Return the node of Tasks that those of this one sent."""
        node: _Node | None = self
        while node is not None:
            if node.name == name:
                return node
            node = node.parent
        return self.children.setdefault(name, _Node(name, self))


def tree_of(chain: Chain) -> list[Line]:
    """Return the lines of the tree, and the errors below it, the most frequent first.

    A Task is done, or has failed, as its last run has; without a run, or where that
    tells nothing, it is open.
    """
    nodes = [*_below(_root_of(chain))]
    headings, *rows = table([_HEADINGS, *(_row(start, node) for start, node in nodes)], _NUMBERS)
    lines = [Line(headings, "faint")]
    lines += [Line(row, _style(node)) for row, (_, node) in zip(rows, nodes, strict=True)]
    errors = Counter((run.task_name, run.error) for run in chain.runs if run.error is not None)
    if errors:
        lines.append(Line(""))
    lines += [
        Line(f"{count(number, 'run')} of {name}: {error}", "bad")
        for (name, error), number in errors.most_common(_MOST_ERRORS)
    ]
    if len(errors) > _MOST_ERRORS:
        lines.append(Line(f"and {len(errors) - _MOST_ERRORS} other errors", "bad"))
    return lines


def _root_of(chain: Chain) -> _Node:
    root = _Node("", None)
    tasks, senders = chain.tasks, chain.senders
    sent: dict[TaskKey, list[TaskKey]] = {}
    for task, sender in senders.items():
        if sender is not None:
            sent.setdefault(sender, []).append(task)
    places: dict[TaskKey, _Node] = {}

    def place(first: TaskKey) -> None:
        waiting = deque([(first, root)])
        while waiting:
            task, above = waiting.popleft()
            if task not in places:
                node = places[task] = above.place_of(task[0])
                node.tasks.append(tasks[task])
                waiting += ((each, node) for each in sent.get(task, ()))

    for task in tasks:
        if senders.get(task) not in tasks:
            place(task)
    # Lines that were forged may say that each of two sent the other.
    for task in tasks:
        place(task)
    return root


def _below(root: _Node) -> Iterator[tuple[str, _Node]]:
    """Give the nodes below one, from above, each with what stands before its name."""
    waiting = [(child, "", "") for child in reversed(root.children.values())]
    while waiting:
        node, branch, trunk = waiting.pop()
        yield branch, node
        corner, more = "└─ ", "   "
        for child in reversed(node.children.values()):
            waiting.append((child, trunk + corner, trunk + more))
            corner, more = "├─ ", "│  "


def _row(start: str, node: _Node) -> tuple[str, ...]:
    runs = [run for runs in node.tasks for run in runs]
    durations = [run.duration_ms for run in runs if run.duration_ms is not None]
    failed = sum(_has_failed(task) for task in node.tasks)
    done = sum(_is_done(task) for task in node.tasks)
    return (
        start + node.name,
        *(str(len(some)) for some in (node.tasks, runs)),
        *(str(number or "-") for number in (done, failed, len(node.tasks) - done - failed)),
        duration(median(durations) if durations else None),
        duration(max(durations, default=None)),
    )


def _style(node: _Node) -> Style:
    if any(map(_has_failed, node.tasks)):
        return "bad"
    return "plain" if all(map(_is_done, node.tasks)) else "open"


def _is_done(runs: list[TaskRun]) -> bool:
    return bool(runs) and runs[-1].is_done


def _has_failed(runs: list[TaskRun]) -> bool:
    return bool(runs) and runs[-1].has_failed
