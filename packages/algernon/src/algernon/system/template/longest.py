"""How long a template's expressions become in a stack, where what isn't known is at its longest."""

from __future__ import annotations

import json
import re
from typing import Any

from ..settings.settings import Settings

# AWS CloudFormation API Reference, CreateStack.
STACK_NAME = "x" * 128
# Amazon S3 User Guide, "General purpose bucket naming rules".
BUCKET_NAME = "x" * 63
_PARTITION = "aws-us-gov"
_REGION_AND_ACCOUNT = "ap-northeast-1:123456789012"
#: As long as an ARN is before its name, in the partition and the region with the longest names.
BEFORE_A_NAME = f"arn:{_PARTITION}:sqs:{_REGION_AND_ACCOUNT}:"

_LONGEST = {
    "AWS::AccountId": "123456789012",
    "AWS::NoValue": "",
    "AWS::Partition": _PARTITION,
    "AWS::Region": "ap-northeast-1",
    "AWS::StackId": (
        f"arn:{_PARTITION}:cloudformation:{_REGION_AND_ACCOUNT}:stack/{STACK_NAME}/{'x' * 36}"
    ),
    "AWS::StackName": STACK_NAME,
    "AWS::URLSuffix": "amazonaws.com.cn",
    "Bucket.Arn": f"arn:{_PARTITION}:s3:::{BUCKET_NAME}",
    "WorkerLogs.Arn": (
        f"arn:{_PARTITION}:logs:{_REGION_AND_ACCOUNT}"
        f":log-group:{STACK_NAME}-WorkerLogs-{'x' * 12}:*"
    ),
}


def longest(expression: Any, settings: Settings) -> Any:
    """Return what an expression of the role's policies is where it is longest.

    Args:
        expression: The expression, or what holds some.
        settings: Those that may give the lists that are parameters otherwise.

    Example:
        >>> longest({"Fn::Sub": "arn:${AWS::Partition}:s3:::${!aws:username}"}, Settings())
        'arn:aws-us-gov:s3:::${aws:username}'
    """
    match expression:
        case {"Ref": "StateMachines" | "TrustedBuckets" as name}:
            return settings.parameters.get(name, "")
        case {"Ref": name}:
            return _LONGEST[name]
        case {"Fn::GetAtt": [resource, attribute]}:
            return _LONGEST[f"{resource}.{attribute}"]
        case {"Fn::Sub": str(text)}:
            known = re.sub(r"\$\{([^!}]+)\}", lambda found: _LONGEST[found[1]], text)
            return known.replace("${!", "${")
        case {"Fn::If": [_, yes, no]}:
            return max(longest(yes, settings), longest(no, settings), key=length)
        case {"Fn::Join": [between, parts]}:
            return between.join(longest(parts, settings))
        case {"Fn::Split": [between, text]}:
            return longest(text, settings).split(between)
        case dict():
            return {name: longest(each, settings) for name, each in expression.items()}
        case list() | tuple():
            return [longest(each, settings) for each in expression]
        case _:
            return expression


def length(document: Any) -> int:
    """Return how many characters a document has without white space."""
    return len(json.dumps(document, ensure_ascii=False, separators=(",", ":")))
