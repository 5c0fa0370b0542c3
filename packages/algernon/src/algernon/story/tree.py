"""The Tasks of a chain, and its groups, as a tree of their names with counts."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from statistics import median
from typing import get_args

from .chain import Chain, TaskRun
from .groups import TaskKey
from .states import State, member_states, state_of, together
from .terminal import Line, Style, Terminal
from .wording import count, duration, table

_HEADINGS = ("TASK", "TASKS", "RUNS", "DONE", "FAILED", "OPEN", "MEDIAN", "LONGEST")
_NUMBERS = _HEADINGS[1:]
_MOST_ERRORS = 10
_SHORT_ID = 8

_STYLES: dict[State, Style] = {"done": "plain", "failed": "bad", "open": "open"}


class _Node:
    """The Tasks of one name that those of the node above it sent, or the groups.

    A Task that, through others or not, sends one of its own name is in one node with
    it, so that a chain which goes round is as deep as it has names. Groups have no name.
    """

    def __init__(self, name: str | None, parent: _Node | None) -> None:
        self.name = name
        self.parent = parent
        self.children: dict[str | None, _Node] = {}
        self.runs: list[TaskRun] = []
        self.states: list[State] = []
        self.group_ids: list[str] = []

    def add_task(self, runs: list[TaskRun]) -> None:
        """Count a Task, of these runs, among those of the node."""
        self.runs += runs
        self.states.append(state_of(runs))

    def add_group(self, group_id: str, members: list[State]) -> None:
        """Count the members of a group, which is one of the node's."""
        self.group_ids.append(group_id)
        self.states += members

    def label(self, *, is_short: bool) -> str:
        """Return what its row is called."""
        if self.name is not None:
            return self.name
        if len(self.group_ids) > 1:
            return f"{len(self.group_ids)} groups"
        (group_id,) = self.group_ids
        return f"group {group_id[:_SHORT_ID]}…" if is_short else f"group {group_id}"

    def place_of(self, name: str) -> _Node:
        """Return the node of Tasks that those of this one sent."""
        node: _Node | None = self
        while node is not None:
            if node.name == name:
                return node
            node = node.parent
        return self.children.setdefault(name, _Node(name, self))

    def place_of_groups(self) -> _Node:
        """Return the node of the groups that Tasks of this one sent."""
        return self.children.setdefault(None, _Node(None, self))


def tree_of(chain: Chain, terminal: Terminal) -> list[Line]:
    """Return the lines of the tree, and the errors below it, the most frequent first.

    A Task is done, or has failed, as its last run has; without a run, or where that
    tells nothing, it is open. In the row of groups it is their members that are counted.
    """
    nodes = [*_below(_root_of(chain))]
    headings, *rows = _table(nodes, is_short=False)
    if not all(map(terminal.fits, (headings, *rows))):
        headings, *rows = _table(nodes, is_short=True)
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
    tasks, members, below = chain.tasks, member_states(chain), _what_is_below(chain)
    placed: set[TaskKey | str] = set()

    def place(first: TaskKey | str) -> None:
        waiting = deque([(first, root)])
        while waiting:
            each, above = waiting.popleft()
            if each in placed:
                continue
            placed.add(each)
            if isinstance(each, str):
                node = above.place_of_groups()
                node.add_group(each, members[each])
            else:
                node = above.place_of(each[0])
                node.add_task(tasks[each])
            waiting += ((one, node) for one in below.get(each, ()))

    for each in below[None]:
        place(each)
    # Lines that were forged may say that each of two sent the other.
    for task in tasks:
        place(task)
    return root


def _what_is_below(chain: Chain) -> dict[TaskKey | str | None, list[TaskKey | str]]:
    """Return what each Task sent, and each group consists of; at None is what stands alone."""
    tasks, senders = chain.tasks, chain.senders
    above: dict[TaskKey, TaskKey | str | None] = {task: senders.get(task) for task in tasks}
    for group in chain.groups.values():
        for member in group.members.values():
            above |= {task: group.group_id for task in member if senders.get(task) not in member}
    for group in chain.groups.values():
        if group.join is not None:
            above[group.join] = group.group_id
    below: dict[TaskKey | str | None, list[TaskKey | str]] = {None: []}
    for group in chain.groups.values():
        sender = group.sender if group.sender in tasks else None
        below.setdefault(sender, []).append(group.group_id)
    for task, key in above.items():
        is_known = key in chain.groups if isinstance(key, str) else key in tasks
        below.setdefault(key if is_known else None, []).append(task)
    return below


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


def _table(nodes: list[tuple[str, _Node]], *, is_short: bool) -> list[str]:
    rows = [(start + node.label(is_short=is_short), *_numbers(node)) for start, node in nodes]
    return table([_HEADINGS, *rows], _NUMBERS)


def _numbers(node: _Node) -> tuple[str, ...]:
    durations = [run.duration_ms for run in node.runs if run.duration_ms is not None]
    numbers = (node.states.count(state) for state in get_args(State))
    return (
        str(len(node.states)),
        "-" if node.name is None else str(len(node.runs)),
        *(str(number or "-") for number in numbers),
        duration(median(durations) if durations else None),
        duration(max(durations, default=None)),
    )


def _style(node: _Node) -> Style:
    return _STYLES[together(node.states)]
