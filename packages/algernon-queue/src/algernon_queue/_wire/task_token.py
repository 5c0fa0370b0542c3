"""The token by which a state machine of Step Functions waits for a Task."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from algernon_serialize import SerializeError, ajson

from ..errors import MalformedMessageError


def split_token(content: Any) -> tuple[Any, str | None]:
    """Return a message, and the token that stands around it, or in it, or None.

    Around it is ``{"Input": MESSAGE, "TaskToken": TOKEN}``, as AWS Step Functions
    Developer Guide, "Wait for a Callback with the Task Token", has it, where the
    message may be a text of JSON. In it, the token stands beside the ``task_name``.
    What isn't a message with a token is returned as it is.

    Raises:
        MalformedMessageError: The token is no text, so that nobody could be told.

    Example:
        >>> split_token({"Input": {"task_name": "charge"}, "TaskToken": "AQCEAAAAKg"})
        ({'task_name': 'charge'}, 'AQCEAAAAKg')
        >>> split_token({"task_name": "charge", "task_kwargs": {}})
        ({'task_name': 'charge', 'task_kwargs': {}}, None)
    """
    if type(content) is not dict and not isinstance(content, Mapping):
        return content, None
    if "task_name" in content:
        return content, _token_in(content) if "TaskToken" in content else None
    if "Input" in content:
        message = _read(content["Input"])
        token = _token_in(content)
        if token is None and isinstance(message, Mapping) and "task_name" in message:
            token = _token_in(message)
        if token is not None:
            return message, token
    return content, None


def _read(given: Any) -> Any:
    if isinstance(given, str):
        # A text that can't be read is no message either, which the state machine is to
        # be told, by its token.
        with suppress(SerializeError):
            return ajson.loads(given, rebuild=False)
    return given


def _token_in(content: Mapping[str, Any]) -> str | None:
    token = content.get("TaskToken")
    if token is not None and not (token and isinstance(token, str)):
        raise MalformedMessageError(
            f"the TaskToken of the message is {'empty' if token == '' else 'no text'}, so that no"
            " state machine could be told: take it from the context object of Step Functions, as"
            " 'TaskToken.$': '$$.Task.Token'"
        )
    return token
