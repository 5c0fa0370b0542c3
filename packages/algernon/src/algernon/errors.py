"""What can go wrong between a worker's module and a running system."""

from __future__ import annotations


class AlgernonError(Exception):
    """The root of every error that this package raises on purpose."""


class WorkerError(AlgernonError):
    """Raised when MODULE:ROUTER doesn't lead to a router and a Lambda handler.

    Attributes:
        missing_module: The full name of a module that was imported and isn't there, or
            None where that isn't the reason.
    """

    def __init__(self, message: str, *, missing_module: str | None = None) -> None:
        super().__init__(message)
        self.missing_module = missing_module


class TemplateError(AlgernonError, ValueError):
    """Raised when AWS's limits don't admit the system that a template should describe."""


class LocalSystemError(AlgernonError):
    """Raised when a local system can't start, or has ended by itself."""


class DeploymentError(LocalSystemError):
    """Raised when CloudFormation couldn't create or update a stack; the message has its reason."""


class MissingExtraError(AlgernonError, ImportError):
    """Raised when a package is missing that the extra ``algernon[local]`` brings."""


class NoSystemError(AlgernonError, LookupError):
    """Raised when it isn't clear which running local system is meant, or none runs."""


class UnknownTaskError(AlgernonError, LookupError):
    """Raised when a Task is to be sent that the system doesn't have."""


class ChainError(AlgernonError, LookupError):
    """Raised when no line tells of a chain of Tasks, or its id can't be one."""


class ArgumentsError(AlgernonError, ValueError):
    """Raised when the text of a Task's keyword arguments isn't a JSON object."""


class CredentialsError(AlgernonError):
    """Raised when a profile that was named has no credentials, or they can't be read."""
