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
