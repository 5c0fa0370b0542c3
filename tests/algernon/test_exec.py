"""`algernon exec` becomes a program that means a system, local or on AWS."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from algernon.local import LocalSystem
from algernon.local.entries import RunningSystem, reserve_entry

from ..waiting import PATIENCE

pytestmark = pytest.mark.starts

WORKER = """
from dataclasses import dataclass

from algernon import AlgObject, TaskRouter

router = TaskRouter()
handler = router.handler


@dataclass
class Order(AlgObject):
    item: str
    cents: int


@router.task(name="price-1")
def price(order: Order) -> dict[str, Order]:
    return {"order": Order(order.item, 2 * order.cents)}


@router.task
def bill(order: Order) -> Order:
    return order
"""
#: Sends an object of the worker's, and says what came of it, and with what AWS it talked.
PROGRAM = """
import sys

from algernon import SentTask
from shop.worker import Order, bill, price

sent = price.then(bill).using(keep_result=True).send(order=Order("tea", 250))
print(sent.result(timeout=60), SentTask(sent.task_id).result(timeout=60) == Order("tea", 500))
print(sys.argv[1:])
"""
#: An environment in which everything leads elsewhere.
ELSEWHERE = {
    "AWS_PROFILE": "somebody",
    "AWS_SESSION_TOKEN": "real",
    "AWS_ENDPOINT_URL_OF_OLD": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_SNS": "http://127.0.0.1:9",
    "AWS_ENDPOINT_URL_S3": "http://127.0.0.1:9",
    "ALGERNON_BUCKET_NAME": "another",
    "ALGERNON_TOPIC_PREFIX": "another-",
    "ALGERNON_INLINE_BYTES": "not a number",
}
SHOW = "import json, os; print(json.dumps(dict(os.environ)))"

Algernon = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a project, whose worker is in a package."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "shop").mkdir()
    (folder / "shop" / "worker.py").write_text(WORKER, encoding="utf-8")
    (folder / "send_orders.py").write_text(PROGRAM, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def algernon(folder: Path) -> Iterator[Algernon]:
    """The command in that folder, while its system runs."""
    state = folder / "state"

    def run(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "algernon.commands", *arguments],
            cwd=folder,
            env={**os.environ, "XDG_STATE_HOME": str(state), **environ},
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE,
        )

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(state))
        with (
            LocalSystem("shop.worker:router", directory=folder) as system,
            reserve_entry(system.stack_name) as entry,
        ):
            entry.announce(RunningSystem(system.tasks, system.environ, system.log_group))
            yield run


def test_a_program_sends_objects_and_gets_results(algernon: Algernon) -> None:
    """By the worker's own Tasks and classes, whatever the environment says of AWS."""
    done = algernon("exec", "--", sys.executable, "send_orders.py", "--all", **ELSEWHERE)

    assert done.stderr == ""
    assert done.stdout == "Order(item='tea', cents=500) True\n['--all']\n"
    assert done.returncode == 0


def test_a_shell_that_took_the_variables_in_does_so_too(algernon: Algernon, folder: Path) -> None:
    """What `algernon env` prints is all that a program needs."""
    script = 'eval "$("$0" -m algernon.commands env)" && exec "$0" send_orders.py'
    done = algernon("exec", "--", "sh", "-c", "printenv XDG_STATE_HOME")
    assert done.stdout == f"{folder / 'state'}\n"

    done = subprocess.run(
        ["sh", "-euc", script, sys.executable],
        cwd=folder,
        env={**os.environ, **ELSEWHERE, "XDG_STATE_HOME": str(folder / "state")},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE,
    )

    assert (done.stderr, done.returncode) == ("", 0)
    assert done.stdout.startswith("Order(item='tea', cents=500) True\n")


def test_what_would_lead_elsewhere_is_gone(algernon: Algernon) -> None:
    """Of AWS's variables and Algernon's there is nothing but what leads to the system."""
    done = algernon("exec", "--stack", "shop-worker", "--", sys.executable, "-c", SHOW, **ELSEWHERE)

    environ = json.loads(done.stdout)
    assert not {"AWS_ENDPOINT_URL_OF_OLD", "ALGERNON_INLINE_BYTES"} & set(environ)
    assert environ["ALGERNON_TOPIC_PREFIX"] == "shop-worker-"
    assert environ["AWS_SESSION_TOKEN"] == ""
    assert environ["PATH"] == os.environ["PATH"]


@pytest.mark.parametrize(
    "line",
    [
        (sys.executable, "-c", "import sys; print(sys.argv[1:])", "--stack", "--", "x y"),
        ("--", sys.executable, "-c", "import sys; print(sys.argv[1:])", "--stack", "--", "x y"),
    ],
)
def test_all_behind_the_program_is_the_programs(algernon: Algernon, line: tuple[str, ...]) -> None:
    """Its options are its own, with and without -- before it."""
    assert algernon("exec", *line).stdout == "['--stack', '--', 'x y']\n"


def test_the_exit_status_is_the_programs(algernon: Algernon) -> None:
    """The program takes the command's place: its status, and the signal that ended it."""
    ended = algernon("exec", "--", "sh", "-c", "exit 7")
    killed = algernon("exec", "--", "sh", "-c", "kill -TERM $$")

    assert (ended.returncode, killed.returncode) == (7, -signal.SIGTERM)
    assert ended.stderr == killed.stderr == ""


def test_signals_reach_the_program(algernon: Algernon, folder: Path) -> None:
    """What ends the command ends the program, which may tidy up first."""
    trap = "trap 'echo tidied up; exit 9' TERM; echo ready; while :; do sleep 0.05; done"
    with subprocess.Popen(
        [sys.executable, "-m", "algernon.commands", "exec", "--", "sh", "-c", trap],
        env={**os.environ, "XDG_STATE_HOME": str(folder / "state")},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.terminate()
        assert process.stdout.read() == "tidied up\n"
    assert process.returncode == 9


def test_signals_mean_what_they_do_elsewhere(algernon: Algernon) -> None:
    """What Python ignores the program doesn't, so that it ends where nobody reads on."""
    done = algernon("exec", "--", "sh", "-c", "kill -PIPE $$; echo still here")

    assert (done.returncode, done.stdout) == (-signal.SIGPIPE, "")


@pytest.mark.parametrize(
    ("program", "status", "message"),
    [
        ("no-such-program", 127, "there is no program 'no-such-program', or not the one that its"),
        ("", 127, "there is no program ''"),
        ("./send_orders.py", 126, "the program './send_orders.py' can't be run: Permission denied"),
        ("./shop", 126, "the program './shop' can't be run: Permission denied"),
    ],
)
def test_a_program_that_cannot_be_run_is_one_line(
    algernon: Algernon, program: str, status: int, message: str
) -> None:
    """The status is the one by which shells say that."""
    done = algernon("exec", "--", program)

    assert (done.returncode, done.stdout) == (status, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"algernon: {message}")


@pytest.mark.parametrize("line", [(), ("--",), ("--stack", "shop-worker")])
def test_without_a_program_it_is_wrong_usage(algernon: Algernon, line: tuple[str, ...]) -> None:
    """It says what is missing, and asks nobody for anything."""
    done = algernon("exec", *line)

    assert (done.returncode, done.stdout) == (2, "")
    assert "COMMAND is needed: the program to run, behind --" in done.stderr


def test_a_worker_that_is_named_has_its_classes_sent(algernon: Algernon) -> None:
    """`send MODULE:TASK` rebuilds them, for a Task that is named by its function."""
    value = {"item": "tea", "cents": 3}
    order = {"_alg_class": "Order", "_alg_module": "shop.worker", "value": value}
    kwargs = json.dumps({"order": order})

    done = algernon("send", "shop.worker:price", "--kwargs", kwargs, "--wait", **ELSEWHERE)
    assert json.loads(done.stdout)["order"]["value"]["cents"] == 6

    plain = algernon("send", "price-1", "--kwargs", kwargs)
    assert plain.returncode == 1
    (line,) = plain.stderr.splitlines()
    assert "shop.worker:Order is no class that is registered here" in line
    assert line.endswith("a TASK that is named as MODULE:TASK has its module imported")
