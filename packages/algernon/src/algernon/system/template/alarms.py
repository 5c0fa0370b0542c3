"""What somebody is told about: alarms of CloudWatch, for each Task and each function."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..settings.settings import Alarms, Settings
from .functions import Function
from .logical_ids import logical_id

_MINUTE = 60
# Amazon CloudWatch User Guide, "Alarm evaluation windows": the last five minutes, each minute anew.
# So a letter that `algernon dead` hides while it is looked at doesn't end its alarm.
_FIVE_MINUTES = 5 * _MINUTE
# Lambda tries again what it throttled, and goes on by itself when it is a matter of moments.
_THROTTLED_MINUTES = 5

_PLACE = "--stack ${AWS::StackName} --region ${AWS::Region}"


def alarms(
    tasks: Sequence[str], functions: Sequence[Function], settings: Settings
) -> dict[str, Any]:
    """Return the alarms that are asked for, and the topic that they tell where it is their own.

    They tell when something begins, not when it is over: CloudWatch would tell that of each new
    alarm, too, for as many Tasks as there are.

    Args:
        tasks: The names of the Tasks.
        functions: The functions that run them, as far as they are the template's own.
        settings: Those of the system.
    """
    wanted = settings.alarms
    if wanted is None:
        return {}
    resources = {} if wanted.email is None else _topic(wanted.email, settings.kms_key)
    for task in tasks:
        resources |= _of_task(task, wanted)
    if wanted.throttles:
        for function in functions:
            resources[f"ThrottleAlarm{function.id}"] = _throttles(function, wanted)
    return resources


def _topic(email: str, kms_key: str | None) -> dict[str, Any]:
    return {
        "AlarmTopic": {
            "Type": "AWS::SNS::Topic",
            "Properties": {} if kms_key is None else {"KmsMasterKeyId": kms_key},
        },
        "AlarmSubscription": {
            "Type": "AWS::SNS::Subscription",
            "Properties": {
                "TopicArn": {"Ref": "AlarmTopic"},
                "Protocol": "email",
                "Endpoint": email,
            },
        },
    }


def _of_task(task: str, wanted: Alarms) -> dict[str, Any]:
    resources = {}
    if wanted.dead_letters:
        resources[logical_id("DeadLetterAlarm", task)] = _dead_letters(task, wanted)
    if wanted.oldest_message:
        resources[logical_id("OldestMessageAlarm", task)] = _oldest_message(task, wanted)
    return resources


def _dead_letters(task: str, wanted: Alarms) -> dict[str, Any]:
    return _alarm(
        f"Messages of the Task {task} were given up. Which, and why:"
        f" algernon dead list {_PLACE} --task {task}. When that is mended:"
        f" algernon dead redrive {_PLACE} --task {task}",
        wanted,
        {
            # What is moved to a queue counts there as visible, but not as sent.
            **_of_queue(logical_id("DeadLetterQueue", task), "ApproximateNumberOfMessagesVisible"),
            "Statistic": "Maximum",
            "Period": _FIVE_MINUTES,
            "EvaluationPeriods": 1,
            "Threshold": 0,
            # Amazon SQS Developer Guide, "Monitoring Amazon SQS queues using CloudWatch": a queue
            # that nobody has asked for hours falls silent, with letters in it or without.
            "TreatMissingData": "ignore",
        },
    )


def _oldest_message(task: str, wanted: Alarms) -> dict[str, Any]:
    return _alarm(
        f"A message of the Task {task} has waited for more than {wanted.oldest_message} s. How many"
        f" wait, and whether a worker takes them: algernon status {_PLACE}",
        wanted,
        {
            **_of_queue(logical_id("Queue", task), "ApproximateAgeOfOldestMessage"),
            "Statistic": "Maximum",
            "Period": _FIVE_MINUTES,
            "EvaluationPeriods": 1,
            "Threshold": wanted.oldest_message,
            # Amazon SQS Developer Guide, "Available CloudWatch metrics for Amazon SQS": of an
            # empty queue there is no age.
            "TreatMissingData": "notBreaching",
        },
    )


def _throttles(function: Function, wanted: Alarms) -> dict[str, Any]:
    return _alarm(
        f"Lambda has throttled the worker {function.worker.module} for {_THROTTLED_MINUTES}"
        " minutes: more of it is to run at a time than its limit, or the account's, lets. Which of"
        " its Tasks have messages that wait:"
        f" algernon status {_PLACE}",
        wanted,
        {
            "Namespace": "AWS/Lambda",
            "MetricName": "Throttles",
            "Dimensions": [{"Name": "FunctionName", "Value": {"Ref": function.id}}],
            "Statistic": "Sum",
            "Period": _MINUTE,
            "EvaluationPeriods": _THROTTLED_MINUTES,
            "Threshold": 0,
            # A function that isn't called has no metrics.
            "TreatMissingData": "notBreaching",
        },
    )


def _of_queue(queue: str, metric: str) -> dict[str, Any]:
    return {
        "Namespace": "AWS/SQS",
        "MetricName": metric,
        "Dimensions": [{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}],
    }


def _alarm(description: str, wanted: Alarms, metric: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "Type": "AWS::CloudWatch::Alarm",
        "Properties": {
            "AlarmDescription": {"Fn::Sub": description},
            **metric,
            "ComparisonOperator": "GreaterThanThreshold",
            "AlarmActions": [wanted.topic or {"Ref": "AlarmTopic"}],
        },
    }
