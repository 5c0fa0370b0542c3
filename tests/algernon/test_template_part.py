"""The template of the Tasks alone, for functions of one's own; and what all stacks tell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from algernon import TaskNeeds
from algernon.errors import TemplateError
from algernon.local.aws import LocalAWS
from algernon.settings import Alarms, Settings
from algernon.template import logical_id, system_template
from algernon.worker import Worker
from cfnlint.api import ManualArgs, lint

from ..waiting import wait_for
from .stacks import LocalStack

TASKS = ["read", "parse-it", "send"]
WORKERS = [
    Worker("worker.handler", ("read", "parse-it"), {"read": 9}, {"read": TaskNeeds(timeout=90)}),
    Worker("shop.mailer.handler", ("send",), {}),
]
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1a2b3c4d"
EVERYTHING = Settings(
    alarms=Alarms(email="ops@example.com"),
    kms_key=KEY,
    bucket="shop-archive",
    tags={"team": "shop"},
    cache_days=60,
    trusted_buckets=["theirs/cache"],
    state_machines=["*"],
)
QUEUES = {logical_id(kind, task) for kind in ("Queue", "DeadLetterQueue") for task in TASKS}


def of_tasks(settings: Settings | None = None, **options: Any) -> dict[str, Any]:
    """Return the template of the Tasks."""
    return system_template(WORKERS, part="tasks", settings=settings, **options)


def of_all(settings: Settings | None = None) -> dict[str, Any]:
    """Return the template of the whole system."""
    return system_template(WORKERS, settings=settings)


@pytest.mark.parametrize("settings", [Settings(), EVERYTHING], ids=["defaults", "everything"])
def test_cfn_lint_finds_nothing(settings: Settings) -> None:
    """cfn-lint has neither errors nor hints: no parameter or condition without use, either."""
    config = ManualArgs(include_checks=["I"], regions=["eu-west-1", "cn-north-1", "us-gov-west-1"])

    assert lint(json.dumps(of_tasks(settings)), config=config) == []


@pytest.mark.parametrize("settings", [Settings(), EVERYTHING], ids=["defaults", "everything"])
def test_it_is_the_whole_without_what_runs(settings: Settings) -> None:
    """All else is called the same and is the same, so that one may become the other."""
    whole, tasks = of_all(settings)["Resources"], of_tasks(settings)["Resources"]
    runs = {"AWS::IAM::Role", "AWS::Logs::LogGroup"}

    assert {name for name in whole if name not in tasks} == {
        name
        for name, resource in whole.items()
        if resource["Type"].startswith("AWS::Lambda::")
        or resource["Type"] in runs
        or name.startswith("ThrottleAlarm")
    }
    assert {name for name in tasks if name not in whole} == {"WorkerPolicy"}
    assert all(tasks[name] == whole[name] for name in tasks if name in whole)


def test_workers_of_ones_own_get_policies_for_all_that_tasks_do() -> None:
    """They have what the role of the whole system has, but for what a function does for itself."""
    (inline,) = of_all()["Resources"]["WorkerRole"]["Properties"]["Policies"]
    policy = of_tasks()["Resources"]["WorkerPolicy"]["Properties"]["PolicyDocument"]

    left_out = [
        statement
        for statement in inline["PolicyDocument"]["Statement"]
        if statement not in policy["Statement"]
    ]
    assert [each["Action"] for each in left_out] == [
        ["logs:CreateLogStream", "logs:PutLogEvents"],
        ["xray:PutTelemetryRecords", "xray:PutTraceSegments"],
    ]


def test_it_has_the_parameters_that_it_uses() -> None:
    """They are those of the whole; what the settings give is none, there and here."""
    whole, tasks = of_all()["Parameters"], of_tasks()["Parameters"]

    assert set(tasks) == {"CacheDays", "StateMachines", "TrustedBuckets"}
    assert tasks.items() <= whole.items()
    assert of_tasks(EVERYTHING)["Parameters"] == {}


def test_its_outputs_are_what_functions_of_ones_own_need() -> None:
    """Settings for their environment, policies for their role, and the queues that feed them."""
    outputs = of_tasks()["Outputs"]

    assert set(outputs) == {
        *("Bucket", "CacheDays", "SenderPolicy", "TopicPrefix", "WorkerPolicy", "WorkerTasks1"),
        *QUEUES,
    }
    assert outputs["Bucket"]["Value"] == {"Ref": "Bucket"}
    assert of_tasks(EVERYTHING)["Outputs"]["Bucket"]["Value"] == "shop-archive"


def test_the_whole_tells_whom_to_send_to_and_the_queues() -> None:
    """Its outputs are what they were, and what others need of it."""
    outputs = of_all()["Outputs"]

    assert {name for name in outputs if not name.startswith("Worker")} == {
        *("Bucket", "SenderPolicy", "TopicPrefix"),
        *QUEUES,
    }
    assert outputs["TopicPrefix"]["Value"] == {"Fn::Sub": "${AWS::StackName}-"}
    assert outputs[logical_id("DeadLetterQueue", "read")] == {
        "Value": {"Fn::GetAtt": [logical_id("DeadLetterQueue", "read"), "Arn"]},
        "Description": "The ARN of the dead-letter queue of the Task read",
    }


def test_a_part_that_is_none_is_refused() -> None:
    """The error says which there are."""
    with pytest.raises(TemplateError, match=r'is no part of a system: .* "all" .* "tasks"'):
        system_template(WORKERS, part="task")  # type: ignore[call-overload]


@pytest.fixture
def aws() -> Iterator[LocalAWS]:
    """A local AWS."""
    with LocalAWS() as started:
        yield started


@pytest.mark.starts
def test_a_template_of_ones_own_embeds_it(aws: LocalAWS) -> None:
    """A nested stack's outputs lead to the queue that a topic of its name feeds."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="templates")
    s3.put_object(Bucket="templates", Key="tasks.json", Body=json.dumps(of_tasks()))
    url = f"{aws.endpoint_url}/templates/tasks.json"
    wanted = ["Bucket", "TopicPrefix", "WorkerPolicy", "WorkerTasks1", logical_id("Queue", "read")]
    outer = {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Resources": {
            "Tasks": {"Type": "AWS::CloudFormation::Stack", "Properties": {"TemplateURL": url}}
        },
        "Outputs": {
            name: {"Value": {"Fn::GetAtt": ["Tasks", f"Outputs.{name}"]}} for name in wanted
        },
    }

    outputs = LocalStack(aws, "outer").deploy(outer).outputs

    region = "arn:aws:sns:us-east-1:000000000000"
    aws.client("sns").publish(TopicArn=f"{region}:{outputs['TopicPrefix']}read", Message="hello")
    sqs = aws.client("sqs")
    name = outputs[logical_id("Queue", "read")].rsplit(":", 1)[1]
    url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
    wait_for(lambda: "Messages" in sqs.receive_message(QueueUrl=url))
    for policy in ("WorkerPolicy", "WorkerTasks1"):
        assert aws.client("iam").get_policy(PolicyArn=outputs[policy])
