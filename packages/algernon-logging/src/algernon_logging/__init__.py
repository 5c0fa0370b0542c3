"""Usable logs and X-Ray traces for Lambda functions, with one decorator."""

from .decorator import lambda_logged
from .errors import DecorationError, LoggingError

__all__ = ["DecorationError", "LoggingError", "lambda_logged"]
