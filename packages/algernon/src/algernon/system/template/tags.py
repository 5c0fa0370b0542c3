"""The tags of all that can have some."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# AWS CloudFormation Template Reference: what has a property Tags, which is a list of Key and Value
# in all of them. Managed policies, subscriptions and policies of queues and buckets have none.
_TAKE_TAGS = frozenset(
    {
        "AWS::CloudWatch::Alarm",
        "AWS::IAM::Role",
        "AWS::Lambda::EventSourceMapping",
        "AWS::Lambda::Function",
        "AWS::Logs::LogGroup",
        "AWS::S3::Bucket",
        "AWS::SNS::Topic",
        "AWS::SQS::Queue",
    }
)


def tagged(resources: Mapping[str, Any], tags: Mapping[str, str]) -> dict[str, Any]:
    """Return the resources of a template, each with the tags where it can have some.

    Example:
        >>> tagged({"Topic": {"Type": "AWS::SNS::Topic"}}, {"team": "shop"})["Topic"]["Properties"]
        {'Tags': [{'Key': 'team', 'Value': 'shop'}]}
    """
    if not tags:
        return dict(resources)
    return {
        name: {**resource, "Properties": {**resource.get("Properties", {}), "Tags": _listed(tags)}}
        if resource["Type"] in _TAKE_TAGS
        else resource
        for name, resource in resources.items()
    }


def _listed(tags: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in tags.items()]
