"""`algernon template`: from a worker's module to its template."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from algernon.template import system_template
from algernon.worker import Worker

Command = Callable[..., subprocess.CompletedProcess[str]]

WORKER = """
from algernon import TaskRouter

router = TaskRouter()
print("loading the worker")


@router.task
def read(name):
    return {"name": name}


@router.task(name="parse-it")
def parse(name):
    return None


handler = router.handler
"""
READER = Worker("worker.handler", ("read", "parse-it"), {})


MAILER = """
from algernon import TaskRouter

tasks = TaskRouter()


@tasks.task(retries=9)
def send(address):
    return None


handler = tasks.handler
"""


def write(path: Path, text: str) -> None:
    """Write a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_writes_the_template_of_the_routers_tasks(command: Command, tmp_path: Path) -> None:
    """Standard output is the template as JSON, whatever the module prints."""
    write(tmp_path / "worker.py", WORKER)

    done = command("template", "worker:router")

    assert done.returncode == 0
    assert json.loads(done.stdout) == system_template([READER])
    assert done.stderr == "loading the worker\n"


def test_several_workers_are_one_system(command: Command, tmp_path: Path) -> None:
    """The template is that of all the workers, in the order they are named in."""
    write(tmp_path / "worker.py", WORKER)
    write(tmp_path / "shop" / "mailer.py", MAILER)

    done = command("template", "worker:router", "shop.mailer:tasks", "--timeout", "60")

    assert done.returncode == 0
    assert json.loads(done.stdout) == system_template(
        [READER, Worker("shop.mailer.handler", ("send",), {"send": 9})], timeout=60
    )


@pytest.mark.parametrize(
    ("mailer", "targets", "message"),
    [
        pytest.param(
            MAILER.replace("def send", "def read"),
            ["worker:router", "mailer:tasks"],
            (
                "algernon: the Task 'read' is in the workers of worker.handler and"
                " mailer.handler, but its queue can feed only one: take it out of one of them, or"
                " give it another name there"
            ),
            id="a shared task",
        ),
        pytest.param(
            MAILER,
            ["worker:router", "mailer:tasks", "worker:router"],
            (
                "algernon: two workers have the handler worker.handler, which would be the same"
                " function twice: name each module once, and put all its Tasks on one router"
            ),
            id="the same target",
        ),
        pytest.param(
            MAILER + "others = TaskRouter()\nothers.task(name='other')(print)\n",
            ["mailer:tasks", "mailer:others"],
            "algernon: two workers have the handler mailer.handler, ",
            id="two routers of a module",
        ),
        pytest.param(
            MAILER,
            ["worker:router", "mailer:router"],
            "algernon: the module mailer has no TaskRouter 'router'; it has tasks",
            id="a broken one",
        ),
    ],
)
def test_workers_that_do_not_go_together_are_one_clear_line(
    command: Command, tmp_path: Path, mailer: str, targets: list[str], message: str
) -> None:
    """The last line on standard error says which workers, why and what to do."""
    write(tmp_path / "worker.py", WORKER)
    write(tmp_path / "mailer.py", mailer)

    done = command("template", *targets)

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith(message)
    assert "Traceback" not in done.stderr


def test_takes_timeout_and_memory(command: Command, tmp_path: Path) -> None:
    """The function's limits are those of the options."""
    write(tmp_path / "worker.py", WORKER)

    done = command("template", "worker:router", "--timeout", "60", "--memory", "512")

    assert json.loads(done.stdout) == system_template([READER], timeout=60, memory=512)


def test_writes_the_part_that_is_asked_for(command: Command, tmp_path: Path) -> None:
    """The template of the Tasks is for functions of one's own."""
    write(tmp_path / "worker.py", WORKER)

    done = command("template", "worker:router", "--part", "tasks")

    assert json.loads(done.stdout) == system_template([READER], part="tasks")


def test_finds_a_module_in_a_package(command: Command, tmp_path: Path) -> None:
    """A dotted module gives a dotted handler."""
    write(tmp_path / "shop" / "__init__.py", "")
    write(tmp_path / "shop" / "worker.py", WORKER)

    done = command("template", "shop.worker:router")

    template = json.loads(done.stdout)
    assert template["Resources"]["Worker"]["Properties"]["Handler"] == "shop.worker.handler"


def test_the_current_directory_comes_first(command: Command, tmp_path: Path) -> None:
    """As with python -m, a module here is taken before an installed one of its name."""
    write(tmp_path / "yaml.py", WORKER)

    assert command("template", "yaml:router").returncode == 0


@pytest.mark.starts
def test_the_command_is_installed(tmp_path: Path) -> None:
    """The script `algernon` does the same, though its own folder is first on its path."""
    write(tmp_path / "worker.py", WORKER)

    done = subprocess.run(
        [Path(sys.executable).with_name("algernon"), "template", "worker:router"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )

    assert json.loads(done.stdout)["Metadata"] == {"Algernon": {"Tasks": ["read", "parse-it"]}}


@pytest.mark.parametrize(
    ("worker", "target", "message"),
    [
        pytest.param(
            WORKER, "wurker:router", "algernon: there is no module 'wurker' in ", id="no module"
        ),
        pytest.param(
            WORKER,
            "worker.deeper:router",
            "algernon: there is no module 'worker.deeper' in ",
            id="no package",
        ),
        pytest.param(
            WORKER,
            "worker:rooter",
            "algernon: the module worker has no TaskRouter 'rooter'; it has router",
            id="another router",
        ),
        pytest.param(
            "router = object()",
            "worker:router",
            "algernon: the module worker has no TaskRouter 'router'; it has none: write router ="
            " TaskRouter() in it",
            id="no router",
        ),
        pytest.param(
            WORKER.replace("handler = router.handler", ""),
            "worker:router",
            "algernon: the module worker has no function 'handler' for Lambda to call: write"
            " handler = router.handler at its end",
            id="no handler",
        ),
        pytest.param(
            "from algernon import TaskRouter\nrouter = TaskRouter()\nhandler = router.handler",
            "worker:router",
            "algernon: the router 'worker:router' has no Tasks: put @router.task on the functions"
            " that should be",
            id="no tasks",
        ),
        pytest.param(
            "import not_there",
            "worker:router",
            "algernon: the module worker can't be imported: ModuleNotFoundError: No module named"
            " 'not_there' (",
            id="missing import",
        ),
        pytest.param(
            "def broken(:",
            "worker:router",
            "algernon: the module worker can't be imported: SyntaxError: ",
            id="syntax",
        ),
        pytest.param(
            "raise SystemExit('not configured')",
            "worker:router",
            "algernon: the module worker can't be imported: SystemExit: not configured (",
            id="exits",
        ),
    ],
)
def test_a_worker_that_does_not_work_is_one_clear_line(
    command: Command, tmp_path: Path, worker: str, target: str, message: str
) -> None:
    """The last line on standard error says what is wrong and what to do, and the status is 1."""
    write(tmp_path / "worker.py", worker)

    done = command("template", target)

    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1].startswith(message)
    assert "importlib" not in done.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["template"], "the following arguments are required: MODULE:ROUTER"),
        (["template", "worker"], "'worker' isn't MODULE:ROUTER"),
        (["template", "worker:router", "mailer"], "'mailer' isn't MODULE:ROUTER"),
        (["template", "../worker:router"], "'../worker:router' isn't MODULE:ROUTER"),
        (["template", "worker:router", "--timeout", "0"], "'0' isn't a number from 1 to 900"),
        (["template", "worker:router", "--timeout", "soon"], "'soon' isn't a number from 1 to 900"),
        (["template", "worker:router", "--part", "queues"], "invalid choice: 'queues'"),
        (
            ["template", "worker:router", "--part", "tasks", "--env", "BANK=b"],
            "--env is for functions, and --part tasks has none",
        ),
        (["template", "worker:router", "--memory", "64"], "'64' isn't a number from 128 to 10240"),
    ],
)
def test_wrong_usage_is_status_2(command: Command, arguments: list[str], message: str) -> None:
    """What the command line itself lacks is told with the usage."""
    done = command(*arguments)

    assert done.returncode == 2
    assert message in done.stderr
    assert done.stdout == ""


def test_settings_of_a_worker_that_is_none_here_are_told(command: Command, tmp_path: Path) -> None:
    """It may be a slip, and the template is made: the file may have two systems' workers."""
    write(tmp_path / "worker.py", WORKER)
    write(tmp_path / "pyproject.toml", "[tool.algernon.workers.wroker]\nmemory = 512\n")

    done = command("template", "worker:router")

    assert done.returncode == 0
    assert json.loads(done.stdout)["Resources"]["Worker"]["Properties"]["MemorySize"] == 256
    assert "has settings of 'wroker', which is none of the workers here (worker)" in done.stderr
    assert "did you mean worker?" in done.stderr


def test_tasks_that_may_take_more_than_is_reserved_are_told(
    command: Command, tmp_path: Path
) -> None:
    """Lambda would throttle them, and nobody would know why their messages die."""
    write(tmp_path / "worker.py", WORKER)
    write(tmp_path / "pyproject.toml", "[tool.algernon.workers.worker]\nreserved_concurrency = 5\n")

    done = command("template", "worker:router")

    assert done.returncode == 0
    assert "nothing says how much of it read, parse-it may take" in done.stderr


def test_env_puts_no_secret_into_a_template(command: Command, tmp_path: Path) -> None:
    """What is kept elsewhere on AWS isn't written for all to read, and isn't shown."""
    write(tmp_path / "worker.py", WORKER)
    write(
        tmp_path / "pyproject.toml",
        '[tool.algernon.environment]\nAPI_KEY = { parameter = "/shop/api-key" }\n',
    )

    done = command("template", "worker:router", "--env", "API_KEY=hunter2")

    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(
        "algernon: API_KEY is kept as the parameter /shop/api-key, and its value would stand in"
        " the template for all to read: leave it out, "
    )
    assert "hunter2" not in done.stderr


def test_env_may_stand_in_for_another_workers_secret(command: Command, tmp_path: Path) -> None:
    """What a worker that isn't in the template keeps elsewhere says nothing of those in it."""
    write(tmp_path / "worker.py", WORKER)
    write(
        tmp_path / "pyproject.toml",
        '[tool.algernon.workers.other.environment]\nAPI_KEY = { parameter = "/shop/api-key" }\n',
    )

    done = command("template", "worker:router", "--env", "API_KEY=1")

    variables = json.loads(done.stdout)["Resources"]["Worker"]["Properties"]["Environment"]
    assert variables["Variables"]["API_KEY"] == "1"


def test_the_part_without_functions_tells_what_tasks_ask_of_them(
    command: Command, tmp_path: Path
) -> None:
    """Whoever makes the mappings gives it, and nothing in the template says so."""
    asking = WORKER.replace("@router.task\n", "@router.task(batch_size=1, timeout=90)\n")
    write(tmp_path / "worker.py", asking)

    told = command("template", "worker:router", "--part", "tasks").stderr

    assert "for your own to give: read (timeout=90, batch_size=1)" in told
    assert "your own to give" not in command("template", "worker:router").stderr
