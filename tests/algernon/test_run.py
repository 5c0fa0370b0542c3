"""`algernon run` and `algernon send`, as somebody types them."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from threading import Thread
from typing import Any, Self

import boto3
import pytest
from algernon.local import aws

from ..waiting import PATIENCE, wait_for
from .terminals import OnTerminal, algernon, without_colours

pytestmark = pytest.mark.starts

WORKER = """
import logging
import os

import boto3
from algernon import TaskRouter, lambda_logged

router = TaskRouter()
log = logging.getLogger(__name__)


@router.task
def double(n):
    log.info("doubling %s", n)
    return {"n": 2 * n}


@router.task
def keep(n):
    log.info("keeping %s", n)
    bucket = os.environ["ALGERNON_BUCKET_NAME"]
    boto3.client("s3").put_object(Bucket=bucket, Key=f"kept/{n}", Body=repr(n).encode())


handler = lambda_logged(router.handler)
"""

# Under nohup, one of them is ignored, by these tests and by all that they start.
STOP_SIGNALS = [
    stop
    for stop in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    if signal.getsignal(stop) is not signal.SIG_IGN
]


class Run:
    """`algernon run` as a process, with what it prints."""

    def __init__(self, folder: Path, *options: str, code: str | None = None) -> None:
        command = ["-c", code] if code else ["-m", "algernon.commands"]
        self.process = subprocess.Popen(
            [sys.executable, *command, "run", "worker:router", *options],
            cwd=folder,
            env=environ_of(folder),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self.children: set[int] = set()
        self._reader = Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.end()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def wait_for_line(self, pattern: str) -> re.Match[str]:
        """Return the match of the first line that matches, when it is there."""

        def first_match() -> re.Match[str] | None:
            return next(filter(None, (re.search(pattern, line) for line in self.lines[:])), None)

        match = wait_for(first_match, moving=lambda: self.lines[:])
        assert match is not None
        return match

    def wait_until_ready(self) -> str:
        """Return the endpoint, once the system can be sent to."""
        endpoint = self.wait_for_line(r"^Local AWS: (http://127\.0\.0\.1:\d+)$")[1]
        self.wait_for_line(r"^Stop it with Ctrl-C")
        self.children = descendants_of(self.process.pid)
        return endpoint

    def end(self) -> int:
        """Return the exit status, once all that was printed is read."""
        status = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        # Else something that outlives the command holds what it writes to.
        assert not self._reader.is_alive()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


def environ_of(folder: Path) -> dict[str, str]:
    """Return the environment of a user whose state is in a folder."""
    return {**os.environ, "XDG_STATE_HOME": str(folder / "state"), "TMPDIR": str(folder / "tmp")}


def prepare(folder: Path) -> Path:
    """Put a worker into a folder."""
    (folder / "worker.py").write_text(WORKER, encoding="utf-8")
    (folder / "tmp").mkdir()
    return folder


def send(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `algernon send` as the user of a folder."""
    return subprocess.run(
        [sys.executable, "-m", "algernon.commands", "send", *arguments],
        env=environ_of(folder),
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )


def processes() -> dict[int, int]:
    """Return the parent of each process that is alive."""
    found = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, parent = (entry / "stat").read_text().rpartition(")")[2].split()[:2]
            except OSError:
                continue
            if state != "Z":
                found[int(entry.name)] = int(parent)
    return found


def descendants_of(process_id: int) -> set[int]:
    """Return all processes that a process started, and those that they did."""
    parents = processes()
    found: set[int] = set()
    new = {process_id}
    while new:
        new = {child for child, parent in parents.items() if parent in new}
        found |= new
    return found


def listening_addresses(process_ids: set[int]) -> set[tuple[str, int]]:
    """Return the addresses and ports on which processes listen."""
    sockets = set()
    for process_id in process_ids:
        for descriptor in Path(f"/proc/{process_id}/fd").iterdir():
            sockets.add(str(descriptor.readlink()))
    found = set()
    for table in ("tcp", "tcp6"):
        for row in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            _, local, _, state, _, _, _, _, _, inode, *_ = row.split()
            if state == "0A" and f"socket:[{inode}]" in sockets:
                address, _, port = local.partition(":")
                found.add((address, int(port, 16)))
    return found


def client(endpoint: str, service: str) -> Any:
    """Return a boto3 client for a local AWS."""
    return boto3.client(
        service,
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a worker, and its user's state."""
    return prepare(tmp_path_factory.mktemp("user"))


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[Run]:
    """A running system."""
    with Run(folder) as run:
        run.wait_until_ready()
        yield run


def test_says_what_runs_and_how_to_send(running: Run) -> None:
    """The first lines are the stack, the endpoint, the bucket, the Tasks, and a command."""
    assert running.lines[0] == "The system of worker:router runs as the stack 'worker'."
    assert re.fullmatch(r"Local AWS: http://127\.0\.0\.1:\d+", running.lines[1])
    assert running.lines[2].startswith("Bucket: worker-bucket-")
    assert running.lines[3] == "Tasks: double, keep"
    assert "algernon send double --kwargs JSON" in running.lines[4]


def test_a_chain_sent_from_another_process_runs(running: Run, folder: Path) -> None:
    """The task_id alone is printed, and the chain's end is visible in the bucket."""
    done = send(folder, "double", "--kwargs", '{"n": 21}', "--callback", "keep")

    assert done.returncode == 0
    assert done.stderr == ""
    assert done.stdout == f"{uuid.UUID(done.stdout.strip())}\n"
    running.wait_for_line(r"keeping 42\t")
    bucket = running.lines[2].removeprefix("Bucket: ")
    endpoint = running.lines[1].removeprefix("Local AWS: ")
    with client(endpoint, "s3").get_object(Bucket=bucket, Key="kept/42")["Body"] as body:
        assert body.read() == b"42"


def test_arguments_may_be_what_ajson_writes(running: Run, folder: Path) -> None:
    """A tagged value in --kwargs arrives as what it stands for."""
    kwargs = '{"n": {"_alg_class": "decimal", "value": "1.50"}}'

    assert send(folder, "double", "--kwargs", kwargs).returncode == 0

    running.wait_for_line(r"doubling 1\.50\t")


def test_log_lines_are_streamed_once_each(running: Run, folder: Path) -> None:
    """Each line of each Task is printed, and printed once."""
    for n in range(100, 105):
        assert send(folder, "keep", "--kwargs", json.dumps({"n": n})).returncode == 0

    for n in range(100, 105):
        running.wait_for_line(rf"keeping {n}\t")
    time.sleep(0.5)
    printed = [line for line in running.lines if re.search(r"keeping 10\d\t", line)]
    # A Task that ran again, after its worker was stopped, has a line with another time.
    assert len(printed) == len(set(printed)) >= 5


def test_only_the_loopback_address_is_listened_on(running: Run) -> None:
    """The processes of the system have one listening socket, on 127.0.0.1."""
    port = int(running.lines[1].rpartition(":")[2])
    family = {running.process.pid} | descendants_of(running.process.pid)

    assert len(family) >= 2
    assert listening_addresses(family) == {("0100007F", port)}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["nope"],
            "algernon: the system has no Task 'nope'; its Tasks are double, keep",
        ),
        (
            ["double", "--callback", "keep#nope"],
            "algernon: the system has no Task 'nope'; its Tasks are double, keep",
        ),
        (["double", "--stack", "mail"], "algernon: no local system 'mail' runs, only: worker"),
    ],
)
def test_what_the_system_does_not_have_is_refused(
    running: Run, folder: Path, arguments: list[str], message: str
) -> None:
    """Unknown Tasks and systems are one line on standard error, with what there is."""
    done = send(folder, *arguments)

    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"{message}\n")


def test_a_second_system_of_the_name_is_refused(running: Run, folder: Path) -> None:
    """Two systems of one user can't have the same name, since send couldn't tell them apart."""
    with Run(folder) as second:
        assert second.end() == 1
        assert second.lines == [
            (
                "algernon: a local system 'worker' runs already: stop it, or choose another name"
                " with --stack"
            )
        ]


def test_two_systems_run_side_by_side(running: Run, folder: Path) -> None:
    """A second system has its own port and bucket, and is sent to by its name."""
    with Run(folder, "--stack", "other") as other:
        assert other.wait_until_ready() != running.lines[1].removeprefix("Local AWS: ")

        unclear = send(folder, "double")
        assert unclear.returncode == 1
        assert "several local systems run (other, worker): choose one" in unclear.stderr
        assert send(folder, "keep", "--kwargs", '{"n": 7}', "--stack", "other").returncode == 0
        other.wait_for_line(r"keeping 7\t")
        assert not [line for line in running.lines if "keeping 7" in line]


@pytest.mark.parametrize("stop", STOP_SIGNALS)
def test_a_signal_ends_every_process(tmp_path: Path, stop: signal.Signals) -> None:
    """After Ctrl-C, SIGTERM or SIGHUP nothing runs, listens or lies about."""
    with Run(prepare(tmp_path)) as run:
        endpoint = run.wait_until_ready()
        assert send(tmp_path, "keep", "--kwargs", '{"n": 1}').returncode == 0
        run.wait_for_line(r"keeping 1\t")
        family = descendants_of(run.process.pid)
        assert len(family) >= 2

        run.process.send_signal(stop)

        assert run.end() == 0
        assert run.lines[-1] == "Stopped."
        wait_for(lambda: not family & processes().keys())
        with closing(socket.socket()) as probe, pytest.raises(ConnectionRefusedError):
            probe.connect(("127.0.0.1", int(endpoint.rpartition(":")[2])))
        assert list((tmp_path / "tmp").iterdir()) == []
        assert list((tmp_path / "state").rglob("*.json")) == []


@pytest.mark.parametrize("delay", [0.15, 0.4, 0.6, 0.9])
@pytest.mark.parametrize("stop", [signal.SIGTERM, signal.SIGKILL])
def test_a_signal_while_it_starts_ends_every_process(
    tmp_path: Path, stop: signal.Signals, delay: float
) -> None:
    """Whenever the command is stopped or killed, what it has started so far ends too."""
    with Run(prepare(tmp_path)) as run:
        time.sleep(delay)
        family = descendants_of(run.process.pid)

        run.process.send_signal(stop)

        run.end()
        wait_for(lambda: not family & processes().keys())


def test_a_killed_system_is_reported_as_gone(tmp_path: Path) -> None:
    """After a SIGKILL all processes end by themselves, and the next send says what happened."""
    with Run(prepare(tmp_path)) as run:
        run.wait_until_ready()
        assert run.children

        run.process.kill()

        run.end()
        wait_for(lambda: not run.children & processes().keys())
    done = send(tmp_path, "double")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "algernon: the local system 'worker' has ended without tidying up, and is forgotten",
        (
            "algernon: no local system runs: start one with algernon run MODULE:ROUTER, or name a"
            " --region or --profile to send to AWS"
        ),
    ]


def test_a_refused_stack_ends_every_process(tmp_path: Path) -> None:
    """When CloudFormation refuses the stack its reason is shown, and the status is 1."""
    code = """
import sys
from algernon.commands.main import main
from algernon.local import LocalSystem

make_template = LocalSystem._template


def with_an_impossible_queue(system, code):
    template = make_template(system, code)
    queue = {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 43_201}}
    template["Resources"]["Impossible"] = queue
    return template


LocalSystem._template = with_an_impossible_queue
sys.exit(main())
"""
    with ExitStack() as stack:
        run = stack.enter_context(Run(prepare(tmp_path), code=code))
        family: set[int] = set()
        while run.process.poll() is None:
            family |= descendants_of(run.process.pid)
            time.sleep(0.01)

        assert run.end() == 1
        assert family
        wait_for(lambda: not family & processes().keys())
        (line,) = run.lines
        assert line.startswith("algernon: the stack 'worker' couldn't be created (ROLLBACK_")
        assert "Impossible: Invalid value for the parameter VisibilityTimeout" in line
        assert list((tmp_path / "state").rglob("*.json")) == []


def test_a_taken_port_is_refused(tmp_path: Path) -> None:
    """A port that something else listens on is named, with what to do."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        with Run(prepare(tmp_path), "--port", str(port)) as run:
            assert run.end() == 1
            assert run.lines == [
                (
                    f"algernon: the port {port} on 127.0.0.1 is taken: choose another with --port"
                    " (port=), or none to get a free one"
                )
            ]


def test_a_chosen_port_is_used(tmp_path: Path) -> None:
    """With --port the local AWS answers there."""
    # One that isn't given to an outgoing connection meanwhile.
    port = aws._free_port()
    with Run(prepare(tmp_path), "--port", str(port)) as run:
        assert run.wait_until_ready() == f"http://127.0.0.1:{port}"


def test_several_workers_run_as_one_system(tmp_path: Path) -> None:
    """A chain goes from one worker to the other, and both workers' lines are printed."""
    tripler = WORKER.replace("double", "triple").replace("doubling", "tripling")
    tripler = tripler.replace("2 * n", "3 * n").replace("keep", "show")
    folder = prepare(tmp_path)
    (folder / "tripler.py").write_text(tripler, encoding="utf-8")
    with Run(folder, "tripler:router") as run:
        run.wait_until_ready()
        assert (
            run.lines[0]
            == "The system of worker:router, tripler:router runs as the stack 'worker'."
        )
        assert run.lines[3] == "Tasks: double, keep, triple, show"

        done = send(folder, "double", "--kwargs", '{"n": 7}', "--callback", "triple#double#show")

        assert done.returncode == 0
        for line in ("doubling 7", "tripling 14", "doubling 42", "showing 84"):
            run.wait_for_line(rf"{line}\t")


@pytest.mark.parametrize(
    ("options", "environ", "is_digest", "has_colours"),
    [
        pytest.param([], {}, True, True, id="terminal"),
        pytest.param([], {"NO_COLOR": "1"}, True, False, id="NO_COLOR"),
        pytest.param(["--verbose"], {}, False, False, id="--verbose"),
    ],
)
def test_a_terminal_shows_a_short_line_a_task(
    tmp_path: Path,
    options: list[str],
    environ: dict[str, str],
    *,
    is_digest: bool,
    has_colours: bool,
) -> None:
    """People see what it does while it starts, then each Task in one line, its own lines below."""
    folder = prepare(tmp_path)
    command = algernon("run", "worker:router", *options)
    everything = {**environ_of(folder), **environ}
    with OnTerminal(command, folder=folder, columns=120, **everything) as run:
        run.wait_for(lambda text: "Stop it with Ctrl-C" in text)
        steps = [line.split()[0] for line in run.text.splitlines()[:4]]
        assert steps == ["Starting", "Packing", "Importing", "Creating"]

        assert send(folder, "double", "--kwargs", '{"n": 21}', "--callback", "keep").returncode == 0

        run.wait_for(lambda text: "doubling 21" in text and "keeping 42" in text)
        logged = run.shown.partition("Log lines follow.\n")[2]
    if is_digest:
        rows = without_colours(logged).splitlines()
        # The first Task may end a moment after what it has sent.
        below = dict(zip(rows[::2], rows[1::2], strict=False))
        found = {row.split()[1]: (row, lines) for row, lines in below.items()}
        row, lines = found["double"]
        assert re.fullmatch(r"\d\d:\d\d:\d\d double done [\d.]+ m?s → keep", row)
        assert lines == "         doubling 21"
        row, lines = found["keep"]
        assert re.fullmatch(r"\d\d:\d\d:\d\d keep done [\d.]+ m?s", row)
        assert lines == "         keeping 42"
    else:
        assert re.search(r"^\[INFO\]\t.*\tdoubling 21\t.*task_name=double ", logged, re.MULTILINE)
    assert ("\x1b[32mdone\x1b[0m" in logged) == has_colours


def test_who_reads_only_the_first_lines_ends_it(tmp_path: Path) -> None:
    """Behind head all of it ends once there is more to tell, and nothing complains."""
    folder = prepare(tmp_path)
    line = f"{sys.executable} -m algernon.commands run worker:router | head -n 6"
    with subprocess.Popen(
        ["bash", "-c", f"set -o pipefail; {line}"],
        cwd=folder,
        env=environ_of(folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        assert process.stdout is not None
        for _ in range(6):
            process.stdout.readline()
        assert send(folder, "keep", "--kwargs", '{"n": 1}').returncode == 0
        rest, _ = process.communicate(timeout=PATIENCE)
    assert (process.returncode, rest) == (0, "")
    assert list((tmp_path / "tmp").iterdir()) == []


def test_without_the_extra_it_says_what_to_install(tmp_path: Path) -> None:
    """Where ministack isn't installed the command names the extra that brings it."""
    code = """
import sys
from algernon.commands.main import main

sys.modules["ministack"] = None
sys.exit(main())
"""
    with Run(prepare(tmp_path), code=code) as run:
        assert run.end() == 1
        assert run.lines == [
            (
                "algernon: a local system needs ministack, which isn't installed: install"
                " the extra algernon[local], as algernon's README says"
            )
        ]
