"""What a test's statements of IAM allow is what they allow on AWS."""

from __future__ import annotations

from typing import Any

import pytest

from .asked import Asked
from .statements import allows, without

QUEUE = "arn:aws:sqs:eu-west-1:123456789012:shop-orders"


def allow(action: Any, resource: Any = "*", **others: Any) -> dict[str, Any]:
    """Return a statement that allows something."""
    return {"Effect": "Allow", "Action": action, "Resource": resource, **others}


@pytest.mark.parametrize(
    ("statements", "is_allowed"),
    [
        ([], False),
        ([allow("sqs:SendMessage", QUEUE)], True),
        ([allow(["sqs:ReceiveMessage", "SQS:sendmessage"], [QUEUE[:-1], QUEUE])], True),
        ([allow("sqs:Send*", "arn:aws:sqs:*:*:shop-?rders")], True),
        ([allow("sqs:*", f"{QUEUE}-2")], False),
        ([allow("sqs:SendMessageBatch", QUEUE)], False),
        ([allow("sqs:*"), {**allow("*", QUEUE), "Effect": "Deny"}], False),
        ([allow("sqs:*"), {**allow("*", f"{QUEUE}-2"), "Effect": "Deny"}], True),
        ([allow("sqs:*", Condition={"StringEquals": {"aws:userid": ["me", "you"]}})], True),
        ([allow("sqs:*", Condition={"StringEquals": {"aws:userid": "y*"}})], False),
        ([allow("sqs:*", Condition={"ArnLike": {"aws:SourceArn": "*"}})], False),
    ],
)
def test_a_statement_allows_what_it_is_for(
    statements: list[dict[str, Any]], is_allowed: bool
) -> None:
    """Wildcards, lists and conditions count, and a denial more than any permission."""
    what = Asked("sqs:SendMessage", QUEUE)

    assert allows(statements, what, {"aws:userid": "you"}) == is_allowed


def test_a_right_is_taken_away_where_all_is_of_a_kind() -> None:
    """The others of its statement stay, and so does the same right for something else."""
    statements = [allow(["sqs:SendMessage", "sqs:ReceiveMessage"], [QUEUE]), allow("sqs:*", "*")]

    assert without(statements, "sqs:SendMessage", "arn:*") == [
        allow(["sqs:ReceiveMessage"], [QUEUE]),
        allow(["sqs:*"], "*"),
    ]
