"""The URL of a bank, and other environment variables, from where they are said to the Task."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from algernon import send_task
from algernon.errors import SettingsError, TemplateError, WorkerError
from algernon.local import LocalSystem
from algernon.local.entries import RunningSystem, reserve_entry
from algernon.settings import (
    Alarms,
    Parameter,
    Secret,
    Settings,
    Vpc,
    WorkerSettings,
    read_settings,
)
from algernon.system.settings.env_file import read_env_file
from algernon.system.settings.environment import local_settings, with_env
from algernon.system.workers import import_workers
from algernon.template import system_template
from algernon.worker import Worker
from algernon_queue.testing import InMemorySystem

from .terminals import algernon
from .test_run import Run, send

if TYPE_CHECKING:
    from .conftest import Command

# A worker that needs its settings when it is imported.
SHOP = """
import os
from urllib.request import urlopen

from algernon import TaskRouter

URL = os.environ["BANK_URL"]
router = TaskRouter()


@router.task
def pay(order):
    urlopen(f"{URL}?order={order}&key={os.environ['API_KEY']}").close()


handler = router.handler
"""
MAILER = """
import os

from algernon import TaskRouter

router = TaskRouter()


@router.task(name=os.environ["MAIL_TASK"])
def mail():
    pass


handler = router.handler
"""
SECRET = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:shop/db-AbCdEf"
PROJECT = f"""
[tool.algernon]
timeout = 20

[tool.algernon.environment]
BANK_URL = "http://127.0.0.1:9/of-the-file"
API_KEY = {{ parameter = "/shop/api-key" }}

[tool.algernon.workers.mailer.environment]
MAIL_TASK = "mail-it"
DB_PASSWORD = {{ secret = "{SECRET}" }}
"""


class Bank:
    """A bank that notes the paths of its calls."""

    def __init__(self) -> None:
        self.paths: list[str] = []
        bank = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """Note the path."""
                bank.paths.append(self.path)
                self.send_response(204)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002
                """Leave the test's output alone."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"


@pytest.fixture
def bank() -> Iterator[Bank]:
    """A bank that listens."""
    bank = Bank()
    thread = Thread(target=bank.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield bank
    bank.server.shutdown()
    bank.server.server_close()
    thread.join()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A shop's folder: two workers, and their settings."""
    (tmp_path / "worker.py").write_text(SHOP)
    (tmp_path / "mailer.py").write_text(MAILER)
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    return tmp_path


def test_env_wins_over_what_holds_for_all_and_for_one() -> None:
    """A variable that is given for a system is every worker's, whatever the file says."""
    settings = Settings(
        environment={"A_": "all", "B_": Secret(SECRET), "C_": "all"},
        workers={"shop": WorkerSettings(environment={"A_": "own", "D_": "own"}, timeout=7)},
    )
    given = with_env(settings, ["shop", "mailer"], {"A_": "env", "B_": "env"})
    assert given.of_worker("shop").environment == {
        "A_": "env",
        "B_": "env",
        "C_": "all",
        "D_": "own",
    }
    assert given.of_worker("mailer").environment == {"A_": "env", "B_": "env", "C_": "all"}
    assert given.of_worker("shop").timeout == 7


def test_what_is_only_on_aws_is_left_out_locally() -> None:
    """A local system has no network, keys, layers, alarms, boundary or bucket of AWS's."""
    layer = "arn:aws:lambda:eu-west-1:123456789012:layer:ffmpeg:3"
    settings = Settings(
        environment={
            "ALGERNON_TOPIC_PARAMETER_PREFIX": "/shop/topics/",
            "AWS_PROFILE": "production",
            "http_proxy": "http://proxy.example:3128",
            "NO_PROXY": "localhost",
            "Https_Proxy": Secret(SECRET),
            "BANK_URL": "here",
        },
        layers=[layer],
        workers={"shop": WorkerSettings(layers=[layer], memory=512), "other": WorkerSettings()},
        vpc=Vpc(subnets=["subnet-0a1b2c3d"], security_groups=["sg-0a1b2c3d"]),
        permissions_boundary="arn:aws:iam::123456789012:policy/developers",
        alarms=Alarms(email="ops@example.com"),
        bucket="existing",
        kms_key="arn:aws:kms:eu-west-1:123456789012:key/1a2b",
        cache_days=40,
    )
    own = WorkerSettings(memory=512, environment={"BANK_URL": "here"})
    assert local_settings(settings, ["shop"], {}) == Settings(workers={"shop": own}, cache_days=40)


def test_where_topics_are_told_here_a_program_may_say() -> None:
    """What is said for this machine holds, such as the names in the local Parameter Store."""
    name = "ALGERNON_TOPIC_PARAMETER_PREFIX"
    settings = Settings(environment={name: "/shop/topics/"})
    here = local_settings(settings, ["shop"], {name: "/algernon/shop/"})
    assert here.of_worker("shop").environment == {name: "/algernon/shop/"}


def test_room_for_variables_is_here_what_it_is_on_aws() -> None:
    """A secret's value takes none, and a plain one does."""
    settings = Settings(environment={"KEY": Secret(SECRET), "PLAIN": "x"})
    worker = Worker("shop.handler", ("pay",), {})

    here = local_settings(settings, ["shop"], {"KEY": "k" * 5000})
    functions = system_template([worker], settings=here)["Resources"]
    assert functions["Worker"]["Properties"]["Environment"]["Variables"]["KEY"] == "k" * 5000

    here = local_settings(settings, ["shop"], {"KEY": "k", "PLAIN": "x" * 5000})
    with pytest.raises(TemplateError, match=r"PLAIN: 5,0\d\d"):
        system_template([worker], settings=here)


def test_all_that_has_no_value_locally_is_named() -> None:
    """Secrets and parameters of the workers that run, and of no other, need a value here."""
    settings = Settings(
        environment={"API_KEY": Parameter("/shop/api-key"), "TOKEN": Secret(SECRET)},
        workers={
            "mailer": WorkerSettings(environment={"SMTP_PASSWORD": Secret(SECRET, "smtp")}),
            "other": WorkerSettings(environment={"OTHER": Secret(SECRET)}),
        },
    )
    with pytest.raises(SettingsError) as raised:
        local_settings(settings, ["shop", "mailer"], {"TOKEN": "1"})
    assert (
        f"no value here: API_KEY (the parameter /shop/api-key), SMTP_PASSWORD (the secret {SECRET})"
        ". Give each one for this machine: in a file, with --env-file FILE, by --env API_KEY=VALUE,"
        ' or in a program by LocalSystem(…, env={"API_KEY": …})'
    ) in str(raised.value)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"AWS_REGION": "eu-west-1"}, "AWS_REGION could lead workers from the local AWS"),
        ({"AWS_ENDPOINT_URL": "x"}, "AWS_ENDPOINT_URL could lead workers from the local AWS"),
        ({"https_proxy": "x"}, "https_proxy could lead workers from the local AWS"),
        ({"NO_PROXY": "x"}, "NO_PROXY could lead workers from the local AWS"),
        ({"ALGERNON_MAX_HOP": "9"}, r"environment\.ALGERNON_MAX_HOP .* mean ALGERNON_MAX_HOPS\?"),
        ({"DEBUG": "true"}, r"environment\.DEBUG is an environment variable that the template"),
        ({"no-name": "x"}, r"environment\.no-name can't be the name of an environment variable"),
        ({"PORT": 8080}, r"environment\.PORT is of the type int, but has to be a text"),
        ({"PORT": "a\0b"}, r"environment\.PORT has a null or half character"),
        ("PORT=8080", "environment is of the type str, but has to be a table"),
        ({1: "x"}, "environment has the key 1, but keys are texts"),
        (None, "environment is of the type NoneType, but has to be a table"),
        ({"AB": "hunter2\udcff"}, r"environment\.AB has a null or half character"),
    ],
)
def test_what_cannot_be_a_variable_is_refused(tmp_path: Path, env: Any, message: str) -> None:
    """A program is told what is wrong with env= before anything is started."""
    with pytest.raises(SettingsError, match=message):
        LocalSystem("worker:router", directory=tmp_path, env=env)


@pytest.mark.starts
def test_each_worker_is_imported_with_its_own_environment(tmp_path: Path) -> None:
    """What a module reads at import is what it will read in Lambda, whoever else is imported."""
    for name in ("one", "two", "three"):
        (tmp_path / f"{name}.py").write_text(
            "import os\nfrom algernon import TaskRouter\nrouter = TaskRouter()\n"
            f"task = router.task(name='{name}-' + os.environ['KIND'])(lambda: None)\n"
            "handler = router.handler\n"
        )
    settings = Settings(
        environment={"KIND": "all"}, workers={"two": WorkerSettings(environment={"KIND": "own"})}
    )
    workers = import_workers(
        ["one:router", "two:router", "three:router"], tmp_path, settings=settings
    )
    assert [worker.tasks for worker in workers] == [("one-all",), ("two-own",), ("three-all",)]


@pytest.mark.starts
def test_a_secret_that_is_read_at_import_is_told_where_it_has_no_value(
    project: Path, command: Command
) -> None:
    """`algernon template` reads no secrets, so a module that needs one is given one there."""
    (project / "worker.py").write_text(f"import os\nKEY = os.environ['API_KEY']\n{SHOP}")

    failed = command("template", "worker:router", directory=project)
    given = command("template", "worker:router", directory=project, API_KEY="anything")

    assert "KeyError: 'API_KEY'" in failed.stderr
    assert "; API_KEY has a value only where the worker runs, since it is a secret" in failed.stderr
    variables = environment_in(given.stdout, "Worker")
    assert variables["ALGERNON_SECRETS"] == '{"API_KEY":{"parameter":"/shop/api-key"}}'
    assert "anything" not in given.stdout


@pytest.mark.starts
def test_other_failures_of_imports_say_nothing_of_secrets(project: Path) -> None:
    """The hint is there only where a secret's name is."""
    (project / "worker.py").write_text("import os\nos.environ['OTHER_API_KEY_']")
    with pytest.raises(WorkerError) as raised:
        import_workers(["worker:router"], project, settings=read_settings(project))
    assert "secret" not in str(raised.value)


def environment_in(template: str, function: str) -> dict[str, Any]:
    """Return the environment of a function in a template."""
    properties = json.loads(template)["Resources"][function]["Properties"]
    variables: dict[str, Any] = properties["Environment"]["Variables"]
    return variables


@pytest.mark.starts
def test_a_template_has_what_env_says(project: Path, command: Command) -> None:
    """`--env` stands in place of the file's values; the last one holds."""
    urls = ("--env", "BANK_URL=first", "--env", "BANK_URL=https://b.example/?a=b", "--env", "E_=")
    done = command("template", "worker:router", *urls, directory=project, API_KEY="1")

    variables = environment_in(done.stdout, "Worker")
    given = {name: variables[name] for name in ("BANK_URL", "E_")}
    assert given == {"BANK_URL": "https://b.example/?a=b", "E_": ""}
    assert variables["ALGERNON_SECRETS"] == '{"API_KEY":{"parameter":"/shop/api-key"}}'


@pytest.mark.starts
@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--env", "BANK_URL"], "'BANK_URL' has no value: write NAME=VALUE"),
        (["--env", "=x"], "can't be the name of an environment variable"),
        (["--env", "AWS_REGION=x"], "AWS_REGION is an environment variable that only Lambda"),
    ],
)
def test_a_command_line_that_names_no_variable_is_refused(
    command: Command, options: list[str], message: str
) -> None:
    """It is wrong use, with 2 as the status."""
    for verb in ("run", "template"):
        done = command(verb, "worker:router", *options)
        assert done.returncode == 2
        assert message in done.stderr


@pytest.mark.parametrize("name", ["AWS_PROFILE", "AWS_CA_BUNDLE", "http_proxy"])
def test_a_variable_of_a_file_that_leads_away_is_told_with_its_line(
    tmp_path: Path, name: str
) -> None:
    """What is none for this machine is found where it stands, and its value isn't shown."""
    path = tmp_path / "local.env"
    path.write_text(f"BANK_URL=here\n\n{name}=hunter2\n")

    with pytest.raises(SettingsError) as caught:
        read_env_file(path)

    assert str(caught.value).startswith(f"{path}, line 3: {name} could lead workers from the local")
    assert "hunter2" not in str(caught.value)


@pytest.mark.starts
def test_a_file_that_cannot_be_read_is_told_with_its_line(project: Path, command: Command) -> None:
    """`--env-file` names the file and the line, and the command ends with 1."""
    (project / "local.env").write_text("API_KEY=1\nBANK_URL\n")
    done = command(
        "run", "worker:router", "mailer:router", "--env-file", "local.env", directory=project
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert re.match(r"algernon: local\.env, line 2: is not a line such as NAME=VALUE", done.stderr)


@pytest.mark.starts
def test_a_local_system_has_the_settings_of_the_project_and_of_the_program(
    project: Path, bank: Bank
) -> None:
    """A Task calls the bank that env= names, with the key that is given in place of a parameter."""
    seen: list[dict[str, Any]] = []
    (project / "deeper").mkdir()
    for name in ("worker.py", "mailer.py"):
        (project / name).rename(project / "deeper" / name)
    env = {"BANK_URL": bank.url, "API_KEY": "k1", "DB_PASSWORD": "p"}
    local = LocalSystem(
        "worker:router",
        "mailer:router",
        directory=project / "deeper",
        env=env,
        customize=seen.append,
    )
    with local as system, system.as_default():
        assert system.tasks == ("pay", "mail-it")
        send_task("pay", {"order": 1})
        system.run()
        functions = boto3.client("lambda").list_functions()["Functions"]

    assert bank.paths == ["/?order=1&key=k1"]
    assert [function["Timeout"] for function in functions] == [20, 20]
    assert seen[0]["Metadata"]["Algernon"]["Tasks"] == ["pay", "mail-it"]


PAYING_FROM_SECRETS = {
    "ALGERNON_HANDLER": "worker.handler",
    "ALGERNON_SECRETS": '{"BANK_URL": {"parameter": "/shop/bank"}, "API_KEY": {"parameter": "k"}}',
}


@pytest.mark.starts
def test_a_worker_with_secrets_runs_where_the_local_aws_runs_functions(
    project: Path, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on AWS it finds what Parameter Store keeps; and it is known for the worker that it is."""

    def with_secrets(template: dict[str, Any]) -> None:
        properties = template["Resources"]["Worker"]["Properties"]
        properties["Handler"] = "algernon.secrets.handler"
        variables = properties["Environment"]["Variables"]
        del variables["BANK_URL"], variables["API_KEY"]
        variables.update(PAYING_FROM_SECRETS)

    monkeypatch.setenv("XDG_STATE_HOME", str(project / "state"))
    env = {"API_KEY": "for the import alone"}
    with (
        LocalSystem("worker:router", directory=project, env=env, customize=with_secrets) as system,
        reserve_entry(system.stack_name) as entry,
        system.as_default(),
    ):
        entry.announce(RunningSystem(system.tasks, system.environ, system.log_group))
        ssm = boto3.client("ssm")
        ssm.put_parameter(Name="/shop/bank", Value=f"{bank.url}/kept", Type="String")
        ssm.put_parameter(Name="k", Value="s3cr3t", Type="SecureString")
        send_task("pay", {"order": 5})
        system.run()
        send_task("pay", {"order": 5, "sum": 3})
        system.run()
        assert bank.paths == ["/kept?order=5&key=s3cr3t"]
        (letter,) = system.dead_letters
        told = {
            verb: subprocess.run(
                algernon(*verb.split()), cwd=project, capture_output=True, text=True, check=False
            )
            for verb in ("tasks", f"dead run {letter.task_id}")
        }
    assert "worker.handler" in told["tasks"].stdout
    run = told[f"dead run {letter.task_id}"]
    assert "algernon: the worker is worker, as the function" in run.stderr
    assert "its secrets aren't read here: set BANK_URL, API_KEY where you run this" in run.stderr


@pytest.mark.starts
def test_the_command_takes_variables_from_itself_from_files_and_from_the_project(
    project: Path, bank: Bank
) -> None:
    """`--env` wins over the last file, that over the first, and all over pyproject.toml."""
    (project / "first.env").write_text(f'BANK_URL="{bank.url}/first"\nAPI_KEY=first\n')
    (project / "last.env").write_text(f"export BANK_URL={bank.url}/last # the bank here\n")
    (project / "tmp").mkdir()
    files = ("--env-file", "first.env", "--env-file", "last.env")
    with Run(project, *files, "--env", "API_KEY=mine", "--verbose") as run:
        run.wait_until_ready()
        sent = send(project, "pay", "--kwargs", '{"order": 7}', "--wait")
        run.process.terminate()
        assert (sent.returncode, run.end()) == (0, 0), sent.stderr
    assert bank.paths == ["/last?order=7&key=mine"]


def test_a_unit_test_sets_the_variable_itself(
    project: Path, bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In memory a worker is this process's module, and reads this process's environment."""
    monkeypatch.setenv("BANK_URL", bank.url)
    monkeypatch.setenv("API_KEY", "of-the-test")
    module: dict[str, Any] = {"__name__": "shop_of_a_unit_test"}
    exec((project / "worker.py").read_text(), module)
    with InMemorySystem(module["router"]) as system:
        module["pay"].send(order=3)
        system.run()
    assert bank.paths == ["/?order=3&key=of-the-test"]


def test_the_variables_of_this_process_are_no_workers(project: Path) -> None:
    """A local system has what is said of its workers, and nothing that happens to be set here."""
    os.environ.pop("API_KEY", None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("API_KEY", "of this shell")
        with pytest.raises(SettingsError, match="API_KEY"):
            LocalSystem("worker:router", directory=project)
