"""What the tests of algernon-logging share."""

from __future__ import annotations

import importlib.util
import logging
import os
from contextlib import ExitStack
from typing import TYPE_CHECKING, Protocol

import pytest
from algernon_logging import invocation, metrics
from algernon_logging.lines import root_logger

from .lines import JsonLines
from .runtime_api import LambdaFunction
from .traces import Workers, credentials, listening_daemon, run_program

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from ..conftest import LocalAWS
    from .traces import Daemon


class StartFunction(Protocol):
    """Starts a worker's source under Lambda's own runtime client."""

    def __call__(
        self,
        source: str,
        *,
        environment: dict[str, str] | None = None,
        telemetry: bool = True,
    ) -> LambdaFunction:
        """Start it; it ends with the test."""


@pytest.fixture
def _runtime() -> None:
    if importlib.util.find_spec("awslambdaric") is None:
        pytest.skip("awslambdaric isn't installed: it has Linux wheels only, not for every Python")


@pytest.fixture
def start_function(tmp_path: Path, _runtime: None) -> Iterator[StartFunction]:
    """Start Lambda functions that end with the test."""
    with ExitStack() as running:

        def start(
            source: str,
            *,
            environment: dict[str, str] | None = None,
            telemetry: bool = True,
        ) -> LambdaFunction:
            return running.enter_context(
                LambdaFunction(tmp_path, source, environment=environment, telemetry=telemetry)
            )

        yield start


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    """Listen where the X-Ray daemon would."""
    with listening_daemon() as daemon:
        yield daemon


@pytest.fixture
def run(daemon: Daemon) -> Callable[..., str]:
    """Run code in a new process, which must succeed, and give what it prints anywhere."""
    always = {"AWS_XRAY_DAEMON_ADDRESS": daemon.address}
    return lambda code, **environment: run_program(code, {**always, **environment})


@pytest.fixture
def aws_environment(daemon: Daemon, aws: LocalAWS, bucket: str) -> dict[str, str]:
    """The variables of a process that is traced, and that works with the local AWS."""
    return {
        **credentials(aws),
        "AWS_XRAY_DAEMON_ADDRESS": daemon.address,
        "ALGERNON_BUCKET_NAME": bucket,
        # So that nothing is written of a Task that is well.
        "AWS_LAMBDA_LOG_LEVEL": "WARN",
    }


@pytest.fixture
def run_on_aws(aws_environment: dict[str, str]) -> Callable[..., str]:
    """Run code in a new process, as `run` does, which works with the local AWS."""
    return lambda code, **environment: run_program(code, {**aws_environment, **environment})


@pytest.fixture
def workers(tmp_path: Path, aws_environment: dict[str, str], _runtime: None) -> Iterator[Workers]:
    """Start workers under Lambda's own runtime client, that end with the test."""
    pytest.importorskip("algernon_queue", reason="algernon-queue isn't installed")
    with ExitStack() as running:
        yield Workers(tmp_path, running, aws_environment)


@pytest.fixture(autouse=True)
def logging_as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test the root logger of a new process, outside Lambda, and put it back."""
    for name in [*os.environ]:
        if name == "DEBUG" or name.startswith("AWS_LAMBDA_"):
            monkeypatch.delenv(name)
    root_logger._output.cache_clear()
    invocation._first.clear()
    monkeypatch.setattr(metrics, "_metrics", None)
    monkeypatch.setattr(root_logger, "_level_set", None)
    monkeypatch.setattr(root_logger, "_quieted", set())
    loggers = [logging.getLogger(), *root_logger._QUIET, *root_logger._HTTP_CLIENTS]
    before = [(logger.level, list(logger.handlers)) for logger in loggers]
    yield
    for logger, (level, handlers) in zip(loggers, before, strict=True):
        logger.setLevel(level)
        logger.handlers[:] = handlers
    root_logger._output.cache_clear()


@pytest.fixture
def on_lambda(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let it look like a Lambda function, without its traces."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "orders")
    monkeypatch.setenv("ALGERNON_TRACING", "off")


@pytest.fixture
def json_lines(
    logging_as_it_was: None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> JsonLines:
    """Choose JSON, and read the lines that the test has logged."""
    monkeypatch.setenv("AWS_LAMBDA_LOG_FORMAT", "JSON")
    return JsonLines(capsys)
