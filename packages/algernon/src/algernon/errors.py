"""What can go wrong between a worker's module and a running system."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import TYPE_CHECKING
from warnings import warn

if TYPE_CHECKING:
    from algernon_queue.dead_letter import DeadLetter


class CommandError(Exception):
    """The root of the errors that the command raises on purpose, and what it is made of.

    That is `algernon.local`, `algernon.settings`, `algernon.template` and `algernon.worker`; and
    `algernon.secrets`, which workers start with. The packages that Tasks are made with have
    roots of their own.
    """


class WorkerError(CommandError):
    """Raised when MODULE:ROUTER doesn't lead to a router and a Lambda handler.

    Attributes:
        missing_module: The full name of a module that was imported and isn't there, or
            None where that isn't the reason.
        traceback: The traceback of the module's own code, if it was that which failed, and ``""``
            if not.
    """

    def __init__(
        self, message: str, *, missing_module: str | None = None, traceback: str = ""
    ) -> None:
        super().__init__(message)
        self.missing_module = missing_module
        self.traceback = traceback


class TemplateError(CommandError, ValueError):
    """Raised when AWS's limits don't admit the system that a template should describe."""


class SettingsError(TemplateError):
    """Raised when a setting of a system isn't there, or has a value that means nothing.

    Attributes:
        key: Where it stands, such as ``("vpc", "subnets", 0)``.
        problem: What is wrong with it, without saying where.
    """

    def __init__(self, problem: str, *, key: Sequence[str | int] = (), where: str = "") -> None:
        super().__init__(f"{where}{_key_in_toml(key)} {problem}" if key else f"{where}{problem}")
        self.problem = problem
        self.key = tuple(key)


class SecretsError(CommandError):
    """Raised when a worker can't start, since an environment variable's value isn't to be had.

    Attributes:
        variables: The names of the variables without one.
    """

    def __init__(self, message: str, *, variables: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.variables = variables


class ProjectError(CommandError):
    """Raised when a project can't be made: its name is no good, or something has it already."""


class LocalSystemError(CommandError):
    """Raised when a local system can't start, or has ended by itself."""


class ChainTimeoutError(LocalSystemError, TimeoutError):
    """Raised when a chain that is waited for hasn't come to its end in time."""


class ChainFailedError(LocalSystemError):
    """Raised when a chain that is waited for ended with dead letters.

    Attributes:
        dead_letters: The messages of it that were given up.
    """

    def __init__(self, message: str, dead_letters: Sequence[DeadLetter]) -> None:
        super().__init__(message)
        self.dead_letters = list(dead_letters)


class LogsError(CommandError):
    """Raised when no log group can be read."""


class BuildError(CommandError):
    """Raised when what a worker needs can't be put together for Lambda."""


class DeploymentError(LocalSystemError):
    """Raised when CloudFormation couldn't create or update a stack; the message has its reason."""


class RefusedError(DeploymentError):
    """Raised where a deployment would lose something, or isn't the planned one: it does nothing."""


class MissingExtraError(CommandError, ImportError):
    """Raised when a package is missing that an extra brings, such as ``algernon[command]``."""


class NoSystemError(CommandError, LookupError):
    """Raised when it isn't clear which running local system is meant, or none runs."""


class NotASystemError(CommandError, LookupError):
    """Raised when a stack isn't there or isn't Algernon's, or no topic has a prefix."""


class UnknownTaskError(CommandError, LookupError):
    """Raised when a Task is named that the system doesn't have."""


class ChainError(CommandError, LookupError):
    """Raised when no line tells of a chain of Tasks, or its id can't be one."""


class GroupError(CommandError, LookupError):
    """Raised when there is no group of an id, or none any more."""


class LetterQueueError(CommandError):
    """Raised when a dead-letter queue isn't there, or can't be looked at without harm."""


class LetterError(CommandError, LookupError):
    """Raised when no dead letter has an id, or several have ids that begin as what was given."""


class LetterFileError(CommandError, ValueError):
    """Raised when a file of dead letters can't be written, or isn't one that can be read."""


class LetterRunError(CommandError):
    """Raised when the Task of a dead letter fails here too, or can't be run here."""


class TooLateError(CommandError):
    """Raised when what is to be cancelled has ended, or was cancelled before."""


class MappingError(CommandError):
    """Raised when the event source mapping of a Task isn't there, or not as it is to be."""


class RedriveError(CommandError):
    """Raised when letters that should have been moved weren't."""


class CanaryFailedError(RedriveError):
    """Raised when a letter that went first didn't do well, so that those like it stayed."""


class ProgramError(CommandError):
    """Raised when a program isn't there, or can't be run.

    Attributes:
        status: The exit status by which shells tell that.
    """

    def __init__(self, message: str, *, status: int) -> None:
        super().__init__(message)
        self.status = status


class EditError(CommandError):
    """Raised when keyword arguments can't be edited; nothing was changed."""


class ArgumentsError(CommandError, ValueError):
    """Raised when the text of a Task's keyword arguments isn't a JSON object."""


class CredentialsError(CommandError):
    """Raised when a profile that was named has no credentials, or they can't be read."""


def _key_in_toml(key: Sequence[str | int]) -> str:
    """Return a key as one would write it: ``workers."shop.mail".layers[0]``."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            name = part if re.fullmatch(r"[A-Za-z0-9_-]+", part) else json.dumps(part)
            text += f".{name}" if text else name
    return text


if TYPE_CHECKING:
    AlgernonError = CommandError
else:

    def __getattr__(name: str) -> object:
        if name == "AlgernonError":
            return root_by_its_old_name()
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def root_by_its_old_name() -> type[CommandError]:
    """Return what `AlgernonError` was, and warn whoever asks a module for it."""
    warn(
        "AlgernonError is called CommandError now, since the packages of Algernon have roots of"
        " their own; the old name goes with algernon 1.6",
        DeprecationWarning,
        stacklevel=3,
    )
    return CommandError
