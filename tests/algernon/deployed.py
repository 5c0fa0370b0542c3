"""Stacks on a local AWS, of whatever template."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from typing import Any

from algernon.local.aws import LocalAWS
from algernon.system.stack import Stack, StackFacts

from ..waiting import PATIENCE

#: Where the code and the templates are.
CODE_BUCKET = "code"
# A worker that does nothing.
_WORKER = "def handler(event, context):\n    return {'batchItemFailures': []}\n"


def deploy(
    aws: LocalAWS,
    name: str,
    template: Mapping[str, Any],
    parameters: Mapping[str, str] | None = None,
    code: bytes | None = None,
) -> StackFacts:
    """Create a stack, and return what it says of itself.

    Args:
        aws: Where.
        name: The stack's name.
        template: Its template.
        parameters: The values of its parameters, besides those that lead to the code.
        code: The zip with its functions' code; by default they do nothing.
    """
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=CODE_BUCKET)
    s3.put_object(Bucket=CODE_BUCKET, Key=f"{name}.zip", Body=code or _no_code())
    s3.put_object(Bucket=CODE_BUCKET, Key=f"{name}.json", Body=json.dumps(template))
    given = {"CodeBucket": CODE_BUCKET, "CodeKey": f"{name}.zip", **(parameters or {})}
    stack = Stack(aws.client("cloudformation"), name)
    stack.create(
        f"{aws.endpoint_url}/{CODE_BUCKET}/{name}.json",
        {key: value for key, value in given.items() if key in template.get("Parameters", {})},
    )
    stack.wait(PATIENCE)
    return stack.facts()


def _no_code() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("worker.py", _WORKER)
    return file.getvalue()
