"""What is said of a system when it is deployed, and what follows from it."""

from __future__ import annotations

# What a message points to has to outlive it: 14 days as a dead letter and, moved
# back to its queue, 14 days more.
_SHORTEST_CACHE_DAYS = 29
_CACHE_DAYS = 30

PARAMETERS = {
    "CodeBucket": {"Type": "String", "Description": "The bucket that holds the function's zip"},
    "CodeKey": {
        "Type": "String",
        "Description": "The zip's key, a new one for each version of the code",
    },
    "CacheDays": {
        "Type": "Number",
        "Default": _CACHE_DAYS,
        "MinValue": _SHORTEST_CACHE_DAYS,
        "Description": "Days after which stored results and arguments are deleted",
    },
    "Debug": {
        "Type": "String",
        "AllowedValues": ["true", "false"],
        "Default": "false",
        "Description": "Whether the workers log at level DEBUG",
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
        "Description": "The CloudWatch namespace of the Tasks' metrics; none are written without",
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
}

CONDITIONS = {
    "LogsAreDebug": {"Fn::Equals": [{"Ref": "Debug"}, "true"]},
    "LogsAreJson": {"Fn::Equals": [{"Ref": "LogFormat"}, "JSON"]},
    "StateMachinesWait": {"Fn::Not": [{"Fn::Equals": [{"Ref": "StateMachines"}, ""]}]},
    "TracingIsOff": {"Fn::Equals": [{"Ref": "Tracing"}, "off"]},
}
