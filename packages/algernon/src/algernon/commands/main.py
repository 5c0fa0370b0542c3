"""The command `algernon`, put together of its verbs."""

from __future__ import annotations

import argparse
import shlex
import signal
import sys
import traceback
from collections.abc import Sequence
from io import TextIOWrapper
from typing import Protocol

from ..errors import CommandError
from ..story.printing import printing, reading_has_ended, warn
from . import (
    cancel,
    completion,
    deploy,
    destroy,
    env,
    exec_,
    group,
    logs,
    new,
    pause,
    policy,
    result,
    resume,
    run,
    send,
    status,
    tasks,
    template,
    trace,
)
from .dead import discard, export, import_, redrive
from .dead import list as dead_list
from .dead import run as dead_run
from .dead import show as dead_show
from .exit_status import status_of
from .own_traceback import show_traceback
from .parser import CommandParser

# What tells where a system without a stack is.
_NAMES_OF_A_PREFIX = ("prefix", "region", "profile", "bucket")

# As shells tell that a process was ended by SIGINT.
_INTERRUPTED = 128 + signal.SIGINT


class _Verb(Protocol):
    """A module of this package that is a verb.

    It may have EXAMPLES, too, one a line; and a ROLE, which is whose rights it needs on AWS, if it
    isn't those to operate a system.
    """

    HELP: str
    DESCRIPTION: str

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Say what may follow the verb."""

    def execute(self, options: argparse.Namespace) -> None:
        """Do it."""


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
#: All verbs, in the order in which somebody comes to need them.
_VERBS: dict[str, _Verb | dict[str, _Verb]] = {
    "new": new,
    "run": run,
    "template": template,
    "deploy": deploy,
    "destroy": destroy,
    "send": send,
    "result": result,
    "cancel": cancel,
    "exec": exec_,
    "env": env,
    "group": group,
    "status": status,
    "tasks": tasks,
    "logs": logs,
    "trace": trace,
    "dead": _VERBS_OF_DEAD,
    "pause": pause,
    "resume": resume,
    "policy": policy,
    "completion": completion,
}

_HELP_OF_DEAD = "look at what was given up, and have it tried again"
_DESCRIPTION_OF_DEAD = (
    "Look at dead letters, which are the messages of Tasks that failed until they were given up,"
    " and have them tried again. A letter is named by its Task's id, or what that begins with."
)
_EXAMPLES_OF_DEAD = """\
algernon dead list
algernon dead show 4f8d8a4e
algernon dead run 4f8d8a4e worker:router --pdb
algernon dead redrive --id 4f8d8a4e --yes
algernon dead redrive --error ValueError --canary --yes
algernon dead export letters.jsonl
algernon dead discard --task resize --stack shop --region eu-west-1\
"""
_EXAMPLES = """\
make a project that runs as it is:
  algernon new shop
run a system on this machine, and send it a Task from another terminal:
  algernon run worker:router
  algernon send resize --kwargs '{"width": 640}' --wait
the same on AWS, as with every verb:
  algernon send resize --kwargs '{"width": 640}' --stack shop --region eu-west-1
find out what failed, and why:
  algernon status
  algernon dead list
  algernon dead show ID
  algernon logs --failed
mend it, try it, and have it done:
  algernon dead run ID worker:router --pdb
  algernon dead redrive --error ValueError
  algernon dead redrive --error ValueError --canary --yes\
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit status.

    Args:
        arguments: The command line after the command's name; that of the process
            by default.

    Returns:
        0 when all went well, or nobody reads on; 1 when it didn't, or 3 to 6 where what
        was waited for has no result, 126 or 127 where a program couldn't be run, and 130
        when it was interrupted, after one line on standard error that says why. Wrong usage
        ends the process with 2, as argparse does.

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
    options = argparse.Namespace(rights_of="operate", stack=None, prefix=None)
    try:
        try:
            command_parser().parse_args(arguments, options)
            options.execute(options)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        warn("interrupted")
        return _INTERRUPTED
    except Exception as error:  # whatever it is, one line is promised
        if isinstance(error, BrokenPipeError) and reading_has_ended():
            raise
        show_traceback(error)
        warn(_reason(error, options))
        return status_of(error)
    return 0


def _reason(error: Exception, options: argparse.Namespace) -> str:
    from algernon_queue import QueueError
    from algernon_serialize import SerializeError
    from algernon_storage import StorageError
    from botocore.exceptions import BotoCoreError, ClientError

    from ..system.refusals import what_is_refused

    if refused := what_is_refused(error, policy=_policy_for(options)):
        return refused
    ours = (CommandError, QueueError, SerializeError, StorageError)
    if isinstance(error, (*ours, BotoCoreError, ClientError, OSError)):
        return str(error)
    # It may be a fault of this package's: what and where it is has to be told, too.
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno})"


def _policy_for(options: argparse.Namespace) -> str:
    """Return the command that prints the rights that whoever gave this one should have."""
    # A stack's is of patterns, and asks AWS nothing: that may be what is denied.
    names = ("stack",) if options.stack else _NAMES_OF_A_PREFIX if options.prefix else ()
    given = {name: getattr(options, name) for name in names}
    where = [part for name, value in given.items() if value for part in (f"--{name}", value)]
    return shlex.join(["algernon", "policy", "--for", options.rights_of, *where])


class _PrintVersions(argparse.Action):
    """Prints the versions of all of Algernon, which aren't looked up before they are asked for."""

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        """Print them, and end."""
        import platform
        from importlib.metadata import version

        from ..system.distributions import DISTRIBUTIONS

        print(*(f"{name} {version(name)}" for name in DISTRIBUTIONS), sep="\n")
        print(f"Python {platform.python_version()}")
        parser.exit()


def command_parser() -> CommandParser:
    """Return what reads the command line, with all of its verbs."""
    parser = CommandParser(
        prog="algernon",
        description="Distributed, serverless Tasks on AWS, and on this machine.",
        examples=_EXAMPLES,
    )
    parser.add_argument(
        "--version", action=_PrintVersions, nargs=0, help="print the versions, and end"
    )
    parser.set_defaults(whole_parser=parser)
    verbs = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, verb in _VERBS.items():
        if not isinstance(verb, dict):
            _add_verb(verbs, name, verb)
        else:
            dead = verbs.add_parser(
                name,
                help=_HELP_OF_DEAD,
                description=_DESCRIPTION_OF_DEAD,
                examples=_EXAMPLES_OF_DEAD,
            )
            verbs_of_dead = dead.add_subparsers(required=True, metavar="COMMAND")
            for name_of_dead, verb_of_dead in verb.items():
                _add_verb(verbs_of_dead, name_of_dead, verb_of_dead)
    return parser


def _add_verb(verbs: argparse._SubParsersAction[CommandParser], name: str, verb: _Verb) -> None:
    parser = verbs.add_parser(
        name,
        help=verb.HELP,
        description=verb.DESCRIPTION,
        examples=getattr(verb, "EXAMPLES", ""),
    )
    verb.add_arguments(parser)
    parser.set_defaults(
        execute=verb.execute,
        usage_error=parser.error,
        rights_of=getattr(verb, "ROLE", "operate"),
    )
