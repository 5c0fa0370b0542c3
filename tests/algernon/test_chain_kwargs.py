"""The keyword arguments of a chain's Tasks, as far as they can be read."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from algernon.system.chain_kwargs import WantedTask, read_kwargs
from algernon.system.named_aws import aws_place

from ..conftest import REGION, LocalAWS

pytestmark = pytest.mark.starts

BUCKET = "shop-bucket"
CHAIN_ID = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"
DAMAGED = b'{"_alg_class": "tuple", "val'


def test_what_is_stored_and_damaged_is_left_out(aws: LocalAWS) -> None:
    """The arguments of the other Tasks are told all the same."""
    whole = b'{"full_unpack": true, "data_string": {"item": "tea"}, "safe_mode": false}'
    stored = {"whole": whole, "damaged": DAMAGED}
    s3: Any = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
    for task_id, body in stored.items():
        s3.put_object(Bucket=BUCKET, Key=f"cache/{task_id}!1.json", Body=body)
    place = aws_place(None, REGION, topic_prefix="shop-")
    place = replace(place, environ={**place.environ, "ALGERNON_BUCKET_NAME": BUCKET})

    kwargs = read_kwargs(
        place,
        CHAIN_ID,
        [
            WantedTask("price", task_id, len(body), callback_of=None, may_be_dead=False)
            for task_id, body in stored.items()
        ],
    )

    assert kwargs == {"whole": {"item": "tea"}}
