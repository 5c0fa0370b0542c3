"""A worker's system on a local AWS, as a program uses it."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import boto3
import pytest
from algernon import TaskRouter
from algernon.errors import DeploymentError, LocalSystemError, TemplateError, WorkerError
from algernon.local import LocalSystem, aws, default_stack_name
from algernon.template import logical_id, system_template
from algernon.worker import Worker

from ..waiting import wait_for

pytestmark = pytest.mark.starts

# Long enough for a batch on a busy machine.
FUNCTION_SECONDS = 10

WORKER = """
import json
import logging
import os
import sys
from pathlib import Path

import boto3
from algernon import TaskRouter, lambda_logged

from .words import GREETING

router = TaskRouter()
log = logging.getLogger(__name__)
s3 = boto3.client("s3")


def keep(key, value):
    s3.put_object(
        Bucket=os.environ["ALGERNON_BUCKET_NAME"], Key=key, Body=json.dumps(value).encode()
    )


@router.task(name="greet-1")
def greet(name):
    log.info("greeting %s", name)
    return {"key": f"greetings/{name}", "value": f"{GREETING}, {name}"}


@router.task(name="greet_1")
def store(key, value):
    keep(key, value)


@router.task
def look_around(key):
    algernon = [name for name in sys.modules if name.partition(".")[0].startswith("algernon")]
    keep(
        key,
        {
            "environ": dict(os.environ),
            "files": [sys.modules[name].__file__ for name in algernon],
        },
    )


@router.task
def trespass(key):
    denied = []
    for bucket in ("algernon-code", os.environ["ALGERNON_BUCKET_NAME"]):
        try:
            s3.delete_object(Bucket=bucket, Key=key)
        except s3.exceptions.ClientError as error:
            denied.append(error.response["Error"]["Code"])
    keep(key, denied)


@router.task
def refuse(name):
    raise ValueError(f"no {name}")


handler = lambda_logged(router.handler)
"""

# Each Task of the two adds the function that it ran in to the way it came.
BUYER = """
import json
import logging
import os

import boto3
from algernon import TaskRouter, lambda_logged

router = TaskRouter()
here = os.environ.get("AWS_LAMBDA_FUNCTION_NAME")


@router.task
def order(way):
    logging.getLogger(__name__).info("ordering")
    return {"way": [*way, here]}


@router.task
def pay(way):
    boto3.client("s3").put_object(
        Bucket=os.environ["ALGERNON_BUCKET_NAME"], Key="paid", Body=json.dumps([*way, here])
    )


handler = lambda_logged(router.handler)
"""
SELLER = """
import logging
import os

from algernon import TaskRouter, lambda_logged

router = TaskRouter()


@router.task
def deliver(way):
    logging.getLogger(__name__).info("delivering")
    return {"way": [*way, os.environ["AWS_LAMBDA_FUNCTION_NAME"]]}


handler = lambda_logged(router.handler)
"""

Client = Callable[[str], Any]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with the package `shop`, which holds the worker."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "shop").mkdir()
    (folder / "shop" / "__init__.py").write_text("", encoding="utf-8")
    (folder / "shop" / "words.py").write_text("GREETING = 'Hello'\n", encoding="utf-8")
    (folder / "shop" / "worker.py").write_text(WORKER, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def system(folder: Path) -> Iterator[LocalSystem]:
    """The worker's system, in an environment that leads to somebody's real account."""
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ACCESS_KEY_ID", "AKIAREAL")
            patch.setenv("AWS_SECRET_ACCESS_KEY", "real-secret")
            patch.setenv("AWS_SESSION_TOKEN", "real-token")
            patch.setenv("AWS_PROFILE", "real-profile")
            patch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
            patch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
            patch.setenv("DATABASE_PASSWORD", "real-password")
            patch.setenv("DEBUG", "True")
            started = LocalSystem("shop.worker:router", directory=folder, timeout=FUNCTION_SECONDS)
            stack.enter_context(started)
        yield started


@pytest.fixture(scope="module")
def client(system: LocalSystem) -> Client:
    """Makes boto3 clients that talk to the system."""
    return clients_of(system)


def clients_of(system: LocalSystem) -> Client:
    """Return what makes boto3 clients from a system's environ."""

    def client(service: str) -> Any:
        return boto3.client(
            service,
            endpoint_url=system.environ["AWS_ENDPOINT_URL"],
            region_name=system.environ["AWS_REGION"],
            aws_access_key_id=system.environ["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=system.environ["AWS_SECRET_ACCESS_KEY"],
        )

    return client


def send(system: LocalSystem, task: str, callback: str | None = None, **kwargs: object) -> None:
    """Publish a message as it is on the wire."""
    sns = clients_of(system)("sns")
    topics = {arn.rpartition(":")[2]: arn for arn in _topic_arns(sns)}
    message = {"task_name": task, "task_kwargs": kwargs, "callback": callback}
    sns.publish(
        TopicArn=topics[f"{system.environ['ALGERNON_TOPIC_PREFIX']}{task}"],
        Message=json.dumps(message),
    )


def _topic_arns(sns: Any) -> list[str]:
    return [topic["TopicArn"] for topic in sns.list_topics()["Topics"]]


def kept(system: LocalSystem, key: str) -> Any:
    """Return the JSON of an object in the system's bucket, when it is there."""
    s3 = clients_of(system)("s3")

    def keys() -> list[str]:
        answer = s3.list_objects_v2(Bucket=system.bucket_name)
        return [found["Key"] for found in answer.get("Contents", [])]

    wait_for(lambda: key in keys(), moving=keys)
    with s3.get_object(Bucket=system.bucket_name, Key=key)["Body"] as body:
        return json.loads(body.read())


def wait_for_line(system: LocalSystem, text: str) -> str:
    """Return the first log line that has a text, when it is there."""
    seen: list[str] = []

    def found() -> list[str]:
        seen.extend(system.log_lines())
        return [line for line in seen if text in line]

    return wait_for(found, moving=lambda: len(seen))[0]


def session_of(process_id: int) -> set[int]:
    """Return the processes of a session that are alive."""
    found = set()
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                state, _, _, session = (entry / "stat").read_text().rpartition(")")[2].split()[:4]
            except OSError:
                continue
            if int(session) == process_id and state != "Z":
                found.add(int(entry.name))
    return found


def test_a_chain_goes_through_the_system(system: LocalSystem) -> None:
    """A Task's result reaches its callback, through topics and queues of nearly equal names."""
    send(system, "greet-1", callback="greet_1", name="Ada")

    assert kept(system, "greetings/Ada") == "Hello, Ada"


def test_what_is_deployed_is_the_template(system: LocalSystem, client: Client) -> None:
    """CloudFormation holds the template of `algernon template`, as it is."""
    deployed = client("cloudformation").get_template(
        StackName=system.stack_name, TemplateStage="Original"
    )["TemplateBody"]

    assert deployed == system_template(
        [Worker("shop.worker.handler", system.tasks, {})], timeout=FUNCTION_SECONDS
    )


def test_a_chain_goes_from_worker_to_worker_and_back(tmp_path: Path) -> None:
    """Each Task of a chain runs in its own worker's function, and all log to one place."""
    (tmp_path / "buyer.py").write_text(BUYER, encoding="utf-8")
    (tmp_path / "market").mkdir()
    (tmp_path / "market" / "seller.py").write_text(SELLER, encoding="utf-8")

    with LocalSystem("buyer:router", "market.seller:router", directory=tmp_path) as system:
        send(system, "order", callback="deliver#pay", way=[])
        way = kept(system, "paid")

        assert system.stack_name == "buyer"
        assert system.tasks == ("order", "pay", "deliver")
        stacks = clients_of(system)("cloudformation").describe_stacks(StackName="buyer")["Stacks"]
        outputs = {each["OutputKey"]: each["OutputValue"] for each in stacks[0]["Outputs"]}
        buyer, seller = outputs["Worker"], outputs[logical_id("Worker", "market.seller.handler")]
        assert buyer != seller
        assert way == [buyer, seller, buyer]
        lines: list[str] = []

        def both() -> bool:
            lines.extend(line for line in system.log_lines() if "ering\t" in line)
            return {line.split("\t")[6] for line in lines} == {"delivering", "ordering"}

        wait_for(both, moving=lambda: lines)


@pytest.mark.parametrize(
    ("parameters", "level", "mode"),
    [
        pytest.param({}, "INFO", "Active", id="defaults"),
        pytest.param({"Debug": "true"}, "DEBUG", "Active", id="debug"),
        pytest.param({"LogFormat": "Text"}, None, "Active", id="text"),
        pytest.param({"LogFormat": "Text", "Debug": "true"}, None, "Active", id="text-debug"),
        pytest.param({"Tracing": "otel"}, "INFO", "Active", id="otel"),
        pytest.param({"Tracing": "off"}, "INFO", "PassThrough", id="off"),
        pytest.param({"MetricsNamespace": "Shop/Tasks"}, "INFO", "Active", id="metrics"),
        pytest.param({"CacheDays": "45"}, "INFO", "Active", id="cache days"),
    ],
)
def test_the_templates_parameters_set_logs_traces_and_metrics(
    system: LocalSystem,
    client: Client,
    parameters: dict[str, str],
    level: str | None,
    mode: str,
) -> None:
    """JSON lines have the level of Debug, only `off` ends tracing, metrics need a namespace."""
    objects = client("s3").list_objects_v2(Bucket="algernon-code")["Contents"]
    code = next(each["Key"] for each in objects if each["Key"].endswith(".zip"))
    chosen = {"CodeBucket": "algernon-code", "CodeKey": code, **parameters}
    cloudformation = client("cloudformation")

    cloudformation.create_stack(
        StackName="variant",
        TemplateBody=json.dumps(system_template([Worker("shop.worker.handler", ("unsent",), {})])),
        Parameters=[{"ParameterKey": key, "ParameterValue": chosen[key]} for key in chosen],
        Capabilities=["CAPABILITY_IAM"],
    )
    try:
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName="variant", WaiterConfig={"Delay": 0.05, "MaxAttempts": 6000}
        )
        resource = cloudformation.describe_stack_resource(
            StackName="variant", LogicalResourceId="Worker"
        )["StackResourceDetail"]
        function = client("lambda").get_function_configuration(
            FunctionName=resource["PhysicalResourceId"]
        )
    finally:
        cloudformation.delete_stack(StackName="variant")
        cloudformation.get_waiter("stack_delete_complete").wait(
            StackName="variant", WaiterConfig={"Delay": 0.05, "MaxAttempts": 6000}
        )

    logging = function["LoggingConfig"]
    assert logging["LogFormat"] == parameters.get("LogFormat", "JSON")
    assert logging.get("ApplicationLogLevel") == level
    assert function["TracingConfig"]["Mode"] == mode
    variables = function["Environment"]["Variables"]
    assert variables["ALGERNON_TRACING"] == parameters.get("Tracing", "xray")
    assert variables["DEBUG"] == parameters.get("Debug", "false")
    assert variables["ALGERNON_CACHE_DAYS"] == parameters.get("CacheDays", "30")
    assert variables["ALGERNON_METRICS_NAMESPACE"] == parameters.get("MetricsNamespace", "")


def test_the_local_function_is_said_to_log_text(system: LocalSystem, client: Client) -> None:
    """Here the worker isn't told of a JSON format, and so the function has none."""
    send(system, "look_around", key="log-format")

    environ = kept(system, "log-format")["environ"]
    function = client("lambda").get_function_configuration(
        FunctionName=environ["AWS_LAMBDA_FUNCTION_NAME"]
    )
    assert function["LoggingConfig"]["LogFormat"] == "Text"
    assert "AWS_LAMBDA_LOG_FORMAT" not in environ


def test_describes_itself(system: LocalSystem, client: Client) -> None:
    """Stack, Tasks, bucket and environment are those of the deployed system."""
    assert system.stack_name == "shop-worker"
    assert system.tasks == ("greet-1", "greet_1", "look_around", "trespass", "refuse")
    assert system.endpoint_url == system.environ["AWS_ENDPOINT_URL"]
    assert system.bucket_name == system.environ["ALGERNON_BUCKET_NAME"]
    assert system.environ["ALGERNON_TOPIC_PREFIX"] == "shop-worker-"
    buckets = {bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]}
    assert system.bucket_name in buckets


def test_knows_each_tasks_queues(system: LocalSystem, client: Client) -> None:
    """A Task's queue gives up to the Task's dead-letter queue, after five tries and two more."""
    sqs = client("sqs")

    def attributes(url: str) -> dict[str, str]:
        return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]  # type: ignore[no-any-return]

    queue = attributes(system.queue_url("greet-1"))
    dead_letters = attributes(system.dead_letter_queue_url("greet-1"))

    redrive = json.loads(queue["RedrivePolicy"])
    assert redrive == {"deadLetterTargetArn": dead_letters["QueueArn"], "maxReceiveCount": 7}
    assert queue["VisibilityTimeout"] == "60"
    with pytest.raises(KeyError):
        system.queue_url("nope")


def test_the_worker_runs_in_an_environment_of_its_own(system: LocalSystem) -> None:
    """Nothing of this process's environment reaches a Task, credentials least of all."""
    send(system, "look_around", key="around")

    environ = kept(system, "around")["environ"]
    assert not {name for name, value in environ.items() if "real" in value.lower()}
    assert environ["AWS_ENDPOINT_URL"] == system.endpoint_url
    assert environ["ALGERNON_BUCKET_NAME"] == system.bucket_name
    assert environ["ALGERNON_CACHE_DAYS"] == "30"
    assert environ["ALGERNON_FAILURES"] == "report"
    assert environ["DEBUG"] == "true"
    assert "HTTP_PROXY" not in environ


def test_the_worker_runs_algernon_from_its_zip(system: LocalSystem) -> None:
    """The packages come with the function's code, not from where they are installed."""
    send(system, "look_around", key="files")

    seen = kept(system, "files")
    root = seen["environ"]["LAMBDA_TASK_ROOT"]
    assert seen["files"]
    assert all(file.startswith(root) for file in seen["files"])


def test_log_lines_come_once_each(system: LocalSystem) -> None:
    """Of a hundred Tasks that log in parallel no line is lost or repeated."""
    names = [f"guest-{number:03}" for number in range(100)]
    for name in names:
        send(system, "greet-1", name=name)

    lines: list[str] = []

    def greeted() -> list[str]:
        lines.extend(line for line in system.log_lines() if "greeting guest-" in line)
        return [line.split("\t")[6].removeprefix("greeting ") for line in lines]

    wait_for(lambda: set(greeted()) == set(names), moving=lambda: len(lines))
    time.sleep(0.5)
    assert set(greeted()) == set(names)
    # A Task that ran again, after its worker was stopped, has a line with another time.
    assert len(lines) == len(set(lines))


def test_lambdas_own_lines_are_left_out(system: LocalSystem) -> None:
    """START, END and REPORT, which the worker didn't write, aren't among its lines."""
    system.log_lines()
    send(system, "greet-1", name="Grace")

    line = wait_for_line(system, "greeting Grace")
    assert "INFO" in line
    time.sleep(0.3)
    assert not [line for line in system.log_lines() if "RequestId" in line]


def test_a_failed_task_stays_in_its_queue(system: LocalSystem, client: Client) -> None:
    """The worker reports the failure, and the mapping leaves that message where it was."""
    send(system, "refuse", name="thanks")

    wait_for_line(system, "ValueError: no thanks")
    attributes = client("sqs").get_queue_attributes(
        QueueUrl=system.queue_url("refuse"), AttributeNames=["All"]
    )["Attributes"]
    waiting = "ApproximateNumberOfMessages"
    assert int(attributes[waiting]) + int(attributes[f"{waiting}NotVisible"]) == 1


def test_an_ended_aws_is_reported(folder: Path) -> None:
    """When ministack ends by itself, the next look at the logs says so."""
    with LocalSystem("shop.worker:router", directory=folder, stack_name="ended") as system:
        process_id = system._aws._process.pid
        os.kill(process_id, signal.SIGKILL)
        system._aws._process.wait()

        with pytest.raises(LocalSystemError, match="ended with status -9: it wrote nothing"):
            system.log_lines()

    assert session_of(process_id) == set()


def test_a_worker_that_starts_only_here_tells_why_not(tmp_path: Path) -> None:
    """What stops the function from being loaded in Lambda is among the log lines."""
    (tmp_path / "worker.py").write_text(
        "import os\n"
        "from algernon import TaskRouter\n"
        "router = TaskRouter()\n"
        "@router.task\n"
        "def work(): ...\n"
        "handler = router.handler\n"
        "if 'LAMBDA_TASK_ROOT' in os.environ:\n"
        "    raise RuntimeError('no such database')\n",
        encoding="utf-8",
    )

    with LocalSystem("worker:router", directory=tmp_path) as system:
        send(system, "work")

        wait_for_line(system, "Worker init failed: no such database")


def test_the_roles_rights_are_enough_and_no_more(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where rights are enforced, a chain with its result in S3 runs, and a trespass is denied."""
    monkeypatch.setitem(aws.MINISTACK_SETTINGS, "AUTH", "true")
    with LocalSystem("shop.worker:router", directory=folder) as system:
        client = clients_of(system)
        # The bucket takes no request without TLS, and ministack is asked without.
        client("s3").delete_bucket_policy(Bucket=system.bucket_name)
        # AWS has no action of this name: sns:Publish covers PublishBatch there.
        stack = client("cloudformation").describe_stacks(StackName=system.stack_name)["Stacks"][0]
        outputs = {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}
        client("iam").put_role_policy(
            RoleName=outputs["WorkerRole"],
            PolicyName="ministack",
            PolicyDocument=json.dumps(
                {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Action": "sns:PublishBatch",
                            "Resource": _topic_arns(client("sns")),
                        }
                    ],
                }
            ),
        )

        send(system, "greet-1", callback="greet_1", name="Ada")
        assert kept(system, "greetings/Ada") == "Hello, Ada"
        send(system, "trespass", key="denied")
        assert kept(system, "denied") == ["AccessDenied", "AccessDenied"]


def test_the_role_reports_to_state_machines_that_are_named(folder: Path) -> None:
    """A stack has the right to tell state machines once its parameter names some."""
    machine = "arn:aws:states:us-east-1:000000000000:stateMachine:orders"
    with LocalSystem("shop.worker:router", directory=folder, stack_name="waiting") as system:
        client = clients_of(system)
        role = client("cloudformation").describe_stack_resource(
            StackName="waiting", LogicalResourceId="WorkerRole"
        )["StackResourceDetail"]["PhysicalResourceId"]

        def rights() -> list[Any]:
            policy = client("iam").get_role_policy(RoleName=role, PolicyName="worker")
            return [
                each["Resource"]
                for each in policy["PolicyDocument"]["Statement"]
                if each["Action"] == ["states:SendTaskFailure", "states:SendTaskSuccess"]
            ]

        assert rights() == []
        client("cloudformation").update_stack(
            StackName="waiting",
            UsePreviousTemplate=True,
            Parameters=[
                {"ParameterKey": "CodeBucket", "UsePreviousValue": True},
                {"ParameterKey": "CodeKey", "UsePreviousValue": True},
                {"ParameterKey": "StateMachines", "ParameterValue": f"{machine},{machine}-2"},
            ],
            Capabilities=["CAPABILITY_IAM"],
        )
        client("cloudformation").get_waiter("stack_update_complete").wait(
            StackName="waiting", WaiterConfig={"Delay": 1}
        )
        assert rights() == [[machine, f"{machine}-2"]]


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        ({"Type": "AWS::Nonsense::Thing"}, r"was refused: .*\[AWS::Nonsense::Thing\]"),
        (
            {"Type": "AWS::SQS::Queue", "Properties": {"VisibilityTimeout": 43_201}},
            (
                "the stack 'shop-worker' couldn't be created .*: Bad: Invalid value for the"
                " parameter VisibilityTimeout"
            ),
        ),
    ],
)
def test_a_stack_that_cannot_be_created_tells_cloudformations_reason(
    folder: Path, monkeypatch: pytest.MonkeyPatch, resource: dict[str, Any], reason: str
) -> None:
    """The error has the resource and the reason, and the local AWS is gone."""
    template = system_template([Worker("shop.worker.handler", ("work",), {})])
    template["Resources"]["Bad"] = resource
    monkeypatch.setattr(LocalSystem, "_template", lambda _system, _code: template)
    system = LocalSystem("shop.worker:router", directory=folder)

    with pytest.raises(DeploymentError, match=reason), system:
        pass

    assert session_of(system._aws._process.pid) == set()


def test_a_worker_that_does_not_load_leaves_nothing_running(tmp_path: Path) -> None:
    """The error is that of `algernon template`, and the local AWS is gone."""
    (tmp_path / "worker.py").write_text("import not_there", encoding="utf-8")
    system = LocalSystem("worker:router", directory=tmp_path)

    with pytest.raises(WorkerError, match="No module named 'not_there'"), system:
        pass

    assert session_of(system._aws._process.pid) == set()


def test_what_is_not_packed_shows_when_it_starts(tmp_path: Path) -> None:
    """A module beside the worker's package is missing in Lambda, and so before it starts."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "worker.py").write_text(f"import words\n{SELLER}", encoding="utf-8")
    (tmp_path / "words.py").write_text("", encoding="utf-8")

    with (
        pytest.raises(WorkerError) as caught,
        LocalSystem("shop.worker:router", directory=tmp_path),
    ):
        pass

    assert str(caught.value) == (
        "the module shop.worker can't be imported: ModuleNotFoundError: No module named 'words'"
        f" ({tmp_path / 'shop' / 'worker.py'}, line 1); {tmp_path / 'words.py'} isn't packed, since"
        " with a module of a package goes that package alone: move it into the package, or install"
        " it"
    )


def test_a_module_in_the_way_shows_when_it_starts(tmp_path: Path) -> None:
    """One that hides a module that boto3 needs is named by its own file, before it starts."""
    (tmp_path / "worker.py").write_text(SELLER.replace("import logging\n", ""), encoding="utf-8")
    (tmp_path / "queue.py").write_text("", encoding="utf-8")

    with (
        pytest.raises(WorkerError, match=rf"{tmp_path / 'queue.py'} hides .*queue\.py, which"),
        LocalSystem("worker:router", directory=tmp_path),
    ):
        pass


def test_a_linked_folder_is_there_in_the_worker(tmp_path: Path) -> None:
    """A Task uses what lies behind a link beside its worker."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "words.py").write_text("BYE = 'Goodbye'\n", encoding="utf-8")
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "lib").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "shop" / "worker.py").write_text(
        f"{WORKER}\nfrom .lib.words import BYE as GREETING\n".replace(
            "from .words import GREETING\n", ""
        ),
        encoding="utf-8",
    )

    with LocalSystem("shop.worker:router", directory=tmp_path) as system:
        send(system, "greet-1", callback="greet_1", name="Ada")

        assert kept(system, "greetings/Ada") == "Goodbye, Ada"


def test_workers_that_share_a_task_are_refused(tmp_path: Path) -> None:
    """The error is that of `algernon template`, with the Task and both workers."""
    (tmp_path / "buyer.py").write_text(BUYER, encoding="utf-8")
    (tmp_path / "seller.py").write_text(SELLER.replace("deliver", "pay"), encoding="utf-8")
    system = LocalSystem("buyer:router", "seller:router", directory=tmp_path)

    with (
        pytest.raises(WorkerError, match=r"'pay' is in the workers of buyer\.handler and seller"),
        system,
    ):
        pass

    assert session_of(system._aws._process.pid) == set()


@pytest.mark.parametrize(
    ("target", "name"),
    [
        ("worker:router", "worker"),
        ("shop.order_worker:router", "shop-order-worker"),
        ("_private:router", "private"),
    ],
)
def test_the_stack_is_called_by_its_module(target: str, name: str) -> None:
    """A module's name becomes a valid stack's name."""
    assert default_stack_name(target) == name


def test_a_router_itself_is_no_target() -> None:
    """It is in this process, so the error says how its worker is named."""
    router: Any = TaskRouter()

    with pytest.raises(WorkerError, match=r'named by a text, .* this is <.*write "module:router"'):
        LocalSystem("worker:router", router)


def test_bad_arguments_are_refused_before_anything_starts() -> None:
    """Names and numbers that AWS wouldn't take are refused by the constructor."""
    with pytest.raises(WorkerError, match="'worker' isn't MODULE:ROUTER"):
        LocalSystem("worker")
    with pytest.raises(WorkerError, match="'mailer' isn't MODULE:ROUTER"):
        LocalSystem("worker:router", "mailer")
    with pytest.raises(LocalSystemError, match="'my_shop' can't be a stack's name"):
        LocalSystem("worker:router", stack_name="my_shop")
    with pytest.raises(TemplateError, match="a timeout of 901 seconds"):
        LocalSystem("worker:router", timeout=901)
