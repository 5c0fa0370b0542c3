"""The visible effect of a Task: a counter in S3, held together by conditional writes."""

from __future__ import annotations

import json
import os

from algernon_storage import aws_client

_LOST_RACES = 20


def count(name: str, task_id: str) -> None:
    """Add one to a counter for a Task, unless that Task did so before.

    No ledger can tell whether a worker that died had its effect already. So an
    effect that has to be had once knows for itself whose it was.
    """
    from botocore.exceptions import ClientError

    s3, place = aws_client("s3"), {"Bucket": os.environ["ALGERNON_BUCKET_NAME"], "Key": name}
    for _ in range(_LOST_RACES):
        try:
            answer = s3.get_object(**place)
            counter = json.loads(answer["Body"].read())
            condition = {"IfMatch": answer["ETag"]}
        except s3.exceptions.NoSuchKey:
            counter, condition = {"count": 0, "by": []}, {"IfNoneMatch": "*"}
        if task_id in counter["by"]:
            return
        counter = {"count": counter["count"] + 1, "by": [*counter["by"], task_id]}
        try:
            s3.put_object(**place, Body=json.dumps(counter).encode(), **condition)
        except ClientError as error:
            if error.response["Error"]["Code"] not in (
                "PreconditionFailed",
                "ConditionalRequestConflict",
            ):
                raise
        else:
            return
    raise RuntimeError(f"the counter {name} changed each of the {_LOST_RACES} times it was read")
