"""`algernon run`: run a system on a local AWS, and show what its workers log."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING

from .arguments import add_env, add_workers, number
from .project import modules_of, project_settings
from .reloading import Reloading

if TYPE_CHECKING:
    from ..local import LocalSystem
    from ..local.code_watch import CodeWatch
    from ..local.entries import Entry

HELP = "run a system of workers on this machine"
DESCRIPTION = (
    "Run a system on a local AWS, and show what its workers log. Its settings are those that"
    " [tool.algernon] in pyproject.toml has, here or above; what AWS Secrets Manager and Parameter"
    " Store keep gets its value from --env and --env-file."
)
EXAMPLES = """\
algernon run worker:router
algernon run worker:router --reload --persist .algernon
algernon run shop:router mail:router --port 4566
algernon run worker:router --env BANK_URL=http://localhost:8000 --env-file local.env\
"""

_LOG_SECONDS = 0.2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the workers, and how their system is run."""
    add_workers(parser)
    add_env(parser)
    parser.add_argument(
        "--env-file",
        metavar="FILE",
        type=Path,
        action="append",
        default=[],
        help="a file with such variables, a line each; may be repeated, and later ones win; --env"
        " wins over all",
    )
    parser.add_argument("--port", type=number(range(1, 65_536)), help="port on 127.0.0.1 (free)")
    parser.add_argument("--stack", metavar="NAME", help="name of the stack (the first module's)")
    parser.add_argument(
        "--reload",
        action="store_true",
        help="take over code and settings whenever they are saved, with all messages and objects"
        " as they are",
    )
    parser.add_argument(
        "--persist",
        metavar="DIR",
        type=Path,
        help="keep messages, dead letters and objects in DIR, and go on with those that are there",
    )
    parser.add_argument(
        "--verbose", action="store_true", help="show the workers' lines whole on a terminal too"
    )


def execute(options: argparse.Namespace) -> None:
    """Run the system until a signal stops it."""
    from ..local import LocalSystem
    from ..local.entries import reserve_entry

    # Read once more by the system itself; here for what is to be said of them.
    project_settings(options)
    system = LocalSystem(
        *options.targets,
        timeout=options.timeout,
        memory=options.memory,
        stack_name=options.stack,
        port=options.port,
        env=_env_of(options),
        persist=options.persist,
    )
    show_logs = _show_logs if options.verbose or not sys.stdout.isatty() else _show_digest
    # A list, since a handler that waits for a lock may wait for the code that it interrupts.
    stops: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> None:
        # What is raised may get lost in code that nobody can stop, such as a finalizer's.
        stops.append(number)
        # A second one could interrupt the tidying up.
        _on_stop_signals(signal.SIG_IGN)
        raise KeyboardInterrupt

    def note(number: int, _frame: FrameType | None) -> None:
        stops.append(number)

    _tell_steps()
    try:
        _on_stop_signals(interrupt)
        with reserve_entry(system.stack_name) as entry, _watching(options) as code, system:
            _on_stop_signals(note)
            _announce(entry, system)
            print(_how_to_use(options, system), flush=True)
            # What it does at each reload is told by what comes of it.
            logging.getLogger("algernon").setLevel(logging.WARNING)
            reloading = Reloading(system)
            while not stops:
                time.sleep(_LOG_SECONDS)
                show_logs(system)
                if code and code.has_changed():
                    # It may wait long for a module that is imported, or for ever.
                    _on_stop_signals(interrupt)
                    is_another = reloading.reload()
                    _on_stop_signals(note)
                    if is_another:
                        _announce(entry, system)
            show_logs(system)
    except KeyboardInterrupt:
        pass
    print("Stopped.", flush=True)


def _watching(options: argparse.Namespace) -> AbstractContextManager[CodeWatch | None]:
    from ..local.code_watch import watch_code

    return watch_code(modules_of(options), Path.cwd()) if options.reload else nullcontext()


def _announce(entry: Entry, system: LocalSystem) -> None:
    """Let others find the system, with the Tasks that it has now."""
    from ..local.entries import RunningSystem

    entry.announce(RunningSystem(system.tasks, system.environ, system.log_group))


def _env_of(options: argparse.Namespace) -> dict[str, str]:
    from ..system.settings.env_file import read_env_file

    env: dict[str, str] = {}
    for path in options.env_file:
        env |= read_env_file(path)
    return env | dict(options.env)


def _on_stop_signals(handler: Callable[[int, FrameType | None], object] | signal.Handlers) -> None:
    signal.signal(signal.SIGINT, handler)
    signal.signal(signal.SIGTERM, handler)
    # Under nohup the command is to outlive its terminal.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, handler)


def _how_to_use(options: argparse.Namespace, system: LocalSystem) -> str:
    kept = f"Messages, dead letters and objects are kept in {options.persist}."
    reloaded = "Code and settings are taken over whenever they are saved."
    return "\n".join(
        (
            f"The system of {', '.join(options.targets)} runs as the stack {system.stack_name!r}.",
            f"Local AWS: {system.endpoint_url}",
            f"Bucket: {system.bucket_name}",
            f"Tasks: {', '.join(system.tasks)}",
            f"Send one from another terminal: algernon send {system.tasks[0]} --kwargs JSON",
            *([kept] if options.persist else []),
            *([reloaded] if options.reload else []),
            "Stop it with Ctrl-C. Log lines follow.",
        )
    )


def _tell_steps() -> None:
    """Tell people what the command is doing while it starts."""
    from ..story.terminal import Terminal

    if sys.stderr.isatty():
        faint = Terminal.of(sys.stderr).paint("%(message)s", "faint")
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter(faint))
        logger = logging.getLogger("algernon")
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)


def _show_logs(system: LocalSystem) -> None:
    for line in system.log_lines():
        print(line, flush=True)


def _show_digest(system: LocalSystem) -> None:
    from ..story.digest import digest
    from ..story.terminal import Terminal

    terminal = Terminal.of(sys.stdout)
    for invocation in system.invocations():
        for line in digest(invocation, terminal):
            print(line, flush=True)
