"""`algernon result` and `cancel` on AWS, where the bucket is the stack's."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator, Sequence
from typing import Any
from uuid import uuid4

import boto3
import pytest
from algernon_storage import Document, Outcomes, reset

Command = Callable[..., subprocess.CompletedProcess[str]]

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
PLACE = ("--region", "eu-west-1", "--stack", "shop")


def make_stack(url: str, name: str, template: dict[str, Any]) -> None:
    """Create a stack on a local AWS."""
    boto3.client(
        "cloudformation",
        endpoint_url=url,
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    ).create_stack(StackName=name, TemplateBody=json.dumps(template))


@pytest.fixture(scope="module")
def endpoint(module_url: str) -> str:
    """An AWS with the stack `shop`, whose bucket is `shop-bucket`."""
    bucket = {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "shop-bucket"}}
    make_stack(module_url, "shop", {"Resources": {"Bucket": bucket}})
    return module_url


@pytest.fixture
def outcomes(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Outcomes]:
    """What came of Tasks, in the stack's bucket."""
    for name, value in CREDENTIALS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    reset()
    yield Outcomes(bucket="shop-bucket", folder="cache")
    reset()


def run(command: Command, endpoint: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command against AWS, with an environment that names another bucket."""
    return command(
        *arguments,
        AWS_ENDPOINT_URL=endpoint,
        ALGERNON_BUCKET_NAME="another",
        CACHE_FOLDER_NAME="elsewhere",
        **CREDENTIALS,
    )


def test_the_result_is_read_in_the_stacks_bucket(
    command: Command, endpoint: str, outcomes: Outcomes
) -> None:
    """Whatever bucket the environment names, and classes that aren't known here stay tagged."""
    task_id = str(uuid4())
    text = b'{"_alg_class":"Order","_alg_module":"shop","value":{"id":7}}'
    outcomes.write(task_id, Document.around(text), is_kept=True)

    done = run(command, endpoint, "result", task_id, *PLACE)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == json.loads(text)
    assert "\n" not in done.stdout.rstrip("\n")


def test_what_was_cancelled_there_is_cancelled(
    command: Command, endpoint: str, outcomes: Outcomes
) -> None:
    """The outcome stands in the stack's bucket."""
    task_id = str(uuid4())

    done = run(command, endpoint, "cancel", task_id, *PLACE)
    assert (done.returncode, done.stdout) == (0, "cancelled\n")
    assert "any other runs all the same" in done.stderr
    outcome = outcomes.find(task_id)
    assert outcome is not None
    assert outcome.kind == "cancelled"


@pytest.mark.parametrize("arguments", [("result",), ("cancel",), ("group",), ("send", "--wait")])
def test_aws_needs_a_stack(command: Command, arguments: Sequence[str]) -> None:
    """Without --stack it isn't clear which bucket is meant, which is wrong usage."""
    done = command(*arguments, str(uuid4()), "--region", "eu-west-1")

    assert done.returncode == 2
    assert "--stack is needed too: the name of the stack on AWS" in done.stderr


def test_a_stack_that_is_not_there_is_one_line(command: Command, endpoint: str) -> None:
    """What CloudFormation says of it is told."""
    done = run(command, endpoint, "result", str(uuid4()), "--region", "eu-west-1", "--stack", "no")

    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert "no" in line


def test_a_stack_of_somebody_else_is_one_line(command: Command, endpoint: str) -> None:
    """A stack without a bucket, or an output that names one, is told to be none of Algernon's."""
    make_stack(endpoint, "other", {"Resources": {"Logs": {"Type": "AWS::Logs::LogGroup"}}})

    for verb in ("result", "cancel"):
        place = ("--region", "eu-west-1", "--stack", "other")
        done = run(command, endpoint, verb, str(uuid4()), *place)
        assert (done.returncode, done.stdout) == (1, "")
        (line,) = done.stderr.splitlines()
        assert "the stack 'other' isn't one of algernon template: it has no bucket" in line


def test_a_bucket_that_is_no_part_of_the_stack_is_found(
    command: Command, endpoint: str, outcomes: Outcomes
) -> None:
    """The stack's outputs name it."""
    template = {
        "Resources": {"WorkerLogs": {"Type": "AWS::Logs::LogGroup"}},
        "Outputs": {"Bucket": {"Value": "shop-bucket"}},
    }
    make_stack(endpoint, "lodger", template)
    task_id = str(uuid4())
    outcomes.write(task_id, Document.around(b"7"), is_kept=True)

    done = run(command, endpoint, "result", task_id, "--region", "eu-west-1", "--stack", "lodger")
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "7", "")
