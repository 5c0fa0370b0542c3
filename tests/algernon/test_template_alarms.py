"""The template's alarms: what somebody is told about, and whom."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from algernon.commands.main import command_parser
from algernon.errors import SettingsError
from algernon.local.aws import LocalAWS
from algernon.settings import Alarms, Settings
from algernon.template import logical_id, system_template
from algernon.worker import Worker

from ..waiting import wait_for
from .stacks import LocalStack

TOPIC = "arn:aws:sns:eu-west-1:123456789012:on-call"
WORKERS = [
    Worker("worker.handler", ("read", "parse-it"), {}),
    Worker("shop.mailer.handler", ("send",), {}),
]
TASKS = ["read", "parse-it", "send"]
MAILER = logical_id("Worker", "shop.mailer.handler")
KEY = "arn:aws:kms:eu-west-1:123456789012:key/1a2b3c4d"


def template_with(wanted: Alarms | None, **others: Any) -> dict[str, Any]:
    """Return the template of two workers with alarms."""
    return system_template(WORKERS, settings=Settings(alarms=wanted, **others))


def alarms_of(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the alarms of a template by their logical ids."""
    return {
        name: resource["Properties"]
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def all_alarms() -> dict[str, dict[str, Any]]:
    """Return those that tell a topic, all of them."""
    return alarms_of(template_with(Alarms(topic=TOPIC)))


def of_queue(kind: str, task: str) -> list[dict[str, Any]]:
    """Return the dimensions of a queue's metrics."""
    name = {"Fn::GetAtt": [logical_id(kind, task), "QueueName"]}
    return [{"Name": "QueueName", "Value": name}]


def told(description: str) -> list[str]:
    """Return the commands that an alarm names."""
    return re.findall(r"algernon [a-z]+(?: [a-z]+)?(?: --\w+ [^\s.]+)+", description)


def test_without_alarms_there_are_none() -> None:
    """A system that asks for none has neither alarms nor a topic of theirs."""
    assert template_with(None) == system_template(WORKERS)
    assert alarms_of(template_with(None)) == {}


def test_each_task_and_each_function_has_its_alarms() -> None:
    """They are called by their Tasks and functions, whatever else the system has."""
    assert set(all_alarms()) == {
        *(logical_id("DeadLetterAlarm", task) for task in TASKS),
        *(logical_id("OldestMessageAlarm", task) for task in TASKS),
        "ThrottleAlarmWorker",
        f"ThrottleAlarm{MAILER}",
    }


@pytest.mark.parametrize(
    ("unwanted", "kind"),
    [
        ({"dead_letters": False}, "DeadLetterAlarm"),
        ({"oldest_message": 0}, "OldestMessageAlarm"),
        ({"throttles": False}, "ThrottleAlarm"),
    ],
)
def test_alarms_that_are_not_wanted_are_left_out(unwanted: dict[str, Any], kind: str) -> None:
    """All others are the same."""
    fewer = alarms_of(template_with(Alarms(topic=TOPIC, **unwanted)))

    assert fewer == {
        name: alarm for name, alarm in all_alarms().items() if not name.startswith(kind)
    }


@pytest.mark.parametrize("task", TASKS)
def test_one_dead_letter_is_an_alarm_until_sqs_says_that_there_is_none(task: str) -> None:
    """A dead-letter queue falls silent after hours, with letters in it: that ends no alarm."""
    alarm = all_alarms()[logical_id("DeadLetterAlarm", task)]
    del alarm["AlarmDescription"]

    assert alarm == {
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateNumberOfMessagesVisible",
        "Dimensions": of_queue("DeadLetterQueue", task),
        "Statistic": "Maximum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "ignore",
        "AlarmActions": [TOPIC],
    }


@pytest.mark.parametrize("task", TASKS)
def test_a_message_that_waits_too_long_is_an_alarm_until_it_is_gone(task: str) -> None:
    """How long is said; of an empty queue SQS tells no age, which ends the alarm."""
    wanted = Alarms(topic=TOPIC, oldest_message=900)
    alarm = alarms_of(template_with(wanted))[logical_id("OldestMessageAlarm", task)]
    del alarm["AlarmDescription"]

    assert alarm == {
        "Namespace": "AWS/SQS",
        "MetricName": "ApproximateAgeOfOldestMessage",
        "Dimensions": of_queue("Queue", task),
        "Statistic": "Maximum",
        "Period": 300,
        "EvaluationPeriods": 1,
        "Threshold": 900,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [TOPIC],
    }


@pytest.mark.parametrize("function", ["Worker", MAILER])
def test_a_function_that_is_throttled_for_minutes_is_an_alarm(function: str) -> None:
    """One that is throttled for a moment isn't, since Lambda tries again."""
    alarm = all_alarms()[f"ThrottleAlarm{function}"]
    del alarm["AlarmDescription"]

    assert alarm == {
        "Namespace": "AWS/Lambda",
        "MetricName": "Throttles",
        "Dimensions": [{"Name": "FunctionName", "Value": {"Ref": function}}],
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 5,
        "Threshold": 0,
        "ComparisonOperator": "GreaterThanThreshold",
        "TreatMissingData": "notBreaching",
        "AlarmActions": [TOPIC],
    }


def test_an_address_is_told_by_a_topic_of_the_systems_own() -> None:
    """All alarms tell that topic, which has nothing to do with Tasks."""
    template = template_with(Alarms(email="ops@example.com"))

    assert template["Resources"]["AlarmTopic"] == {"Type": "AWS::SNS::Topic", "Properties": {}}
    assert template["Resources"]["AlarmSubscription"]["Properties"] == {
        "TopicArn": {"Ref": "AlarmTopic"},
        "Protocol": "email",
        "Endpoint": "ops@example.com",
    }
    assert all(
        alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}] for alarm in alarms_of(template).values()
    )


def test_a_topic_that_is_there_is_told_without_another() -> None:
    """The template has no topic for alarms then."""
    resources = template_with(Alarms(topic=TOPIC))["Resources"]

    assert not {"AlarmTopic", "AlarmSubscription"} & set(resources)


def test_the_topic_of_alarms_is_encrypted_as_all_is() -> None:
    """Where the system has a KMS key, the topic has it too."""
    template = template_with(Alarms(email="ops@example.com"), kms_key=KEY)

    assert template["Resources"]["AlarmTopic"]["Properties"] == {"KmsMasterKeyId": KEY}


def test_an_age_that_no_message_reaches_is_refused() -> None:
    """A queue of the template deletes what it has kept for four days, which would be no alarm."""
    assert Alarms(topic=TOPIC, oldest_message=345_599)
    queue = template_with(None)["Resources"][logical_id("Queue", "read")]["Properties"]
    with pytest.raises(SettingsError, match="from 0 to 345,599"):
        Alarms(topic=TOPIC, oldest_message=queue["MessageRetentionPeriod"])


def test_descriptions_fit_for_the_longest_names() -> None:
    """CloudWatch takes 1,024 characters, with the longest Task, handler and stack."""
    template = system_template(
        [Worker(f"{'w' * 120}.handler", ("t" * 127,), {})],
        settings=Settings(alarms=Alarms(topic=TOPIC, oldest_message=345_599)),
    )

    for alarm in alarms_of(template).values():
        description = alarm["AlarmDescription"]["Fn::Sub"]
        description = description.replace("${AWS::StackName}", "s" * 128)
        assert len(description.replace("${AWS::Region}", "ap-southeast-1")) <= 1024


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAWS]:
    """A local AWS."""
    with LocalAWS() as started:
        yield started


@pytest.fixture(scope="module")
def shop(aws: LocalAWS) -> dict[str, dict[str, Any]]:
    """The alarms of a stack there, by their logical ids, as CloudWatch has them."""
    stack = LocalStack(aws, "shop")
    stack.deploy(template_with(Alarms(email="ops@example.com")))
    names = {name: logical for logical, name in stack.resources().items()}
    found = aws.client("cloudwatch").describe_alarms(AlarmNames=[*names])["MetricAlarms"]
    return {names[alarm["AlarmName"]]: alarm for alarm in found}


@pytest.mark.starts
def test_alarms_watch_the_queues_and_functions_of_the_stack(
    aws: LocalAWS, shop: dict[str, dict[str, Any]]
) -> None:
    """Each looks at what is there by that name."""
    sqs, functions = aws.client("sqs"), aws.client("lambda")

    assert set(shop) == set(all_alarms())
    for name, alarm in shop.items():
        (dimension,) = alarm["Dimensions"]
        if name.startswith("ThrottleAlarm"):
            assert functions.get_function(FunctionName=dimension["Value"])
        else:
            assert sqs.get_queue_url(QueueName=dimension["Value"])


@pytest.mark.starts
@pytest.mark.parametrize("name", sorted(all_alarms()))
def test_an_alarm_says_what_to_run(shop: dict[str, dict[str, Any]], name: str) -> None:
    """Its commands are the command's own, for this stack and Task, ready to be copied."""
    description = shop[name]["AlarmDescription"]
    of_it = [each for each in TASKS if name.endswith(logical_id("Alarm", each))]

    commands = told(description)
    assert commands
    for line in commands:
        options = command_parser().parse_args(shlex.split(line)[1:])
        assert (options.stack, options.region) == ("shop", "us-east-1")
        assert [options.task] == of_it if "task" in options else "task" not in line
    assert "$" not in description


@pytest.mark.starts
def test_an_alarm_reaches_whoever_is_to_be_told(
    aws: LocalAWS, shop: dict[str, dict[str, Any]]
) -> None:
    """What CloudWatch publishes comes to the topic, with what to run."""
    sqs, sns, cloudwatch = (aws.client(service) for service in ("sqs", "sns", "cloudwatch"))
    alarm = shop[logical_id("DeadLetterAlarm", "read")]
    (topic,) = alarm["AlarmActions"]
    (by_mail,) = sns.list_subscriptions_by_topic(TopicArn=topic)["Subscriptions"]
    url = sqs.create_queue(QueueName="on-call")["QueueUrl"]
    sns.subscribe(
        TopicArn=topic, Protocol="sqs", Endpoint="arn:aws:sqs:us-east-1:000000000000:on-call"
    )

    cloudwatch.set_alarm_state(AlarmName=alarm["AlarmName"], StateValue="ALARM", StateReason="-")

    received: list[dict[str, Any]] = []

    def came() -> bool:
        received.extend(sqs.receive_message(QueueUrl=url).get("Messages", []))
        return bool(received)

    wait_for(came)
    notice = json.loads(json.loads(received[0]["Body"])["Message"])
    assert (by_mail["Protocol"], by_mail["Endpoint"]) == ("email", "ops@example.com")
    assert notice["AlarmDescription"] == alarm["AlarmDescription"]
