"""AWS X-Ray: what the tracing header of a message says, and what goes on of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from .traces import Daemon, Queue, Workers, attributes_of, record
from .xray import HEADER, ROOT, SAMPLED, SENDER, SENDING, SENT, UNSAMPLED, of_tasks, subsegments

if TYPE_CHECKING:
    from ..conftest import LocalAWS


@pytest.mark.parametrize(
    ("message_s", "lambda_s", "goes_on"),
    [
        (UNSAMPLED, SAMPLED, UNSAMPLED),
        (f"Root={SENDER}", None, f"Root={SENDER}"),
        (f"Root={SENDER};Parent=463ac35c9f6413ad", None, f"Root={SENDER};Parent=463ac35c9f6413ad"),
        (f"Root={SENDER};Parent=463ac35c9f6413ad", UNSAMPLED,
         f"Root={SENDER};Parent=463ac35c9f6413ad;Sampled=0"),
        (f"Root={SENDER};Sampled=?", None, f"Root={SENDER}"),
        (None, UNSAMPLED, UNSAMPLED),
        (None, f"Root={ROOT};Lineage=1:a87bd80c:0", f"Root={ROOT}"),
        (None, None, None),
    ],
    ids=[
        "unsampled", "root alone", "undecided", "undecided in unsampled", "asking",
        "unsampled invocation", "passed through", "nothing",
    ],
)  # fmt: skip
def test_what_is_not_sampled_is_not_sent_but_goes_on(
    message_s: str | None,
    lambda_s: str | None,
    goes_on: str | None,
    workers: Workers,
    daemon: Daemon,
    aws: LocalAWS,
) -> None:
    """Without a decision to sample nothing is sent, and the next message has the same header."""
    queue = Queue.of(aws, "next", "next", raw=True)
    function = workers.start("one", SENDING)
    attributes = {HEADER: message_s} if message_s else {}
    event = {"Records": [record({"task_name": "ship", "callback": "next"}, attributes)]}
    assert function.invoke(event, trace_id=lambda_s).error is None
    assert [each for each in subsegments(daemon.received()) if each.trace_id != ROOT] == []
    assert attributes_of(queue.batch()) == [{HEADER: goes_on} if goes_on else {}]
    assert function.printed() == ""


def test_message_s_decision_counts_in_an_unsampled_invocation(
    workers: Workers, daemon: Daemon
) -> None:
    """A sampled chain is sent from an invocation that isn't, and nothing else is."""
    function = workers.start("one", SENDING)
    function.invoke(
        {"Records": [record({"task_name": "ship"}, {HEADER: SENT})]}, trace_id=UNSAMPLED
    )
    sqs, ship = subsegments(daemon.received())
    assert (sqs.name, sqs.parent_id, ship.trace_id) == ("sqs", ship.id, SENDER)


def test_header_that_names_no_parent_begins_the_trace(workers: Workers, daemon: Daemon) -> None:
    """What is sampled, but has nobody above it, is a segment and no subsegment."""
    function = workers.start("one", SENDING)
    header = f"Root={SENDER};Sampled=1"
    function.invoke({"Records": [record({"task_name": "ship"}, {HEADER: header})]})
    sqs, ship = subsegments(daemon.received())
    assert (ship.name, ship.trace_id, sqs.parent_id) == ("ship", SENDER, ship.id)
    assert not {"parent_id", "type", "namespace"} & set(ship.document)


HOSTILE = [
    "Root=1-5759e988-bd862e3fe1be46a99427279",
    "Root=1-5759E988-BD862E3FE1BE46A994272793;Parent=53995c3f42cd8ad8;Sampled=1",
    f"Root={ROOT}\r\nX-Injected: 1;Parent=53995c3f42cd8ad8;Sampled=1",
    f"xRoot={SENDER};Parent=53995c3f42cd8ad8;Sampled=1",
    "Root=" + "1" * 200_000,
    ";=;;==Root;Root=;Parent",
    "\x00\ud800",
]


NO_TEXTS = [5, None, True, ["Root"], {"Root": ROOT}]


@pytest.mark.parametrize(
    "records",
    [
        [record({"task_name": "ship", "callback": "next"}, {HEADER: header}) for header in HOSTILE],
        [
            record({"task_name": "ship", "callback": "next"}, {}, {"AWSTraceHeader": header})
            for header in (*HOSTILE, *NO_TEXTS)
        ],
    ],
    ids=["attribute", "AWSTraceHeader"],
)
def test_header_that_is_none_is_left_out(
    records: list[dict[str, Any]], workers: Workers, daemon: Daemon, aws: LocalAWS
) -> None:
    """A header that X-Ray wouldn't write is as good as no header, and goes no further."""
    queue = Queue.of(aws, "next", "next", raw=True)
    function = workers.start("one", SENDING)
    assert function.invoke({"Records": records}).result == {"batchItemFailures": []}
    assert function.printed() == ""
    assert daemon.received() == []
    sent = attributes_of(queue.batch()) + attributes_of(queue.batch())
    assert sent == [{}] * len(records)


def test_bad_header_of_the_message_gives_way_to_the_one_that_sns_called_with(
    workers: Workers, daemon: Daemon
) -> None:
    """Where the message's own header is none, AWSTraceHeader names the trace."""
    function = workers.start("one", SENDING)
    sent = record({"task_name": "ship"}, {HEADER: "Root=nowhere"}, {"AWSTraceHeader": SENT})
    function.invoke({"Records": [sent]}, trace_id=SAMPLED)
    (ship,) = of_tasks(daemon.received())
    assert (ship.trace_id, ship.parent_id) == (SENDER, "463ac35c9f6413ad")


@pytest.mark.parametrize("message_s", [SENT, None], ids=["sender's", "invocation's"])
def test_worker_with_a_disabled_sdk_leaves_the_chain_connected(
    message_s: str | None, workers: Workers, daemon: Daemon, aws: LocalAWS
) -> None:
    """A worker whose SDK is switched off sends nothing, and the header goes on as it came."""
    queue = Queue.of(aws, "next", "next", raw=True)
    function = workers.start("one", SENDING, AWS_XRAY_SDK_ENABLED="false")
    attributes = {HEADER: message_s} if message_s else {}
    event = {"Records": [record({"task_name": "ship", "callback": "next"}, attributes)]}
    assert function.invoke(event, trace_id=SAMPLED).error is None
    assert attributes_of(queue.batch()) == [{HEADER: message_s or SAMPLED}]
    assert daemon.received() == []
    assert function.printed() == ""
