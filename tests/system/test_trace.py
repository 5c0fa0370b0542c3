"""One chain across two functions on the local AWS: its story, and its one trace."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ..waiting import PATIENCE, wait_for

pytestmark = pytest.mark.starts

EXAMPLE = Path(__file__).parents[2] / "packages" / "algernon" / "examples" / "two_workers"
ORDER = json.dumps({"customer": "ada", "items": ["tea", "scones"]})


@dataclass(frozen=True)
class Chain:
    """A chain that was sent, and all that can be seen of it."""

    chain_id: str
    story: str
    lines: list[str]
    segments: list[dict[str, Any]]


def algernon(*arguments: str, state: Path) -> str:
    """Run the command as a user does, and return what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "algernon.commands", *arguments],
        env={**os.environ, "XDG_STATE_HOME": str(state)},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def received(daemon: socket.socket) -> Iterator[dict[str, Any]]:
    """Give the documents that were sent so far."""
    while True:
        try:
            yield json.loads(daemon.recv(65_536).split(b"\n", 1)[1])
        except BlockingIOError:
            return


def environ_of_the_system(state: Path, daemon: tuple[str, int]) -> dict[str, str]:
    """Return an environment in which all workers send their segments to a daemon.

    Of the variables here a worker gets PYTHONPATH only, and each Python imports this module.
    """
    address = "{}:{}".format(*daemon)
    (state / "sitecustomize.py").write_text(
        f"import os\nos.environ['AWS_XRAY_DAEMON_ADDRESS'] = {address!r}\n"
    )
    return {
        **os.environ,
        "XDG_STATE_HOME": str(state),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONPATH": str(state),
    }


@pytest.fixture(scope="module")
def chain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chain]:
    """Run the example's two workers, send a chain of three across them, and trace it."""
    state = tmp_path_factory.mktemp("state")
    printed = state / "printed.txt"
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as daemon:
        daemon.bind(("127.0.0.1", 0))
        daemon.setblocking(False)
        with printed.open("w") as output:
            running = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "algernon.commands",
                    "run",
                    "orders:router",
                    "prices:router",
                ],
                cwd=EXAMPLE,
                env=environ_of_the_system(state, daemon.getsockname()),
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            wait_for(lambda: "Stop it with Ctrl-C" in printed.read_text(), printed.read_text)
            chain_id = algernon(
                *("send", "take_order", "--kwargs", ORDER, "--callback", "add_up#book"),
                state=state,
            ).strip()
            wait_for(lambda: "Task book: done" in printed.read_text(), printed.read_text)
            story = algernon("trace", chain_id, state=state)
        finally:
            running.send_signal(signal.SIGINT)
            running.wait(PATIENCE)
        yield Chain(chain_id, story, printed.read_text().splitlines(), list(received(daemon)))


def test_the_story_of_a_chain_is_told_in_order(chain: Chain) -> None:
    """One command prints each run below its function, with its attempt, times, sizes, outcome."""
    summary, blank, headings, *rows = chain.story.splitlines()
    assert re.fullmatch(
        rf"Chain {chain.chain_id}: 3 Tasks, 4 runs, 2 functions, \d+\.\d{{3}} s\.", summary
    )
    assert blank == ""
    words = ("TASK", "RUN", r"STARTED \(UTC\)", "AGE", "TOOK", "RECEIVED", "SENT", "OUTCOME")
    assert re.fullmatch(" {2,}".join(words), headings)
    time, duration, size = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3}", r"\d+\.\d+ m?s", r"[\d.]+ k?B"
    stored = rf"{size} \+ {size} in S3"
    times, orders, prices = (
        rf"{time} +{duration} +{duration}",
        r"in (orders-Worker-\w+):",
        r"in (orders-Worker\S+):",
    )
    expected = [
        orders,
        rf"take_order +1  {times}  {size} +{stored}  done",
        prices,
        rf"add_up +1  {times}  {stored}  - +failed",
        r" +ConnectionError: the price list doesn't answer \(prices\.py:\d+ in add_up\)",
        rf"add_up +2  {times}  {stored}  {stored}  done",
        orders,
        rf"book +1  {times}  {stored}  - +done",
        "",
        r"All of it is done\.",
    ]
    found = [re.fullmatch(pattern, row) for row, pattern in zip(rows, expected, strict=True)]
    assert None not in found
    names = [match[1] for match in found if match is not None and match.re.groups]
    assert names[0] == names[2] != names[1]
    started = re.findall(time, chain.story)
    assert started == sorted(started)


def test_every_line_of_the_chain_has_its_id(chain: Chain) -> None:
    """Each line that a Task of the chain wrote, and each about it, carries the chain's id."""
    written = [line for line in chain.lines if re.match(r"\[[A-Z]+\]\t", line)]
    assert len(written) == 2 + 3 + 2 + 2
    assert all(f"chain_id={chain.chain_id}" in line for line in written)


def test_the_chain_is_one_connected_trace_of_x_ray(chain: Chain) -> None:
    """The subsegments of the Tasks are of one trace, each below the one that sent its message."""
    tasks = [each for each in chain.segments if "annotations" in each]
    by_name = {(each["name"], each["annotations"]["receive_count"]): each for each in tasks}
    assert set(by_name) == {("take_order", 1), ("add_up", 1), ("add_up", 2), ("book", 1)}
    assert {each["annotations"]["chain_id"] for each in tasks} == {chain.chain_id}
    assert len({each["trace_id"] for each in tasks}) == 1
    parents = {key: each["parent_id"] for key, each in by_name.items()}
    assert parents["add_up", 1] == parents["add_up", 2] == by_name["take_order", 1]["id"]
    assert parents["book", 1] == by_name["add_up", 2]["id"]


def test_a_failed_run_is_a_fault_with_its_exception(chain: Chain) -> None:
    """X-Ray shows the run that failed as a fault, with what was raised, and no other."""
    faulty = [each for each in chain.segments if each.get("fault")]
    (only,) = faulty
    assert (only["name"], only["annotations"]["outcome"]) == ("add_up", "failed")
    (exception,) = only["cause"]["exceptions"]
    assert exception["type"] == "ConnectionError"
    assert exception["message"] == "the price list doesn't answer"
