"""Usable logs, traces and metrics for Lambda functions, with one decorator."""

from .decorator import lambda_logged
from .errors import DecorationError, LoggingError, MissingExtraError, SettingError
from .fields import bind

__all__ = [
    "DecorationError",
    "LoggingError",
    "MissingExtraError",
    "SettingError",
    "bind",
    "lambda_logged",
]
