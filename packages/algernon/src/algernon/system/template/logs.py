"""The log group of all functions, and how they write to it."""

from __future__ import annotations

from typing import Any

_LOG_DAYS = 30

# AWS Lambda Developer Guide, "Log-level filtering": Lambda drops JSON lines below this
# level, and takes none with text. INFO is said too, since a function that is updated
# without a level may keep the one it has.
_LOG_LEVEL = {
    "Fn::If": [
        "LogsAreJson",
        {"Fn::If": ["LogsAreDebug", "DEBUG", "INFO"]},
        {"Ref": "AWS::NoValue"},
    ]
}


def log_group() -> dict[str, Any]:
    """Return the log group, whose lines are deleted after a while."""
    return {
        "WorkerLogs": {
            "Type": "AWS::Logs::LogGroup",
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": {"RetentionInDays": _LOG_DAYS},
        }
    }


def logging_config() -> dict[str, Any]:
    """Return a function's setting for its lines."""
    return {
        "LogGroup": {"Ref": "WorkerLogs"},
        "LogFormat": {"Ref": "LogFormat"},
        "ApplicationLogLevel": _LOG_LEVEL,
    }
