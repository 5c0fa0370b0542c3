"""What is said of a system when it is deployed, and what follows from it."""

from __future__ import annotations

from typing import Any

from ...errors import SettingsError
from ..settings.settings import CACHE_PERIODS, TRUSTED_BUCKET_FORM, Settings

# What the Tasks take, where the functions are one's own.
_OF_TASKS = ("CacheDays", "StateMachines", "TrustedBuckets")

# AWS CloudFormation User Guide, "Understand CloudFormation quotas": the value of a parameter.
_LONGEST_VALUE = 4096


def parameters(settings: Settings) -> dict[str, Any]:
    """Return the parameters, whose defaults are what the settings say.

    Raises:
        SettingsError: A list is longer than a parameter may be.
    """
    return {
        "CodeBucket": {
            "Type": "String",
            "Description": "The bucket that holds the function's zip",
        },
        "CodeKey": {
            "Type": "String",
            "Description": "The zip's key, a new one for each version of the code",
        },
        "CacheDays": {
            "Type": "Number",
            "Default": settings.cache_days,
            "MinValue": CACHE_PERIODS[0],
            "Description": "Days after which stored results and arguments are deleted",
        },
        "Debug": {
            "Type": "String",
            "AllowedValues": ["true", "false"],
            "Default": "true" if settings.debug else "false",
            "Description": "Whether the workers log at level DEBUG",
        },
        "InlineBytes": {
            "Type": "Number",
            "Default": settings.inline_bytes,
            "MinValue": 0,
            "Description": "How long a result may be, in bytes, to travel in the message",
        },
        "LogFormat": {
            "Type": "String",
            "AllowedValues": ["JSON", "Text"],
            "Default": settings.log_format,
            "Description": "The format of the log lines, the workers' and Lambda's own",
        },
        "MetricsNamespace": {
            "Type": "String",
            "Default": settings.metrics_namespace,
            "Description": (
                "The CloudWatch namespace of the Tasks' metrics; none are written without"
            ),
        },
        "RecursiveLoop": {
            "Type": "String",
            "AllowedValues": ["Allow", "Terminate"],
            "Default": settings.recursive_loop,
            "Description": "Whether Lambda stops a chain that comes to a worker some 16 times",
        },
        "StateMachines": {
            "Type": "String",
            "Default": _joined("state_machines", settings),
            # Wider than the setting: it is what stacks have been deployed with.
            "AllowedPattern": r"(\*|arn:[^,\s]+(,arn:[^,\s]+)*)?",
            "ConstraintDescription": "ARNs, separated by commas without spaces, or *",
            "Description": "ARNs of the state machines that wait for Tasks, or *",
        },
        "Tracing": {
            "Type": "String",
            "AllowedValues": ["xray", "otel", "off"],
            "Default": settings.tracing,
            "Description": "ALGERNON_TRACING of the workers",
        },
        "TrustedBuckets": {
            "Type": "String",
            "Default": _joined("trusted_buckets", settings),
            "AllowedPattern": rf"({TRUSTED_BUCKET_FORM}(,{TRUSTED_BUCKET_FORM})*)?",
            "ConstraintDescription": (
                "buckets, and folders in them, separated by commas without spaces"
            ),
            "Description": "Buckets, and folders in them, that the workers read besides their own",
        },
    }


def _joined(name: str, settings: Settings) -> str:
    value = ",".join(getattr(settings, name))
    if (size := len(value.encode())) > _LONGEST_VALUE:
        raise SettingsError(
            f"is {size:,} bytes together, but it is a parameter of the template, of which"
            f" CloudFormation takes {_LONGEST_VALUE:,} at most: name fewer, or what several have in"
            " common",
            key=(name,),
        )
    return value


def parameters_of_tasks(settings: Settings) -> dict[str, Any]:
    """Return those that a template without functions has."""
    all_parameters = parameters(settings)
    return {name: all_parameters[name] for name in _OF_TASKS}


CONDITIONS = {
    "BucketsAreTrusted": {"Fn::Not": [{"Fn::Equals": [{"Ref": "TrustedBuckets"}, ""]}]},
    "InChina": {"Fn::Equals": [{"Ref": "AWS::Partition"}, "aws-cn"]},
    "InGovCloud": {"Fn::Equals": [{"Ref": "AWS::Partition"}, "aws-us-gov"]},
    "LogsAreDebug": {"Fn::Equals": [{"Ref": "Debug"}, "true"]},
    "LogsAreJson": {"Fn::Equals": [{"Ref": "LogFormat"}, "JSON"]},
    "StateMachinesWait": {"Fn::Not": [{"Fn::Equals": [{"Ref": "StateMachines"}, ""]}]},
    "TracingIsOff": {"Fn::Equals": [{"Ref": "Tracing"}, "off"]},
}

CONDITIONS_OF_TASKS = {
    name: CONDITIONS[name]
    for name in ("BucketsAreTrusted", "InChina", "InGovCloud", "StateMachinesWait")
}
