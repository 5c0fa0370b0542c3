"""AWS X-Ray: a chain is one trace, whatever becomes of its messages."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .traces import THREE, Daemon, Queue, Workers, attributes_of, record
from .xray import HEADER, ROOT, SAMPLED, SENDER, SENT, TASKS, of_tasks, subsegments

if TYPE_CHECKING:
    from ..conftest import LocalAWS


@pytest.mark.parametrize("raw", [False, True], ids=["enveloped", "raw"])
@pytest.mark.parametrize("define", ["def", "async def"])
def test_chain_across_two_functions_is_one_connected_trace(
    define: str, raw: bool, workers: Workers, daemon: Daemon, aws: LocalAWS
) -> None:
    """Each Task's subsegment is below that of the Task before, in the trace of the first."""
    queues = [
        Queue.of(aws, "scales", "weigh", "ship", raw=raw),
        Queue.of(aws, "packing", "pack", raw=raw),
    ]
    source = TASKS + THREE.replace("def", define)
    functions = [workers.start(name, source) for name in ("one", "two")]
    message = {"task_name": "weigh", "task_kwargs": {"n": 1}, "callback": "weigh#pack#ship"}
    started = functions[0].invoke({"task_name": "start", "task_kwargs": message}, trace_id=SAMPLED)
    task_id = started.result["task_id"]
    for number in (0, 1, 0):
        event = queues[number].batch()
        assert len(event["Records"]) == 1
        header = f"Root=1-5759e988-{number:024};Parent=53995c3f42cd8ad{number};Sampled=1"
        assert functions[number].invoke(event, trace_id=header).error is None
    everything = subsegments(daemon.received())
    weigh, pack, ship = of_tasks([each.document for each in everything])
    assert [each.name for each in (weigh, pack, ship)] == ["weigh", "pack", "ship"]
    assert {each.trace_id for each in (weigh, pack, ship)} == {ROOT}
    # What the invocation called belongs to Lambda's own segment, and so does the first Task.
    assert (weigh.parent_id, pack.parent_id, ship.parent_id) == (
        "53995c3f42cd8ad8", weigh.id, pack.id,
    )  # fmt: skip
    of_the_chain = [each for each in everything if each.trace_id == ROOT]
    known = {each.id for each in of_the_chain}
    assert {each.parent_id for each in of_the_chain} - known == {"53995c3f42cd8ad8"}
    # The results are fetched where their messages come from.
    fetches = [
        each.parent_id
        for each in everything
        if each.document.get("aws", {}).get("operation") == "GetObject"
    ]
    assert fetches == [weigh.id, pack.id]
    assert weigh.annotations == {
        "task_name": "weigh",
        "task_id": task_id,
        "chain_id": task_id,
        "receive_count": 1,
        "outcome": "done",
        "invocation_trace_id": f"1-5759e988-{0:024}",
    }
    assert pack.annotations["invocation_trace_id"] == f"1-5759e988-{1:024}"
    assert len({each.annotations["task_id"] for each in (weigh, pack, ship)}) == 3
    assert {each.annotations["chain_id"] for each in (weigh, pack, ship)} == {task_id}
    assert [each.document.get("fault", False) for each in (weigh, pack, ship)] == [
        False, False, True,
    ]  # fmt: skip
    (exception,) = ship.document["cause"]["exceptions"]
    assert (exception["type"], exception["message"]) == ("ValueError", "no ship")
    assert exception["stack"][-1]["label"] == "ship"
    assert ship.annotations["outcome"] == "failed"


def test_each_chain_of_a_batch_stays_in_its_own_trace(
    workers: Workers, daemon: Daemon, aws: LocalAWS
) -> None:
    """Messages of several chains in one batch go on in the trace that each came in."""
    queue = Queue.of(aws, "scales", "weigh", "pack")
    function = workers.start("one", TASKS + THREE)
    message = {"task_name": "weigh", "task_kwargs": {"n": 1}, "callback": "weigh#pack"}
    roots = [f"1-5759e988-{number:024}" for number in range(1, 4)]
    for root in roots:
        function.invoke(
            {"task_name": "start", "task_kwargs": message},
            trace_id=f"Root={root};Parent=53995c3f42cd8ad8;Sampled=1",
        )
    for _ in range(2):
        event = queue.batch()
        assert len(event["Records"]) == 3
        assert function.invoke(event, trace_id=SAMPLED).error is None
    tasks = of_tasks(daemon.received())
    assert sorted(each.trace_id for each in tasks) == sorted(roots * 2)
    for root in roots:
        weigh, pack = (each for each in tasks if each.trace_id == root)
        assert (weigh.name, pack.name, pack.parent_id) == ("weigh", "pack", weigh.id)
        assert weigh.annotations["chain_id"] == pack.annotations["chain_id"]


def test_message_that_a_task_sends_is_below_the_innermost_subsegment(
    workers: Workers, daemon: Daemon, aws: LocalAWS
) -> None:
    """A Task's send_task names the subsegment in which it is called; its callback, its own."""
    queue = Queue.of(aws, "next", "next", "last", raw=True)
    function = workers.start(
        "one",
        TASKS
        + """
@router.task
def ship():
    with xray_recorder.in_subsegment("part"):
        send_task("next")
""",
    )
    ship_and_last = record({"task_name": "ship", "callback": "last"}, {HEADER: SENT})
    function.invoke({"Records": [ship_and_last]}, trace_id=SAMPLED)
    found = {each.name: each for each in subsegments(daemon.received()) if each.trace_id == SENDER}
    headers = {
        json.loads(each["body"])["task_name"]: attributes[HEADER]
        for batch in [queue.batch()]
        for each, attributes in zip(batch["Records"], attributes_of(batch), strict=True)
    }
    assert headers == {
        "next": f"Root={SENDER};Parent={found['part'].id};Sampled=1",
        "last": f"Root={SENDER};Parent={found['ship'].id};Sampled=1",
    }


def test_second_delivery_is_a_second_subsegment_of_the_sender(
    workers: Workers, daemon: Daemon
) -> None:
    """A retry, a duplicate and a dead letter are each below the sender's, with their outcome."""
    function = workers.start(
        "one",
        TASKS.replace('failures="report"', 'failures="report", once=True')
        + """
tries = []

@router.task
def ship():
    tries.append(1)
    if len(tries) == 1:
        raise ValueError("not yet")
""",
    )
    once = record({"task_name": "ship"}, {HEADER: SENT})
    for number in range(1, 4):
        once["attributes"]["ApproximateReceiveCount"] = str(number)
        function.invoke({"Records": [once]}, trace_id=SAMPLED)
    tasks = of_tasks(daemon.received())
    outcomes = [(each.annotations["receive_count"], each.annotations["outcome"]) for each in tasks]
    assert outcomes == [(1, "failed"), (2, "done"), (3, "duplicate")]
    assert {(each.trace_id, each.parent_id) for each in tasks} == {(SENDER, "463ac35c9f6413ad")}
    assert len({each.id for each in tasks}) == 3


def test_duplicate_sends_its_result_on_in_the_trace_of_its_chain(
    workers: Workers, daemon: Daemon, aws: LocalAWS
) -> None:
    """What a duplicate sends again is in the trace of its own sender, as the first message was."""
    queue = Queue.of(aws, "next", "next", raw=True)
    source = TASKS.replace('failures="report"', 'failures="report", once=True')
    function = workers.start("one", source + THREE)
    message = {"task_name": "weigh", "task_kwargs": {"n": 1}, "callback": "next"}
    once = record(message, {HEADER: SENT})
    for _ in range(2):
        answer = function.invoke({"Records": [once]}, trace_id=SAMPLED)
        assert answer.result == {"batchItemFailures": []}
    headers = [each[HEADER] for each in attributes_of(queue.batch()) + attributes_of(queue.batch())]
    first, second = of_tasks(daemon.received())
    assert second.annotations["outcome"] == "duplicate"
    assert headers == [f"Root={SENDER};Parent={first.id};Sampled=1", SENT]


def test_dead_letter_keeps_its_place_in_the_trace(
    workers: Workers, daemon: Daemon, aws: LocalAWS
) -> None:
    """A Task that ends in the dead-letter queue is a fault, and moved back goes on in its trace."""
    queue = Queue.of(aws, "orders", "ship", raw=True)
    function = workers.start(
        "one", TASKS + THREE.replace("task\ndef ship", "task(retries=0)\ndef ship")
    )
    aws.client("sns").publish(
        TopicArn=aws.topic_arn("ship"),
        Message=json.dumps({"task_name": "ship", "task_kwargs": {"n": 1}}),
        MessageAttributes={HEADER: {"DataType": "String", "StringValue": SENT}},
    )
    assert function.invoke(queue.batch(), trace_id=SAMPLED).error is None
    (ship,) = of_tasks(daemon.received())
    assert (ship.annotations["outcome"], ship.document["fault"]) == ("dead_letter", True)
    dead_url = aws.client("sqs").get_queue_url(QueueName="orders-dead")["QueueUrl"]
    dead = Queue(aws, dead_url, queue.arn).batch()
    assert attributes_of(dead)[0][HEADER] == SENT
    function.invoke(dead, trace_id=SAMPLED)
    (again,) = of_tasks(daemon.received())
    assert (again.trace_id, again.parent_id) == (ship.trace_id, ship.parent_id)
    assert again.annotations["task_id"] == ship.annotations["task_id"]


def test_what_fails_before_its_task_runs_is_a_subsegment_too(
    workers: Workers, daemon: Daemon
) -> None:
    """A record whose arguments can't be fetched is a fault in its sender's trace."""
    pointer = {
        "_alg_class": "StoredData",
        "_alg_module": "algernon.aws.snakes",
        "value": {"pointer": "worker-bucket#cache/lost!1.json"},
    }
    function = workers.start("one", TASKS + THREE)
    lost = record({"task_name": "ship", "task_kwargs": pointer}, {HEADER: SENT})
    unreadable = record({"no": "task_name"}, {HEADER: SENT})
    function.invoke({"Records": [lost, unreadable]}, trace_id=SAMPLED)
    (ship,) = of_tasks(daemon.received())
    assert (ship.trace_id, ship.document["fault"]) == (SENDER, True)
    assert 0 <= ship.document["end_time"] - ship.document["start_time"] < 5
