"""What of a system changes besides its Tasks, in words: one template beside another."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from .. import kept_values

_FUNCTION = "AWS::Lambda::Function"
_ALARM = "AWS::CloudWatch::Alarm"

# They are told of one by one, those of mappings as their Tasks'.
_TOLD_OTHERWISE = frozenset({_FUNCTION, "AWS::Lambda::EventSourceMapping", _ALARM})
# Which Tasks there are decides what stands in them, and in which of these.
_POLICY_OF_TASKS = "WorkerTasks"
# Told as tags, as Tasks' timeouts and tries, and as the policies that they name.
_TOLD_PROPERTIES = frozenset({"Tags", "VisibilityTimeout", "RedrivePolicy", "ManagedPolicyArns"})
# What the types of resources are to people.
_WORDS = {
    "AWS::IAM::ManagedPolicy": "what workers and senders may do",
    "AWS::IAM::Role": "the workers' role",
    "AWS::Logs::LogGroup": "the log group",
    "AWS::S3::Bucket": "the bucket",
    "AWS::S3::BucketPolicy": "the bucket's policy",
    "AWS::SNS::Subscription": "subscriptions",
    "AWS::SNS::Topic": "topics",
    "AWS::SQS::Queue": "queues",
    "AWS::SQS::QueuePolicy": "policies of queues",
}
# What a function's properties are to people, but for those that are told of Tasks, or by their
# values. Code is told as such.
_PROPERTIES = {
    "Environment": "environment",
    "KmsKeyArn": "key",
    "Layers": "layers",
    "LoggingConfig": "logs",
    "RecursiveLoop": "recursive loops",
    "ReservedConcurrentExecutions": "reserved concurrency",
    "Role": "role",
    "TracingConfig": "tracing",
    "VpcConfig": "network",
}


def changes_besides_tasks(
    deployed: Mapping[str, Any], template: Mapping[str, Any]
) -> Iterator[str]:
    """Give what changes besides Tasks, each in a few words. Values of the environment are left out.

    Args:
        deployed: The template before.
        template: The one after.
    """
    before, after = deployed["Resources"], template["Resources"]
    yield from _of_functions(_of_type(_FUNCTION, before), _of_type(_FUNCTION, after))
    yield from _of_alarms(_of_type(_ALARM, before), _of_type(_ALARM, after))
    both = [name for name in after if name in before]
    if any(_tags(before[name]) != _tags(after[name]) for name in both):
        yield "tags"
    changed = [
        name
        for name in both
        if after[name]["Type"] not in _TOLD_OTHERWISE
        and not name.startswith(_POLICY_OF_TASKS)
        and _compared(before[name]) != _compared(after[name])
    ]
    yield from _of_resources(changed, before, after)
    if ("Bucket" in before) != ("Bucket" in after):
        yield "another bucket"


def _of_type(kind: str, resources: Mapping[str, Any]) -> dict[str, Any]:
    return {name: each for name, each in resources.items() if each["Type"] == kind}


def _of_functions(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    """Give each difference once, and of which workers it is where it isn't of all."""
    workers_of: dict[str, list[str]] = {}
    both = [name for name in after if name in before]
    for name in both:
        old, new = before[name]["Properties"], after[name]["Properties"]
        worker = (kept_values.handler_of(new) or name).rpartition(".")[0]
        for text in _of_function(old, new):
            workers_of.setdefault(text, []).append(worker)
    for text, workers in workers_of.items():
        whose = "" if len(workers) == len(both) else f" of {', '.join(dict.fromkeys(workers))}"
        yield f"{text}{whose}"


def _of_function(old: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[str]:
    if old.get("Runtime") != new.get("Runtime"):
        yield f"runtime {old.get('Runtime')} → {new.get('Runtime')}"
    architectures = [(each.get("Architectures") or ["x86_64"])[0] for each in (old, new)]
    if architectures[0] != architectures[1]:
        yield f"architecture {architectures[0]} → {architectures[1]}"
    for name, word in _PROPERTIES.items():
        if old.get(name) != new.get(name):
            yield f"{word}{_variables(old, new) if name == 'Environment' else ''}"


def _variables(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """Return which variables change, without the values, which are nobody's to see."""
    before, after = (each.get("Environment", {}).get("Variables", {}) for each in (old, new))
    names = [
        *(f"+ {name}" for name in after if name not in before),
        *(f"~ {name}" for name in after if name in before and before[name] != after[name]),
        *(f"- {name}" for name in before if name not in after),
    ]
    return f" {', '.join(names)}"


def _of_alarms(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    added = len(after.keys() - before.keys())
    removed = len(before.keys() - after.keys())
    changed = sum(
        _compared(before[name]) != _compared(after[name]) for name in after & before.keys()
    )
    counts = ((added, "+"), (changed, "~"), (removed, "-"))
    if told := [f"{sign} {number}" for number, sign in counts if number]:
        yield f"alarms {', '.join(told)}"


def _of_resources(
    changed: list[str], before: Mapping[str, Any], after: Mapping[str, Any]
) -> Iterator[str]:
    """Give what resources of other types are, those of a type together."""
    types = {name: after[name]["Type"] for name in changed}
    for kind in dict.fromkeys(types.values()):
        names = [name for name in changed if types[name] == kind]
        word = _WORDS.get(kind, kind)
        pairs = [(before[name], after[name]) for name in names]
        if all(_compared(old)["Properties"] == _compared(new)["Properties"] for old, new in pairs):
            word = f"when {word} come and go"
        yield word


def _tags(resource: Mapping[str, Any]) -> object:
    return resource.get("Properties", {}).get("Tags")


def _compared(resource: Mapping[str, Any]) -> dict[str, Any]:
    """Return of a resource what isn't told otherwise."""
    properties = {
        name: value
        for name, value in resource.get("Properties", {}).items()
        if name not in _TOLD_PROPERTIES
    }
    return {**resource, "Properties": properties}
