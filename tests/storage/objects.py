"""Objects in a bucket as somebody else finds or leaves them there."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from ..wire import Answer

if TYPE_CHECKING:
    from ..conftest import LocalAWS


def put(aws: LocalAWS, bucket: str, key: str, body: str | bytes) -> str:
    """Write an object by hand, and return the pointer to it."""
    aws.client("s3").put_object(Bucket=bucket, Key=key, Body=body)
    return f"{bucket}#{key}"


def put_document(aws: LocalAWS, bucket: str, key: str, data: Any, **others: Any) -> str:
    """Write stored data by hand, as moncrief 7.0.0 does, and return the pointer to it."""
    document = {"data_string": data, "full_unpack": False, "safe_mode": False, **others}
    return put(aws, bucket, key, json.dumps(document))


def get(aws: LocalAWS, bucket: str, key: str) -> bytes:
    """Read an object by hand."""
    body: bytes = aws.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return body


def keys(aws: LocalAWS, bucket: str) -> list[str]:
    """Return the keys of all objects in a bucket."""
    answer = aws.client("s3").list_objects_v2(Bucket=bucket)
    return [found["Key"] for found in answer.get("Contents", ())]


def refusal(status: int, code: str) -> Answer:
    """Return an error as S3 answers it."""
    body = f"<Error><Code>{code}</Code><Message>as the test has it</Message></Error>"
    return Answer(status, [("Content-Type", "application/xml")], body.encode())


def moncrief_parts(pointer: str) -> dict[str, str]:
    """Take a pointer apart by moncrief 7.0.0's rule, which splits it at every separator."""
    bucket, key = pointer.split("#")
    path, file = key.split("!")
    folder, name = path.split("/")
    return {
        "bucket": bucket,
        "key": key,
        "folder": folder,
        "name": name,
        "timestamp": file.replace(".json", ""),
    }
