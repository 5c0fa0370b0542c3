"""What can go wrong when a function is decorated."""

from __future__ import annotations


class LoggingError(Exception):
    """The root of every error that this package raises on purpose."""


class DecorationError(LoggingError, TypeError):
    """Raised when ``@lambda_logged`` is put on something whose lines it could not log rightly."""


class LoggingSettingError(LoggingError, ValueError):
    """Raised when an environment variable has a value that means nothing."""


class MissingExtraError(LoggingError, ImportError):
    """Raised when a package is missing that the extra ``algernon-logging[otel]`` brings."""
