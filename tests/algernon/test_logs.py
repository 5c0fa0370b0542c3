"""`algernon logs`: the lines of all workers, on AWS and here."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from threading import Thread
from typing import IO, Any, Self

import boto3
import pytest

from ..conftest import LocalAWS
from ..waiting import PATIENCE, wait_for
from ..wire import Answer, Call, Wire
from .handmade import PLACE, Handmade
from .terminals import OnTerminal, algernon, without_colours

pytestmark = pytest.mark.starts

Command = Callable[..., subprocess.CompletedProcess[str]]

ARN = "arn:aws:lambda:eu-west-1:123456789012:function:shop"
_numbers = count()


class Logs:
    """A log group of workers, and the command that shows it."""

    def __init__(self, url: str, command: Command, group: str | None = None) -> None:
        self.environ = {
            "AWS_ENDPOINT_URL": url,
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
        }
        self.client: Any = boto3.client(
            "logs",
            region_name="eu-west-1",
            endpoint_url=url,
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )
        self.group = group or f"group-{next(_numbers)}"
        self.client.create_log_group(logGroupName=self.group)
        self._command = command

    def write(
        self, *lines: str, stream: str = "2026/11/26/shop[$LATEST]0f", ago: float = 60.0
    ) -> None:
        """Write what a process of a function logged, so many seconds ago, a millisecond apart."""
        streams = self.client.describe_log_streams(logGroupName=self.group)["logStreams"]
        if stream not in {each["logStreamName"] for each in streams}:
            self.client.create_log_stream(logGroupName=self.group, logStreamName=stream)
        at = int((time.time() - ago) * 1000)
        self.client.put_log_events(
            logGroupName=self.group,
            logStreamName=stream,
            logEvents=[{"timestamp": at + n, "message": line} for n, line in enumerate(lines)],
        )

    def arguments(self, *arguments: str) -> tuple[str, ...]:
        """Return the arguments by which the command shows it."""
        return "logs", *arguments, "--region", "eu-west-1", "--log-group", self.group

    def shown(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Return what the command prints, piped."""
        return self._command(*self.arguments(*arguments), **self.environ)

    def on_terminal(self, folder: Path, *arguments: str, columns: int = 100) -> OnTerminal:
        """Return the command on a terminal."""
        state = {"XDG_STATE_HOME": str(folder / "state")}
        line = algernon(*self.arguments(*arguments))
        return OnTerminal(line, folder=folder, columns=columns, **self.environ, **state)

    def told(self, folder: Path, *arguments: str) -> list[str]:
        """Return the lines that the command shows on a terminal, with times as --:--:--.

        Those that name another day are left out: shortly after midnight there are some.
        """
        return [line for line in self.told_by_day(folder, *arguments) if not _DAY.fullmatch(line)]

    def told_by_day(self, folder: Path, *arguments: str) -> list[str]:
        """Return these lines with those that name another day."""
        with self.on_terminal(folder, *arguments) as terminal:
            assert terminal.end() == 0
            shown = without_colours(terminal.shown)
        return re.sub(r"\b\d\d:\d\d:\d\d\b", "--:--:--", shown).splitlines()


_DAY = re.compile(r"\d{4}-\d\d-\d\d:")


@pytest.fixture
def logs(module_url: str, command: Command) -> Logs:
    """An empty log group."""
    return Logs(module_url, command)


def record(number: int = 1, **others: Any) -> dict[str, Any]:
    """Return the fields of the lines of a Task."""
    told = {
        "task_name": "price",
        "task_id": f"00000000-0000-4000-8000-{number:012}",
        "chain_id": f"00000000-0000-4000-9000-{number:012}",
        "message_id": f"m-{number}",
        "receive_count": 1,
    }
    return {**told, **others}


def ended(number: int = 1, outcome: str = "done", **others: Any) -> dict[str, Any]:
    """Return the fields of the line of a record's end."""
    ran = {"duration_ms": 4.2, "message_bytes": 723, "started_at": "2026-11-24T03:11:07.250Z"}
    return {**record(number), "outcome": outcome, "logger": "algernon_logging", **ran, **others}


def as_json(message: str = "Task", request: str = "r-1", **fields: Any) -> str:
    """Return a line in JSON, as `lambda_logged` writes it."""
    line = {
        "timestamp": "2026-11-24T03:11:08.000Z",
        "level": "INFO",
        "message": message,
        "logger": "prices",
        "requestId": request,
        "function_name": "shop",
        "function_arn": ARN,
    }
    return json.dumps({**line, **fields})


def as_text(message: str = "Task", request: str = "r-1", **fields: Any) -> str:
    """Return a line in columns, as `lambda_logged` writes it."""
    level, logger = fields.pop("level", "INFO"), fields.pop("logger", "prices")
    at = fields.pop("timestamp", "2026-11-24T03:11:08.000Z")
    pairs = " ".join(f"{name}={json.dumps(value)}" for name, value in fields.items())
    columns = [f"[{level}]", at, request, "shop", ARN, logger, message]
    return "\t".join([*columns, pairs] if pairs else columns)


def start(request: str = "r-1", *, is_json: bool = True) -> str:
    """Return Lambda's own line of the beginning of an invocation."""
    if not is_json:
        return f"START RequestId: {request} Version: $LATEST\n"
    return platform("start", requestId=request, version="$LATEST")


def end(request: str = "r-1", *, is_json: bool = True, **others: Any) -> str:
    """Return Lambda's own line of the end of an invocation."""
    if not is_json:
        return f"REPORT RequestId: {request}\tDuration: 9.87 ms\tBilled Duration: 10 ms\t\n"
    facts = {"requestId": request, "metrics": {"durationMs": 9.87}, "status": "success", **others}
    return platform("report", **facts)


def platform(kind: str, **facts: Any) -> str:
    """Return a line of Lambda's own in JSON."""
    line = {"time": "2026-11-24T03:11:09.000Z", "type": f"platform.{kind}", "record": facts}
    return json.dumps(line)


@pytest.mark.parametrize(("line", "is_json"), [(as_json, True), (as_text, False)])
def test_a_run_is_a_short_line_in_either_format(
    logs: Logs, tmp_path: Path, line: Callable[..., str], *, is_json: bool
) -> None:
    """What it logged and printed stands below, and Lambda's own lines are left out."""
    logs.write(
        start(is_json=is_json),
        line("asking", **record()),
        "printed\n",
        line("all said", level="WARNING", **record()),
        line(**ended(next_task_name="bill")),
        end(is_json=is_json),
    )

    assert logs.told(tmp_path)[-4:] == [
        "--:--:-- price done 4.2 ms → bill",
        "         asking",
        "         printed",
        "         WARNING all said",
    ]


def test_invocations_of_several_streams_are_told_apart(logs: Logs, tmp_path: Path) -> None:
    """Lines of processes that ran at the same time, and of one that ran several, don't mix."""
    for stream in ("a[$LATEST]1", "b[$LATEST]2"):
        lines = []
        for request in (f"{stream[0]}-1", f"{stream[0]}-2"):
            facts = record(message_id=request, task_name=request)
            lines += [
                start(request),
                f"printed in {request}\n",
                as_json(request=request, **{**ended(), **facts}),
                end(request),
            ]
        logs.write(*lines, stream=f"2026/11/26/{stream}")

    told = logs.told(tmp_path)

    assert sorted(zip(told[0::2], told[1::2], strict=True)) == [
        (f"--:--:-- {name} done 4.2 ms", f"         printed in {name}")
        for name in ("a-1", "a-2", "b-1", "b-2")
    ]


def test_piped_lines_are_whole(logs: Logs) -> None:
    """As with `algernon run`, and the oldest come first."""
    lines = [as_json("asking", **record()), "printed", as_json(**ended())]
    logs.write(start("r-2"), as_json(request="r-2", **ended(2)), end("r-2"), ago=30)
    logs.write(start(), *lines, end(), stream="other", ago=60)

    done = logs.shown()

    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [*lines, as_json(request="r-2", **ended(2))]


EXCEPTION = {
    "type": "shop.CardError",
    "message": "declined",
    "frames": [
        {"file": "/var/task/algernon_queue/run.py", "line": 1, "function": "run", "code": "go()"},
        {"file": "/var/task/worker.py", "line": 7, "function": "price", "code": "raise CardError"},
    ],
    "cause": {"type": "KeyError", "message": "'card'", "frames": []},
}
TRACEBACK = (
    "Traceback (most recent call last):\n"
    '  File "/var/task/algernon_queue/run.py", line 1, in run\n'
    "    go()\n"
    '  File "/var/task/worker.py", line 7, in price\n'
    "    raise CardError\n"
    "shop.CardError: declined"
)
SAID = "message m-2 failed: shop.CardError"


def failed(request: str = "r-1") -> dict[str, Any]:
    """Return the fields of the end of a record that failed."""
    facts = {"error": "shop.CardError", "reason": "declined", "error_at": "worker.py:7 in price"}
    return ended(2, "dead_letter", **facts)


def test_of_what_failed_the_traceback_is_shown(logs: Logs, tmp_path: Path) -> None:
    """Of either format, without Algernon's own frames; --failed shows nothing else."""
    said = {**record(2), "level": "ERROR", "logger": "algernon_queue"}
    logs.write(
        start(),
        as_json(**ended(1)),
        "printed",
        as_json(SAID, exception=EXCEPTION, **said),
        as_json(**failed()),
        end(),
    )
    logs.write(
        start(is_json=False),
        f"{as_text(SAID, **said)}\n{TRACEBACK}\n",
        as_text(**failed()),
        end(is_json=False),
        stream="text",
        ago=50,
    )

    heading = "--:--:-- price failed 4.2 ms, moved to the dead-letter queue"
    frames = [
        "         Traceback (most recent call last):",
        '           File "worker.py", line 7, in price',
        "             raise CardError",
        "         shop.CardError: declined",
    ]
    told = logs.told(tmp_path, "--failed")
    first, second = (at for at, line in enumerate(told) if line == heading)
    assert [line for line in told[first:second] if "KeyError" in line] == [
        "         KeyError: 'card'"
    ]
    assert told[second - 4 : second] == frames
    assert told[second + 1 :] == frames
    assert not [line for line in told if "done" in line or "printed" in line]


def test_faults_of_lambda_s_are_shown(logs: Logs, tmp_path: Path) -> None:
    """A function that ran out of time or memory, or couldn't be started, is named."""
    at = "2026-11-24T03:11:08.000Z"
    stream = "2026/11/26/{}[$LATEST]0f"
    logs.write(
        start(is_json=False),
        as_text("asking", **record()),
        f"{at} r-1 Task timed out after 3.05 seconds\n\n",
        "REPORT RequestId: r-1\tDuration: 3050.00 ms\tStatus: timeout\n",
        stream=stream.format("slow"),
        ago=50,
    )
    logs.write(
        start(),
        end(status="error", errorType="Runtime.OutOfMemory"),
        stream=stream.format("large"),
        ago=40,
    )
    logs.write(
        "INIT_START Runtime Version: python:3.13.v1\n",
        "[ERROR] Runtime.ImportModuleError: No module named 'shop'\nTraceback (most recent call"
        " last):\n",
        platform("initReport", status="error", errorType="Runtime.Unknown", phase="init"),
        stream=stream.format("broken"),
        ago=30,
    )

    logs.write(start(), "Task timed out after 3.00 seconds", end(), stream="as ministack", ago=35)

    told = ["--:--:-- price has not ended: its worker was stopped", "         asking"]
    faults = [
        "--:--:-- shop timed out after 3.05 seconds",
        "--:--:-- large ended with Runtime.OutOfMemory",
        "Task timed out after 3.00 seconds",
        "[ERROR] Runtime.ImportModuleError: No module named 'shop'",
        "Traceback (most recent call last):",
        "--:--:-- broken its start ended with Runtime.Unknown",
    ]
    assert logs.told(tmp_path, "--failed") == [
        *told,
        *faults,
    ]


def test_workers_without_the_decorator_are_shown_too(logs: Logs, tmp_path: Path) -> None:
    """What they print, and what Lambda's own handler writes of their loggers."""
    line = {"timestamp": "2026-11-24T03:11:08Z", "level": "ERROR", "logger": "shop"}
    error = {"errorType": "KeyError", "errorMessage": "'card'", "requestId": "r-1"}
    logs.write(
        start(),
        "printed",
        json.dumps({**line, "message": "no card", "requestId": "r-1"}),
        json.dumps({"timestamp": line["timestamp"], "level": "ERROR", **error}),
        end(),
    )

    told = ["printed", "--:--:-- ERROR no card", "--:--:-- ERROR KeyError: 'card'"]
    assert logs.told(tmp_path)[-3:] == told
    assert logs.told(tmp_path, "--failed")[-3:] == told


def mixed(logs: Logs) -> None:
    """Write the lines of an invocation with two Tasks, and one of another function."""
    logs.write(
        start(),
        as_json("asking", **record(1)),
        "printed",
        as_json("counting", **record(2, task_name="count")),
        as_json(**ended(1)),
        as_json(**{**ended(2), "task_name": "count"}),
        end(),
    )
    alone = record(3, group_id="0000000a-0000-4000-8000-000000000000", group_index=0)
    logs.write(
        start("r-2", is_json=False),
        "printed alone",
        as_text(request="r-2", **{**ended(3), **alone}),
        end("r-2", is_json=False),
        stream="alone",
        ago=30,
    )


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("count", ["count done 4.2 ms", "counting"]),
        ("price", ["price done 4.2 ms", "asking", "price done 4.2 ms", "printed alone"]),
        ("00000000-0000-4000-9000-000000000001", ["price done 4.2 ms", "asking"]),
        ("00000000-0000-4000-8000-000000000002", ["count done 4.2 ms", "counting"]),
        ("0000000A-0000-4000-8000-000000000000", ["price done 4.2 ms", "printed alone"]),
    ],
    ids=["task", "both formats", "chain", "task id", "group"],
)
def test_lines_are_chosen_by_task_or_id(
    logs: Logs, tmp_path: Path, name: str, told: Sequence[str]
) -> None:
    """Of an invocation with several Tasks only its own are; what is printed, where it is alone."""
    mixed(logs)

    shown = [line.removeprefix("--:--:--").strip() for line in logs.told(tmp_path, name)]
    assert [line for line in shown if not re.match(r"\d{4}-", line)] == told


def test_for_programs_each_line_is_an_object(logs: Logs) -> None:
    """A worker's own line as it says, one of text by its keys, and anything else as a message."""
    said = {**record(2), "level": "ERROR", "logger": "algernon_queue"}
    logs.write(
        start(is_json=False),
        f"{as_text(SAID, **said)}\n{TRACEBACK}\n",
        "printed",
        as_json(**ended(2), items=["tea"]),
        end(is_json=False),
    )

    text, printed, line = map(json.loads, logs.shown("--json").stdout.splitlines())

    assert (text["message"], text["task_name"], text["traceback"]) == (SAID, "price", TRACEBACK)
    assert (printed["message"], printed["function_name"]) == ("printed", "shop")
    written = datetime.fromisoformat(printed["timestamp"])
    assert timedelta(0) < datetime.now(UTC) - written < timedelta(hours=1)
    assert line == json.loads(as_json(**ended(2), items=["tea"]))


def test_what_is_no_json_is_a_message_to_programs(logs: Logs) -> None:
    """Such as a field of a line of text that looks like a number that isn't one."""
    line = f"{as_text(**record())} rate=NaN"
    logs.write(start(is_json=False), line, end(is_json=False))

    (told,) = map(json.loads, logs.shown("--json").stdout.splitlines())

    assert told["message"] == line


@pytest.mark.parametrize("name", ["", "a b", 'a"', "é", "x" * 257])
def test_what_is_no_name_is_refused(logs: Logs, name: str) -> None:
    """It is neither a Task's nor an id."""
    done = logs.shown(name)

    assert (done.returncode, done.stdout) == (2, "")
    assert "is neither a Task's name" in done.stderr


def test_an_invocation_without_an_end_is_told_as_such(logs: Logs, tmp_path: Path) -> None:
    """It has failed when it can't run any more, and before that may be running."""
    logs.write(start(), as_json("asking", **record()), ago=20 * 60)
    logs.write(start("r-2"), as_json("going on", "r-2", **record(2)), stream="other")

    stopped = ["--:--:-- price has not ended: its worker was stopped", "         asking"]
    running = ["--:--:-- price hasn't ended yet, as far as is logged", "         going on"]
    assert logs.told(tmp_path)[-4:] == [*stopped, *running]
    assert logs.told(tmp_path, "--failed")[-2:] == stopped


def test_another_day_is_named_once(logs: Logs, tmp_path: Path) -> None:
    """Before the first of its runs; today is what one expects."""
    days = [datetime.now(UTC) - timedelta(days=ago) for ago in (2, 0)]
    for number, day in enumerate(days):
        ago = (datetime.now(UTC) - day).total_seconds()
        logs.write(start(f"r-{number}"), as_json("asking", f"r-{number}", **record()), ago=ago)

    named = [line for line in logs.told_by_day(tmp_path, "--since", "3d") if _DAY.fullmatch(line)]

    assert named == [f"{day:%Y-%m-%d}:" for day in days]


def test_only_lines_since_then_are_shown(logs: Logs) -> None:
    """By default of the last hour."""
    logs.write(start(), "old", end(), ago=2 * 3600)
    logs.write(start(), "new", end(), stream="other")

    assert logs.shown().stdout == "new\n"
    assert logs.shown("--since", "3h").stdout == "old\nnew\n"
    assert logs.shown("--since", "soon").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "what"),
    [((), "no line"), (("--failed",), "no run that failed"), (("price",), "no line of price")],
)
def test_where_nothing_is_found_it_says_where_it_looked(
    logs: Logs, arguments: Sequence[str], what: str
) -> None:
    """Which is no error."""
    done = logs.shown(*arguments)

    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr.startswith(f"algernon: {what} since 20")
    assert f" in {logs.group}: --since looks further back" in done.stderr


def test_a_log_group_that_can_not_be_read_is_an_error(logs: Logs) -> None:
    """Beside others it is left out, and said."""
    logs.write(start(), "printed", end())

    done = logs.shown("--log-group", "nowhere")
    assert (done.returncode, done.stdout) == (0, "printed\n")
    assert done.stderr.startswith("algernon: the log group 'nowhere' is left out, since it can't")
    logs.group = "elsewhere"
    done = logs.shown()
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("algernon: no lines can be read from 'elsewhere': ")


def test_of_a_system_without_a_stack_the_functions_groups_are_read(
    aws: LocalAWS, command: Command
) -> None:
    """With --prefix they are found by what takes the Tasks' messages."""
    system = Handmade(aws)
    system.add_task("price", has_worker=False)
    environ = {"AWS_ENDPOINT_URL": aws.url}
    done = command("logs", *PLACE, **environ)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("algernon: no function takes the messages of this system's")

    system.add_task("bill")
    logs = Logs(aws.url, command, f"/aws/lambda/{system.function}")
    logs.write(start(), as_json(**ended()), end())
    done = command("logs", "price", *PLACE, **environ)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == [as_json(**ended())]
    done = command("logs", "prise", *PLACE, **environ)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "algernon: the system has no Task 'prise'; did you mean price?\n"


def test_a_reader_that_ends_early_ends_it_silently(logs: Logs) -> None:
    """As `head` does, also while nothing more comes."""
    logs.write(start(), *(f"line {n}" for n in range(5000)), end())
    command = f"{' '.join(map(shlex.quote, algernon(*logs.arguments('--follow'))))} | head -n 1"

    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env={**os.environ, **logs.environ},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )

    assert (done.returncode, done.stdout, done.stderr) == (0, "line 0\n", "")


class Followed:
    """The command while it follows, piped."""

    def __init__(self, logs: Logs, *arguments: str, **environ: str) -> None:
        self._process = subprocess.Popen(
            algernon(*logs.arguments("--follow", *arguments)),
            env={**os.environ, **logs.environ, **environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self.said: list[str] = []
        self._readers = [
            Thread(target=self._read, args=(self._process.stdout, self.lines)),
            Thread(target=self._read, args=(self._process.stderr, self.said)),
        ]
        for reader in self._readers:
            reader.start()

    @staticmethod
    def _read(stream: IO[str], taken: list[str]) -> None:
        with stream:
            taken.extend(stream)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.wait(PATIENCE)
        for reader in self._readers:
            reader.join()

    def wait_for(self, *lines: str) -> None:
        """Wait until these lines were shown, of which none is shown twice."""
        wait_for(lambda: len(self.lines) >= len(lines), lambda: (self.lines, self.said))
        assert sorted(self.lines) == sorted(f"{line}\n" for line in lines)

    def interrupt(self) -> int:
        """Press Ctrl-C, and return the exit status."""
        self._process.send_signal(signal.SIGINT)
        return self._process.wait(PATIENCE)


def test_what_is_logged_meanwhile_is_shown_once(logs: Logs) -> None:
    """Also what comes late, of an invocation that was shown before."""
    logs.write(start(), as_json("one", **record(1)), end())
    with Followed(logs) as followed:
        followed.wait_for(as_json("one", **record(1)))
        logs.write(start("r-2"), "two", end("r-2"), stream="other", ago=0)
        followed.wait_for(as_json("one", **record(1)), "two")
        logs.write(as_json("late", **record(1)), ago=50)
        followed.wait_for(as_json("one", **record(1)), "two", as_json("late", **record(1)))

        assert followed.interrupt() == 0
    assert followed.said == []


def test_a_task_can_be_followed(logs: Logs) -> None:
    """Of others nothing is shown, and of it the lines that don't name it, too."""
    with Followed(logs, "price", "--failed") as followed:
        other = {**ended(1, "failed"), "task_name": "other"}
        logs.write(start(), as_json(**other), end(), ago=0)
        lines = [as_json("asking", "r-2", **record(2)), as_json(request="r-2", **failed())]
        logs.write(start("r-2"), *lines, end("r-2"), stream="other", ago=0)
        followed.wait_for(*lines)
        logs.write(start("r-3"), as_json(request="r-3", **record(3)), stream="third", ago=0)
        fault = end("r-3", status="timeout")
        logs.write(fault, stream="third", ago=0)
        followed.wait_for(*lines, as_json(request="r-3", **record(3)), fault)


def test_it_goes_on_after_throttling(aws: LocalAWS, wire: Wire, command: Command) -> None:
    """It says so, waits, and misses nothing."""
    logs = Logs(aws.proxy_url, command)
    logs.write(start(), "one", end())
    refused = count()

    def refuse(call: Call, go_on: Callable[[], Answer]) -> Answer:
        is_look = call.operation == "FilterLogEvents" and b'"limit"' not in call.body
        # More often than boto3 tries by itself.
        if not is_look or next(refused) >= 7:
            return go_on()
        body = b'{"__type": "ThrottlingException", "message": "Rate exceeded"}'
        return Answer(400, [("Content-Type", "application/x-amz-json-1.1")], body)

    wire.treatment = refuse
    with Followed(logs) as followed:
        followed.wait_for("one")
        assert followed.interrupt() == 0
    (said,) = followed.said
    assert said.startswith("algernon: AWS throttles logs:FilterLogEvents (ThrottlingException)")
