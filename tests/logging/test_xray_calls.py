"""AWS X-Ray: the calls of a function, in the trace of its invocation."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from .traces import IN_LAMBDA, Daemon, address_of_nobody
from .xray import HANDLER, ROOT, SAMPLED, UNSAMPLED, WORKER

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from .conftest import StartFunction


def test_aws_call_in_lambda_is_a_subsegment_of_its_trace(
    run_on_aws: Callable[..., str], daemon: Daemon
) -> None:
    """A boto3 call of a sampled invocation sends one subsegment with the trace's id."""
    code = f"{WORKER}{HANDLER}\nhandler({{}}, None)"
    assert run_on_aws(code, **IN_LAMBDA, _X_AMZN_TRACE_ID=SAMPLED) == ""
    (subsegment,) = daemon.received()
    assert subsegment["trace_id"] == ROOT
    assert subsegment["parent_id"] == "53995c3f42cd8ad8"
    assert (subsegment["name"], subsegment["namespace"]) == ("sqs", "aws")
    assert subsegment["aws"]["operation"] == "ListQueues"
    assert subsegment["http"]["response"]["status"] == 200


def test_failed_aws_call_is_a_subsegment_with_its_error(
    run_on_aws: Callable[..., str], daemon: Daemon
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
    assert run_on_aws(code, **IN_LAMBDA, _X_AMZN_TRACE_ID=SAMPLED) == "missing\n"
    (subsegment,) = daemon.received()
    assert subsegment["error"] is True


def test_aws_call_in_a_thread_is_a_subsegment_too(
    run_on_aws: Callable[..., str], daemon: Daemon
) -> None:
    """Calls in threads that the handler starts belong to the same trace, without remarks."""
    code = f"""{WORKER}
@lambda_logged
def handler(event, context):
    threads = [threading.Thread(target=call) for _ in range(3)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
handler({{}}, None)
"""
    assert run_on_aws(code, **IN_LAMBDA, _X_AMZN_TRACE_ID=SAMPLED) == ""
    assert [document["trace_id"] for document in daemon.received()] == [ROOT] * 3


@pytest.mark.parametrize(
    "trace_header",
    [UNSAMPLED, f"Root={ROOT}", f"Root={ROOT};Parent=53995c3f42cd8ad8", ""],
    ids=["unsampled", "root only", "undecided", "empty"],
)
def test_unsampled_invocation_sends_and_prints_nothing(
    trace_header: str, run_on_aws: Callable[..., str], daemon: Daemon
) -> None:
    """Where Lambda doesn't sample the invocation, its calls work and leave no trace."""
    code = f"{WORKER}{HANDLER}\nhandler({{}}, None)"
    assert run_on_aws(code, **IN_LAMBDA, _X_AMZN_TRACE_ID=trace_header) == ""
    assert daemon.received() == []


def test_aws_call_while_lambda_initializes_prints_nothing(
    run_on_aws: Callable[..., str], daemon: Daemon
) -> None:
    """Calls made while the worker's module is imported, before any trace, work silently."""
    assert run_on_aws(f"{WORKER}{HANDLER}\ncall()", **IN_LAMBDA) == ""
    assert daemon.received() == []


def test_no_daemon_is_no_trouble(run_on_aws: Callable[..., str]) -> None:
    """Where nothing listens for segments, calls work and nothing is printed."""
    code = f"{WORKER}{HANDLER}\nfor _ in range(3): handler({{}}, None)"
    printed = run_on_aws(
        code,
        **IN_LAMBDA,
        _X_AMZN_TRACE_ID=SAMPLED,
        AWS_XRAY_DAEMON_ADDRESS=address_of_nobody(),
    )
    assert printed == ""


def test_disabled_sdk_stays_disabled(run_on_aws: Callable[..., str], daemon: Daemon) -> None:
    """The SDK's own switch keeps boto3 as it is."""
    code = f"{WORKER}{HANDLER}\nhandler({{}}, None)"
    printed = run_on_aws(code, **IN_LAMBDA, _X_AMZN_TRACE_ID=SAMPLED, AWS_XRAY_SDK_ENABLED="false")
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
