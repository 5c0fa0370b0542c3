"""The rights that CloudFormation needs for each type of resource in a template.

It creates, changes and deletes resources with the credentials of whoever tells it to (AWS
CloudFormation User Guide, "Control CloudFormation access with AWS Identity and Access
Management"). Which actions that takes is said by the handlers in a type's schema
(CloudFormation Command Line Interface User Guide, "Resource type definition schema"): here are
those for the properties that our templates have, and for what a handler reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .rights import Part, Right


def _actions(part: Part, service: str, *names: str) -> tuple[Right, ...]:
    return tuple(Right(f"{service}:{name}", part) for name in names)


#: The rights by the types of the resources that templates of systems have.
RESOURCE_RIGHTS: Mapping[str, Sequence[Right]] = {
    "AWS::CloudWatch::Alarm": (
        *_actions(
            "alarms",
            "cloudwatch",
            "DeleteAlarms",
            "ListTagsForResource",
            "PutMetricAlarm",
            "TagResource",
            "UntagResource",
        ),
        Right("cloudwatch:DescribeAlarms", "everything"),
    ),
    "AWS::IAM::ManagedPolicy": _actions(
        "managed policies",
        "iam",
        "CreatePolicy",
        "CreatePolicyVersion",
        "DeletePolicy",
        "DeletePolicyVersion",
        "GetPolicy",
        "GetPolicyVersion",
        "ListEntitiesForPolicy",
        "ListPolicyVersions",
    ),
    "AWS::IAM::Role": _actions(
        "roles",
        "iam",
        "AttachRolePolicy",
        "CreateRole",
        "DeleteRole",
        "DeleteRolePermissionsBoundary",
        "DeleteRolePolicy",
        "DetachRolePolicy",
        "GetRole",
        "GetRolePolicy",
        "ListAttachedRolePolicies",
        "ListRolePolicies",
        "ListRoleTags",
        "PutRolePermissionsBoundary",
        "PutRolePolicy",
        "TagRole",
        "UntagRole",
        "UpdateAssumeRolePolicy",
        "UpdateRole",
        "UpdateRoleDescription",
    ),
    "AWS::Lambda::EventSourceMapping": (
        *_actions(
            "mappings",
            "lambda",
            "CreateEventSourceMapping",
            "DeleteEventSourceMapping",
            "GetEventSourceMapping",
            "UpdateEventSourceMapping",
        ),
        *_actions("tags of mappings", "lambda", "ListTags", "TagResource", "UntagResource"),
    ),
    "AWS::Lambda::Function": (
        *_actions(
            "functions",
            "lambda",
            "CreateFunction",
            "DeleteFunction",
            "DeleteFunctionConcurrency",
            "GetFunction",
            "GetFunctionCodeSigningConfig",
            "GetFunctionRecursionConfig",
            "GetFunctionScalingConfig",
            "GetRuntimeManagementConfig",
            "ListTags",
            "PutFunctionConcurrency",
            "PutFunctionRecursionConfig",
            "TagResource",
            "UntagResource",
            "UpdateFunctionCode",
            "UpdateFunctionConfiguration",
        ),
        Right("iam:PassRole", "role of functions"),
        Right("s3:GetObject", "code"),
        # Of a layer, which may be another account's, a VPC and a key, where the settings name one.
        Right("lambda:GetLayerVersion", "everything"),
        *_actions(
            "everything",
            "ec2",
            "DescribeNetworkInterfaces",
            "DescribeSecurityGroups",
            "DescribeSubnets",
            "DescribeVpcs",
        ),
        *_actions(
            "key of functions",
            "kms",
            "CreateGrant",
            "Decrypt",
            "DescribeKey",
            "Encrypt",
            "GenerateDataKey",
        ),
    ),
    "AWS::Logs::LogGroup": (
        *_actions(
            "log group",
            "logs",
            "AssociateKmsKey",
            "CreateLogGroup",
            "DeleteLogGroup",
            "DeleteRetentionPolicy",
            "DescribeIndexPolicies",
            "DisassociateKmsKey",
            "GetDataProtectionPolicy",
            "ListTagsForResource",
            "PutRetentionPolicy",
            "TagResource",
            "UntagResource",
        ),
        *_actions("everything", "logs", "DescribeLogGroups", "DescribeResourcePolicies"),
    ),
    # All that a bucket may be set to, but nothing of what is in it.
    "AWS::S3::Bucket": _actions(
        "buckets",
        "s3",
        "CreateBucket",
        "DeleteBucket",
        "GetBucket*",
        "Get*Configuration",
        "ListBucket",
        "ListTagsForResource",
        "PutBucket*",
        "Put*Configuration",
        "TagResource",
        "UntagResource",
    ),
    "AWS::S3::BucketPolicy": _actions(
        "buckets", "s3", "DeleteBucketPolicy", "GetBucketPolicy", "PutBucketPolicy"
    ),
    "AWS::SNS::Subscription": (
        Right("sns:Subscribe", "topics"),
        # Service Authorization Reference, "Amazon SNS": these can't be limited to a topic.
        *_actions(
            "everything",
            "sns",
            "GetSubscriptionAttributes",
            "SetSubscriptionAttributes",
            "Unsubscribe",
        ),
    ),
    "AWS::SNS::Topic": (
        *_actions(
            "topics",
            "sns",
            "CreateTopic",
            "DeleteTopic",
            "GetDataProtectionPolicy",
            "GetTopicAttributes",
            "ListSubscriptionsByTopic",
            "ListTagsForResource",
            "PutDataProtectionPolicy",
            "SetTopicAttributes",
            "Subscribe",
            "TagResource",
            "UntagResource",
        ),
        Right("sns:Unsubscribe", "everything"),
    ),
    "AWS::SQS::Queue": _actions(
        "all queues",
        "sqs",
        "CreateQueue",
        "DeleteQueue",
        "GetQueueAttributes",
        "GetQueueUrl",
        "ListQueueTags",
        "SetQueueAttributes",
        "TagQueue",
        "UntagQueue",
    ),
    "AWS::SQS::QueuePolicy": _actions("all queues", "sqs", "SetQueueAttributes"),
}
