"""A change set: what CloudFormation would do to a stack, before it does it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from ...errors import DeploymentError, RefusedError
from ..looks import looks
from ..stack import Stack, StackFacts
from ..throttling import is_throttled
from .failures import validation_errors, with_advice

#: The status of a stack of which nothing was made yet but a change set.
UNDER_REVIEW = "REVIEW_IN_PROGRESS"
#: What the names of our change sets begin with.
NAME_PREFIX = "algernon-"

# One that is older is no longer looked at by anybody who may still execute it.
_ABANDONED_AFTER = timedelta(hours=1)

# AWS CloudFormation API Reference, CreateChangeSet; the words of its StatusReason are documented
# nowhere, and these are both that it has.
_NO_CHANGE = ("The submitted information didn't contain changes", "No updates are to be performed")
_BEING_CREATED = ("CREATE_PENDING", "CREATE_IN_PROGRESS")
# AWS CloudFormation API Reference, DescribeChangeSet: its ExecutionStatus.
_EXECUTED = ("EXECUTE_IN_PROGRESS", "EXECUTE_COMPLETE", "EXECUTE_FAILED")
# The errors of ExecuteChangeSet, as the service's model and AWS itself write them.
_STALE = {
    "ChangeSetNotFound",
    "ChangeSetNotFoundException",
    "InvalidChangeSetStatus",
    "InvalidChangeSetStatusException",
}
# What CreateChangeSet says of what it is given; all else is about who asks, and how often.
_REFUSED = {
    "AlreadyExistsException",
    "InsufficientCapabilities",
    "InsufficientCapabilitiesException",
    "LimitExceeded",
    "LimitExceededException",
    "ValidationError",
}
_STATE = re.compile(r"is in \w+ (state|status)")
_REPLACEMENTS = {"True": True, "False": False, "Conditional": None}


@dataclass(frozen=True, slots=True)
class Change:
    """What would be done to a resource.

    Attributes:
        action: CloudFormation's word for it: ``Add``, ``Modify``, ``Remove``, ``Import``, or
            ``Dynamic`` where it doesn't know yet.
        logical_id: The resource, by its name in the template.
        kind: Its type, such as ``"AWS::SQS::Queue"``.
        replacement: Whether another one takes its place; None where it depends on what
            isn't known yet.
        physical_id: What AWS calls it, such as the URL of a queue; ``""`` of one that isn't there.
    """

    action: str
    logical_id: str
    kind: str
    replacement: bool | None = False
    physical_id: str = ""


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """A change set of a stack that can be executed once, if nobody changes the stack before.

    Attributes:
        change_set_id: Its id, an ARN.
        stack_id: The stack's.
        stack_name: The stack's name.
        is_new_stack: Whether it creates the stack, and doesn't update it.
        changes: What it does to resources. There may be none where it changes outputs alone.
        is_empty: Whether there is nothing to do; then it is deleted already.
    """

    cloudformation: Any = field(repr=False, compare=False)
    change_set_id: str
    stack_id: str
    stack_name: str
    is_new_stack: bool = False
    changes: tuple[Change, ...] = ()
    is_empty: bool = False

    def execute(self) -> None:
        """Have CloudFormation begin to do it, and undo all of it if some of it fails.

        What it created is deleted then, also what a template would have stay.

        Raises:
            RefusedError: The stack was changed since, or is being changed.
            botocore.exceptions.ClientError: AWS refused it, such as for the right
                ``cloudformation:ExecuteChangeSet``.
        """
        from botocore.exceptions import ClientError

        try:
            self.cloudformation.execute_change_set(
                ChangeSetName=self.change_set_id,
                StackName=self.stack_name,
                ClientRequestToken=_name_of(self.change_set_id),
                # AWS CloudFormation API Reference, ExecuteChangeSet, has it as true by default.
                DisableRollback=False,
                RetainExceptOnCreate=True,
            )
        except ClientError as error:
            told = error.response["Error"]
            if told["Code"] in _STALE:
                # boto3 asks again where an answer gets lost.
                if self._is_executed():
                    return
            elif not _is_of_another_state(told):
                raise
            raise RefusedError(
                f"the stack {self.stack_name!r} changed since the plan was made, or is being"
                " changed: look at who else deploys it, and run this again"
            ) from error

    def delete(self) -> None:
        """Delete it, and a stack that there would only have been by it.

        Raises:
            botocore.exceptions.ClientError: AWS refused it, such as for the rights
                ``cloudformation:DeleteChangeSet`` or ``cloudformation:DeleteStack``.
        """
        if not self.is_empty:
            self.cloudformation.delete_change_set(
                ChangeSetName=self.change_set_id, StackName=self.stack_name
            )
        if self.is_new_stack:
            _delete_reviewed_stack(self.cloudformation, self.stack_name, self.stack_id)

    def _is_executed(self) -> bool:
        from botocore.exceptions import ClientError

        try:
            answer = self.cloudformation.describe_change_set(
                ChangeSetName=self.change_set_id, StackName=self.stack_id
            )
        except ClientError:
            return False
        return answer["ExecutionStatus"] in _EXECUTED


def create_change_set(
    cloudformation: Any,
    stack_name: str,
    *,
    template_url: str | None,
    parameters: Mapping[str, str | None],
) -> ChangeSet:
    """Have CloudFormation say what it would do to a stack, and return that.

    Change sets of ours that were left behind, by runs that were interrupted, are deleted.

    Args:
        cloudformation: A boto3 client for CloudFormation.
        stack_name: The stack's name. If there is none yet, or one without resources since only
            a change set was made of it, it is to be created, or else updated.
        template_url: Where the template is, in S3; None is the one that the stack has.
        parameters: The values of the template's parameters. None is the one that the stack has,
            and one that is left out gets its default.

    Raises:
        DeploymentError: CloudFormation refused it, such as a template that can't be one, or
            a stack that can't be updated as it is.
        botocore.exceptions.ClientError: AWS refused it for another reason, such as for the right
            ``cloudformation:CreateChangeSet``.
        botocore.exceptions.BotoCoreError: AWS wasn't reached, or there are no credentials.

    Example:
        >>> found = create_change_set(  # doctest: +SKIP
        ...     cloudformation,
        ...     "shop",
        ...     template_url=None,
        ...     parameters={"CodeBucket": None, "CodeKey": "2.zip"},
        ... )
        >>> [(change.action, change.logical_id) for change in found.changes]  # doctest: +SKIP
        [('Modify', 'Worker')]
    """
    from botocore.exceptions import ClientError

    facts = Stack(cloudformation, stack_name).find()
    if facts is not None:
        _delete_abandoned(cloudformation, stack_name)
    name = f"{NAME_PREFIX}{uuid4().hex}"
    is_new = facts is None or facts.status == UNDER_REVIEW
    try:
        created = cloudformation.create_change_set(
            StackName=stack_name,
            ChangeSetName=name,
            ClientToken=name,
            ChangeSetType="CREATE" if is_new else "UPDATE",
            Parameters=[_parameter(key, value) for key, value in parameters.items()],
            Capabilities=_capabilities(facts),
            Description="algernon deploy",
            **({"UsePreviousTemplate": True} if template_url is None else {}),
            **({} if template_url is None else {"TemplateURL": template_url}),
        )
    except ClientError as error:
        if _NO_CHANGE[1] in error.response["Error"]["Message"] and facts is not None:
            return ChangeSet(cloudformation, "", facts.stack_id, stack_name, is_empty=True)
        if error.response["Error"]["Code"] not in _REFUSED:
            raise
        raise _refused(stack_name, error) from error
    change_set = ChangeSet(
        cloudformation, created["Id"], created["StackId"], stack_name, is_new_stack=is_new
    )
    return _created(change_set)


def _created(change_set: ChangeSet) -> ChangeSet:
    """Return a change set as it is once CloudFormation has found out what it does."""
    from botocore.exceptions import ClientError

    cloudformation = change_set.cloudformation
    which = {"ChangeSetName": change_set.change_set_id, "StackName": change_set.stack_id}
    for _ in looks():
        try:
            answer = cloudformation.describe_change_set(**which)
        except ClientError as error:
            if is_throttled(error):
                continue
            raise
        if answer["Status"] not in _BEING_CREATED:
            break
    if answer["Status"] == "CREATE_COMPLETE":
        pages = cloudformation.get_paginator("describe_change_set").paginate(**which)
        return replace(change_set, changes=tuple(_changes_of(pages)))
    reason = answer.get("StatusReason") or "CloudFormation gives no reason"
    if reason.startswith(_NO_CHANGE):
        change_set.delete()
        return replace(change_set, is_empty=True)
    reason = "; ".join([reason, *validation_errors(cloudformation, **which)])
    change_set.delete()
    raise DeploymentError(
        f"CloudFormation can't plan the changes of the stack {change_set.stack_name!r}:"
        f" {with_advice(reason)}"
    )


def _changes_of(pages: Iterable[Mapping[str, Any]]) -> Iterator[Change]:
    for page in pages:
        for change in page.get("Changes", ()):
            told = change["ResourceChange"]
            yield Change(
                action=told["Action"],
                logical_id=told["LogicalResourceId"],
                kind=told["ResourceType"],
                # Nothing is said where nothing can be replaced, such as of what is added.
                replacement=_REPLACEMENTS[told.get("Replacement") or "False"],
                physical_id=told.get("PhysicalResourceId", ""),
            )


def _parameter(key: str, value: str | None) -> dict[str, Any]:
    if value is None:
        return {"ParameterKey": key, "UsePreviousValue": True}
    return {"ParameterKey": key, "ParameterValue": value}


def _capabilities(facts: StackFacts | None) -> list[str]:
    # For the workers' role, whose name CloudFormation makes up. What was acknowledged of the
    # stack before holds on, such as CAPABILITY_NAMED_IAM of a template that was customized.
    return sorted({"CAPABILITY_IAM", *(facts.capabilities if facts else ())})


def _name_of(change_set_id: str) -> str:
    """Return the name within the ARN of a change set."""
    return change_set_id.split("/")[1]


def _refused(stack_name: str, error: Exception) -> DeploymentError:
    return DeploymentError(
        f"the template of the stack {stack_name!r} was refused: {with_advice(str(error))}"
    )


def _is_of_another_state(told: Mapping[str, str]) -> bool:
    """Tell whether CloudFormation says that a stack isn't as it would have to be."""
    if told["Code"] != "ValidationError":
        return False
    return told["Message"].endswith("does not exist") or bool(_STATE.search(told["Message"]))


def _delete_abandoned(cloudformation: Any, stack_name: str) -> None:
    now = datetime.now(UTC)
    for summary in _change_sets(cloudformation, stack_name):
        if summary.get("ExecutionStatus") in _EXECUTED:
            continue
        is_ours = summary["ChangeSetName"].startswith(NAME_PREFIX)
        if is_ours and now - summary["CreationTime"] > _ABANDONED_AFTER:
            cloudformation.delete_change_set(
                ChangeSetName=summary["ChangeSetId"], StackName=summary["StackId"]
            )


def _change_sets(cloudformation: Any, stack: str) -> Iterator[dict[str, Any]]:
    for page in cloudformation.get_paginator("list_change_sets").paginate(StackName=stack):
        yield from page["Summaries"]


def _delete_reviewed_stack(cloudformation: Any, stack_name: str, stack_id: str) -> None:
    """Delete a stack of which there is nothing but its name, and no change set any more."""
    facts = Stack(cloudformation, stack_id).find()
    if facts is None or facts.status != UNDER_REVIEW:
        return
    if next(_change_sets(cloudformation, stack_name), None) is None:
        cloudformation.delete_stack(StackName=stack_id)
