"""Ways to write the same line: ours, and those of the peers.

Each gives a function that writes one line, with the same facts in it, to a stream
that keeps nothing.
"""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Callable, Mapping
from contextvars import copy_context
from types import SimpleNamespace
from typing import Any

from algernon_logging import lambda_logged
from algernon_logging.lines import fields

from .stream import Nowhere

FUNCTION = {
    "function_name": "shop",
    "function_arn": "arn:aws:lambda:eu-west-1:123456789012:function:shop",
    "aws_request_id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
}
RECORD = {
    "task_name": "ship",
    "task_id": "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11",
    "chain_id": "a14c2c7b-fad4-4c82-ba64-6c2e3acb0079",
    "message_id": "7ae8ef84-f317-4b7c-9d4e-5c6f6a2b7c11",
    "receive_count": 1,
}
LAMBDA_CONTEXT = SimpleNamespace(
    function_name=FUNCTION["function_name"],
    invoked_function_arn=FUNCTION["function_arn"],
    aws_request_id=FUNCTION["aws_request_id"],
    memory_limit_in_mb=128,
)

Write = Callable[..., object]


def ours(*, with_record: bool) -> Write:
    """Return a writer of `lambda_logged`, in the form that the environment asks for.

    Args:
        with_record: Whether the line is one of a record of algernon-queue.
    """
    sys.stderr = Nowhere()
    logger = logging.getLogger("shop")
    writers: list[Write] = []

    @lambda_logged
    def handler(event: object, context: object) -> None:
        if with_record:
            fields.set_record(RECORD)
        here = copy_context()
        writers.append(lambda *arguments, **options: here.run(logger.info, *arguments, **options))

    handler(None, LAMBDA_CONTEXT)
    return writers[0]


def stdlib(*, literal: bool) -> Write:
    """Return a writer of the standard library's, in the columns that ours has.

    Args:
        literal: Whether the facts stand in the format itself, which no worker could
            have, instead of being put into each record by a filter.
    """
    columns = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ"
    facts = "%(aws_request_id)s\t%(function_name)s\t%(function_arn)s"
    own = facts % FUNCTION if literal else facts
    formatter = logging.Formatter(f"{columns}\t{own}\t%(name)s\t%(message)s", "%Y-%m-%dT%H:%M:%S")
    formatter.converter = time.gmtime
    logger = _own_logger(f"stdlib-{literal}", formatter)
    if not literal:
        logger.handlers[0].addFilter(lambda record: not record.__dict__.update(FUNCTION))
    return logger.info


def powertools(record: Mapping[str, Any]) -> Write:
    """Return a writer of Powertools for AWS Lambda."""
    from aws_lambda_powertools import Logger

    logger = Logger(service="powertools", logger_handler=logging.StreamHandler(Nowhere()))
    writers: list[Write] = []

    @logger.inject_lambda_context  # type: ignore[untyped-decorator]
    def handler(event: object, context: object) -> None:
        logger.append_keys(**record)
        writers.append(logger.info)

    handler({}, LAMBDA_CONTEXT)
    return writers[0]


def python_json_logger(record: Mapping[str, Any]) -> Write:
    """Return a writer of python-json-logger, with the facts that never change in its formatter."""
    from pythonjsonlogger.json import JsonFormatter

    formatter = JsonFormatter(
        "%(asctime)s %(levelname)s %(message)s %(name)s",
        static_fields={**FUNCTION, "cold_start": True, **record},
    )
    return _own_logger("python-json-logger", formatter).info


def caught() -> BaseException:
    """Return an exception that was raised a few calls deep."""

    def ask(depth: int) -> None:
        if depth:
            ask(depth - 1)
        raise ConnectionError("the price list doesn't answer")

    try:
        ask(3)
    except ConnectionError as error:
        return error
    raise AssertionError


def _own_logger(name: str, formatter: logging.Formatter) -> logging.Logger:
    handler = logging.StreamHandler(Nowhere())
    handler.setFormatter(formatter)
    logger = logging.getLogger(f"{name}.shop")
    logger.setLevel(logging.INFO)
    logger.propagate = False
    logger.handlers = [handler]
    return logger
