"""Tracing: when it is on, what that imports and patches, and what it never does."""

from __future__ import annotations

import importlib.util
from typing import TYPE_CHECKING

import pytest

from .traces import IN_LAMBDA, credentials, record
from .xray import SAMPLED

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from .traces import Daemon

pytestmark = pytest.mark.starts

#: Tells which back end a decorated function brought with it.
DECORATED = """
import sys
from algernon_logging import lambda_logged
def imported():
    # Older versions of OpenTelemetry's API need wrapt themselves.
    names = ("aws_xray_sdk", "opentelemetry", "opentelemetry" in sys.modules or "wrapt")
    return [name for name in names if name in sys.modules]
before = imported()
decorated = lambda_logged(trace={trace})(lambda: None)
print(before, imported())
decorated()
"""
XRAY = ["aws_xray_sdk", "wrapt"]
OTEL = ["opentelemetry"]
OFF: list[str] = []

#: Of the libraries that can be patched, those that are in this environment.
LIBRARIES = [
    name
    for name in ("aiobotocore", "botocore", "httpx", "requests", "sqlalchemy", "sqlite3")
    if importlib.util.find_spec(name)
]


@pytest.mark.parametrize("in_lambda", [False, True], ids=["elsewhere", "in Lambda"])
@pytest.mark.parametrize(
    ("setting", "trace", "elsewhere", "in_lambda_s"),
    [
        (None, None, OFF, XRAY),
        (None, True, XRAY, XRAY),
        (None, False, OFF, OFF),
        ("", None, OFF, XRAY),
        ("", True, XRAY, XRAY),
        ("xray", None, XRAY, XRAY),
        ("xray", True, XRAY, XRAY),
        ("xray", False, OFF, OFF),
        ("otel", None, OTEL, OTEL),
        ("otel", True, OTEL, OTEL),
        ("otel", False, OFF, OFF),
        ("off", None, OFF, OFF),
        ("off", True, OFF, OFF),
        ("off", False, OFF, OFF),
    ],
)
def test_only_the_back_end_that_is_wanted_is_imported(
    setting: str | None,
    trace: bool | None,
    elsewhere: list[str],
    in_lambda_s: list[str],
    in_lambda: bool,
    run: Callable[..., str],
) -> None:
    """Decorating imports the back end of the setting, where tracing is on, and no other."""
    expected = in_lambda_s if in_lambda else elsewhere
    if expected == OTEL:
        pytest.importorskip("opentelemetry", reason="opentelemetry-api isn't installed")
    environment = {**(IN_LAMBDA if in_lambda else {}), "_X_AMZN_TRACE_ID": SAMPLED}
    if setting is not None:
        environment["ALGERNON_TRACING"] = setting
    assert run(DECORATED.format(trace=trace), **environment) == f"[] {expected}\n"


@pytest.mark.parametrize("trace", [None, True, False])
@pytest.mark.parametrize("setting", ["XRAY", "x-ray", "opentelemetry", "on", "true", "1", " ", "é"])
def test_setting_that_means_nothing_is_refused_by_the_decorator(
    setting: str, trace: bool | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A typing error in ALGERNON_TRACING is told at once, with the values that there are."""
    from algernon_logging import LoggingSettingError, lambda_logged

    monkeypatch.setenv("ALGERNON_TRACING", setting)
    with pytest.raises(LoggingSettingError, match="'xray', 'otel' or 'off'") as caught:
        lambda_logged(trace=trace)(lambda: None)
    assert repr(setting) in str(caught.value)


@pytest.mark.parametrize(
    "address", ["daemon", "127.0.0.1:", "127.0.0.1:port", "a b c", "tcp:1.2.3.4:1 udp"]
)
def test_address_of_the_daemon_that_is_none_is_refused_by_the_decorator(
    address: str, run: Callable[..., str]
) -> None:
    """An AWS_XRAY_DAEMON_ADDRESS that can't be one is told at once, with its value."""
    code = """
from algernon_logging import LoggingSettingError, lambda_logged
try:
    lambda_logged(lambda: None)
except LoggingSettingError as error:
    print(error)
"""
    told = run(code, **IN_LAMBDA, AWS_XRAY_DAEMON_ADDRESS=address)
    assert f"AWS_XRAY_DAEMON_ADDRESS is {address!r}" in told


def test_missing_extra_is_told_by_the_decorator(run: Callable[..., str]) -> None:
    """Where OpenTelemetry isn't installed, decorating says which extra brings it."""
    code = """
import sys
sys.modules["opentelemetry"] = None
from algernon_logging import LoggingError, MissingExtraError, lambda_logged
try:
    lambda_logged(lambda: None)
except MissingExtraError as error:
    print(error)
    print(error.name, isinstance(error, ImportError), isinstance(error, LoggingError))
    print(type(error.__cause__).__name__)
lambda_logged(trace=False)(lambda: None)
"""
    told, *facts = run(code, ALGERNON_TRACING="otel").splitlines()
    assert "pip install opentelemetry-api" in told
    assert facts == ["opentelemetry True True", "ModuleNotFoundError"]


@pytest.mark.parametrize("environment", [{}, IN_LAMBDA], ids=["elsewhere", "in Lambda"])
def test_tracing_imports_no_library_for_its_users(
    environment: dict[str, str], run: Callable[..., str]
) -> None:
    """What starting tracing imports of what can be patched, X-Ray's SDK alone imports too."""
    libraries = """
import sys
libraries = ("aiobotocore", "boto3", "botocore", "httpx", "mysql", "pg8000", "psycopg", "psycopg2",
             "pymongo", "pymysql", "pynamodb", "requests", "sqlalchemy", "sqlite3")
def imported():
    print([name for name in libraries if name in sys.modules])
"""
    ours = (
        f"{libraries}\nimport algernon_logging\nalgernon_logging.lambda_logged(print)\nimported()"
    )
    sdk_s = f"{libraries}\nimport aws_xray_sdk.core\nimported()"
    traced = run(ours, ALGERNON_TRACING="xray", **environment)
    assert traced == run(sdk_s, **environment)
    if environment:
        assert traced == "[]\n"


@pytest.mark.parametrize("order", ["first", "afterwards"])
@pytest.mark.parametrize("environment", [{}, IN_LAMBDA], ids=["elsewhere", "in Lambda"])
@pytest.mark.parametrize("library", LIBRARIES)
def test_library_is_patched_whenever_it_is_imported(
    library: str, environment: dict[str, str], order: str, run: Callable[..., str]
) -> None:
    """A library that the user imports is patched, before or after tracing starts."""
    lines = ["from algernon_logging import lambda_logged; lambda_logged(lambda: None)"]
    module = {"botocore": "botocore.client", "aiobotocore": "aiobotocore.client"}.get(
        library, library
    )
    lines.insert(0 if order == "first" else 1, f"import {module}")
    lines += ["from aws_xray_sdk.core import patcher", "print(patcher._PATCHED_MODULES)"]
    patched = run("\n".join(lines), ALGERNON_TRACING="xray", **environment)
    assert {"sqlalchemy": "sqlalchemy_core"}.get(library, library) in patched


def test_sqlite_that_is_imported_later_is_traced(run: Callable[..., str], daemon: Daemon) -> None:
    """A query in a database that was imported after decorating is a subsegment."""
    code = """
from algernon_logging import lambda_logged

@lambda_logged
def handler(event, context):
    import sqlite3
    print(sqlite3.connect(":memory:").execute("SELECT 21 * 2").fetchone())

handler({}, None)
"""
    assert run(code, **IN_LAMBDA, _X_AMZN_TRACE_ID=SAMPLED) == "(42,)\n"
    (query,) = daemon.received()
    assert query["sql"]["database_version"]


def test_boto3_that_is_imported_later_is_traced(
    run: Callable[..., str], daemon: Daemon, aws: LocalAWS
) -> None:
    """A call of a boto3 that was imported after decorating is a subsegment."""
    code = """
from algernon_logging import lambda_logged

@lambda_logged
def handler(event, context):
    import boto3
    boto3.client("sqs").list_queues()

handler({}, None)
"""
    assert run(code, **IN_LAMBDA, **credentials(aws), _X_AMZN_TRACE_ID=SAMPLED) == ""
    (call,) = daemon.received()
    assert (call["name"], call["aws"]["operation"]) == ("sqs", "ListQueues")


def test_nothing_is_patched_while_tracing_is_off(
    run: Callable[..., str], daemon: Daemon, aws: LocalAWS
) -> None:
    """Outside Lambda, or with trace=False inside, calls are as boto3 makes them."""
    code = """
import boto3, botocore.client, sys
from algernon_logging import lambda_logged
plain = botocore.client.BaseClient._make_api_call

@lambda_logged(trace={trace})
def handler(event, context):
    boto3.client("sqs").list_queues()

handler({{}}, None)
print(botocore.client.BaseClient._make_api_call is plain)
"""
    environment = {**credentials(aws), "_X_AMZN_TRACE_ID": SAMPLED}
    assert run(code.format(trace=None), **environment) == "True\n"
    assert run(code.format(trace=False), **environment, **IN_LAMBDA) == "True\n"
    assert daemon.received() == []


def test_patching_happens_once_per_process(run: Callable[..., str]) -> None:
    """Many decorated functions wrap boto3's calls once."""
    code = """
import botocore.client
from algernon_logging import lambda_logged

plain = botocore.client.BaseClient._make_api_call
first = lambda_logged(lambda: None)
once = botocore.client.BaseClient._make_api_call
others = [lambda_logged(trace=True)(lambda: None) for _ in range(3)]
again = botocore.client.BaseClient._make_api_call
print(once.__wrapped__ is plain, again.__wrapped__ is plain)
"""
    assert run(code, **IN_LAMBDA) == "True True\n"


@pytest.mark.parametrize("setting", ["xray", "otel"])
def test_record_that_breaks_the_back_end_is_worked_off(
    setting: str, run: Callable[..., str]
) -> None:
    """Whatever fails in a back end, the Task runs, and a line says what failed."""
    pytest.importorskip("algernon_queue", reason="algernon-queue isn't installed")
    if setting == "otel":
        pytest.importorskip("opentelemetry", reason="opentelemetry-api isn't installed")
    breaking = {
        "xray": """
from aws_xray_sdk.core.models import subsegment
def refuse(*args, **kwargs):
    raise RuntimeError("no subsegments")
subsegment.Subsegment.__init__ = refuse
""",
        "otel": """
from opentelemetry import propagate
def refuse(*args, **kwargs):
    raise RuntimeError("no context")
propagate.extract = propagate.inject = refuse
""",
    }
    code = f"""
import json
from types import SimpleNamespace
from algernon_logging import lambda_logged
from algernon_queue import queued
{breaking[setting]}
@lambda_logged
@queued
def handler(event, context):
    print("done")

print(handler({{"Records": [{record({"task_name": "ship"}, {"X-Amzn-Trace-Id": SAMPLED})!r}]}},
              SimpleNamespace(aws_request_id="r-1")))
"""
    printed = run(code, ALGERNON_TRACING=setting, AWS_LAMBDA_LOG_LEVEL="WARN").splitlines()
    assert {"done", "{'batchItemFailures': []}"} <= set(printed)
    assert any("an observer of Tasks failed" in line for line in printed)
