"""`algernon send`, without a local system: bad arguments, and AWS."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import boto3
import pytest

Command = Callable[..., subprocess.CompletedProcess[str]]

CREDENTIALS = {"aws_access_key_id": "test", "aws_secret_access_key": "test"}


@pytest.fixture(scope="module")
def endpoint(module_url: str) -> str:
    """An AWS that answers over HTTP."""
    return module_url


@pytest.fixture(scope="module")
def queue(endpoint: str) -> Callable[[], Any]:
    """Takes the next message that came to the Task `resize` of the stack `shop`."""
    where: dict[str, Any] = {"endpoint_url": endpoint, "region_name": "eu-west-1", **CREDENTIALS}
    sns, sqs = boto3.client("sns", **where), boto3.client("sqs", **where)
    topic = sns.create_topic(Name="shop-resize")["TopicArn"]
    url = sqs.create_queue(QueueName="shop-resize")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn["QueueArn"])

    def take() -> Any:
        (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return json.loads(json.loads(message["Body"])["Message"])

    return take


def test_a_region_leads_to_aws(command: Command, endpoint: str, queue: Callable[[], Any]) -> None:
    """With --region and --stack the message goes to the stack's topic in that region."""
    done = command(
        *("send", "resize", "--kwargs", '{"width": 640}', "--callback", "store#notify"),
        *("--region", "eu-west-1", "--stack", "shop"),
        AWS_ENDPOINT_URL=endpoint,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        ALGERNON_TOPIC_PARAMETER_PREFIX="not-this-way",
    )

    assert (done.returncode, done.stderr) == (0, "")
    message = queue()
    assert message["task_name"] == "resize"
    assert message["task_kwargs"] == {"width": 640}
    assert message["callback"] == "store#notify"
    assert message["task_id"] == str(uuid.UUID(done.stdout.strip()))


def test_a_profile_leads_to_aws(
    command: Command, endpoint: str, queue: Callable[[], Any], tmp_path: Path
) -> None:
    """With --profile its region and credentials count, not those of the environment."""
    config = tmp_path / "config"
    config.write_text(
        "[profile mine]\nregion = eu-west-1\naws_access_key_id = test\n"
        "aws_secret_access_key = test\n",
        encoding="utf-8",
    )

    done = command(
        *("send", "resize", "--profile", "mine", "--stack", "shop"),
        AWS_ENDPOINT_URL=endpoint,
        AWS_CONFIG_FILE=str(config),
        AWS_ACCESS_KEY_ID="another",
        AWS_SECRET_ACCESS_KEY="",
        AWS_SESSION_TOKEN="expired",
    )

    assert (done.returncode, done.stderr) == (0, "")
    assert queue()["task_kwargs"] == {}


def test_a_task_that_the_stack_lacks_is_one_line(command: Command, endpoint: str) -> None:
    """AWS knows no topic of the name, which the error says without a traceback."""
    done = command(
        *("send", "rezise", "--region", "eu-west-1", "--stack", "shop"),
        AWS_ENDPOINT_URL=endpoint,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
    )

    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("algernon: ")
    assert "shop-rezise" in line


def test_a_topic_that_another_stack_has_is_refused(command: Command, endpoint: str) -> None:
    """The Task `b` of `shop-a` isn't the Task `a-b` of `shop`, whose topic has the same name."""
    where: dict[str, Any] = {"endpoint_url": endpoint, "region_name": "eu-west-1", **CREDENTIALS}
    owner = {"Key": "aws:cloudformation:stack-name", "Value": "shop"}
    boto3.client("sns", **where).create_topic(Name="shop-a-b", Tags=[owner])

    def send(task: str, stack: str) -> subprocess.CompletedProcess[str]:
        return command(
            *("send", task, "--region", "eu-west-1", "--stack", stack),
            AWS_ENDPOINT_URL=endpoint,
            AWS_ACCESS_KEY_ID="test",
            AWS_SECRET_ACCESS_KEY="test",
        )

    done = send("b", "shop-a")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "algernon: the stack 'shop-a' has no Task 'b': the topic shop-a-b belongs to the stack"
        " 'shop', for its Task 'a-b'\n"
    )
    assert send("a-b", "shop").returncode == 0


def test_aws_needs_a_stack(command: Command) -> None:
    """Without --stack it isn't clear which topics are meant, which is wrong usage."""
    done = command("send", "resize", "--region", "eu-west-1")

    assert done.returncode == 2
    assert "--stack is needed too: the name of the stack on AWS" in done.stderr


def test_an_unknown_profile_is_one_line(command: Command) -> None:
    """What boto3 says of a profile that isn't there is told without a traceback."""
    done = command("send", "resize", "--profile", "nobodys", "--stack", "shop")

    assert done.returncode == 1
    assert done.stderr == (
        "algernon: The config profile (nobodys) could not be found: aws configure list-profiles"
        " lists those there are\n"
    )


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ('{"width": 640,}', "--kwargs: the text isn't JSON: "),
        ('{"width": 640,}', "line 1 column 1"),
        ("", "--kwargs: the text isn't JSON: Expecting value: line 1 column 1"),
        ("[640]", "--kwargs holds a list, but a Task takes keyword arguments: write a JSON object"),
        ("640", "--kwargs holds an int, but a Task takes keyword arguments: write a JSON object"),
        (
            '{"a": {"_alg_class": "Order", "_alg_module": "shop", "value": {}}}',
            "--kwargs: $.a: shop:Order is no class that is registered here",
        ),
        (
            '{"a": {"_alg_class": "Order", "_alg_module": "shop", "value": {}}}',
            "; a TASK that is named as MODULE:TASK has its module imported",
        ),
    ],
)
def test_arguments_that_are_no_json_object_are_refused(
    command: Command, kwargs: str, message: str
) -> None:
    """The line says what is wrong with --kwargs, and where."""
    done = command("send", "resize", "--kwargs", kwargs)

    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("algernon: ")
    assert message in line


def test_without_a_system_it_says_how_to_start_one(command: Command) -> None:
    """When no local system runs, and AWS isn't named, the line says what to do."""
    done = command("send", "resize")

    assert done.returncode == 1
    assert done.stderr == (
        "algernon: no local system runs: start one with algernon run MODULE:ROUTER, or name a"
        " --region or --profile to send to AWS\n"
    )


WORKER = """
import os
from dataclasses import dataclass

import boto3
from algernon import AlgObject, TaskRouter

router = TaskRouter()
# As whoever is led to a region does.
sns = boto3.client("sns")
largest = int(os.environ["LARGEST"])
print("imported")


@dataclass
class Picture(AlgObject):
    width: int


@router.task(name="resize")
def make_smaller(picture):
    return picture


@router.task
def store(picture):
    return None
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a worker in a package, and its settings."""
    (tmp_path / "shop").mkdir()
    (tmp_path / "shop" / "pictures.py").write_text(WORKER, encoding="utf-8")
    settings = '[tool.algernon.workers."shop.pictures".environment]\nLARGEST = "640"\n'
    (tmp_path / "pyproject.toml").write_text(settings, encoding="utf-8")
    return tmp_path


def send_of_module(command: Command, endpoint: str, *arguments: str) -> Any:
    """Send to the stack on AWS, with nothing said of AWS but where it is."""
    return command(
        *("send", *arguments, "--region", "eu-west-1", "--stack", "shop"),
        AWS_ENDPOINT_URL=endpoint,
        AWS_ACCESS_KEY_ID="test",
        AWS_SECRET_ACCESS_KEY="test",
        AWS_DEFAULT_REGION="",
        AWS_REGION="",
    )


@pytest.mark.parametrize("task", ["resize", "make_smaller"])
def test_a_module_that_is_named_is_imported(
    command: Command, endpoint: str, queue: Callable[[], Any], project: Path, task: str
) -> None:
    """As the worker's is, so that its classes are known; a Task may be named as its function."""
    tagged = {"_alg_class": "Picture", "_alg_module": "shop.pictures", "value": {"width": 640}}
    kwargs = json.dumps({"picture": tagged})

    done = send_of_module(command, endpoint, f"shop.pictures:{task}", "--kwargs", kwargs)

    assert (done.returncode, done.stderr) == (0, "imported\n")
    message = queue()
    assert message["task_id"] == done.stdout.strip()
    assert (message["task_name"], message["task_kwargs"]) == ("resize", {"picture": tagged})


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ("shop.pictures:reduce", "the module shop.pictures has no Task 'reduce'; its Tasks are "),
        ("shop.pictures:reduce", "its Tasks are resize, store (what was loaded is "),
        ("shop.pictures:os", "the module shop.pictures has no Task 'os'"),
        ("json:dumps", "the module json has no Task 'dumps'; its Tasks are none"),
        ("shop.picture:resize", "there is no module 'shop.picture' in "),
    ],
)
def test_a_task_that_the_module_lacks_is_one_line(
    command: Command, endpoint: str, project: Path, task: str, message: str
) -> None:
    """It names those that are there, and nothing is sent."""
    done = send_of_module(command, endpoint, task)

    assert (done.returncode, done.stdout) == (1, "")
    line = done.stderr.removeprefix("imported\n")
    assert line.startswith("algernon: ")
    assert message in line
    assert line.count("\n") == 1


@pytest.mark.parametrize("task", [":resize", "shop/pictures.py:resize", "shop.pictures:", "a:b:c"])
def test_what_cannot_be_a_module_is_wrong_usage(command: Command, task: str) -> None:
    """It says how one is written."""
    done = command("send", task)

    assert (done.returncode, done.stdout) == (2, "")
    assert f"{task!r} is no MODULE:TASK: write the module as import takes it" in done.stderr
