"""What several parts of the template say alike."""

from __future__ import annotations

from typing import Any


def arn(resource: str) -> dict[str, list[str]]:
    """Return the expression for the ARN of a resource, by its logical id."""
    return {"Fn::GetAtt": [resource, "Arn"]}


def policy_document(*statements: dict[str, Any]) -> dict[str, Any]:
    """Return IAM's document of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(actions: str | list[str], resources: object) -> dict[str, Any]:
    """Return IAM's statement that actions on resources are allowed."""
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def use_of_key(key: str | None) -> list[dict[str, Any]]:
    """Return the right to use the KMS key for what is in the bucket, the queues, and so on."""
    return [] if key is None else [allow(["kms:Decrypt", "kms:GenerateDataKey"], key)]
