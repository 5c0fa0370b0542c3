"""`algernon trace`: the story of a chain, out of the lines of its workers."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import boto3
import pytest
from algernon.chain import check_chain_id, runs_of_chain, tell_chain
from algernon.errors import ChainError
from moto.server import ThreadedMotoServer

Command = Callable[..., subprocess.CompletedProcess[str]]

CHAIN_ID = "a14c2c7b-fad4-4c82-ba64-6c2e3acb0079"
ARN = "arn:aws:lambda:eu-west-1:123456789012:function:shop"
GROUP = "shop-WorkerLogs"

FACTS: dict[str, Any] = {
    "task_name": "price",
    "task_id": CHAIN_ID,
    "chain_id": CHAIN_ID,
    "message_id": "7ae8ef84-f317-4b7c-9d4e-5c6f6a2b7c11",
    "receive_count": 1,
    "outcome": "done",
    "sent_at": "2026-11-24T03:11:07.000Z",
    "started_at": "2026-11-24T03:11:07.250Z",
    "duration_ms": 12.34,
    "message_bytes": 723,
}


def json_line(**others: Any) -> str:
    """Return a line of a run in JSON."""
    facts = {**FACTS, **others}
    line = {
        "timestamp": "2026-11-24T03:11:08.000Z",
        "level": "INFO",
        "message": "Task",
        "logger": "algernon_logging",
        "function_name": "shop",
        "function_arn": ARN,
    }
    return json.dumps(
        {**line, **{name: value for name, value in facts.items() if value is not None}}
    )


def text_line(**others: Any) -> str:
    """Return a line of a run as columns."""
    facts = {**FACTS, **others}
    fields = " ".join(
        f"{name}={value if str(value).isalnum() else json.dumps(value)}"
        for name, value in facts.items()
        if value is not None
    )
    columns = ("[INFO]", "2026-11-24T03:11:08.000Z", "r-1", "shop", ARN, "algernon_logging")
    return "\t".join((*columns, f"Task {facts['task_name']}: done after 12.3 ms", fields))


@pytest.mark.parametrize("line", [json_line, text_line])
def test_a_run_is_told_from_a_line_in_either_form(line: Callable[..., str]) -> None:
    """A line of a run gives its times, sizes, outcome, error and function."""
    text = line(
        outcome="dead_letter",
        arguments_bytes=1234,
        error="ValueError",
        reason="no\nprice",
        error_at="worker.py:7 in price",
    )

    story = tell_chain(CHAIN_ID, runs_of_chain(CHAIN_ID, [text])).splitlines()

    headings = (
        "TASK   RUN  STARTED                    WAITED     TOOK  RECEIVED              SENT"
        "  OUTCOME      FUNCTION"
    )
    row = (
        "price    1  2026-11-24 03:11:07.250  250.0 ms  12.3 ms  723 B + 1.2 kB in S3  -   "
        "  dead letter  shop"
    )
    assert story == [
        f"Chain {CHAIN_ID}: 1 Task, 1 run, 1 function, 1.000 s.",
        "",
        headings,
        row,
        "    ValueError: no price (worker.py:7 in price)",
    ]


@pytest.mark.parametrize("line", [json_line, text_line])
def test_a_hop_without_a_run_is_named(line: Callable[..., str]) -> None:
    """Where a message was sent of which no line tells, the story ends with it."""
    task_id = str(uuid4())
    sent = line(next_task_name="bill", next_task_id=task_id, sent_bytes=441, stored_bytes=91)

    *_, row, last = tell_chain(CHAIN_ID, runs_of_chain(CHAIN_ID, [sent])).splitlines()

    assert "441 B + 91 B in S3" in row
    assert last == f"No line yet of bill ({task_id}), to which a message was sent."


def test_a_run_without_a_line_is_named() -> None:
    """Where the attempts of a Task have gaps, the story says which, as after a killed process."""
    lines = [json_line(receive_count=count) for count in (2, 4, 4)]

    *_, first, second = tell_chain(CHAIN_ID, runs_of_chain(CHAIN_ID, lines)).splitlines()

    end = f"of price ({CHAIN_ID}): its process may have been killed."
    assert (first, second) == (f"No line of run 1 {end}", f"No line of run 3 {end}")


def test_runs_are_told_in_the_order_of_time() -> None:
    """However lines come in, the runs are in the order in which they began."""
    lines = [
        json_line(task_name=name, started_at=f"2026-11-24T03:11:{second:02}.000Z")
        for name, second in [("c", 9), ("a", 1), ("b", 5)]
    ]
    assert [run.task_name for run in runs_of_chain(CHAIN_ID, lines)] == ["a", "b", "c"]


def test_a_run_that_never_started_is_told_too() -> None:
    """A record that was given back without a run has the time of its line, and no duration."""
    lines = [json_line(outcome="handed_back", started_at=None, duration_ms=None, sent_at=None)]
    (run,) = runs_of_chain(CHAIN_ID, lines)
    assert run.row[2:5] == ("2026-11-24 03:11:08.000", "-", "-")


@pytest.mark.parametrize(
    "line",
    [
        "",
        "{",
        "[" * 5000,
        "START RequestId: r-1",
        json_line(chain_id=str(uuid4())),
        json_line(outcome=None),
        json_line(message_bytes="many"),
        json_line(receive_count=[1]),
        json_line(sent_at="yesterday"),
        text_line(outcome=None),
        "[INFO]\t2026-11-24T03:11:08.000Z\t-\t-\t-\talgernon_logging\tTask\tchain_id=" + CHAIN_ID,
    ],
)
def test_what_tells_of_no_run_is_passed_over(line: str) -> None:
    """Lines of other chains, other programs, and damaged ones are no runs of the chain."""
    assert runs_of_chain(CHAIN_ID, [line]) == []


def test_a_chain_id_is_a_uuid() -> None:
    """What is no UUID is refused, and one in capitals is found as lines have it."""
    assert check_chain_id(CHAIN_ID.upper()) == CHAIN_ID
    with pytest.raises(ChainError, match="'order 7' is no chain_id"):
        check_chain_id("order 7")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    """An AWS with a stack whose workers have logged."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    url = f"http://{host}:{port}"
    where: dict[str, Any] = {
        "endpoint_url": url,
        "region_name": "eu-west-1",
        "aws_access_key_id": "test",
        "aws_secret_access_key": "test",
    }
    boto3.client("cloudformation", **where).create_stack(
        StackName="shop",
        TemplateBody=json.dumps(
            {
                "Resources": {
                    "WorkerLogs": {
                        "Type": "AWS::Logs::LogGroup",
                        "Properties": {"LogGroupName": GROUP},
                    }
                }
            }
        ),
    )
    logs = boto3.client("logs", **where)
    logs.create_log_group(logGroupName="others")
    for group, line in ((GROUP, json_line()), ("others", text_line(task_name="bill"))):
        logs.create_log_stream(logGroupName=group, logStreamName="s")
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": text} for text in (line, "another line")]
        logs.put_log_events(logGroupName=group, logStreamName="s", logEvents=events)
    yield url
    server.stop()


def trace(command: Command, endpoint: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `algernon trace` against AWS."""
    return command(
        *("trace", *arguments, "--region", "eu-west-1"),
        AWS_ENDPOINT_URL=endpoint,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
    )


def test_the_lines_of_a_stack_on_aws_are_searched(command: Command, endpoint: str) -> None:
    """With --region and --stack the stack's own log group is asked."""
    done = trace(command, endpoint, CHAIN_ID, "--stack", "shop")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Chain {CHAIN_ID}: 1 Task, 1 run, 1 function, ")


def test_other_log_groups_are_searched_too(command: Command, endpoint: str) -> None:
    """With --log-group a chain that runs through other stacks is told whole."""
    done = trace(command, endpoint, CHAIN_ID, "--stack", "shop", "--log-group", "others")
    assert [row.split()[0] for row in done.stdout.splitlines()[3:]] == ["price", "bill"]
    assert trace(command, endpoint, CHAIN_ID, "--log-group", "others").returncode == 0


def test_a_chain_of_which_nothing_is_known_is_an_error(command: Command, endpoint: str) -> None:
    """Where no line tells of the chain, one line says where was looked, and what may be."""
    chain_id = str(uuid4())
    done = trace(command, endpoint, chain_id, "--stack", "shop", "--hours", "3")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        f"algernon: no line of the last 3 hours in {GROUP} tells of the chain {chain_id}: "
    )


def test_a_wrong_id_is_an_error(command: Command, endpoint: str) -> None:
    """What is no id is refused before anything is asked."""
    done = trace(command, endpoint, "order-7", "--stack", "shop")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("algernon: 'order-7' is no chain_id")


def test_on_aws_a_place_is_needed(command: Command, endpoint: str) -> None:
    """Without a stack or a log group it isn't clear where the lines are."""
    done = trace(command, endpoint, CHAIN_ID)
    assert done.returncode == 2
    assert "--stack or --log-group is needed" in done.stderr


def test_without_a_region_only_the_local_system_is_asked(command: Command, endpoint: str) -> None:
    """Where none runs, one line says so."""
    done = command("trace", CHAIN_ID, AWS_ENDPOINT_URL=endpoint)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("algernon: no local system runs")
