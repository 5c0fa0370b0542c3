"""What Tasks do with descriptors, processes and the environment, in the local AWS."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from algernon.local import LocalSystem, function_process

from ..waiting import PATIENCE, wait_for

pytestmark = pytest.mark.starts

WORKER = """
import ctypes
import faulthandler
import json
import logging
import multiprocessing
import os
import subprocess
import sys
import time

import boto3
from algernon import TaskRouter, lambda_logged

router = TaskRouter()
log = logging.getLogger(__name__)
os.write(1, b"loading without a newline")


def keep(key, value):
    bucket = os.environ["ALGERNON_BUCKET_NAME"]
    boto3.client("s3").put_object(Bucket=bucket, Key=key, Body=json.dumps(value).encode())


@router.task
def write(how):
    if how == "print":
        print("written by print")
    elif how == "half-a-character":
        print("written by half-a-character \\udcff")
    elif how == "subprocess":
        subprocess.run(["sh", "-c", "echo written by subprocess"], check=True)
    elif how == "descriptor":
        os.write(1, b"written by descriptor\\n{")
    elif how == "answer":
        os.write(1, b'{"status": "error", "error": "written by answer"}\\n')
    elif how == "real-stdout":
        print("written by real-stdout", file=sys.__stdout__)
    elif how == "c":
        library = ctypes.CDLL(None)
        library.puts(b"written by c")
        library.fflush(None)
    elif how == "bytes":
        os.write(2, b"written by bytes \\xff\\xfe\\n")
    elif how == "bytes-of-a-subprocess":
        subprocess.run(
            ["sh", "-c", r"printf 'written by bytes-of-a-subprocess \\377\\n' >&2"], check=True
        )
    elif how == "faulthandler":
        faulthandler.dump_traceback()
        os.write(2, b"written by faulthandler\\n")
    keep(f"written/{how}", None)


@router.task
def fill():
    for _ in range(3_000):
        os.write(2, b"\\xff" * 100 + b"\\n")
    keep("filled", None)


@router.task
def ask():
    own = sys.stdin.read()
    raw = os.read(0, 1).decode()
    others = subprocess.run(["cat"], stdout=subprocess.PIPE, check=True).stdout.decode()
    keep("asked", [own, raw, others])


@router.task
def look():
    everything = subprocess.run(["env", "-0"], stdout=subprocess.PIPE, check=True).stdout
    names = [item.partition("=")[0] for item in everything.decode().split("\\0") if item]
    keep("seen", [sorted(os.environ), names])


@router.task
def spawn():
    child = multiprocessing.get_context("spawn").Process(target=print, args=["spawned"])
    child.start()
    child.join()
    keep("spawned", child.exitcode)


@router.task
def fork_twice():
    read, write = os.pipe()
    if os.fork() == 0:
        others = [os.dup(write) for _ in range(9)]
        if os.fork() == 0:
            for other in others:
                os.write(other, b".")
            os._exit(0)
        os.wait()
        os._exit(0)
    os.wait()
    os.close(write)
    with open(read) as file:
        keep("forked", file.read())


@router.task
def fork_and_die():
    if os.fork() == 0:
        time.sleep(600)
    os.write(2, b"dying\\n")
    os._exit(3)


handler = lambda_logged(router.handler)
"""

WAYS = [
    "print",
    "half-a-character",
    "subprocess",
    "descriptor",
    "answer",
    "real-stdout",
    "c",
    "bytes",
    "bytes-of-a-subprocess",
    "faulthandler",
]


class Tasks:
    """A running system's Tasks, and what came of them."""

    def __init__(self, system: LocalSystem) -> None:
        self._system = system
        self.lines: list[str] = []

    def client(self, service: str) -> Any:
        """Return a boto3 client of the system's AWS."""
        return boto3.client(
            service,
            endpoint_url=self._system.endpoint_url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
        )

    def send(self, task: str, **kwargs: object) -> None:
        """Put a bare message into a Task's queue."""
        message = {"task_name": task, "task_kwargs": kwargs, "callback": None}
        self.client("sqs").send_message(
            QueueUrl=self._system.queue_url(task), MessageBody=json.dumps(message)
        )

    def messages(self, task: str) -> int:
        """Return how many messages a Task's queue has, visible or not."""
        attributes = self.client("sqs").get_queue_attributes(
            QueueUrl=self._system.queue_url(task), AttributeNames=["All"]
        )["Attributes"]
        waiting = "ApproximateNumberOfMessages"
        return int(attributes[waiting]) + int(attributes[f"{waiting}NotVisible"])

    def wait_for_line(self, text: str) -> str:
        """Return the first log line that has a text, when it is there."""

        def found() -> list[str]:
            self.lines.extend(self._system.log_lines())
            return [line for line in self.lines if text in line]

        return wait_for(found, moving=lambda: len(self.lines))[0]

    def kept(self, key: str) -> Any:
        """Return what a Task kept, when it is there."""
        s3 = self.client("s3")

        def is_there() -> bool:
            self.lines.extend(self._system.log_lines())
            answer = s3.list_objects_v2(Bucket=self._system.bucket_name, Prefix=key)
            return "Contents" in answer

        wait_for(is_there, moving=lambda: len(self.lines))
        with s3.get_object(Bucket=self._system.bucket_name, Key=key)["Body"] as body:
            return json.loads(body.read())


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tasks]:
    """A system whose worker writes to a descriptor when it is imported, as its Tasks do."""
    folder = tmp_path_factory.mktemp("noisy")
    (folder / "worker.py").write_text(WORKER, encoding="utf-8")
    with LocalSystem("worker:router", directory=folder, timeout=60) as system:
        yield Tasks(system)


@pytest.mark.parametrize("how", WAYS)
def test_whatever_a_task_writes_is_a_line_and_no_answer(tasks: Tasks, how: str) -> None:
    """Its run ends as done, so that its message is gone, and what it wrote is among the lines."""
    tasks.send("write", how=how)

    tasks.kept(f"written/{how}")
    tasks.wait_for_line(f"written by {how}")
    wait_for(lambda: tasks.messages("write") == 0)


def test_bytes_that_are_no_text_are_shown_as_numbers(tasks: Tasks) -> None:
    """The line is there, with what can't be read written out."""
    tasks.send("write", how="bytes")

    assert tasks.wait_for_line("written by bytes ").endswith(r"written by bytes \xff\xfe")


def test_more_bytes_than_a_pipe_holds_block_nothing(tasks: Tasks) -> None:
    """Lines go on being read after one that is no text, and so does the Task."""
    tasks.send("fill")

    tasks.kept("filled")
    wait_for(lambda: tasks.messages("fill") == 0)


def test_a_task_has_nothing_to_read(tasks: Tasks) -> None:
    """Standard input is at its end, for a Task and for what it starts."""
    tasks.send("ask")

    assert tasks.kept("asked") == ["", "", ""]
    wait_for(lambda: tasks.messages("ask") == 0)


def test_a_process_that_imports_the_main_program_runs(tasks: Tasks) -> None:
    """What multiprocessing spawns doesn't become a second worker."""
    tasks.send("spawn")

    assert tasks.kept("spawned") == 0


def test_children_of_children_keep_their_own_descriptors(tasks: Tasks) -> None:
    """What is taken from a child isn't taken again from a child of it."""
    tasks.send("fork_twice")

    assert tasks.kept("forked") == "." * 9


def test_nothing_of_the_local_awss_settings_reaches_a_task(tasks: Tasks) -> None:
    """A Task and what it starts have what Lambda sets, the function's own, and a few more."""
    tasks.send("look")

    own, others = tasks.kept("seen")
    functions = tasks.client("lambda")
    (function,) = functions.list_functions()["Functions"]
    configuration = functions.get_function_configuration(FunctionName=function["FunctionName"])
    known = {
        *configuration["Environment"]["Variables"],
        *("HOME", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "PATH", "PYTHONPATH", "TZ"),
        *("NO_PROXY", "no_proxy", "TMPDIR", "LAMBDA_TASK_ROOT", "_X_AMZN_TRACE_ID"),
    }
    for names in (own, others):
        assert "ALGERNON_BUCKET_NAME" in names
        assert {name for name in names if not name.startswith("AWS_")} <= known


def test_a_worker_that_dies_is_said_to_though_its_child_lives(tasks: Tasks) -> None:
    """The end of its process is seen at once, and not taken for a Task that takes long."""
    tasks.send("fork_and_die")

    tasks.wait_for_line("Worker process died")
    assert not [line for line in tasks.lines if "timed out" in line]


def answers_of(
    folder: Path,
    worker: str,
    *events: object,
    import_seconds: float = PATIENCE,
    stderr: int | None = None,
) -> list[Any]:
    """Return what the program of a function's process answers to its invocations."""
    (folder / "worker.py").write_text(worker, encoding="utf-8")
    program = folder / "program.py"
    text = Path(function_process.__file__).read_text(encoding="utf-8")
    program.write_text(f"{text}\nserve([], {import_seconds})\n", encoding="utf-8")
    function = {
        "code_dir": str(folder),
        "module": "worker",
        "handler": "handler",
        "env": {},
        "function_name": "shop",
        "memory": 128,
    }
    context = {"timeout_ms": 3_000, "invoked_function_arn": "arn:shop", "request_id": "1"}
    requests = [function, *({"event": event, "ctx": context} for event in events)]
    done = subprocess.run(
        [sys.executable, program],
        input="".join(f"{json.dumps(request)}\n" for request in requests),
        stdout=subprocess.PIPE,
        stderr=stderr,
        env={**os.environ, "AWS_LAMBDA_FUNCTION_VERSION": "1", "AWS_LAMBDA_LOG_STREAM_NAME": "s"},
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


READY = {"status": "ready", "cold": True}


@pytest.mark.skipif(sys.platform != "linux", reason="only there its writer sees what is unread")
def test_an_answer_waits_for_what_was_logged_before_it(tmp_path: Path) -> None:
    """Lines that nobody has read yet hold it up, so that they aren't taken for the next one's."""
    worker = (
        "import sys, time\n"
        "def handler(event, context):\n"
        "    print(event, file=sys.stderr)\n"
        "    return time.monotonic()\n"
    )
    errors, writes = os.pipe()

    _, first, second = answers_of(tmp_path, worker, "a line", "another", stderr=writes)

    assert second["result"] - first["result"] >= function_process.UNREAD_SECONDS
    os.close(writes)
    with os.fdopen(errors) as lines:
        assert lines.read() == "a line\nanother\n"


def test_a_module_that_is_never_imported_is_said_to(tmp_path: Path) -> None:
    """Where ministack would wait for ever, it gets an answer."""
    answers = answers_of(tmp_path, "import time\ntime.sleep(900)", import_seconds=2)

    assert answers == [{"status": "error", "error": "worker wasn't imported within 2 s"}]


def test_a_module_that_exits_is_said_to(tmp_path: Path) -> None:
    """The answer has the exception and its place, though it isn't an error."""
    answers = answers_of(tmp_path, "import sys\nsys.exit('no settings')")

    where = f"SystemExit in {tmp_path / 'worker.py'}, line 2"
    assert answers == [{"status": "error", "error": f"no settings ({where})"}]


def test_a_handler_that_closes_its_output_is_answered_for(tmp_path: Path) -> None:
    """Whatever it puts in its place, or does to it."""
    answers = answers_of(
        tmp_path,
        "import sys\n"
        "def handler(event, context):\n"
        "    sys.stdout.close()\n"
        "    sys.stderr = event\n"
        "    return event\n",
        "stderr",
        None,
    )

    assert answers == [READY, *({"status": "ok", "result": each} for each in ("stderr", None))]


def test_what_is_no_json_or_exits_is_the_invocations_error(tmp_path: Path) -> None:
    """The process goes on, and the answer has the exception's name."""
    answers = answers_of(
        tmp_path,
        "import sys\n"
        "def handler(event, context):\n"
        "    return sys.exit('enough') if event else {1}\n",
        True,
        False,
    )

    assert [answer.get("error") for answer in answers] == [
        None,
        "SystemExit: enough",
        "TypeError: Object of type set is not JSON serializable",
    ]
