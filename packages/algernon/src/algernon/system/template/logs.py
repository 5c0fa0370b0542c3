"""The log group of all functions, and how they write to it."""

from __future__ import annotations

from typing import Any

from ..settings.settings import Settings

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


def log_group(settings: Settings) -> dict[str, Any]:
    """Return the log group, whose lines are deleted after a while."""
    key = {} if settings.kms_key is None else {"KmsKeyId": settings.kms_key}
    return {
        "WorkerLogs": {
            "Type": "AWS::Logs::LogGroup",
            "DeletionPolicy": "Delete",
            "UpdateReplacePolicy": "Delete",
            "Properties": {"RetentionInDays": settings.log_retention, **key},
        }
    }


def logging_config() -> dict[str, Any]:
    """Return a function's setting for its lines."""
    return {
        "LogGroup": {"Ref": "WorkerLogs"},
        "LogFormat": {"Ref": "LogFormat"},
        "ApplicationLogLevel": _LOG_LEVEL,
    }
