"""The actions of IAM that operations need, as AWS names both."""

from __future__ import annotations

from .deploying_rights import DEPLOYING
from .rights import RIGHTS

# Operations that need another right than the one of their name, by AWS's Service Authorization
# Reference and Amazon S3 API Reference, "Permissions".
_ACTIONS = {
    "ChangeMessageVisibilityBatch": ("sqs:ChangeMessageVisibility",),
    "CompleteMultipartUpload": ("s3:PutObject",),
    "CreateMultipartUpload": ("s3:PutObject",),
    "DeleteMessageBatch": ("sqs:DeleteMessage",),
    "HeadBucket": ("s3:ListBucket",),
    # It is denied, too, if nothing is there and one may not know it.
    "GetObject": ("s3:GetObject", "s3:ListBucket"),
    "HeadObject": ("s3:GetObject", "s3:ListBucket"),
    "ListObjectsV2": ("s3:ListBucket",),
    "PublishBatch": ("sns:Publish",),
    "SendMessageBatch": ("sqs:SendMessage",),
    "UploadPart": ("s3:PutObject",),
}


def actions_of(operation: str) -> tuple[str, ...]:
    """Return the actions that an operation needs the right to, as far as they are known."""
    if operation in _ACTIONS:
        return _ACTIONS[operation]
    known = {right.action for rights in (*RIGHTS.values(), DEPLOYING) for right in rights}
    return tuple(action for action in sorted(known) if action.partition(":")[2] == operation)
