"""The story of a chain of Tasks, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import compress
from typing import Any, NamedTuple

from .chain import Chain, TaskRun
from .groups import TaskKey, first_task_id
from .kwargs import short_kwargs
from .states import State, member_states, state_of
from .terminal import Line, Style, Terminal
from .times import date_and_clock, zone
from .tree import tree_of
from .wording import count, duration, size, table

# So many rows are easily read; of more there is a tree.
_LONG = 20
# Below which stand the arguments of so many Tasks that aren't done.
_MOST_ARGUMENTS = 20
_BELOW = " " * 4
# Of arguments, where lines may be of any length, and where they may not.
_LONGEST_ARGUMENTS = 300
_SHORTEST_ARGUMENTS = 20
_NUMBERS = ("RUN", "AGE", "TOOK")
_SIZES = ("RECEIVED", "SENT")
# What it means for a Task that its last run ended so.
_STATES: dict[str | None, str] = {
    None: "has not ended, so that it is running, or its process was killed or ran out of time",
    "failed": "failed, so that it is tried again, or is in the dead-letter queue by now",
    "dead_letter": "failed, and was moved to the dead-letter queue",
    "handed_back": "went back to the queue",
    "cancelled": "was cancelled",
    "expired": "came too late",
}
# Of so many Tasks of which the same is to be said, each has a sentence of its own.
_MOST_SENTENCES = 5
_MOST_IDS = 3


def tell_chain(
    chain: Chain, terminal: Terminal | None = None, *, kwargs: Mapping[str, Any] | None = None
) -> str:
    """Return the story of a chain as text: a line a run, each error beneath its own.

    Of a long one, or one with groups, it is a tree of its Tasks' names, with counts. What
    isn't done, or isn't known to be, follows. What a terminal would do instead of showing
    it, such as an escape sequence in an error's text, is replaced.

    Args:
        chain: The chain, of which something is known.
        terminal: What it is shown on; by default lines may be of any length, and have
            no colours.
        kwargs: The keyword arguments of `tasks_with_kwargs` as plain JSON, by the Tasks' ids,
            as far as they are known; None where they aren't to be told.
    """
    terminal = terminal or Terminal()
    if _is_tree(chain):
        body = tree_of(chain, terminal)
        if kwargs is not None:
            body += _arguments_of_tasks(chain, kwargs, terminal)
    else:
        body = [*_table(chain.runs, terminal, kwargs or {})]
    ends = [*_ends(chain)] or [Line("All of it is done.", "good")]
    if kwargs is not None:
        ends += _unknown_arguments(chain, kwargs)
    empty = Line("")
    lines = [*_summary(chain, terminal), empty, *body, *([empty] if body else []), *ends]
    return "\n".join(map(terminal.show, lines))


def tasks_with_kwargs(chain: Chain) -> list[TaskKey]:
    """Return the Tasks of which the story tells the keyword arguments, if it tells any.

    Of a long one it is the first that aren't done, those that failed before those that are open.
    """
    if not _is_tree(chain):
        return [task for task, runs in chain.tasks.items() if runs]
    order: tuple[State, ...] = ("failed", "open")
    states = {task: state_of(runs) for task, runs in chain.tasks.items()}
    left = [task for state in order for task in states if states[task] == state]
    return left[:_MOST_ARGUMENTS]


def _is_tree(chain: Chain) -> bool:
    rows = sum(max(1, len(runs)) for runs in chain.tasks.values())
    return rows >= _LONG or bool(chain.groups)


def _arguments_of_tasks(
    chain: Chain, kwargs: Mapping[str, Any], terminal: Terminal
) -> Iterator[Line]:
    """Give the arguments of Tasks that stand in no row of their own."""
    known = [task for task in tasks_with_kwargs(chain) if task[1] in kwargs]
    if known:
        yield Line("")
    for name, task_id in known:
        yield Line(f"{name} ({task_id}):")
        yield _arguments(kwargs[task_id], terminal)


def _arguments(kwargs: Any, terminal: Terminal) -> Line:
    most = _LONGEST_ARGUMENTS
    if terminal.width is not None:
        most = max(terminal.width - len(_BELOW), _SHORTEST_ARGUMENTS)
    return Line(f"{_BELOW}{short_kwargs(kwargs, most)}", "faint")


def _unknown_arguments(chain: Chain, kwargs: Mapping[str, Any]) -> Iterator[Line]:
    unknown = sum(task_id not in kwargs for _, task_id in tasks_with_kwargs(chain))
    if unknown:
        yield Line(
            f"The arguments of {count(unknown, 'Task')} aren't known: they travelled in messages,"
            " are larger than 1 MiB, or have expired in S3.",
            "open",
        )


def _summary(chain: Chain, terminal: Terminal) -> list[Line]:
    runs, sends = chain.runs, chain.sends
    functions = {run.function_name for run in runs} | {send.function_name for send in sends}
    sent = [run.sent_at for run in runs if run.sent_at is not None] or [run.at for run in runs]
    begin = min([*sent, *(send.at for send in sends)])
    end = max([*(run.logged_at for run in runs), *(send.at for send in sends)])
    name = f"Chain {chain.chain_id}:"
    counts = (
        f"{count(len(chain.tasks), 'Task')}, {count(len(runs), 'run')},"
        f" {count(len(functions), 'function')}, {(end - begin).total_seconds():.3f} s."
    )
    one_line = f"{name} {counts}"
    parts = [one_line] if terminal.fits(one_line) else [name, counts]
    return [Line(part, "bold") for part in parts]


def _table(runs: list[TaskRun], terminal: Terminal, kwargs: Mapping[str, Any]) -> Iterator[Line]:
    if not runs:
        return
    started = f"STARTED ({zone()})"
    headings = ("TASK", "RUN", started, "AGE", "TOOK", "RECEIVED", "SENT", "OUTCOME")
    rows = [headings, *map(_row, runs)]
    if not all(map(terminal.fits, table(rows, _NUMBERS))):
        shown = [heading not in _SIZES for heading in headings]
        rows = [tuple(compress(row, shown)) for row in rows]
    first_line, *aligned = table(rows, _NUMBERS)
    yield Line(first_line, "faint")
    function = None
    told: set[str] = set()
    for run, row in zip(runs, aligned, strict=True):
        if run.function_name != function:
            function = run.function_name
            yield Line(f"in {function}:", "faint")
        yield Line(row, _style(run))
        if run.error is not None:
            yield Line(f"{_BELOW}{run.error}", "bad")
        if run.task_id in kwargs and run.task_id not in told:
            told.add(run.task_id)
            yield _arguments(kwargs[run.task_id], terminal)


def _style(run: TaskRun) -> Style:
    if run.has_failed:
        return "bad"
    return "plain" if run.is_done else "open"


def _row(run: TaskRun) -> tuple[str, ...]:
    at = run.at.astimezone()
    age = None if run.sent_at is None else (run.at - run.sent_at).total_seconds() * 1000
    return (
        run.task_name,
        str(run.receive_count),
        f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03d}",
        duration(age),
        duration(run.duration_ms),
        _sizes(run.message_bytes, run.arguments_bytes),
        _sizes(run.sent_bytes, run.result_bytes),
        (run.outcome or "not ended").replace("_", " "),
    )


def _sizes(message: int | None, stored: int | None) -> str:
    if message is None:
        return "-"
    return size(message) + (f" + {size(stored)} in S3" if stored is not None else "")


class _Remark(NamedTuple):
    """What is to be said of a Task that isn't done, or isn't known to be.

    Attributes:
        task: The Task, or what else it is said of, by what several are called and its id.
        alone: The sentence.
        together: What is said of many at once, after how many they are.
    """

    task: TaskKey
    alone: str
    together: str


def _ends(chain: Chain) -> Iterator[Line]:
    kinds = (_open_tasks, _gaps, _unseen_tasks, _unknown_sends, _open_groups)
    for remarks in (remarks_of(chain) for remarks_of in kinds):
        alike: dict[tuple[str, str], list[_Remark]] = {}
        for remark in remarks:
            alike.setdefault((remark.task[0], remark.together), []).append(remark)
        for (name, together), found in alike.items():
            if len(found) <= _MOST_SENTENCES:
                yield from (Line(remark.alone, "open") for remark in found)
            else:
                ids = ", ".join(remark.task[1] for remark in found[:_MOST_IDS])
                more = len(found) - _MOST_IDS
                yield Line(f"{len(found)} {name}: {together} ({ids} and {more} more).", "open")


def _open_tasks(chain: Chain) -> Iterator[_Remark]:
    """Say which Tasks' last runs didn't get them done."""
    last_runs = {run.task: run for run in chain.runs}
    for (name, task_id), run in last_runs.items():
        if run.is_done:
            continue
        state = _STATES.get(run.outcome, f"ended as {run.outcome!r}, which isn't known here")
        alone = f"its run {run.receive_count} {state}"
        if run.comes_back_at is not None:
            alone += f" (it comes back at {date_and_clock(run.comes_back_at)})"
        yield _Remark(
            run.task,
            f"{name} ({task_id}) isn't done: {alone}.",
            f"not done, since the last run of each {state}",
        )


def _gaps(chain: Chain) -> Iterator[_Remark]:
    """Say of which runs before others there is no line."""
    for (name, task_id), runs in chain.tasks.items():
        seen = sorted({run.receive_count for run in runs})
        missing = []
        for before, number in zip([0, *seen], seen, strict=False):
            if number - before > 1:
                first, last = before + 1, number - 1
                missing.append(f"{first}" if first == last else f"{first} to {last}")
        if missing:
            yield _Remark(
                (name, task_id),
                f"No line of run {', '.join(missing)} of {name} ({task_id}): its process may have"
                " been killed.",
                "no line of runs before those that there are: their processes may have been killed",
            )


def _unseen_tasks(chain: Chain) -> Iterator[_Remark]:
    """Say to which Tasks a message was sent without a line of theirs."""
    for (name, task_id), runs in sorted(chain.tasks.items()):
        if not runs:
            yield _Remark(
                (name, task_id),
                f"No line yet of {name} ({task_id}), to which a message was sent.",
                "no line yet, though messages were sent to them",
            )


def _unknown_sends(chain: Chain) -> Iterator[_Remark]:
    """Say of which Tasks it isn't known who sent them, and therefore what else was sent."""
    senders = chain.senders
    for name, task_id in chain.tasks:
        begins = task_id in (chain.chain_id, first_task_id(chain.chain_id, name))
        if not begins and (name, task_id) not in senders:
            yield _Remark(
                (name, task_id),
                f"No line tells who sent {name} ({task_id}), or what else was sent with it.",
                "no line tells who sent them, or what else was sent with them",
            )


def _open_groups(chain: Chain) -> Iterator[_Remark]:
    """Say which groups wait for members."""
    for group_id, states in member_states(chain).items():
        left = len(states) - states.count("done")
        if left:
            yield _Remark(
                ("groups", group_id),
                f"The group {group_id} waits for {left} of the {len(states)} members that are known"
                f" of: algernon group {group_id} tells what holds it.",
                "not joined, since not all of their members are done; algernon group ID tells what"
                " holds one",
            )
