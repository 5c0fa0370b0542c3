"""The demo's worker: chains of three Tasks, and the Task that gets the results of all of them."""

from __future__ import annotations

import os
from datetime import datetime
from typing import Any

import measuring
from algernon import Results, TaskRouter, ajson, lambda_logged
from algernon_storage import aws_client

router = TaskRouter()
handler = lambda_logged(router.handler)

# Made while Lambda starts the worker, and not in the first batch's time.
aws_client("s3")


@router.task
def read_source(root: str, path: str) -> dict[str, Any]:
    """Read a module's source."""
    return measuring.read(root, path)


@router.task(retries=4, backoff=1)
def measure_source(path: str, source: str, modified: datetime) -> dict[str, Any]:
    """Parse and measure a module's source."""
    return {"measure": measuring.measure(path, source, modified)}


@router.task
def write_report(measure: measuring.Measure) -> measuring.Measure:
    """Write a module's measure to the bucket, and hand it to whoever sums up."""
    aws_client("s3").put_object(
        Bucket=os.environ["ALGERNON_BUCKET_NAME"],
        Key=f"reports/{measure.path}.json",
        Body=ajson.dumpb(measure),
    )
    return measure


@router.task
def summarize(results: Results[measuring.Measure]) -> measuring.Summary:
    """Sum up the measures of all modules, a few of which are in memory at a time."""
    return measuring.summarize(results)
