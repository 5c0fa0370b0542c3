"""A stack on moto, which makes of a template what it knows: no functions, no subscriptions."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from algernon.system.template.logical_ids import logical_id

from ..conftest import ACCOUNT, REGION, LocalAWS

_KINDS = ("AWS::SNS::Topic", "AWS::SQS::Queue", "AWS::S3::Bucket", "AWS::Logs::LogGroup")
NAME = "shop"


def make_stack(
    aws: LocalAWS, template: dict[str, Any], more: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Make what messages of a template's Tasks travel through, and the bucket and log group.

    Args:
        aws: The local AWS.
        template: The template.
        more: Resources that are made besides.

    Returns:
        The physical ids, by logical id.
    """
    resources = {
        name: resource
        for name, resource in template["Resources"].items()
        if resource["Type"] in _KINDS
    }
    made = {
        **template,
        "Resources": {**resources, **(more or {})},
        # Others need what isn't there.
        "Outputs": {name: template["Outputs"][name] for name in ("Bucket", "WorkerLogs")},
    }
    parameters = [
        {"ParameterKey": key, "ParameterValue": "code"} for key in ("CodeBucket", "CodeKey")
    ]
    cloudformation: Any = aws.client("cloudformation")
    cloudformation.create_stack(
        StackName=NAME, TemplateBody=json.dumps(made), Parameters=parameters
    )
    summaries = cloudformation.list_stack_resources(StackName=NAME)["StackResourceSummaries"]
    ids = {each["LogicalResourceId"]: each["PhysicalResourceId"] for each in summaries}
    for task in template["Metadata"]["Algernon"]["Tasks"]:
        topic, queue = (ids[logical_id(kind, task)] for kind in ("Topic", "Queue"))
        aws.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=queue_arn(queue))
    return ids


def queue_arn(url: str) -> str:
    """Return the ARN of a queue, by its URL."""
    return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{url.rsplit('/', 1)[1]}"
