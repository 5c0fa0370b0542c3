"""AWS X-Ray outside Lambda: the user's own segments, and where there is none."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from .traces import Daemon, record
from .xray import HEADER, SENDER, SENDING, SENT, TASKS, WORKER, of_tasks, subsegments

if TYPE_CHECKING:
    from collections.abc import Callable

#: Works off a batch, outside Lambda.
OUTSIDE = """
import json
from types import SimpleNamespace

def work(records):
    context = SimpleNamespace(aws_request_id="r-1")
    print(handler({"Records": json.loads(records)}, context)["batchItemFailures"])
"""


def test_trace_true_outside_lambda_prints_nothing_without_a_segment(
    run_on_aws: Callable[..., str], daemon: Daemon
) -> None:
    """Where tracing was asked for and no segment is open, calls work silently."""
    code = f"""{WORKER}
@lambda_logged(trace=True)
def handler(event, context):
    call()

handler({{}}, None)
threading.Thread(target=call).start()
"""
    assert run_on_aws(code) == ""
    assert daemon.received() == []


def test_trace_true_outside_lambda_records_in_the_users_segment(
    run_on_aws: Callable[..., str], daemon: Daemon
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
    assert run_on_aws(code) == ""
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
    code: str, environment: dict[str, str], expected: str, run_on_aws: Callable[..., str]
) -> None:
    """What to do without a segment is the user's choice where the user made one."""
    code = f"""
from aws_xray_sdk.core import xray_recorder
{code}
from algernon_logging import lambda_logged
lambda_logged(trace=True)(lambda: None)
print(xray_recorder.context.context_missing)
"""
    assert run_on_aws(code, **environment) == f"{expected}\n"


@pytest.mark.parametrize(
    ("code", "environment", "errors"),
    [
        ("", {}, 0),
        ("", {"AWS_XRAY_CONTEXT_MISSING": "IGNORE_ERROR"}, 0),
        ("", {"AWS_XRAY_CONTEXT_MISSING": "LOG_ERROR"}, 2),
        ('xray_recorder.configure(context_missing="LOG_ERROR")', {}, 2),
        ("xray_recorder.configure(context=Context())", {}, 0),
        ('xray_recorder.configure(context=Context(), context_missing="LOG_ERROR")', {}, 2),
    ],
    ids=["default", "ignored", "variable", "configured", "context", "context, configured"],
)
def test_missing_segments_are_logged_where_that_is_chosen(
    code: str, environment: dict[str, str], errors: int, run_on_aws: Callable[..., str]
) -> None:
    """LOG_ERROR logs an error for each call outside a segment, for nothing else, and else none."""
    code = f"""
import sqlite3
from algernon_logging import lambda_logged
from aws_xray_sdk.core import xray_recorder
from aws_xray_sdk.core.context import Context

@lambda_logged(trace=True)
def main():
    with xray_recorder.in_subsegment("alone"):
        pass
    print(sqlite3.connect(":memory:").execute("SELECT 7").fetchone()[0], flush=True)

main()
{code}
main()
with xray_recorder.in_segment("job", sampling=1):
    main()
"""
    printed = run_on_aws(code, **environment)
    first, then, inside, _ = printed.split("7\n")
    assert then.count("cannot find the current segment") == errors == len(then.splitlines())
    assert len(first.splitlines()) == (errors if environment else 0)
    assert inside == ""


def test_missing_segments_that_raise_harm_no_batch(
    run_on_aws: Callable[..., str], daemon: Daemon
) -> None:
    """Where the user wants missing segments to raise, only the user's own calls do."""
    pytest.importorskip("algernon_queue", reason="algernon-queue isn't installed")
    records = json.dumps(
        [record({"task_name": "ship"}), record({"task_name": "ship"}, {HEADER: SENT})]
    )
    code = f"""{TASKS}{OUTSIDE}
@router.task
def ship():
    pass
work({records!r})
"""
    assert (
        run_on_aws(code, ALGERNON_TRACING="xray", AWS_XRAY_CONTEXT_MISSING="RUNTIME_ERROR")
        == "[]\n"
    )
    (ship,) = of_tasks(daemon.received())
    assert ship.trace_id == SENDER


def test_record_outside_lambda_belongs_to_the_users_segment(
    run_on_aws: Callable[..., str], daemon: Daemon
) -> None:
    """Where the user opens a segment around batches, each batch's records are below it."""
    pytest.importorskip("algernon_queue", reason="algernon-queue isn't installed")
    records = json.dumps([record({"task_name": "ship"}), record({"task_name": "ship"})])
    code = f"""{SENDING}{OUTSIDE}
for number in range(3):
    with xray_recorder.in_segment(f"job {{number}}", sampling=1):
        work({records!r})
with xray_recorder.in_segment("unsampled", sampling=0):
    work({records!r})
work({records!r})
"""
    assert run_on_aws(code, ALGERNON_TRACING="xray") == "[]\n" * 5
    found = subsegments(daemon.received())
    jobs = [each for each in found if each.name.startswith("job")]
    assert [job.name for job in jobs] == ["job 0", "job 1", "job 2"]
    for job in jobs:
        tasks = [each for each in found if each.parent_id == job.id]
        assert [each.name for each in tasks] == ["ship", "ship"]
        assert {each.trace_id for each in tasks} == {job.trace_id}
        assert all(each.name == "sqs" for each in found if each.parent_id in {t.id for t in tasks})
    assert len(found) == 3 * 5


def test_segment_that_a_task_opens_outside_lambda_is_its_own(
    run_on_aws: Callable[..., str], daemon: Daemon
) -> None:
    """A Task's own segment is sent by itself, and the Task goes on in its record's trace."""
    pytest.importorskip("algernon_queue", reason="algernon-queue isn't installed")
    records = json.dumps([record({"task_name": "ship"}, {HEADER: SENT})] * 2)
    code = f"""{TASKS}{OUTSIDE}
@router.task
def ship():
    with xray_recorder.in_segment("own", sampling=1):
        with xray_recorder.in_subsegment("within"):
            pass
    with xray_recorder.in_subsegment("after"):
        pass
work({records!r})
"""
    assert run_on_aws(code, ALGERNON_TRACING="xray") == "[]\n"
    names = [(each.name, each.trace_id == SENDER) for each in subsegments(daemon.received())]
    own, tasks_own = [("own", False), ("within", False)], [("ship", True), ("after", True)]
    assert names == own * 2 + tasks_own * 2
