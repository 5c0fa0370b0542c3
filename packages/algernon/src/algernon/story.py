"""The story of a chain of Tasks, as text for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .chain import TaskRun

_HEADINGS = ("TASK", "RUN", "STARTED (UTC)", "AGE", "TOOK", "RECEIVED", "SENT", "OUTCOME")
_NUMBERS = ("RUN", "AGE", "TOOK")
# What it means for a Task that its last run ended so.
_STATES: dict[str | None, str] = {
    None: "has not ended, so that it is running, or its process was killed or ran out of time",
    "failed": "failed, so that it is tried again, or is in the dead-letter queue by now",
    "dead_letter": "failed, and was moved to the dead-letter queue",
    "handed_back": "went back to the queue",
}


def tell_chain(chain_id: str, runs: list[TaskRun]) -> str:
    """Return the story of a chain as text: a line a run, each error beneath its own.

    What isn't done follows. What a terminal would do instead of showing it, such as
    an escape sequence in an error's text, is replaced.

    Args:
        chain_id: The chain's id.
        runs: Its runs, in the order of time; at least one.
    """
    ends = [*_open_tasks(runs), *_gaps(runs), *_unseen_tasks(runs)] or ["All of it is done."]
    lines = [_summary(chain_id, runs), "", *_table(runs), "", *ends]
    return "\n".join(map(_printable, lines))


def _summary(chain_id: str, runs: list[TaskRun]) -> str:
    tasks = len({run.task for run in runs})
    functions = len({run.function_name for run in runs})
    begin = min((run.sent_at for run in runs if run.sent_at is not None), default=runs[0].at)
    seconds = (max(run.logged_at for run in runs) - begin).total_seconds()
    return (
        f"Chain {chain_id}: {_count(tasks, 'Task')}, {_count(len(runs), 'run')},"
        f" {_count(functions, 'function')}, {seconds:.3f} s."
    )


def _table(runs: list[TaskRun]) -> Iterator[str]:
    rows = [_row(run) for run in runs]
    widths = [max(map(len, column)) for column in zip(_HEADINGS, *rows, strict=True)]
    yield _aligned(_HEADINGS, widths)
    function = None
    for run, row in zip(runs, rows, strict=True):
        if run.function_name != function:
            function = run.function_name
            yield f"in {function}:"
        yield _aligned(row, widths)
        if run.error is not None:
            yield f"    {run.error}"


def _row(run: TaskRun) -> tuple[str, ...]:
    age = None if run.sent_at is None else (run.at - run.sent_at).total_seconds() * 1000
    return (
        run.task_name,
        str(run.receive_count),
        f"{run.at:%Y-%m-%d %H:%M:%S}.{run.at.microsecond // 1000:03d}",
        _duration(age),
        _duration(run.duration_ms),
        _sizes(run.message_bytes, run.arguments_bytes),
        _sizes(run.sent_bytes, run.result_bytes),
        (run.outcome or "not ended").replace("_", " "),
    )


def _aligned(row: Iterable[str], widths: Iterable[int]) -> str:
    cells = (
        cell.rjust(width) if heading in _NUMBERS else cell.ljust(width)
        for heading, cell, width in zip(_HEADINGS, row, widths, strict=True)
    )
    return "  ".join(cells).rstrip()


def _open_tasks(runs: list[TaskRun]) -> Iterator[str]:
    """Say which Tasks' last runs didn't get them done."""
    last_runs = {run.task: run for run in runs}
    for (name, task_id), run in last_runs.items():
        if (state := _STATES.get(run.outcome)) is not None:
            yield f"{name} ({task_id}) isn't done: its run {run.receive_count} {state}."


def _gaps(runs: list[TaskRun]) -> Iterator[str]:
    """Say of which runs before others there is no line."""
    counts: dict[tuple[str, str], set[int]] = {}
    for run in runs:
        counts.setdefault(run.task, set()).add(run.receive_count)
    for (name, task_id), seen in counts.items():
        missing = []
        for before, count in zip([0, *sorted(seen)], sorted(seen), strict=False):
            if count - before > 1:
                first, last = before + 1, count - 1
                missing.append(f"{first}" if first == last else f"{first} to {last}")
        if missing:
            yield (
                f"No line of run {', '.join(missing)} of {name} ({task_id}): its process may have"
                " been killed."
            )


def _unseen_tasks(runs: list[TaskRun]) -> Iterator[str]:
    """Say to which Tasks a message was sent without a line of theirs."""
    sent = {run.next_task for run in runs if run.next_task is not None}
    for name, task_id in sorted(sent - {run.task for run in runs}):
        yield f"No line yet of {name} ({task_id}), to which a message was sent."


def _printable(text: str) -> str:
    # What a line says may come from anywhere, and a terminal does what it is told.
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _duration(milliseconds: float | None) -> str:
    if milliseconds is None:
        return "-"
    return f"{milliseconds:.1f} ms" if milliseconds < 1000 else f"{milliseconds / 1000:.2f} s"


def _sizes(message: int | None, stored: int | None) -> str:
    if message is None:
        return "-"
    return _size(message) + (f" + {_size(stored)} in S3" if stored is not None else "")


def _size(size: float) -> str:
    for unit in ("B", "kB", "MB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} GB"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
