"""The bucket that results and large arguments go through."""

from __future__ import annotations

from typing import Any

from ..settings.settings import Settings
from .expressions import arn, policy_document

CACHE_FOLDER = "cache"


def bucket_name(settings: Settings) -> str | dict[str, str]:
    """Return the name of the system's bucket, or the expression for it."""
    return settings.bucket or {"Ref": "Bucket"}


def bucket_arn(settings: Settings, objects: str = "") -> dict[str, Any]:
    """Return the expression for the ARN of the system's bucket, or of objects in it.

    Args:
        settings: The system's.
        objects: Which objects, such as ``/cache/*``.
    """
    if settings.bucket is not None:
        return {"Fn::Sub": f"arn:${{AWS::Partition}}:s3:::{settings.bucket}{objects}"}
    return {"Fn::Sub": f"${{Bucket.Arn}}{objects}"} if objects else arn("Bucket")


def bucket(settings: Settings) -> dict[str, Any]:
    """Return the bucket, which stays when the stack is deleted, and its policy.

    Where the settings name one that is there, there is neither.
    """
    if settings.bucket is not None:
        return {}
    return {
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            # Results may be in it that are somebody's only copy, but none if the stack
            # couldn't be created.
            "DeletionPolicy": "RetainExceptOnCreate",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "BlockPublicPolicy": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": True,
                },
                "BucketEncryption": {"ServerSideEncryptionConfiguration": [_encryption(settings)]},
                "LifecycleConfiguration": {
                    "Rules": [
                        {
                            "Id": "ExpireCache",
                            "Status": "Enabled",
                            "Prefix": f"{CACHE_FOLDER}/",
                            "ExpirationInDays": {"Ref": "CacheDays"},
                        },
                        {
                            "Id": "AbortUploads",
                            "Status": "Enabled",
                            "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 1},
                        },
                    ]
                },
            },
        },
        "BucketPolicy": {
            "Type": "AWS::S3::BucketPolicy",
            "Properties": {
                "Bucket": {"Ref": "Bucket"},
                "PolicyDocument": policy_document(
                    {
                        "Effect": "Deny",
                        "Principal": "*",
                        "Action": "s3:*",
                        "Resource": [bucket_arn(settings), bucket_arn(settings, "/*")],
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                ),
            },
        },
    }


def _encryption(settings: Settings) -> dict[str, Any]:
    if settings.kms_key is None:
        return {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    return {
        "ServerSideEncryptionByDefault": {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": settings.kms_key,
        },
        # Each object would cost a call to KMS otherwise: Amazon S3 User Guide, "Reducing
        # the cost of SSE-KMS with Amazon S3 Bucket Keys".
        "BucketKeyEnabled": True,
    }
