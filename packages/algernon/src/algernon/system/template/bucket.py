"""The bucket that results and large arguments go through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..settings.settings import Settings
from .expressions import arn, policy_document

CACHE_FOLDER = "cache"

#: Encryption with a key that S3 itself manages.
KEY_OF_S3: Mapping[str, Any] = {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}


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
    expiry = {
        "Id": "ExpireCache",
        "Status": "Enabled",
        "Prefix": f"{CACHE_FOLDER}/",
        "ExpirationInDays": {"Ref": "CacheDays"},
    }
    return private_bucket(expiry, encryption=_encryption(settings))


def private_bucket(*rules: Mapping[str, Any], encryption: Mapping[str, Any]) -> dict[str, Any]:
    """Return a bucket, which stays when its stack is deleted, and its policy.

    Nothing of it is public, and it takes no request without TLS.

    Args:
        rules: What expires, as rules of its lifecycle.
        encryption: How it is encrypted.
    """
    return {
        "Bucket": {
            "Type": "AWS::S3::Bucket",
            # What is in it may be somebody's only copy, but there is nothing if the stack couldn't
            # be created.
            "DeletionPolicy": "RetainExceptOnCreate",
            "UpdateReplacePolicy": "Retain",
            "Properties": {
                "PublicAccessBlockConfiguration": {
                    "BlockPublicAcls": True,
                    "BlockPublicPolicy": True,
                    "IgnorePublicAcls": True,
                    "RestrictPublicBuckets": True,
                },
                "BucketEncryption": {"ServerSideEncryptionConfiguration": [encryption]},
                "LifecycleConfiguration": {
                    "Rules": [
                        *rules,
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
                        "Resource": [arn("Bucket"), {"Fn::Sub": "${Bucket.Arn}/*"}],
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                ),
            },
        },
    }


def _encryption(settings: Settings) -> Mapping[str, Any]:
    if settings.kms_key is None:
        return KEY_OF_S3
    return {
        "ServerSideEncryptionByDefault": {
            "SSEAlgorithm": "aws:kms",
            "KMSMasterKeyID": settings.kms_key,
        },
        # Each object would cost a call to KMS otherwise: Amazon S3 User Guide, "Reducing
        # the cost of SSE-KMS with Amazon S3 Bucket Keys".
        "BucketKeyEnabled": True,
    }
