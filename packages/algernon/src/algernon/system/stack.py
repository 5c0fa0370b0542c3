"""A system's CloudFormation stack."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ..errors import DeploymentError, NotASystemError
from .looks import looks

# AWS CloudFormation API Reference, UpdateStack: the end of what it says, as a ValidationError.
_NO_CHANGE = "No updates are to be performed."
# AWS CloudFormation User Guide, "Stack status codes": of what isn't part of it any more, which it
# goes on to list.
_GONE = ("DELETE_COMPLETE", "DELETE_SKIPPED")
# The end of what DescribeStacks says, as a ValidationError, of a stack that isn't there.
_NO_STACK = "does not exist"
# The beginning of what DescribeStackResource says, as a ValidationError, of a stack that is there.
_NO_RESOURCE = "Resource "
_STACK = "AWS::CloudFormation::Stack"
#: The statuses of a stack, among its events, with which it began to be created or updated.
BEGINS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
_DONE = ("CREATE_COMPLETE", "UPDATE_COMPLETE")


@dataclass(frozen=True, slots=True)
class StackFacts:
    """What a stack says of itself.

    Attributes:
        stack_id: Its id, an ARN, by which it is known also once it is deleted.
        status: CloudFormation's word for how it is, such as ``CREATE_COMPLETE``.
        since: When it was last begun to be created, updated or deleted.
        parameters: The values of its template's parameters.
        outputs: Its outputs.
        capabilities: What was acknowledged of its template, such as ``CAPABILITY_IAM``.
    """

    stack_id: str
    status: str
    since: datetime
    parameters: Mapping[str, str]
    outputs: Mapping[str, str]
    capabilities: tuple[str, ...]


class Stack:
    """A stack, whether it is there yet or not.

    Args:
        cloudformation: A boto3 client for CloudFormation, of whatever AWS.
        name: The stack's name.

    Example:
        >>> stack = Stack(boto3.client("cloudformation"), "shop")  # doctest: +SKIP
        >>> stack.create(url, {"CodeBucket": "code", "CodeKey": "1.zip"})  # doctest: +SKIP
        >>> stack.wait(300)  # doctest: +SKIP
        >>> stack.resources()["Bucket"]  # doctest: +SKIP
        'shop-bucket-1x2y3z'
    """

    def __init__(self, cloudformation: Any, name: str) -> None:
        self._cloudformation = cloudformation
        self.name = name

    def create(self, template_url: str, parameters: Mapping[str, str]) -> None:
        """Begin to create the stack.

        Args:
            template_url: Where the template is, in S3.
            parameters: The values of the template's parameters, for those that get one.

        Raises:
            DeploymentError: CloudFormation refused it, such as a stack that is there
                already or a template that can't be one.
        """
        from botocore.exceptions import ClientError

        try:
            self._cloudformation.create_stack(**self._request(template_url, parameters))
        except ClientError as error:
            raise self._refused(error) from error

    def update(self, template_url: str, parameters: Mapping[str, str]) -> bool:
        """Begin to update the stack, and tell whether there is anything to change.

        Args:
            template_url: Where the template is, in S3.
            parameters: As for `create`; one that is left out gets its default.

        Raises:
            DeploymentError: CloudFormation refused it, such as a stack that isn't there
                or one that is being changed.
        """
        from botocore.exceptions import ClientError

        try:
            self._cloudformation.update_stack(**self._request(template_url, parameters))
        except ClientError as error:
            if error.response["Error"]["Message"].endswith(_NO_CHANGE):
                return False
            raise self._refused(error) from error
        return True

    def wait(self, seconds: float) -> None:
        """Wait until the stack is created, or updated.

        Args:
            seconds: How long.

        Raises:
            DeploymentError: It couldn't be, for the reasons that CloudFormation gives; or
                it still isn't.
        """
        for _ in looks(seconds):
            status = self.status()
            if status in _DONE:
                return
            if not status.endswith("_IN_PROGRESS"):
                reasons = "; ".join(self.failures()) or "CloudFormation gives no reason"
                verb = "updated" if status.startswith("UPDATE_") else "created"
                raise DeploymentError(
                    f"the stack {self.name!r} couldn't be {verb} ({status}): {reasons}"
                )
        raise DeploymentError(f"the stack {self.name!r} is still {status} after {seconds} s")

    def status(self) -> str:
        """Return CloudFormation's word for how the stack is, such as ``CREATE_COMPLETE``."""
        return self.facts().status

    def facts(self) -> StackFacts:
        """Return what the stack says of itself."""
        (stack,) = self._cloudformation.describe_stacks(StackName=self.name)["Stacks"]
        began = stack.get("DeletionTime") or stack.get("LastUpdatedTime") or stack["CreationTime"]
        return StackFacts(
            stack_id=stack["StackId"],
            status=stack["StackStatus"],
            since=began,
            parameters={
                each["ParameterKey"]: each["ParameterValue"] for each in stack.get("Parameters", ())
            },
            outputs={each["OutputKey"]: each["OutputValue"] for each in stack.get("Outputs", ())},
            capabilities=tuple(stack.get("Capabilities", ())),
        )

    def find(self) -> StackFacts | None:
        """Return what the stack says of itself, or None where there is no such stack, or no more.

        Raises:
            botocore.exceptions.ClientError: AWS refused it, such as for the right
                ``cloudformation:DescribeStacks``.
        """
        from botocore.exceptions import ClientError

        try:
            facts = self.facts()
        except ClientError as error:
            if error.response["Error"]["Message"].endswith(_NO_STACK):
                return None
            raise
        # One that was deleted is found by its id for 90 days.
        return None if facts.status == "DELETE_COMPLETE" else facts

    def failures(self) -> list[str]:
        """Return what failed when the stack was last created or updated, and why, in order."""
        return [
            f"{event['LogicalResourceId']}: {event['ResourceStatusReason']}"
            for event in reversed([*self._latest_events()])
            if event["ResourceStatus"].endswith("_FAILED") and "ResourceStatusReason" in event
        ]

    def resources(self, kind: str | None = None) -> dict[str, str]:
        """Return the physical id of each resource by its logical id, for as long as it has one.

        Args:
            kind: Return only those of this type, such as ``"AWS::Lambda::Function"``.
        """
        pages = self._cloudformation.get_paginator("list_stack_resources").paginate(
            StackName=self.name
        )
        return {
            resource["LogicalResourceId"]: resource["PhysicalResourceId"]
            for page in pages
            for resource in page["StackResourceSummaries"]
            if "PhysicalResourceId" in resource
            and resource["ResourceStatus"] not in _GONE
            and kind in (None, resource["ResourceType"])
        }

    def physical_id(self, logical_id: str) -> str:
        """Return the physical id of one resource."""
        return str(self._resource(logical_id)["PhysicalResourceId"])

    def _resource(self, logical_id: str) -> dict[str, Any]:
        answer = self._cloudformation.describe_stack_resource(
            StackName=self.name, LogicalResourceId=logical_id
        )
        resource: dict[str, Any] = answer["StackResourceDetail"]
        return resource

    def bucket(self) -> str:
        """Return the name of the system's bucket, which may be one that is no part of the stack.

        Raises:
            NotASystemError: The stack isn't one of ``algernon template``.
            botocore.exceptions.ClientError: There is no such stack, or whoever asks lacks the
                right ``cloudformation:DescribeStackResource`` or, where the bucket is no part of
                the stack, ``cloudformation:DescribeStacks``.
        """
        from botocore.exceptions import ClientError

        try:
            resource = self._resource("Bucket")
        except ClientError as error:
            # The same error tells of a stack that isn't there, but of a resource by other words.
            if not error.response["Error"]["Message"].startswith(_NO_RESOURCE):
                raise
        else:
            # One that was its own once stays, and may be known to it still.
            if not resource["ResourceStatus"].startswith("DELETE_"):
                return str(resource["PhysicalResourceId"])
        outputs = self.facts().outputs
        if "Bucket" not in outputs:
            raise NotASystemError(
                f"the stack {self.name!r} isn't one of algernon template: it has no bucket, and no"
                " output that names one"
            )
        return outputs["Bucket"]

    def _request(self, template_url: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        return {
            "StackName": self.name,
            "TemplateURL": template_url,
            "Parameters": [
                {"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()
            ],
            # For the workers' role, whose name CloudFormation makes up.
            "Capabilities": ["CAPABILITY_IAM"],
        }

    def _refused(self, error: Exception) -> DeploymentError:
        return DeploymentError(f"the template of the stack {self.name!r} was refused: {error}")

    def _latest_events(self) -> Iterator[dict[str, Any]]:
        """Give the events since the stack was last begun to be created or updated, newest first."""
        pages = self._cloudformation.get_paginator("describe_stack_events").paginate(
            StackName=self.name
        )
        for page in pages:
            for event in page["StackEvents"]:
                if event["ResourceType"] == _STACK and event["ResourceStatus"] in BEGINS:
                    return
                yield event
