"""The Tasks of a chain, and its groups, as a tree of their names with counts."""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import compress
from itertools import count as count_up
from statistics import median
from typing import get_args

from .chain import Chain, TaskRun
from .groups import TaskKey
from .states import State, member_states, state_of, together
from .terminal import Line, Style, Terminal
from .wording import count, duration, table

_HEADINGS = ("TASK", "TASKS", "RUNS", "DONE", "FAILED", "OPEN", "MEDIAN", "LONGEST")
_NUMBERS = _HEADINGS[1:]
# What a narrow terminal goes without, the first before the second.
_SPARED = ((), ("MEDIAN",), ("MEDIAN", "LONGEST", "RUNS"))
_MOST_ERRORS = 10
# What somebody reads on a terminal.
_MOST_ROWS = 60
_SHORT_ID = 8
# Of a name that is cut, this much stands before it at least.
_LEAST_BRANCH = 4

# What is shown before other things.
_URGENCY: tuple[State, ...] = ("failed", "open", "done")
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
        self.folded = 0

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
        if self.folded:
            return f"… {self.folded} more"
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

    def fold(self, others: list[_Node]) -> None:
        """Have nodes below this one, and all below them, in one row."""
        fold = _Node("", self)
        for hidden in (each for other in others for each in (other, *other.all_below())):
            fold.folded += 1
            fold.runs += hidden.runs
            # Those of a group are counted as its members' Tasks.
            fold.states += hidden.states if hidden.name is not None else []
        kept = [child for child in self.children.values() if child not in others]
        self.children = {child.name: child for child in (*kept, fold)}

    def all_below(self) -> list[_Node]:
        """Return the nodes below, each before those below it."""
        found = [*self.children.values()]
        for node in found:
            found += node.children.values()
        return found

    def place_of_groups(self) -> _Node:
        """Return the node of the groups that Tasks of this one sent."""
        return self.children.setdefault(None, _Node(None, self))


def tree_of(chain: Chain, terminal: Terminal) -> list[Line]:
    """Return the lines of the tree, and the errors below it, the most frequent first.

    A Task is done, or has failed, as its last run has; without a run, or where that
    tells nothing, it is open. In the row of groups it is their members that are counted.
    On a terminal, of many rows those are counted together that are all done, or deep below.
    """
    root = _root_of(chain)
    if terminal.width is not None:
        _fold(root)
    nodes = [*_below(root)]
    headings, *rows = _fitting(nodes, terminal)
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


def _fold(root: _Node) -> None:
    """Have as many rows as are read, those of what failed or is open before others."""
    nodes = root.all_below()
    if len(nodes) <= _MOST_ROWS:
        return
    states: dict[_Node, State] = {}
    for node in reversed(nodes):
        states[node] = together(
            (*node.states, *(states[child] for child in node.children.values()))
        )
    order = count_up()
    waiting: list[tuple[int, int, int, _Node]] = []

    def add(children: Iterable[_Node], depth: int) -> None:
        for child in children:
            urgency = _URGENCY.index(states[child])
            heapq.heappush(waiting, (urgency, depth, next(order), child))

    add(root.children.values(), 0)
    for _ in range(_MOST_ROWS):
        _, depth, _, node = heapq.heappop(waiting)
        add(node.children.values(), depth + 1)
    hidden: dict[_Node, list[_Node]] = {}
    for *_, node in waiting:
        if node.parent is not None:
            hidden.setdefault(node.parent, []).append(node)
    for parent, others in hidden.items():
        parent.fold(others)


def _fitting(nodes: list[tuple[str, _Node]], terminal: Terminal) -> list[str]:
    """Return the rows, with less in them where that is what fits."""
    rows = _rows(nodes, is_short=False)
    if _fits(lines := table(rows, _NUMBERS), terminal):
        return lines
    rows = _rows(nodes, is_short=True)
    for spared in _SPARED:
        shown = [heading not in spared for heading in _HEADINGS]
        narrow = [tuple(compress(row, shown)) for row in rows]
        if _fits(lines := table(narrow, _NUMBERS), terminal):
            return lines
    # What stands right of the names is as wide as it is without them.
    room = (terminal.width or 0) - max(
        len(line) for line in table([("", *row[1:]) for row in narrow], _NUMBERS)
    )
    cut = [_cut(start, node.label(is_short=True), room) for start, node in nodes]
    names = [_HEADINGS[0], *cut]
    return table([(name, *row[1:]) for name, row in zip(names, narrow, strict=True)], _NUMBERS)


def _fits(lines: list[str], terminal: Terminal) -> bool:
    return all(map(terminal.fits, lines))


def _cut(branch: str, name: str, width: int) -> str:
    """Return a name behind its branch, of which the ends are left where they are too long."""
    room = max(1, width - min(len(branch), _LEAST_BRANCH))
    if len(name) > room:
        half = room // 2
        name = f"{name[: room - half - 1]}…{name[len(name) - half :]}"
    room = width - len(name)
    return (branch if len(branch) <= room else f"…{branch[len(branch) - room + 1 :]}") + name


def _rows(nodes: list[tuple[str, _Node]], *, is_short: bool) -> list[tuple[str, ...]]:
    rows = [(start + node.label(is_short=is_short), *_numbers(node)) for start, node in nodes]
    return [_HEADINGS, *rows]


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
