"""The worker that the tests of the whole system deploy."""

from __future__ import annotations

import os
from decimal import Decimal
from typing import Any

from algernon import AlgObject, TaskRouter, ajson, lambda_logged
from algernon_storage import aws_client

router = TaskRouter()
handler = lambda_logged(router.handler)


class Parcel(AlgObject, wire_name="pipeline_worker:Parcel"):
    """What travels along a chain."""

    def __init__(self, content: Any, stamps: tuple[str, ...] = ()) -> None:
        self._content = content
        self.stamps = stamps

    @classmethod
    def parse_json(cls, json_dict: Any) -> Parcel:
        """Make a parcel of its attributes."""
        return cls(json_dict["content"], json_dict["stamps"])

    def stamped(self, stamp: str) -> Parcel:
        """Return this parcel with one stamp more."""
        return Parcel(self._content, (*self.stamps, stamp))


@router.task
def pack(size: int, key: str) -> dict[str, Any]:
    """Make a parcel of a size."""
    content = {"weight": Decimal("1.50"), "codes": {1, 2}, "filling": "x" * size}
    return {"parcel": Parcel(content), "key": key}


@router.task
def stamp_a(parcel: Parcel, key: str) -> dict[str, Any]:
    """Stamp a parcel."""
    return {"parcel": parcel.stamped("a"), "key": key}


@router.task
def stamp_b(parcel: Parcel, key: str) -> dict[str, Any]:
    """Stamp a parcel."""
    return {"parcel": parcel.stamped("b"), "key": key}


@router.task
def deliver(parcel: Parcel, key: str) -> None:
    """Write a parcel to the bucket."""
    body = ajson.dumpb(parcel)
    aws_client("s3").put_object(Bucket=os.environ["ALGERNON_BUCKET_NAME"], Key=key, Body=body)


@router.task
def refuse(number: int) -> None:
    """Fail for one number, and leave a mark for the others."""
    if number == 13:
        raise ValueError("unlucky")
    aws_client("s3").put_object(
        Bucket=os.environ["ALGERNON_BUCKET_NAME"], Key=f"accepted/{number}", Body=b""
    )
