"""What happens to a stack and its resources, as CloudFormation tells it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class StackEvent:
    """What happened to a stack, or to a resource of it.

    Attributes:
        event_id: What it is known by.
        stack_id: The stack's id.
        logical_id: The resource, by its name in the template; of the stack itself, its name.
        physical_id: What AWS calls it, such as the URL of a queue; ``""`` while it has none.
        kind: Its type, such as ``"AWS::SQS::Queue"``.
        status: CloudFormation's word for how it is, such as ``CREATE_FAILED``.
        reason: Why, or ``""``.
    """

    event_id: str
    stack_id: str
    logical_id: str
    physical_id: str
    kind: str
    status: str
    reason: str

    @property
    def is_of_stack(self) -> bool:
        """Whether it is the stack's own, and no resource's."""
        return self.physical_id == self.stack_id


class EventFeed:
    """The events of a stack from now on.

    Args:
        cloudformation: A boto3 client for CloudFormation.
        stack_id: The stack's id.

    Raises:
        botocore.exceptions.ClientError: AWS refused it, such as for the right
            ``cloudformation:DescribeStackEvents``.

    Example:
        >>> feed = EventFeed(cloudformation, stack_id)  # doctest: +SKIP
        >>> change_set.execute()  # doctest: +SKIP
        >>> [event.status for event in feed.new()]  # doctest: +SKIP
        ['UPDATE_IN_PROGRESS']
    """

    def __init__(self, cloudformation: Any, stack_id: str) -> None:
        self._cloudformation = cloudformation
        self._stack_id = stack_id
        newest = next(read_events(cloudformation, stack_id), None)
        self._seen = newest and newest.event_id

    def new(self) -> list[StackEvent]:
        """Return the events that came since the last call, or since it was made, in order."""
        events: list[StackEvent] = []
        for event in read_events(self._cloudformation, self._stack_id):
            if event.event_id == self._seen:
                break
            events.append(event)
        if events:
            self._seen = events[0].event_id
        return events[::-1]


def read_events(cloudformation: Any, stack: str) -> Iterator[StackEvent]:
    """Give all events of a stack, newest first.

    Args:
        cloudformation: A boto3 client for CloudFormation.
        stack: The stack's name or id; by its id they are known for 90 days after its end.

    Raises:
        botocore.exceptions.ClientError: There is no such stack, or AWS refused it, such as
            for the right ``cloudformation:DescribeStackEvents``.
    """
    pages = cloudformation.get_paginator("describe_stack_events").paginate(StackName=stack)
    for page in pages:
        for event in page["StackEvents"]:
            yield StackEvent(
                event_id=event["EventId"],
                stack_id=event["StackId"],
                logical_id=event.get("LogicalResourceId", ""),
                physical_id=event.get("PhysicalResourceId", ""),
                kind=event.get("ResourceType", ""),
                status=event.get("ResourceStatus", ""),
                reason=event.get("ResourceStatusReason", ""),
            )
