"""AWS X-Ray: what is patched when, and which segments reach its daemon."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ..conftest import LocalAWS
    from .conftest import StartFunction

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
SAMPLED = f"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1"
UNSAMPLED = f"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=0"
IN_LAMBDA = {"AWS_LAMBDA_FUNCTION_NAME": "orders", "LAMBDA_TASK_ROOT": "/var/task"}

WORKER = """
import boto3, threading
from algernon_logging import lambda_logged

def call():
    boto3.client("sqs").list_queues()
"""
HANDLER = """
@lambda_logged
def handler(event, context):
    call()
"""


class Daemon:
    """The socket that X-Ray's SDK sends to."""

    def __init__(self, udp: socket.socket) -> None:
        self._udp = udp
        self.address = f"127.0.0.1:{udp.getsockname()[1]}"

    def received(self) -> list[dict[str, Any]]:
        """Take the documents sent so far; on the loopback interface, sent is received."""
        documents: list[dict[str, Any]] = []
        while True:
            try:
                header, document = self._udp.recv(65536).split(b"\n", 1)
            except BlockingIOError:
                return documents
            assert json.loads(header) == {"format": "json", "version": 1}
            documents.append(json.loads(document))


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    """Listen where the X-Ray daemon would."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        udp.setblocking(False)
        yield Daemon(udp)


@pytest.fixture
def run(daemon: Daemon, aws: LocalAWS) -> Callable[..., str]:
    """Run code in a new process, which must succeed, and give what it prints anywhere."""

    def run_code(code: str, **environment: str) -> str:
        finished = subprocess.run(
            [sys.executable, "-c", code],
            env={
                "AWS_ACCESS_KEY_ID": "testing",
                "AWS_SECRET_ACCESS_KEY": "testing",
                "AWS_DEFAULT_REGION": "eu-west-1",
                "AWS_ENDPOINT_URL": aws.url,
                "AWS_XRAY_DAEMON_ADDRESS": daemon.address,
                "PATH": os.environ["PATH"],
                **environment,
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=60,
            check=False,
        )
        assert finished.returncode == 0, finished.stdout
        return finished.stdout

    return run_code


def test_aws_call_in_lambda_is_a_subsegment_of_its_trace(
    run: Callable[..., str], daemon: Daemon
) -> None:
    """A boto3 call of a sampled invocation sends one subsegment with the trace's id."""
    code = f"{WORKER}{HANDLER}\nhandler({{}}, None)"
    assert run(code, **IN_LAMBDA, _X_AMZN_TRACE_ID=SAMPLED) == ""
    (subsegment,) = daemon.received()
    assert subsegment["trace_id"] == ROOT
    assert subsegment["parent_id"] == "53995c3f42cd8ad8"
    assert (subsegment["name"], subsegment["namespace"]) == ("sqs", "aws")
    assert subsegment["aws"]["operation"] == "ListQueues"
    assert subsegment["http"]["response"]["status"] == 200


def test_failed_aws_call_is_a_subsegment_with_its_error(
    run: Callable[..., str], daemon: Daemon
) -> None:
    """A boto3 call that fails reaches the user's code as before, and the trace as an error."""
    code = f"""{WORKER}
@lambda_logged
def handler(event, context):
    sqs = boto3.client("sqs")
    try:
        sqs.get_queue_url(QueueName="nobody's")
    except sqs.exceptions.QueueDoesNotExist:
        print("missing")
handler({{}}, None)
"""
    assert run(code, **IN_LAMBDA, _X_AMZN_TRACE_ID=SAMPLED) == "missing\n"
    (subsegment,) = daemon.received()
    assert subsegment["error"] is True


def test_aws_call_in_a_thread_is_a_subsegment_too(run: Callable[..., str], daemon: Daemon) -> None:
    """Calls in threads that the handler starts belong to the same trace, without remarks."""
    code = f"""{WORKER}
@lambda_logged
def handler(event, context):
    threads = [threading.Thread(target=call) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
handler({{}}, None)
"""
    assert run(code, **IN_LAMBDA, _X_AMZN_TRACE_ID=SAMPLED) == ""
    assert [document["trace_id"] for document in daemon.received()] == [ROOT] * 3


@pytest.mark.parametrize(
    "trace_header",
    [UNSAMPLED, f"Root={ROOT}", f"Root={ROOT};Parent=53995c3f42cd8ad8", ""],
    ids=["unsampled", "root only", "undecided", "empty"],
)
def test_unsampled_invocation_sends_and_prints_nothing(
    trace_header: str, run: Callable[..., str], daemon: Daemon
) -> None:
    """Where Lambda doesn't sample the invocation, its calls work and leave no trace."""
    code = f"{WORKER}{HANDLER}\nhandler({{}}, None)"
    assert run(code, **IN_LAMBDA, _X_AMZN_TRACE_ID=trace_header) == ""
    assert daemon.received() == []


def test_aws_call_while_lambda_initializes_prints_nothing(
    run: Callable[..., str], daemon: Daemon
) -> None:
    """Calls made while the worker's module is imported, before any trace, work silently."""
    assert run(f"{WORKER}{HANDLER}\ncall()", **IN_LAMBDA) == ""
    assert daemon.received() == []


def test_no_daemon_is_no_trouble(run: Callable[..., str]) -> None:
    """Where nothing listens for segments, calls work and nothing is printed."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    code = f"{WORKER}{HANDLER}\nfor _ in range(3): handler({{}}, None)"
    printed = run(
        code,
        **IN_LAMBDA,
        _X_AMZN_TRACE_ID=SAMPLED,
        AWS_XRAY_DAEMON_ADDRESS=f"127.0.0.1:{port}",
    )
    assert printed == ""


def test_nothing_is_patched_outside_lambda(run: Callable[..., str], daemon: Daemon) -> None:
    """Outside Lambda the SDK isn't even imported, and calls send nothing."""
    code = f"""{WORKER}{HANDLER}
import sys
handler({{}}, None)
print([name for name in sys.modules if name.startswith("aws_xray_sdk")])
"""
    assert run(code, _X_AMZN_TRACE_ID=SAMPLED) == "[]\n"
    assert daemon.received() == []


def test_trace_false_patches_nothing_in_lambda(run: Callable[..., str], daemon: Daemon) -> None:
    """With trace=False the SDK stays out, in Lambda as elsewhere."""
    code = f"""{WORKER}
import sys

@lambda_logged(trace=False)
def handler(event, context):
    call()

handler({{}}, None)
print("aws_xray_sdk" in sys.modules)
"""
    assert run(code, **IN_LAMBDA, _X_AMZN_TRACE_ID=SAMPLED) == "False\n"
    assert daemon.received() == []


def test_importing_the_package_imports_no_sdk(run: Callable[..., str]) -> None:
    """Even in Lambda the SDK is imported by decorating, not by importing."""
    code = """
import sys
import algernon_logging
print("aws_xray_sdk" in sys.modules)
algernon_logging.lambda_logged(print)
print("aws_xray_sdk" in sys.modules)
"""
    assert run(code, **IN_LAMBDA) == "False\nTrue\n"


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


def test_trace_true_outside_lambda_prints_nothing_without_a_segment(
    run: Callable[..., str], daemon: Daemon
) -> None:
    """Where tracing was asked for and no segment is open, calls work silently."""
    code = f"""{WORKER}
@lambda_logged(trace=True)
def handler(event, context):
    call()

handler({{}}, None)
threading.Thread(target=call).start()
"""
    assert run(code) == ""
    assert daemon.received() == []


def test_trace_true_outside_lambda_records_in_the_users_segment(
    run: Callable[..., str], daemon: Daemon
) -> None:
    """Where the user opens a segment, the calls inside are sent with it."""
    code = f"""{WORKER}
from aws_xray_sdk.core import xray_recorder

@lambda_logged(trace=True)
def handler(event, context):
    call()

with xray_recorder.in_segment("batch job", sampling=1):
    handler({{}}, None)
"""
    assert run(code) == ""
    (segment,) = daemon.received()
    assert segment["name"] == "batch job"
    assert [child["name"] for child in segment["subsegments"]] == ["sqs"]


@pytest.mark.parametrize(
    ("code", "environment", "expected"),
    [
        ("", {}, "IGNORE_ERROR"),
        ("", {"AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR"}, "LOG_ERROR"),
        ("", {"AWS_XRAY_CONTEXT_MISSING": "RUNTIME_ERROR"}, "RUNTIME_ERROR"),
        ('xray_recorder.configure(context_missing="RUNTIME_ERROR")', {}, "RUNTIME_ERROR"),
    ],
    ids=["default", "variable", "variable, strict", "configured"],
)
def test_users_own_choice_for_missing_segments_stays(
    code: str, environment: dict[str, str], expected: str, run: Callable[..., str]
) -> None:
    """What to do without a segment is the user's choice where the user made one."""
    code = f"""
from aws_xray_sdk.core import xray_recorder
{code}
from algernon_logging import lambda_logged
lambda_logged(trace=True)(lambda: None)
print(xray_recorder.context.context_missing)
"""
    assert run(code, **environment) == f"{expected}\n"


def test_disabled_sdk_stays_disabled(run: Callable[..., str], daemon: Daemon) -> None:
    """The SDK's own switch keeps boto3 as it is."""
    code = f"{WORKER}{HANDLER}\nhandler({{}}, None)"
    printed = run(code, **IN_LAMBDA, _X_AMZN_TRACE_ID=SAMPLED, AWS_XRAY_SDK_ENABLED="false")
    assert printed == ""
    assert daemon.received() == []


def test_each_warm_invocation_has_its_own_trace(
    start_function: StartFunction, daemon: Daemon, aws: LocalAWS
) -> None:
    """Under Lambda's runtime, each sampled invocation's call is sent with that trace's id."""
    function = start_function(
        f"{WORKER}{HANDLER}",
        environment={"AWS_ENDPOINT_URL": aws.url, "AWS_XRAY_DAEMON_ADDRESS": daemon.address},
    )
    for number in range(4):
        header = f"Root=1-5759e988-{number:024};Parent=53995c3f42cd8ad8;Sampled={number % 2}"
        assert function.invoke(trace_id=header).error is None
    assert [document["trace_id"][-1] for document in daemon.received()] == ["1", "3"]
    assert function.log_events() == []
    assert function.printed() == ""
