"""Usable logs, traces and metrics for Lambda functions, with one decorator."""

from .decorator import lambda_logged
from .errors import DecorationError, LoggingError, LoggingSettingError, MissingExtraError
from .lines.fields import bind
from .lines.handlers import keep_handler

__all__ = [
    "DecorationError",
    "LoggingError",
    "LoggingSettingError",
    "MissingExtraError",
    "bind",
    "keep_handler",
    "lambda_logged",
    "parse_line",
]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .lines.parsing import parse_line

    SettingError = LoggingSettingError
else:
    # Unseen by type checkers, which would otherwise take any name to be here.
    def __getattr__(name: str) -> object:
        # No function reads logs, so that none waits for this to be imported.
        if name == "parse_line":
            from .lines.parsing import parse_line

            return parse_line
        if name == "SettingError":
            import warnings

            warnings.warn(
                "algernon_logging.SettingError is called LoggingSettingError; the old name goes"
                " with version 1.4",
                DeprecationWarning,
                stacklevel=2,
            )
            return LoggingSettingError
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
