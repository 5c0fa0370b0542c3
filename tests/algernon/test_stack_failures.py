"""What is made of CloudFormation's reasons: which one is told, in whose words, and what to do."""

from __future__ import annotations

import pytest
from algernon.system.deployment.failures import first_failure, in_words, with_advice
from algernon.system.deployment.stack_events import StackEvent
from algernon.system.template.logical_ids import logical_id, mapping_id

STACK = "arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/1"


def event(name: str, status: str, reason: str = "", *, kind: str = "AWS::SQS::Queue") -> StackEvent:
    """Return what happened to a resource, or to the stack `shop`."""
    physical_id = STACK if name == "shop" else ""
    return StackEvent(f"{name}-{status}", STACK, name, physical_id, kind, status, reason)


def test_the_first_that_failed_by_itself_is_told() -> None:
    """Neither what was cancelled since it failed, nor what the stack says of both."""
    events = [
        event("shop", "CREATE_IN_PROGRESS", "User Initiated"),
        event("QueueA", "CREATE_IN_PROGRESS", "Resource creation Initiated"),
        event("QueueA", "CREATE_FAILED", "Resource creation cancelled"),
        event("QueueB", "CREATE_FAILED", "Invalid request provided"),
        event("QueueC", "CREATE_FAILED", "Something later"),
        event("shop", "ROLLBACK_IN_PROGRESS", "The following resource(s) failed to create: [B]."),
    ]
    failed = first_failure(events)
    assert failed is not None
    assert failed.logical_id == "QueueB"
    assert first_failure(events[:3]) is None


def test_what_the_stack_says_is_told_where_no_resource_failed() -> None:
    """Such as an output that can't be."""
    failed = first_failure([event("shop", "UPDATE_FAILED", "Template error: no attribute Arn")])
    assert failed is not None
    assert in_words(failed, ["pay"]) == "the stack"


@pytest.mark.parametrize(
    ("name", "words"),
    [
        (logical_id("Topic", "pay"), "the topic of the Task 'pay'"),
        (logical_id("DeadLetterQueue", "pay"), "the dead-letter queue of the Task 'pay'"),
        (logical_id("Subscription", "send-mail"), "the subscription of the Task 'send-mail'"),
        (mapping_id("Worker", "pay"), "what feeds the worker of the Task 'pay'"),
    ],
)
def test_a_part_is_called_by_its_task(name: str, words: str) -> None:
    """And by its logical id, as CloudFormation's console does."""
    assert in_words(event(name, "CREATE_FAILED"), ["send-mail", "pay"]) == f"{words} ({name})"


@pytest.mark.parametrize(
    ("reason", "advice"),
    [
        (
            (
                'Resource handler returned message: "shop-pay already exists" (RequestToken: 1,'
                " HandlerErrorCode: AlreadyExists)"
            ),
            "delete it if nobody needs it, or choose another --stack",
        ),
        (
            (
                "API: iam:CreateRole User: arn:aws:iam::123456789012:user/ann is not authorized to"
                " perform: iam:CreateRole on resource: arn:aws:iam::123456789012:role/shop-Role"
            ),
            "algernon policy --for deploy --stack NAME prints what gives it",
        ),
        (
            (
                'Resource handler returned message: "Cannot exceed quota for RolesPerAccount: 1000'
                ' (Service: Iam, Status Code: 409)" (HandlerErrorCode: ServiceLimitExceeded)'
            ),
            "it is a quota",
        ),
        (
            (
                'Resource handler returned message: "Specified ReservedConcurrentExecutions for'
                " function decreases account's UnreservedConcurrentExecution below its minimum"
                ' value of [100]. (Service: Lambda)" (HandlerErrorCode: InvalidRequest)'
            ),
            "reserve fewer",
        ),
        (
            (
                'Resource handler returned message: "Error occurred while GetObject. S3 Error Code:'
                ' NoSuchKey. S3 Error Message: The specified key does not exist. (Service: Lambda)"'
            ),
            "deploy without --code-only",
        ),
        (
            (
                "Error occurred while GetObject. S3 Error Code: PermanentRedirect. S3 Error"
                " Message: The bucket is in this region: us-east-1. Please use this region to retry"
            ),
            "in the stack's region",
        ),
        (
            "Unzipped size must be smaller than 262144000 bytes (Service: Lambda)",
            "fewer or smaller requirements",
        ),
        (
            (
                "An error occurred (InsufficientCapabilitiesException) when calling the"
                " CreateChangeSet operation: Requires capabilities : [CAPABILITY_NAMED_IAM]"
            ),
            "acknowledges CAPABILITY_IAM alone",
        ),
        (
            "Action denied by stack policy: Statement [#1] does not allow [Update:*] for resource",
            "aws cloudformation set-stack-policy",
        ),
        (
            "The role defined for the function cannot be assumed by Lambda. (Service: Lambda)",
            "IAM may not yet know of what was just made: run it again",
        ),
        (
            "The function execution role does not have permissions to call ReceiveMessage on SQS",
            "IAM may not yet know of what was just made: run it again",
        ),
        ("Internal Failure", "that may pass: run it again"),
        (
            (
                "Stack:arn:aws:cloudformation:eu-west-1:123456789012:stack/shop/1 is in"
                " UPDATE_IN_PROGRESS state and can not be updated."
            ),
            "somebody else changes it",
        ),
        ("Rate exceeded (HandlerErrorCode: Throttling)", "AWS throttles: run it again"),
    ],
)
def test_the_usual_reasons_are_told_with_what_to_do(reason: str, advice: str) -> None:
    """In one line, after CloudFormation's own words."""
    line = with_advice(f"{reason}\n")
    assert line.startswith(reason.rstrip("."))
    assert advice in line.removeprefix(reason)
    assert "\n" not in line


def test_of_other_reasons_nothing_is_made_up() -> None:
    """They are told as they are."""
    assert with_advice("The value is too large.") == "The value is too large"
