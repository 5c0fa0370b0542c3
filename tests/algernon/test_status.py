"""`algernon status`: how the Tasks of a system are, and how old each figure is."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from algernon.commands.main import main
from algernon.local.aws import LocalAWS as Ministack
from algernon.story.status import status_view
from algernon.story.tables import console_of
from algernon.story.terminal import Terminal
from algernon.system import last_hour
from algernon.system.last_hour import LastHour, TaskHour, hour_of_metrics
from algernon.system.metric_data import Point
from algernon.system.named_aws import aws_place
from algernon.system.queue_facts import QueueFacts
from algernon.system.status import StatusReader, SystemStatus, TaskStatus
from algernon.system.task_queues import TaskQueues
from algernon.template import system_template
from algernon.worker import Worker

from ..conftest import REGION, LocalAWS
from ..wire import Answer, Call, Wire
from .handmade import PLACE, Handmade
from .terminals import OnTerminal, algernon

pytestmark = pytest.mark.starts

OF_STACK = ("--stack", "shop", "--region", REGION)
LOG_GROUP = "shop-lines"


@pytest.fixture
def shop(aws: LocalAWS) -> Handmade:
    """A system made by hand, with the Tasks `bill` and `price`."""
    shop = Handmade(aws)
    shop.add_task("bill")
    shop.add_task("price")
    return shop


def status(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    """Return what the command tells a program."""
    assert main(["status", "--json", *arguments]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def told(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Return what the command tells people."""
    assert main(["status", *arguments]) == 0
    return capsys.readouterr().out


def row(shown: str, task: str) -> list[str]:
    """Return the cells of a Task's row."""
    (line,) = [line for line in shown.splitlines() if line.startswith(f"{task} ")]
    return re.split(r"  +", line.strip())


def make_stack(aws: LocalAWS, *tasks: str, **parameters: str) -> None:
    """Make the stack `shop`, without what moto doesn't make."""
    template = system_template([Worker("shop.handler", tasks, retries={})])
    kinds = ("AWS::SNS::Topic", "AWS::SQS::Queue")
    resources = {
        name: resource
        for name, resource in template["Resources"].items()
        if resource["Type"] in kinds
    }
    logs = {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": LOG_GROUP}}
    template["Resources"] = {**resources, "WorkerLogs": logs}
    template["Outputs"] = {"WorkerLogs": {"Value": {"Ref": "WorkerLogs"}}}
    values = {"CodeBucket": "code", "CodeKey": "1.zip", **parameters}
    aws.client("cloudformation").create_stack(
        StackName="shop",
        TemplateBody=json.dumps(template),
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value} for key, value in values.items()
        ],
    )


def log(aws: LocalAWS, *lines: str, group: str = LOG_GROUP) -> None:
    """Write lines to a log group, that of the stack by default, as of now."""
    logs: Any = aws.client("logs")
    logs.create_log_stream(logGroupName=group, logStreamName="worker")
    now = int(datetime.now(UTC).timestamp() * 1000)
    events = [{"timestamp": now - 1000, "message": line} for line in lines]
    logs.put_log_events(logGroupName=group, logStreamName="worker", logEvents=events)


def json_line(task: str, outcome: str, *, receive_count: int = 1, **more: object) -> str:
    """Return the line of the end of a run, as JSON."""
    return json.dumps(
        {
            "timestamp": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.000Z",
            "level": "INFO",
            "message": f"Task {task}: {outcome}",
            "logger": "algernon_logging",
            "task_name": task,
            "receive_count": receive_count,
            "outcome": outcome,
            **more,
        },
        separators=(",", ":"),
    )


def text_line(task: str, outcome: str, *, receive_count: int = 1, duration_ms: float) -> str:
    """Return the same as text."""
    at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.000Z"
    return (
        f"[INFO]\t{at}\tr-1\tshop\t-\talgernon_logging\tTask {task}: {outcome}"
        f"\ttask_name={task} receive_count={receive_count} outcome={outcome}"
        f" duration_ms={duration_ms}"
    )


def put_age(aws: Any, queue: str, seconds: float, ago: timedelta) -> datetime:
    """Have CloudWatch know the age of a queue's oldest message, and return since when."""
    at = (datetime.now(UTC) - ago).replace(second=0, microsecond=0)
    aws.client("cloudwatch").put_metric_data(
        Namespace="AWS/SQS",
        MetricData=[
            {
                "MetricName": "ApproximateAgeOfOldestMessage",
                "Dimensions": [{"Name": "QueueName", "Value": queue}],
                "Timestamp": at,
                "Value": seconds,
            }
        ],
    )
    return at


def test_messages_are_counted_by_how_they_are(
    shop: Handmade, capsys: pytest.CaptureFixture[str]
) -> None:
    """Those that wait, are in flight, are delayed or are dead, of each Task by itself."""
    shop.send("price", times=5)
    shop.send("price", delay=600)
    shop.send("price-dead", times=2)
    url = shop.url("price")
    shop.aws.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=2)

    bill, price = status(capsys, *PLACE)["tasks"]

    figures = ("waiting", "in_flight", "delayed", "dead")
    assert [price[name] for name in figures] == [3, 2, 1, 2]
    assert [bill[name] for name in figures] == [0, 0, 0, 0]
    assert row(told(capsys, *PLACE), "price")[:5] == ["price", "3", "2", "1", "2"]


def test_a_dead_letter_that_somebody_looks_at_counts_too(
    shop: Handmade, capsys: pytest.CaptureFixture[str]
) -> None:
    """Who holds it hides it from others, but it is no less dead."""
    shop.send("bill-dead", times=3)
    shop.aws.client("sqs").receive_message(QueueUrl=shop.url("bill-dead"))

    bill, _ = status(capsys, *PLACE)["tasks"]

    assert bill["dead"] == 3


def test_the_age_of_the_oldest_is_cloudwatchs(
    shop: Handmade, capsys: pytest.CaptureFixture[str]
) -> None:
    """The newest that it knows is told with its time; of a queue that it knows nothing of, none."""
    put_age(shop.aws, "price", 3600, timedelta(minutes=6))
    at = put_age(shop.aws, "price", 7500, timedelta(minutes=2))
    put_age(shop.aws, "bill", 99, timedelta(minutes=40))

    bill, price = status(capsys, *PLACE)["tasks"]
    shown = told(capsys, *PLACE)

    assert price["oldest"] == {"seconds": 7500, "at": f"{at:%Y-%m-%dT%H:%M:%SZ}"}
    assert bill["oldest"] is None
    assert "2 h" in row(shown, "price")
    assert row(shown, "bill")[5] == "\N{EN DASH}"
    assert f"by CloudWatch at {at.astimezone():%H:%M}." in shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0, "0 s"),
        (119, "119 s"),
        (120, "2 min"),
        (7199, "120 min"),
        (7200, "2 h"),
        (172_799, "48 h"),
        (172_800, "2 d"),
        (1_209_600, "14 d"),
    ],
)
def test_an_age_is_shown_in_one_unit(seconds: float, shown: str) -> None:
    """It stays short, so that other figures have room; --json has the seconds."""
    now = datetime.now(UTC)
    (task,) = large(1).tasks
    system = SystemStatus(now, [replace(task, oldest=Point(now, seconds))], None, [])

    assert table_in(view(system, None))[1][5] == shown


def test_whether_a_worker_takes_messages_is_told(
    shop: Handmade, wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    """A Task may be active, paused, on its way to either, or have no worker at all."""
    shop.add_task("orphan", has_worker=False)
    paused = shop.mapping("bill")["UUID"]
    shop.aws.client("lambda").update_event_source_mapping(UUID=paused, Enabled=False)

    found = status(capsys, *PLACE)
    shown = told(capsys, *PLACE)

    assert [task["worker"] for task in found["tasks"]] == ["paused", "no worker", "active"]
    assert "1 paused, 1 without a worker." in shown

    for state, worker in (("Disabling", "pausing"), ("Enabling", "resuming")):

        def answer(call: Call, forward: Callable[[], Answer], state: str = state) -> Answer:
            given = forward()
            if "event-source-mappings" not in call.path:
                return given
            body = re.sub(rb'"State": ?"\w+"', f'"State":"{state}"'.encode(), given.body)
            return Answer(given.status, given.headers, body)

        wire.treatment = answer
        assert [task["worker"] for task in status(capsys, *PLACE)["tasks"]][::2] == [worker] * 2


def test_the_last_hour_is_counted_by_lines_of_either_form(
    aws: LocalAWS, capsys: pytest.CaptureFixture[str]
) -> None:
    """Counted are the ends of runs that workers logged, as metrics would count them."""
    make_stack(aws, "price", "bill")
    log(
        aws,
        *(json_line("price", "done", duration_ms=float(ms)) for ms in range(1, 19)),
        text_line("price", "done", receive_count=2, duration_ms=19.0),
        json_line("price", "failed", receive_count=3, duration_ms=2000.0, error="OSError"),
        json_line("price", "dead_letter", error="MalformedMessageError"),
        json_line("price", "duplicate"),
        json_line("price", "done").replace("algernon_logging", "shop.outcome"),
        "the outcome of something else",
    )

    found = status(capsys, *OF_STACK)
    shown = told(capsys, *OF_STACK)

    bill, price = found["tasks"]
    counted = {"done": 19, "failed": 2, "retried": 2, "p50_ms": 10.0, "p95_ms": 19.0}
    assert price["last_hour"] == counted
    assert bill["last_hour"] == {**dict.fromkeys(counted, 0), "p50_ms": None, "p95_ms": None}
    hour = found["last_hour"]
    assert (hour["source"], hour["is_whole"]) == ("lines", True)
    times = [datetime.fromisoformat(hour[name]) for name in ("from", "to")]
    assert times[1] - times[0] == timedelta(hours=1)
    assert row(shown, "price")[6:11] == ["19", "2", "2", "10.0 ms", "19.0 ms"]
    assert "by log lines." in shown


def test_a_system_without_a_stack_is_told_of_by_its_functions(
    shop: Handmade, capsys: pytest.CaptureFixture[str]
) -> None:
    """Their log groups have the lines, once there is one; or their environment the namespace."""
    group = f"/aws/lambda/{shop.function}"
    before = status(capsys, *PLACE)
    shop.aws.client("logs").create_log_group(logGroupName=group)
    log(shop.aws, json_line("price", "done", duration_ms=5.0), group=group)
    of_lines = status(capsys, *PLACE)
    shop.aws.client("lambda").update_function_configuration(
        FunctionName=shop.function,
        Environment={"Variables": {"ALGERNON_METRICS_NAMESPACE": "Shop"}},
    )
    of_metrics = status(capsys, *PLACE)

    hours = [found["tasks"][1]["last_hour"]["done"] for found in (before, of_lines, of_metrics)]
    assert hours == [0, 1, 0]
    assert [found["last_hour"]["source"] for found in (of_lines, of_metrics)] == [
        "lines",
        "metrics",
    ]


def test_what_two_tasks_share_counts_once_in_the_sum(
    shop: Handmade, capsys: pytest.CaptureFixture[str]
) -> None:
    """Queues that were made by hand may be several Tasks'."""
    sns: Any = shop.aws.client("sns")
    topic = sns.create_topic(Name="shop-quote")["TopicArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=shop.arn("price"))
    shop.send("price", times=3)
    shop.send("price-dead", times=2)

    shown = told(capsys, *PLACE)

    assert "3 Tasks, 3 waiting, 0 in flight, 2 dead." in shown
    assert row(shown, "quote")[1] == row(shown, "price")[1] == "3"


def test_more_lines_than_are_read_are_at_least_so_many(
    aws: LocalAWS, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for an hour's lines of a busy system, and nobody takes a part for all."""
    make_stack(aws, "price")
    log(aws, *[json_line("price", "done", duration_ms=5.0)] * 9)
    monkeypatch.setattr(last_hour, "_MOST_LINES", 4)

    found = status(capsys, *OF_STACK)
    shown = told(capsys, *OF_STACK)

    assert found["last_hour"]["is_whole"] is False
    since, until = (datetime.fromisoformat(found["last_hour"][name]) for name in ("from", "to"))
    assert until - since < timedelta(minutes=1)
    assert found["tasks"][0]["last_hour"]["done"] == 4
    assert row(shown, "price")[6:8] == ["≥4", "≥0"]
    assert "at least so many" in shown


def test_a_group_with_more_lines_than_are_read_takes_nothing_from_others(
    aws: LocalAWS, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hour that is told is the one of the group that was read to its end."""
    for group, count in (("busy", 9), ("quiet", 1)):
        aws.client("logs").create_log_group(logGroupName=group)
        log(aws, *[json_line("price", "done", duration_ms=5.0)] * count, group=group)
    monkeypatch.setattr(last_hour, "_MOST_LINES", 4)
    now = datetime.now(UTC)

    hour = last_hour.hour_of_lines(aws.client("logs"), ["quiet", "busy"], now)

    assert (hour.start, hour.end) == (now - timedelta(hours=1), now)
    assert (hour.tasks["price"].done, hour.is_whole) == (5, False)


def test_the_last_hour_is_that_of_the_metrics_where_there_are_some(
    aws: LocalAWS, capsys: pytest.CaptureFixture[str], wire: Wire
) -> None:
    """A stack that writes metrics is asked for them, and no log line is read."""
    make_stack(aws, "price", MetricsNamespace="Shop")
    aws.client("cloudwatch").put_metric_data(
        Namespace="Shop",
        MetricData=[
            {
                "MetricName": name,
                "Dimensions": [{"Name": "task_name", "Value": "price"}],
                "Timestamp": datetime.now(UTC) - timedelta(minutes=5),
                "Value": value,
            }
            for name, value in (("Done", 3), ("Done", 4), ("Failed", 1), ("Retried", 2))
        ],
    )

    found = status(capsys, *OF_STACK)
    shown = told(capsys, *OF_STACK)

    assert found["last_hour"]["source"] == "metrics"
    counted = found["tasks"][0]["last_hour"]
    assert [counted[name] for name in ("done", "failed", "retried")] == [7, 1, 2]
    assert "by metrics, which are minutes late." in shown
    assert "logs FilterLogEvents" not in wire.counted()


def test_durations_are_percentiles_of_the_metric(tmp_path: Path) -> None:
    """CloudWatch itself works them out, which moto can't."""
    now = datetime.now(UTC)
    with Ministack() as ministack:
        cloudwatch: Any = ministack.client("cloudwatch")
        cloudwatch.put_metric_data(
            Namespace="Shop",
            MetricData=[
                {
                    "MetricName": "Duration",
                    "Dimensions": [{"Name": "task_name", "Value": "price"}],
                    "Timestamp": now - timedelta(minutes=5),
                    "Value": float(milliseconds),
                }
                for milliseconds in range(1, 101)
            ],
        )

        hour = hour_of_metrics(cloudwatch, "Shop", ["price", "bill"], now)

    assert hour.tasks["bill"] == TaskHour()
    assert hour.tasks["price"].p50_ms == pytest.approx(50, abs=1)
    assert hour.tasks["price"].p95_ms == pytest.approx(95, abs=1)


def denied(call: Call) -> Answer:
    """Return what AWS answers to whom it denies a call, in the form of the call's protocol."""
    if b"Action=" in call.body:
        code = b"<Code>AccessDenied</Code>"
        return Answer(403, [], b"<ErrorResponse><Error>" + code + b"</Error></ErrorResponse>")
    kind = "AccessDeniedException"
    return Answer(403, [("x-amzn-errortype", kind)], json.dumps({"__type": kind}).encode())


@pytest.mark.parametrize(
    ("called", "action", "unknown"),
    [
        ("event-source-mappings", "lambda:ListEventSourceMappings", "worker"),
        ("GetMetricData", "cloudwatch:GetMetricData", "oldest"),
    ],
)
def test_a_right_that_is_missing_leaves_its_figures_out(
    shop: Handmade,
    wire: Wire,
    capsys: pytest.CaptureFixture[str],
    called: str,
    action: str,
    unknown: str,
) -> None:
    """All else is shown, and the action is named by which the rest would be."""
    put_age(shop.aws, "price", 60, timedelta(minutes=1))
    shop.send("price")

    def deny(call: Call, forward: Callable[[], Answer]) -> Answer:
        is_called = called in f"{call.path} {call.operation} {call.body!r}"
        return denied(call) if is_called else forward()

    wire.treatment = deny
    found = status(capsys, *PLACE)
    shown = told(capsys, *PLACE)

    assert found["missing_rights"] == [action]
    _, price = found["tasks"]
    assert (price[unknown], price["waiting"]) == (None, 1)
    assert f"You lack the right {action}" in shown


def test_what_is_wrong_with_a_call_is_not_taken_for_a_right(
    shop: Handmade, wire: Wire, capsys: pytest.CaptureFixture[str]
) -> None:
    """Another refusal ends it with one line."""

    def refuse(call: Call, forward: Callable[[], Answer]) -> Answer:
        if "event-source-mappings" not in call.path:
            return forward()
        kind = ("x-amzn-errortype", "InvalidParameterValueException")
        return Answer(400, [kind], b'{"message": "that can\'t be"}')

    wire.treatment = refuse

    assert main(["status", *PLACE]) == 1
    assert "that can't be" in capsys.readouterr().err


def test_groups_that_dead_letters_hold_are_told_below(
    shop: Handmade, bucket: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each letter is looked at, and stays where it is."""
    group: dict[str, Any] = {"id": str(uuid4()), "index": 0, "bucket": bucket, "folder": "cache"}
    message = {"task_name": "price", "task_kwargs": {}, "callback": {"group": group}}
    url = shop.url("price-dead")
    shop.aws.client("sqs").send_message(QueueUrl=url, MessageBody=json.dumps(message))
    arguments = ("--groups", "--bucket", bucket, *PLACE)

    shown = told(capsys, *arguments)
    found = status(capsys, *arguments)

    assert shown.index(group["id"]) > shown.index("Done, failed")
    (held,) = found["held_groups"]["groups"]
    assert (held["group_id"], held["state"]) == (group["id"], "unknown")
    assert found["held_groups"]["letters"] == 1
    assert status(capsys, *PLACE)["tasks"][1]["dead"] == 1


def test_a_system_of_many_tasks_takes_few_calls(aws: LocalAWS, wire: Wire) -> None:
    """Two of SQS for each Task, and beside them one or two of each other kind; again, fewer."""
    make_stack(aws, *(f"task_{number:02}" for number in range(81)), MetricsNamespace="")
    reader = StatusReader(aws_place(None, REGION, stack="shop"))
    wire.clear()

    assert len(reader.read().tasks) == 81
    first = wire.counted()
    wire.clear()
    reader.read()

    assert first["sqs GetQueueAttributes"] == 2 * 81
    assert sum(first.values()) <= 2 * 81 + 10
    assert set(wire.counted()) == {"sqs GetQueueAttributes", "lambda GET"}


NUMBERS = QueueFacts("arn:aws:sqs:eu-west-1:1:q", 1_234_567, 120_000, 98_765, 345_600, 7)


def large(tasks: int, name: str = "task") -> SystemStatus:
    """A system in which all figures are as long as they get."""
    now = datetime.now(UTC)
    queues = [
        TaskQueues(f"{name}_{number}", "arn", f"https://sqs/q{number}", None)
        for number in range(tasks)
    ]
    runs = TaskHour(12_345_678, 1_234_567, 234_567, 999.9, 899.95 * 1000)
    return SystemStatus(
        now,
        [TaskStatus(each, NUMBERS, 54_321, "no worker", Point(now, 3e5)) for each in queues],
        LastHour("lines", now, now, {each.task: runs for each in queues}, is_whole=False),
        [],
    )


def view(system: SystemStatus, width: int | None, **options: int) -> str:
    """Return what a terminal of that width shows."""
    terminal = Terminal(width)
    console = console_of(terminal)
    with console.capture() as capture:
        console.print(status_view(system, "shop", terminal, **options))
    return capture.get()


@pytest.mark.parametrize("width", [60, 80, 100, 120, 160])
@pytest.mark.parametrize("name", ["task", "a_task_whose_name_is_so_long_that_it_takes_most"])
def test_no_line_is_wider_than_the_terminal(width: int, name: str) -> None:
    """Columns go where there is no room for all, and say so; no figure is cut or wrapped."""
    shown = view(large(3, name), width)
    everything = table_in(view(large(3, name), None))

    headings, *rows = table_in(shown)

    assert max(map(len, shown.splitlines())) <= width
    assert len(rows) == 3
    assert {"TASK", "WAITING", "DEAD", "WORKER"} <= {*headings}
    for number, cells in enumerate(rows):
        figures = dict(zip(everything[0], everything[1 + number], strict=True))
        assert cells[0].endswith(f"_{number}")
        assert cells[1:] == [figures[heading] for heading in headings[1:]]
    assert ("No room for" in shown) == (headings != everything[0])


def table_in(shown: str) -> list[list[str]]:
    """Return the cells of the table that is shown, its headings first."""
    lines = re.search(r"^TASK .*?(?=^\s*$)", shown, re.DOTALL | re.MULTILINE)
    assert lines is not None
    return [re.split(r"  +", line.strip()) for line in lines[0].splitlines()]


def test_a_pipe_has_room_for_all() -> None:
    """Lines are as long as they are, without colours."""
    shown = view(large(2, "x" * 120), None)

    assert "≥12,345,678" in shown
    assert "x" * 120 in shown
    assert "No room for" not in shown
    assert "\x1b" not in shown


def test_what_is_idle_makes_room_first() -> None:
    """Where the terminal isn't high enough, Tasks with something to look at stay."""
    system = large(3)
    idle = QueueFacts("arn:aws:sqs:eu-west-1:1:q", 0, 0, 0, 345_600, 7)
    others = [
        TaskStatus(TaskQueues(f"idle_{n}", "arn", "https://sqs/q", None), idle, 0, "active", None)
        for n in range(30)
    ]
    mixed = SystemStatus(system.at, [*others, *system.tasks], system.hour, [])

    shown = view(mixed, 120, most_rows=5)

    assert [name in shown for name in ("task_0", "task_1", "task_2")] == [True] * 3
    assert shown.count("idle_") == 2
    assert "28 other Tasks" in shown


def test_watching_redraws_in_place_until_it_is_interrupted(shop: Handmade, tmp_path: Path) -> None:
    """The terminal shows the newest figures, has its cursor back at the end, and all is well."""
    command = algernon("status", "--watch", "1", *PLACE)
    with OnTerminal(command, folder=tmp_path, columns=80) as terminal:
        terminal.wait_for(lambda text: "0 waiting" in text)
        shop.send("price", times=4)
        terminal.wait_for(lambda text: "4 waiting" in text)
        terminal.process.send_signal(signal.SIGINT)
        assert terminal.end() == 0
        assert "\x1b[1A" in terminal.shown
        assert terminal.shown.rindex("\x1b[?25h") > terminal.shown.rindex("\x1b[?25l")
        assert "Traceback" not in terminal.text
        assert "interrupted" not in terminal.text


@pytest.mark.parametrize("is_json", [False, True])
def test_watching_into_a_pipe_gives_a_block_each_time(
    shop: Handmade, tmp_path: Path, is_json: bool
) -> None:
    """Nothing is redrawn; with --json each is one line."""
    command = algernon("status", "--watch", "1", *(["--json"] if is_json else []), *PLACE)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, cwd=tmp_path, text=True, env={**os.environ}
    ) as process:
        assert process.stdout is not None
        blocks = 0
        while blocks < 3:
            line = process.stdout.readline()
            assert "\x1b" not in line
            if is_json:
                assert len(json.loads(line)["tasks"]) == 2
            blocks += is_json or line.startswith("shop-: 2 Tasks")
        process.send_signal(signal.SIGINT)
        assert process.wait() == 0


def test_an_unknown_interval_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    """It takes whole seconds, from 1 on."""
    with pytest.raises(SystemExit) as ended:
        main(["status", "--watch", "0", *PLACE])

    assert ended.value.code == 2
    assert "isn't a number from 1 to 3600" in capsys.readouterr().err
