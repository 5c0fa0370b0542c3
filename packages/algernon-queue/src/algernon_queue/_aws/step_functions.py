"""Reporting to the state machine of Step Functions that waits for a Task."""

from __future__ import annotations

import json
import logging
from uuid import uuid4

from algernon_serialize import ajson
from algernon_storage import Document, StoredData, aws_client

from ..errors import text_of

logger = logging.getLogger("algernon_queue")

# AWS Step Functions API Reference, SendTaskSuccess and SendTaskFailure.
_MAX_OUTPUT_BYTES = 262_144
_MAX_ERROR = 256
_MAX_CAUSE = 32_768

# Nobody waits under this token (any more), which trying again wouldn't change.
_NOBODY_WAITS = ("InvalidToken", "TaskDoesNotExist", "TaskTimedOut")


def report_success(task_token: str, output: str) -> None:
    """Tell a state machine a Task's result, as JSON text.

    Raises:
        botocore.exceptions.ClientError: Step Functions doesn't take the report.
    """
    _report("send_task_success", taskToken=task_token, output=output)


def report_failure(task_token: str, error: Exception) -> None:
    """Tell a state machine that a Task failed: the error's class, and what it says.

    Raises:
        botocore.exceptions.ClientError: Step Functions doesn't take the report.
    """
    _report(
        "send_task_failure",
        taskToken=task_token,
        error=type(error).__name__[:_MAX_ERROR],
        cause=text_of(error)[:_MAX_CAUSE],
    )


def output_of(result: Document) -> str:
    """Return the JSON text of a result, or of a pointer to it where it is too large for a state.

    Raises:
        algernon_storage.StorageError: It is too large, and can't be stored.
    """
    if len(result.data) <= _MAX_OUTPUT_BYTES:
        return result.data.decode()
    stored = StoredData.of(uuid4(), result)
    stored.store()
    return ajson.dumps(stored)


def stored_output(pointer: str) -> str:
    """Return the JSON text of a result that is stored, or of the pointer where it is too large.

    Raises:
        algernon_storage.StorageError: It can't be read.
    """
    text = json.dumps(StoredData.retrieve(pointer, rebuild=False).data)
    return text if len(text) <= _MAX_OUTPUT_BYTES else ajson.dumps(StoredData.at(pointer))


def _report(operation: str, **arguments: str) -> None:
    from botocore.exceptions import ClientError

    try:
        getattr(aws_client("stepfunctions"), operation)(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOBODY_WAITS:
            raise
        logger.warning("no state machine waits for this Task any more: %s", error)
