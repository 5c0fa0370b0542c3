"""IAM policies that give people and programs the rights that they need, and no more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any, Literal, TypeAlias

from .deploying_rights import DEPLOYING
from .rights import RESULTS, RIGHTS, SENDING, Part, Right
from .template.expressions import policy_document

#: What a policy is for: deploying and removing systems; all else that the command does; or sending
#: Tasks and getting their results.
Role: TypeAlias = Literal["deploy", "operate", "send"]

#: The ARNs of a system's parts, or patterns of them; of mappings, those of their functions. In a
#: template, they are expressions.
Parts: TypeAlias = Mapping[Part, Sequence[Any]]

#: IAM and STS quotas: the characters of a managed policy, without white space.
MOST_CHARACTERS = 6144

# What a role does, and the rights to it.
_ROLES: Mapping[Role, Mapping[str, Iterable[Right]]] = {
    "send": {"Send": SENDING, "Result": RESULTS},
    "deploy": {"Deploy": DEPLOYING},
    "operate": {"Operate": [*chain.from_iterable(RIGHTS.values())]},
}


def policy(role: Role, parts: Parts) -> dict[str, Any]:
    """Return IAM's document of the rights of a role.

    Those for getting results are statements of their own, so that whoever only sends
    can leave them out.

    Args:
        role: Whose rights.
        parts: What they are for; rights for parts that aren't there are left out.

    Example:
        >>> policy("send", {"topics": ["arn:aws:sns:*:*:shop-*"]})["Statement"][0]["Action"]
        ['sns:ListTagsForResource', 'sns:Publish']
    """
    return policy_document(*_statements(role, parts))


def _statements(role: Role, parts: Parts) -> Iterator[dict[str, Any]]:
    for does, rights in _ROLES[role].items():
        for part, arns in parts.items():
            actions = sorted({action for action, of in rights if of == part})
            if actions and arns:
                yield {
                    "Sid": f"{does}{part.title().replace(' ', '').replace('-', '')}",
                    "Effect": "Allow",
                    "Action": actions,
                    **_resource(part, arns),
                }


def _resource(part: Part, arns: Sequence[Any]) -> dict[str, Any]:
    match part:
        case "mappings":
            # Service Authorization Reference, "AWS Lambda": a mapping is known by a UUID, which is
            # another after each time that it was replaced, and by its function.
            return {"Resource": "*", "Condition": {"ArnLike": {"lambda:FunctionArn": list(arns)}}}
        case "role of functions":
            only = {"iam:PassedToService": "lambda.amazonaws.com"}
            return {"Resource": list(arns), "Condition": {"StringEquals": only}}
        case "key of functions":
            only = {"kms:ViaService": "lambda.*.amazonaws.com"}
            return {"Resource": list(arns), "Condition": {"StringLike": only}}
    return {"Resource": list(arns)}
