"""What is said of a system when it is deployed, and what follows from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..settings.settings import CACHE_PERIODS, TRUSTED_BUCKET_FORM

# What the Tasks take, where the functions are one's own.
_OF_TASKS = ("CacheDays", "StateMachines", "TrustedBuckets")

PARAMETERS: Mapping[str, Mapping[str, Any]] = {
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
        "Default": 30,
        "MinValue": CACHE_PERIODS[0],
        "Description": "Days after which stored results and arguments are deleted",
    },
    "Debug": {
        "Type": "String",
        "AllowedValues": ["true", "false"],
        "Default": "false",
        "Description": "Whether the workers log at level DEBUG",
    },
    "InlineBytes": {
        "Type": "Number",
        "Default": 0,
        "MinValue": 0,
        "Description": "How long a result may be, in bytes, to travel in the message",
    },
    "LogFormat": {
        "Type": "String",
        "AllowedValues": ["JSON", "Text"],
        "Default": "JSON",
        "Description": "The format of the log lines, the workers' and Lambda's own",
    },
    "MetricsNamespace": {
        "Type": "String",
        "Default": "",
        "Description": ("The CloudWatch namespace of the Tasks' metrics; none are written without"),
    },
    "RecursiveLoop": {
        "Type": "String",
        "AllowedValues": ["Allow", "Terminate"],
        "Default": "Allow",
        "Description": "Whether Lambda stops a chain that comes to a worker some 16 times",
    },
    "StateMachines": {
        "Type": "String",
        "Default": "",
        # Wider than the setting: it is what stacks have been deployed with.
        "AllowedPattern": r"(\*|arn:[^,\s]+(,arn:[^,\s]+)*)?",
        "ConstraintDescription": "ARNs, separated by commas without spaces, or *",
        "Description": "ARNs of the state machines that wait for Tasks, or *",
    },
    "Tracing": {
        "Type": "String",
        "AllowedValues": ["xray", "otel", "off"],
        "Default": "xray",
        "Description": "ALGERNON_TRACING of the workers",
    },
    "TrustedBuckets": {
        "Type": "String",
        "Default": "",
        "AllowedPattern": rf"({TRUSTED_BUCKET_FORM}(,{TRUSTED_BUCKET_FORM})*)?",
        "ConstraintDescription": (
            "buckets, and folders in them, separated by commas without spaces"
        ),
        "Description": "Buckets, and folders in them, that the workers read besides their own",
    },
}

PARAMETERS_OF_TASKS = {name: PARAMETERS[name] for name in _OF_TASKS}

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
