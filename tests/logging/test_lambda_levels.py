"""Levels of lines, as AWS's own runtime client, awslambdaric, is told them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .runtime_api import JSON, JSON_INFO, TEXT_INFO, WORKER, columns, objects

if TYPE_CHECKING:
    from .conftest import StartFunction

EVERY_LEVEL = """
import logging
from algernon_logging import lambda_logged

@lambda_logged
def handler(event, context):
    for level in (1, 10, 15, 20, 25, 30, 40, 50, 90):
        logging.log(level, "%s", level)
"""


def test_lambda_is_told_the_level_of_each_line(start_function: StartFunction) -> None:
    """Where Lambda filters by level, each event says its own."""
    function = start_function(WORKER, environment={"AWS_LAMBDA_LOG_LEVEL": "INFO"})
    function.invoke("a")
    assert [event.frame_type for event in function.log_events()] == [TEXT_INFO]


def test_lambda_is_told_the_level_of_each_json_line(start_function: StartFunction) -> None:
    """The frame of each JSON line has its level, by which Lambda filters."""
    function = start_function(EVERY_LEVEL, environment={**JSON, "DEBUG": "true"})
    function.invoke()
    assert [
        (line["message"], event.frame_type)
        for line, event in zip(objects(function), function.log_events(), strict=True)
    ] == [
        ("10", JSON_INFO - 4),
        ("15", JSON_INFO - 4),
        ("20", JSON_INFO),
        ("25", JSON_INFO),
        ("30", JSON_INFO + 4),
        ("40", JSON_INFO + 8),
        ("50", JSON_INFO + 12),
        ("90", JSON_INFO + 12),
    ]


@pytest.mark.parametrize(
    ("debug", "level", "first"),
    [
        (None, "TRACE", 10),
        (None, "DEBUG", 10),
        (None, "INFO", 20),
        (None, "WARN", 30),
        (None, "ERROR", 40),
        (None, "FATAL", 50),
        ("true", "FATAL", 10),
        ("false", "WARN", 30),
        ("false", "DEBUG", 10),
    ],
)
def test_the_level_is_lambdas_where_debug_says_nothing(
    debug: str | None, level: str, first: int, start_function: StartFunction
) -> None:
    """Lambda's own level decides from where on lines appear, unless DEBUG is true."""
    environment = {"AWS_LAMBDA_LOG_LEVEL": level, **({"DEBUG": debug} if debug else {})}
    function = start_function(EVERY_LEVEL, environment=environment)
    function.invoke()
    levels = [int(columns(event)[-1]) for event in function.log_events()]
    assert levels == [each for each in (10, 15, 20, 25, 30, 40, 50, 90) if each >= first]
