"""The event source mappings by which Lambda takes Tasks' messages to their workers."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

from ..errors import MappingError
from .at_once import at_once
from .looks import looks

# Above so many queues it takes fewer calls to list all mappings of the account and region,
# of which a call gives a hundred.
_MOST_ASKED_ALONE = 5

# AWS Lambda API Reference, EventSourceMappingConfiguration: its states.
_ENABLED, _DISABLED = "Enabled", "Disabled"
_SETTLED = (_ENABLED, _DISABLED)
# AWS Lambda API Reference, UpdateEventSourceMapping: it is being changed by somebody else.
_BUSY = ("ResourceConflictException", "ResourceInUseException")

#: Whether a Task's messages are taken to a worker: they are; they aren't; that is about to change;
#: or there is no mapping that could.
Feeding: TypeAlias = Literal["active", "paused", "pausing", "resuming", "changing", "no worker"]

_FEEDING: dict[str, Feeding] = {
    _ENABLED: "active",
    _DISABLED: "paused",
    "Disabling": "pausing",
    "Enabling": "resuming",
}


@dataclass(frozen=True, slots=True)
class QueueMapping:
    """A mapping by which Lambda takes the messages of a queue to a function.

    Attributes:
        mapping_id: Its UUID.
        queue_arn: The queue.
        function_arn: The function, or a version or alias of it.
        state: AWS's word for how it is, such as ``Enabled`` or ``Disabling``.
        batch_size: How many messages a batch has at the most.
        max_concurrency: How many batches it has worked on at the same time, at the most; None
            where it sets no limit.
    """

    mapping_id: str
    queue_arn: str
    function_arn: str
    state: str
    batch_size: int
    max_concurrency: int | None = None


def function_name(arn: str) -> str:
    """Return the name of a function, without the version or alias that an ARN may have."""
    # arn:PARTITION:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]
    return arn.split(":")[6]


def find_mappings(client: Any, queue_arns: Collection[str]) -> dict[str, list[QueueMapping]]:
    """Return the mappings of queues, by the queues' ARNs; of some there may be none.

    Args:
        client: A boto3 client for Lambda.
        queue_arns: The queues.

    Raises:
        botocore.exceptions.ClientError: Lambda refused it, such as for the right
            ``lambda:ListEventSourceMappings``.
    """
    found: dict[str, list[QueueMapping]] = {arn: [] for arn in queue_arns}
    filters: list[dict[str, str]] = [{}]
    if len(found) <= _MOST_ASKED_ALONE:
        filters = [{"EventSourceArn": arn} for arn in found]
    pages = client.get_paginator("list_event_source_mappings")
    for asked in filters:
        for page in pages.paginate(**asked):
            for each in page["EventSourceMappings"]:
                if each.get("EventSourceArn") in found:
                    found[each["EventSourceArn"]].append(_mapping(each))
    return found


def feeding_of(mappings: Iterable[QueueMapping]) -> Feeding:
    """Return whether messages of a queue are taken to a worker, by all of its mappings."""
    states = {_FEEDING.get(mapping.state, "changing") for mapping in mappings}
    if not states:
        return "no worker"
    # What several do differently is on its way, or takes messages.
    in_this_order: Sequence[Feeding] = ("changing", "pausing", "resuming", "active", "paused")
    return next(state for state in in_this_order if state in states)


def switch_mappings(
    client: Any, mappings: Sequence[QueueMapping], *, is_enabled: bool, timeout: float
) -> None:
    """Enable or disable mappings, and wait until they all are.

    One that is so already is left alone; one that is being changed is changed after that, and
    one that a deployment changes back meanwhile is changed again.

    Args:
        client: A boto3 client for Lambda.
        mappings: The mappings.
        is_enabled: Whether they are to take messages.
        timeout: For how many seconds to wait.

    Raises:
        MappingError: It wasn't so in time, or one of them is gone.
        botocore.exceptions.ClientError: Lambda refused it, such as for one of the rights
            ``lambda:ListEventSourceMappings`` and ``lambda:UpdateEventSourceMapping``.

    Example:
        >>> switch_mappings(client, mappings, is_enabled=False, timeout=60)  # doctest: +SKIP
    """
    wanted = _ENABLED if is_enabled else _DISABLED

    def ask(mapping: QueueMapping) -> QueueMapping:
        """Ask for the change, if it has to and can be made now, and return what is so."""
        if mapping.state not in _SETTLED or mapping.state == wanted:
            return mapping
        state = _update(client, mapping.mapping_id, is_enabled=is_enabled)
        return mapping if state is None else replace(mapping, state=state)

    left = [*mappings]
    for number, _ in enumerate(looks(timeout)):
        now = _as_they_are(client, left) if number else left
        left = [each for each in at_once(ask, now) if each.state != wanted]
        if not left:
            return
    raise _too_late(left, wanted, timeout)


def _as_they_are(client: Any, mappings: Sequence[QueueMapping]) -> list[QueueMapping]:
    """Return mappings as they are by now."""
    found = find_mappings(client, {each.queue_arn for each in mappings})
    now = {each.mapping_id: each for some in found.values() for each in some}
    for each in mappings:
        if each.mapping_id not in now:
            raise MappingError(
                f"the event source mapping {each.mapping_id} of {each.queue_arn} is gone: somebody"
                " has deleted it meanwhile, as a deployment does; look with algernon tasks"
            )
    return [now[each.mapping_id] for each in mappings]


def _mapping(found: dict[str, Any]) -> QueueMapping:
    return QueueMapping(
        mapping_id=found["UUID"],
        queue_arn=found["EventSourceArn"],
        function_arn=found["FunctionArn"],
        state=found["State"],
        batch_size=found["BatchSize"],
        max_concurrency=found.get("ScalingConfig", {}).get("MaximumConcurrency"),
    )


def _update(client: Any, mapping_id: str, *, is_enabled: bool) -> str | None:
    """Return the state of a mapping that was asked to change, or None if it can't be yet."""
    from botocore.exceptions import ClientError

    try:
        answer = client.update_event_source_mapping(UUID=mapping_id, Enabled=is_enabled)
    except ClientError as error:
        if error.response["Error"]["Code"] in _BUSY:
            return None
        raise
    return str(answer["State"])


def _too_late(left: Sequence[QueueMapping], wanted: str, timeout: float) -> MappingError:
    told = ", ".join(f"{each.queue_arn.rpartition(':')[2]} is {each.state}" for each in left)
    return MappingError(
        f"after {timeout:g} s not all event source mappings are {wanted}: {told}; AWS goes on"
        " with what it was asked for, so look again with algernon status, or wait longer with"
        " --timeout"
    )
