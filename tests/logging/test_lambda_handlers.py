"""Handlers of the root logger, under AWS's own runtime client, awslambdaric."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .runtime_api import JSON, JSON_INFO, WORKER, columns, objects

if TYPE_CHECKING:
    from .conftest import StartFunction

CONSOLE = {
    "version": 1,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "root": {"level": "ERROR", "handlers": ["console"]},
}


@pytest.mark.parametrize("environment", [{}, JSON], ids=["text", "json"])
@pytest.mark.parametrize(
    "line",
    [
        "logging.basicConfig(level=logging.INFO, force=True)",
        "from logging import config; config.dictConfig({'version': 1})",
        "from logging import config; config.dictConfig(CONSOLE)",
        "logging.getLogger().handlers.clear()",
        "logging.getLogger().removeHandler(logging.getLogger().handlers[0])",
        "logging.getLogger().handlers = [logging.StreamHandler()]",
    ],
    ids=["basicConfig", "dictConfig", "dictConfig console", "clear", "remove", "assign"],
)
@pytest.mark.parametrize("at", ["before", "after", "in"])
def test_lines_go_through_lambda_whatever_a_module_does_to_logging(
    at: str, line: str, environment: dict[str, str], start_function: StartFunction
) -> None:
    """A module that configures logging at import, or in a call, doesn't cost the way out."""
    places = {"before": "pass", "after": "pass", "in": "pass", at: line}
    function = start_function(
        f"""
import logging
CONSOLE = {CONSOLE}
{places["before"]}
from algernon_logging import lambda_logged

@lambda_logged
def handler(event, context):
    try:
        1 / 0
    except ZeroDivisionError:
        logging.exception("boom")
    {places["in"]}
    context.log("from the context")

{places["after"]}
""",
        environment=environment,
    )
    function.invoke(request_id="r-1")
    function.invoke(request_id="r-2")
    first, *events = function.log_events()
    (second,) = (event for event in events if "boom" in event.text)
    for request_id, event in (("r-1", first), ("r-2", second)):
        assert request_id in event.text
        assert "division by zero" in event.text
        assert event.frame_type == (JSON_INFO + 8 if environment else events[0].frame_type)
    assert "boom" not in function.printed()


def test_without_telemetry_lines_survive_a_cleared_root_logger(
    start_function: StartFunction,
) -> None:
    """Where Lambda's sink is standard output, it is found again too."""
    function = start_function(
        "import logging\nlogging.basicConfig(force=True)\n" + WORKER, telemetry=False
    )
    function.invoke("a", request_id="r-1")
    (line,) = function.printed().splitlines()
    assert line.split("\t")[2] == "r-1"


def test_lines_at_import_appear_after_the_decoration(start_function: StartFunction) -> None:
    """What a module logs at import is there at once, not only from the first call on."""
    function = start_function(
        """
import logging
from algernon_logging import lambda_logged

logging.basicConfig(force=True)

@lambda_logged
def handler(event, context):
    logging.info("called")

logging.info("loaded")
logging.debug("in detail")
""",
        environment=JSON,
    )
    function.invoke()
    lines = [(line["message"], line["cold_start"]) for line in objects(function)]
    assert lines == [("loaded", True), ("called", True)]
    assert function.printed() == ""


KEPT = """
import io, logging
from algernon_logging import keep_handler, lambda_logged
ADD

@lambda_logged
def handler(event, context):
    logging.info("sold %s", event)
    return stream.getvalue()
"""


@pytest.mark.parametrize(("keep", "seen"), [("keep_handler", "sold 0\nsold 1\n"), ("", "")])
def test_a_handler_stays_where_it_is_to_be_kept(
    keep: str, seen: str, start_function: StartFunction
) -> None:
    """On Lambda a handler that sends elsewhere is taken off, unless it is kept."""
    add = f"""
stream = io.StringIO()
logging.getLogger().addHandler({keep}(logging.StreamHandler(stream)))
"""
    function = start_function(KEPT.replace("ADD", add))
    function.invoke(0)
    assert function.invoke(1).result == seen
    assert [columns(event)[-1] for event in function.log_events()] == ["sold 0", "sold 1"]


@pytest.mark.parametrize(("tracing", "seen"), [("otel", ["sold 0", "sold 1"]), ("off", [])])
def test_opentelemetrys_handler_stays_where_it_traces(
    tracing: str, seen: list[str], start_function: StartFunction
) -> None:
    """Logs go on to OpenTelemetry under ``otel``, beside the lines in CloudWatch."""
    pytest.importorskip("opentelemetry.sdk._logs")
    function = start_function(
        """
import logging
from algernon_logging import lambda_logged
from opentelemetry.sdk._logs import LoggerProvider, LoggingHandler
from opentelemetry.sdk._logs import export

exporter = getattr(export, "InMemoryLogRecordExporter", None) or export.InMemoryLogExporter
exporter = exporter()
provider = LoggerProvider()
provider.add_log_record_processor(export.SimpleLogRecordProcessor(exporter))
logging.getLogger().addHandler(LoggingHandler(logger_provider=provider))

@lambda_logged
def handler(event, context):
    logging.info("sold %s", event)
    return [str(each.log_record.body) for each in exporter.get_finished_logs()]
""",
        environment={"ALGERNON_TRACING": tracing},
    )
    function.invoke(0)
    assert function.invoke(1).result == seen
    texts = [columns(event)[-1] for event in function.log_events()]
    assert [text for text in texts if text.startswith("sold")] == ["sold 0", "sold 1"]
