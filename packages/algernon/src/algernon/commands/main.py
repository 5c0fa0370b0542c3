"""The command `algernon`, put together of its verbs."""

from __future__ import annotations

import argparse
import signal
import sys
import traceback
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from typing import Protocol

from ..errors import CommandError
from ..story.printing import printing, reading_has_ended, warn
from . import cancel, group, logs, pause, result, resume, run, send, status, tasks, template, trace
from .dead import discard, export, import_, redrive
from .dead import list as dead_list
from .dead import run as dead_run
from .dead import show as dead_show
from .exit_status import status_of

# As shells tell that a process was ended by SIGINT.
_INTERRUPTED = 128 + signal.SIGINT


class _Verb(Protocol):
    """A module of this package that is a verb."""

    HELP: str
    DESCRIPTION: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Say what may follow the verb."""

    def execute(self, options: argparse.Namespace) -> None:
        """Do it."""


_VERBS: dict[str, _Verb] = {
    "template": template,
    "run": run,
    "send": send,
    "result": result,
    "cancel": cancel,
    "group": group,
    "logs": logs,
    "trace": trace,
    "status": status,
    "tasks": tasks,
    "pause": pause,
    "resume": resume,
}
#: What stands behind ``algernon dead``.
_VERBS_OF_DEAD: dict[str, _Verb] = {
    "list": dead_list,
    "show": dead_show,
    "run": dead_run,
    "redrive": redrive,
    "export": export,
    "import": import_,
    "discard": discard,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit status.

    Args:
        arguments: The command line after the command's name; that of the process
            by default.

    Returns:
        0 when all went well, or nobody reads on; 1 when it didn't, or 3 to 6 where what
        was waited for has no result, and 130 when it was interrupted, after one line on
        standard error that says why. Wrong usage ends the process with 2, as argparse does.

    Example:
        ``main(["template", "worker:router", "--timeout", "60"])``
    """
    if isinstance(sys.stdout, TextIOWrapper):
        # Lines and names may hold characters that the terminal's encoding lacks.
        sys.stdout.reconfigure(errors="backslashreplace")
    with printing():
        return _status(arguments)
    return 0  # whoever reads has read enough


def _status(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    execute: Callable[[argparse.Namespace], None] = options.execute
    try:
        try:
            execute(options)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        warn("interrupted")
        return _INTERRUPTED
    except Exception as error:  # whatever it is, one line is promised
        if isinstance(error, BrokenPipeError) and reading_has_ended():
            raise
        warn(_reason(error))
        return status_of(error)
    return 0


def _reason(error: Exception) -> str:
    from algernon_queue import QueueError
    from algernon_serialize import SerializeError
    from algernon_storage import StorageError
    from botocore.exceptions import BotoCoreError, ClientError

    ours = (CommandError, QueueError, SerializeError, StorageError)
    if isinstance(error, (*ours, BotoCoreError, ClientError, OSError)):
        return str(error)
    # It may be a fault of this package's: what and where it is has to be told, too.
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno})"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="algernon", description="Distributed, serverless Tasks on AWS, and on this machine."
    )
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, verb in _VERBS.items():
        _add_verb(verbs, name, verb)
    if _VERBS_OF_DEAD:
        help_of_dead = "look at what was given up, and have it tried again"
        dead = verbs.add_parser("dead", help=help_of_dead, description=help_of_dead)
        verbs_of_dead = dead.add_subparsers(required=True, metavar="COMMAND")
        for name, verb in _VERBS_OF_DEAD.items():
            _add_verb(verbs_of_dead, name, verb)
    return parser


def _add_verb(
    verbs: argparse._SubParsersAction[argparse.ArgumentParser], name: str, verb: _Verb
) -> None:
    parser = verbs.add_parser(name, help=verb.HELP, description=verb.DESCRIPTION)
    verb.add_arguments(parser)
    parser.set_defaults(execute=verb.execute, usage_error=parser.error)
