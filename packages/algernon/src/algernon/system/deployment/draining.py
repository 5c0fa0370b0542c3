"""Letting the workers finish what they have in hand, before what runs it changes.

That a Task is paused stands in the stack's own template: so the next deployment goes on with one
that was interrupted, and CloudFormation undoes what it can't carry out.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from ..at_once import at_once
from ..looks import looks
from ..place import Place
from ..queue_facts import read_queue_facts
from ..refusals import is_here
from ..template.logical_ids import logical_id
from .template_tasks import tasks_in

# For so long nothing may be seen in hand, since SQS's numbers are approximate.
_QUIET_SECONDS = 2.0
# And for so long they may tell what was so before, at least: Amazon SQS API Reference,
# GetQueueAttributes. A local AWS counts.
_STALE_SECONDS = 60.0
# For Lambda to stop polling, and to hand over what it has received by then.
_HANDING_OVER_SECONDS = 120

# With what is published while a Task goes, and with what the queue holds.
_STAY = ("Queue", "DeadLetterQueue", "QueuePolicy", "Subscription")


def interim_template(
    deployed: Mapping[str, Any], paused: Collection[str], removed: Collection[str]
) -> dict[str, Any]:
    """Return the deployed template with some Tasks paused, and the queues of others kept.

    In the templates of Algernon 1.8 and older, queues are deleted with their Task. What becomes of
    a resource can't be changed alone, but the mapping is changed with it (AWS CloudFormation
    Template Reference, "DeletionPolicy attribute").

    Args:
        deployed: The template that the stack has.
        paused: The Tasks whose messages aren't taken any more.
        removed: The Tasks that are going to go.

    Example:
        >>> from ...worker import Worker
        >>> from ..template.document import system_template
        >>> deployed = system_template([Worker("shop.handler", ("pay",), {})])
        >>> interim = interim_template(deployed, ["pay"], [])
        >>> interim["Resources"]["WorkerQueuePay9350872D"]["Properties"]["Enabled"]
        False
    """
    template = _copy(deployed)
    tasks = tasks_in(template)
    for name in paused:
        if (mapping := tasks[name].mapping) is not None:
            template["Resources"][mapping]["Properties"]["Enabled"] = False
    for name in removed:
        for kind in _STAY:
            resource = template["Resources"].get(logical_id(kind, name), {})
            if not resource.get("DeletionPolicy", "Delete").startswith("Retain"):
                resource["DeletionPolicy"] = "Retain"
    return template


def paused_tasks(deployed: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the Tasks that a deployment paused which didn't come to its end."""
    return tuple(name for name, task in tasks_in(deployed).items() if task.is_paused)


def resumed_template(deployed: Mapping[str, Any]) -> dict[str, Any]:
    """Return the deployed template with what was paused active, to undo `interim_template`."""
    return with_mappings_active(deployed, deployed)


def with_mappings_active(
    template: Mapping[str, Any], deployed: Mapping[str, Any] | None
) -> dict[str, Any]:
    """Return a template by which mappings are active that a deployment has paused, now or before.

    To leave the property out would leave a mapping as it is, since Lambda changes what it is told
    to (AWS Lambda API Reference, UpdateEventSourceMapping).
    """
    active = _copy(template)
    before = {} if deployed is None else deployed["Resources"]
    for name, resource in active["Resources"].items():
        if resource["Type"] == "AWS::Lambda::EventSourceMapping" and "Enabled" in before.get(
            name, {}
        ).get("Properties", {}):
            resource["Properties"]["Enabled"] = True
    return active


def wait_until_drained(
    place: Place,
    queue_urls: Mapping[str, str],
    *,
    longest: float,
    tell: Callable[[str], object],
) -> None:
    """Wait until no worker has messages in hand of Tasks that are paused.

    A message that failed is hidden until it is tried again, as one in hand is. What is still hidden
    when no worker can have it any more waits for whoever takes it next.

    Args:
        place: The system.
        queue_urls: The Tasks' queues, by the Tasks' names.
        longest: For how many seconds a worker may have a batch.
        tell: Where it is said what is waited for.

    Raises:
        botocore.exceptions.ClientError: SQS refused it, such as for the right
            ``sqs:GetQueueAttributes``.
    """
    sqs = place.client("sqs")
    stale = 0.0 if is_here(urlsplit(sqs.meta.endpoint_url).hostname or "") else _STALE_SECONDS
    if stale:
        tell(f"looking for {stale:.0f} s what workers have in hand: SQS's numbers may be so old")
    is_told = False
    busy_until = 0.0
    for waited in looks():
        hidden = _hidden(sqs, queue_urls)
        if hidden:
            busy_until = waited
        elif waited - busy_until >= _QUIET_SECONDS and waited >= stale:
            return
        counts = ", ".join(f"{task}: {number:,}" for task, number in hidden.items())
        if waited > longest + _HANDING_OVER_SECONDS:
            tell(f"what is left is in no worker's hands, but hidden until its next try ({counts})")
            return
        if hidden and not is_told:
            tell(f"waiting until the workers have finished what they have in hand ({counts})")
            is_told = True


def _hidden(sqs: Any, queue_urls: Mapping[str, str]) -> dict[str, int]:
    """Return how many messages were received and are neither deleted nor visible, if some are."""
    read = partial(read_queue_facts, sqs)
    facts = dict(zip(queue_urls, at_once(read, queue_urls.values()), strict=True))
    return {task: queue.in_flight for task, queue in facts.items() if queue.in_flight}


def _copy(template: Mapping[str, Any]) -> dict[str, Any]:
    copied: dict[str, Any] = copy.deepcopy(dict(template))
    return copied
