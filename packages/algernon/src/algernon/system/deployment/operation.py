"""What CloudFormation is doing with a stack, from its beginning to its end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ...errors import DeploymentError
from ..looks import looks
from ..stack import Stack
from ..throttling import is_throttled
from .failures import first_failure, with_advice
from .stack_events import EventFeed, StackEvent


class Operation:
    """What is about to be done with a stack.

    Args:
        cloudformation: A boto3 client for CloudFormation.
        stack_id: The stack's id, by which it is found also where it ends.

    Attributes:
        events: What happened so far, in order.

    Raises:
        botocore.exceptions.ClientError: AWS refused it, such as for the right
            ``cloudformation:DescribeStackEvents``.

    Example:
        >>> operation = Operation(cloudformation, change_set.stack_id)  # doctest: +SKIP
        >>> change_set.execute()  # doctest: +SKIP
        >>> operation.wait()  # doctest: +SKIP
        'UPDATE_COMPLETE'
    """

    def __init__(self, cloudformation: Any, stack_id: str) -> None:
        self._stack = Stack(cloudformation, stack_id)
        self._feed = EventFeed(cloudformation, stack_id)
        self.events: list[StackEvent] = []

    def wait(
        self,
        timeout: float | None = None,
        *,
        progress: Callable[[StackEvent], object] = lambda _: None,
    ) -> str:
        """Wait until CloudFormation is done, and return its word for how the stack is then.

        Args:
            timeout: For how many seconds; as long as it takes by default.
            progress: Is called with each event.

        Raises:
            DeploymentError: It isn't done in time.
        """
        from botocore.exceptions import ClientError

        status = "under way"
        for _ in looks(timeout):
            try:
                status, events = self._stack.status(), self._feed.new()
            except ClientError as error:
                # It goes on, whoever may look.
                if is_throttled(error):
                    continue
                raise
            for event in events:
                self.events.append(event)
                progress(event)
            # What DescribeStacks and DescribeStackEvents say may be some moments old, and what
            # they say before it began looks like its end.
            if not status.endswith("_IN_PROGRESS") and status == self._last_status():
                return status
        raise DeploymentError(
            f"the stack {self._stack.name!r} is still {status} after {timeout:.0f} s, and"
            " CloudFormation goes on with it: run this again later"
        )

    @property
    def failure(self) -> StackEvent | None:
        """What failed first, and not only since something else did."""
        return first_failure(self.events)

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody had it taken back, by CancelUpdateStack."""
        return any(
            event.is_of_stack
            and "ROLLBACK_IN_PROGRESS" in event.status
            and event.reason.startswith("User Initiated")
            for event in self.events
        )

    def _last_status(self) -> str | None:
        of_stack = [event.status for event in self.events if event.is_of_stack]
        return of_stack[-1] if of_stack else None


def delete_stack(
    cloudformation: Any,
    stack_id: str,
    *,
    timeout: float | None = None,
    progress: Callable[[StackEvent], object] = lambda _: None,
) -> None:
    """Delete a stack, and wait for its end.

    Args:
        cloudformation: A boto3 client for CloudFormation.
        stack_id: The stack's id.
        timeout: For how many seconds; as long as it takes by default.
        progress: Is called with each event.

    Raises:
        DeploymentError: It can't be deleted, or isn't in time.
        botocore.exceptions.ClientError: AWS refused it, such as for the right
            ``cloudformation:DeleteStack``.
    """
    from botocore.exceptions import ClientError

    name = stack_id.split("/")[1]
    operation = Operation(cloudformation, stack_id)
    try:
        cloudformation.delete_stack(StackName=stack_id)
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        raise DeploymentError(
            f"the stack {name!r} can't be deleted: {with_advice(str(error))}"
        ) from error
    status = operation.wait(timeout, progress=progress)
    if status != "DELETE_COMPLETE":
        failed = operation.failure
        why = (
            f"{failed.logical_id}: {with_advice(failed.reason)}" if failed else "no reason is told"
        )
        raise DeploymentError(f"the stack {name!r} couldn't be deleted ({status}): {why}")
