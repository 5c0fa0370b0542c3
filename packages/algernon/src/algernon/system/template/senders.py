"""What whoever sends Tasks may do: to send them, to get their results, to cancel them."""

from __future__ import annotations

from typing import Any

from ..policy import policy
from ..settings.settings import Settings
from .bucket import CACHE_FOLDER, bucket_arn
from .expressions import use_of_key

# By name, since one policy has no room for the ARNs of many topics.
_TOPICS = "arn:${AWS::Partition}:sns:${AWS::Region}:${AWS::AccountId}:${AWS::StackName}-*"


def sender_policy(settings: Settings) -> dict[str, Any]:
    """Return the managed policy of whoever sends: what ``algernon policy --for send`` prints.

    It is for the roles and users of programs that send Tasks without being workers.
    """
    document = policy(
        "send",
        {
            "topics": [{"Fn::Sub": _TOPICS}],
            "objects": [bucket_arn(settings, f"/{CACHE_FOLDER}/*")],
            "bucket": [bucket_arn(settings)],
            "stack": [{"Ref": "AWS::StackId"}],
        },
    )
    document["Statement"] += use_of_key(settings.kms_key)
    return {
        "SenderPolicy": {
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "Description": "Send Tasks, get their results, and cancel them",
                "PolicyDocument": document,
            },
        }
    }
