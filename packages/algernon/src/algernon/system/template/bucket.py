"""The bucket that results and large arguments go through."""

from __future__ import annotations

from typing import Any

from .expressions import arn, policy_document

CACHE_FOLDER = "cache"


def bucket() -> dict[str, Any]:
    """Return the bucket, which stays when the stack is deleted, and its policy."""
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
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                    ]
                },
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
                        "Resource": [arn("Bucket"), {"Fn::Sub": "${Bucket.Arn}/*"}],
                        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                    }
                ),
            },
        },
    }
