"""The Tasks of a system as its template has them, whichever version of Algernon wrote it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from .. import kept_values
from ..template.logical_ids import logical_id

_MAPPING = "AWS::Lambda::EventSourceMapping"
_TOPIC = "AWS::SNS::Topic"
_TOPIC_PREFIX = "${AWS::StackName}-"
# Amazon SQS API Reference, SetQueueAttributes: where nothing is said.
_HIDDEN_SECONDS = 30


@dataclass(frozen=True, slots=True)
class TemplateTask:
    """A Task, as a template describes it.

    Attributes:
        name: Its name.
        mapping: The logical id of what takes its messages to its worker, or None where it has
            none there, as in a template of ``--part tasks``.
        worker: The full name of its worker's module, or None likewise.
        is_paused: Whether its messages aren't taken, as the template says.
        hidden_seconds: For how long its queue hides a message that was received.
        function: The properties of the function that runs it; empty where there is none.
        settings: What may be its own, by the words for it, such as ``{"timeout": 30}``.
    """

    name: str
    mapping: str | None
    worker: str | None
    is_paused: bool
    hidden_seconds: int
    function: Mapping[str, Any] = field(repr=False)
    settings: Mapping[str, Any]


def tasks_in(template: Mapping[str, Any]) -> dict[str, TemplateTask]:
    """Return the Tasks of a template, by their names, in its order.

    Example:
        >>> from ...worker import Worker
        >>> from ..template.document import system_template
        >>> tasks_in(system_template([Worker("shop.handler", ("pay",), {})]))["pay"].worker
        'shop'
    """
    resources = template["Resources"]
    mappings = _mappings_by_queue(resources)
    return {name: _task(name, resources, mappings) for name in _names(resources)}


def _names(resources: Mapping[str, Any]) -> list[str]:
    """Return the names of the Tasks, which the names of their topics end with."""
    topics = [
        resource.get("Properties", {}).get("TopicName")
        for resource in resources.values()
        if resource["Type"] == _TOPIC
    ]
    texts = [topic["Fn::Sub"] for topic in topics if isinstance(topic, dict) and "Fn::Sub" in topic]
    names = [text.removeprefix(_TOPIC_PREFIX).removesuffix(".fifo") for text in texts]
    return [name for name in names if logical_id("Queue", name) in resources]


def _mappings_by_queue(resources: Mapping[str, Any]) -> dict[str, str]:
    found = {}
    for name, resource in resources.items():
        if resource["Type"] == _MAPPING:
            queue = _named(resource["Properties"].get("EventSourceArn"))
            if queue is not None:
                found[queue] = name
    return found


def _named(expression: object) -> str | None:
    """Return the logical id of what an expression names, if it is one of the template."""
    match expression:
        case {"Ref": str(name)} | {"Fn::GetAtt": [str(name), *_]}:
            return name
        case {"Fn::GetAtt": str(path)}:
            return path.partition(".")[0]
    return None


def _task(name: str, resources: Mapping[str, Any], mappings: Mapping[str, str]) -> TemplateTask:
    queue = resources[logical_id("Queue", name)].get("Properties", {})
    mapping = mappings.get(logical_id("Queue", name))
    fed: Mapping[str, Any] = resources[mapping]["Properties"] if mapping else {}
    function_id = _named(fed.get("FunctionName")) or ""
    function = resources.get(function_id, {}).get("Properties", {})
    handler = kept_values.handler_of(function)
    return TemplateTask(
        name,
        mapping,
        None if handler is None else handler.rpartition(".")[0],
        fed.get("Enabled") is False,
        queue.get("VisibilityTimeout", _HIDDEN_SECONDS),
        function,
        _settings(queue, fed, function) if function else {},
    )


def _settings(
    queue: Mapping[str, Any], fed: Mapping[str, Any], function: Mapping[str, Any]
) -> dict[str, Any]:
    variables = function.get("Environment", {}).get("Variables", {})
    receives = queue.get("RedrivePolicy", {}).get("maxReceiveCount", 0)
    return {
        "timeout": function.get("Timeout"),
        "memory": function.get("MemorySize"),
        "batch_size": fed.get("BatchSize"),
        "batch_window": fed.get("MaximumBatchingWindowInSeconds"),
        "max_concurrency": fed.get("ScalingConfig", {}).get("MaximumConcurrency"),
        # Without the receives in which nothing is run.
        "tries": receives - int(variables.get("ALGERNON_EXTRA_RECEIVES", 0)),
    }
