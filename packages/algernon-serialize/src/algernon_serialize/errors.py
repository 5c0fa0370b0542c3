"""What can go wrong between an object and its JSON."""

from __future__ import annotations


class SerializeError(Exception):
    """The root of every error that this package raises on purpose."""


class PathError(SerializeError):
    """The root of the errors that have a place inside a value.

    Attributes:
        problem: What is wrong, why, and what to do.
        path: Where, from the outermost value inwards: ``$.task_kwargs.rows[3]``.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        self._steps: list[str] = []

    @property
    def path(self) -> str:
        """Where in the value or text it went wrong."""
        return "$" + "".join(reversed(self._steps))

    def inside(self, step: object) -> None:
        """Note, on the way out, the key or index by which a container holds the culprit."""
        if type(step) is str and step.isidentifier():
            self._steps.append(f".{step}")
        else:
            self._steps.append(f"[{step!r}]")

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


class UnserializableError(PathError, TypeError):
    """Raised when a value could not come back from JSON equal and of the same type."""


class NestingError(PathError, ValueError):
    """Raised when a value or a text nests too deeply, or a value contains itself."""


class MalformedTagError(PathError, ValueError):
    """Raised when a tagged value in a text hasn't the form that its tag asks for."""


class UnknownClassError(PathError, LookupError):
    """Raised when a text holds an object of a class that isn't imported here."""


class MalformedJSONError(SerializeError, ValueError):
    """Raised when a text isn't JSON as RFC 8259 defines it."""
