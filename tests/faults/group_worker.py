"""The worker that is killed over groups: their Tasks under a ledger, and those that return them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from typing import Any

from algernon_queue import PermanentError, Task, TaskRouter
from algernon_queue.group import Group
from algernon_queue.results import Results
from algernon_storage import aws_client

from .groups import CURE, Member, make_group
from .process import have_effect, noted, running, settings

router = TaskRouter(once=True)
handler = noted(router)


@router.task(retries=50, backoff=0.2)
def split(number: int, context: Mapping[str, Any]) -> Group[Any]:
    """Return a group."""
    group = make_group(settings, number)
    with running(context):
        then = summary.using(kwargs={"name": group.name}) if group.has_then else None
        return Group(map(partial(_request, number), group.members), then=then)


@router.task(retries=50, backoff=0.2)
def branch(number: int, index: int, context: Mapping[str, Any]) -> Group[Any]:
    """Be a member that returns a group."""
    member = make_group(settings, number).members[index]
    with running(context):
        then = total.using(kwargs={"index": index}) if member.kind == "branch" else None
        return Group(map(partial(_request, number), member.inner), then=then)


def _request(number: int, member: Member) -> Task:
    arguments: dict[str, Any] = {"index": member.index, "value": member.value}
    match member.kind:
        case "kept":
            return Task("measure", arguments)
        case "free":
            return Task("glance", arguments)
        case "chain":
            return Task("measure", arguments, callback="glance")
        case "frail":
            return Task("frail", arguments)
        case "frail chain":
            return Task("glance", arguments, callback="frail")
        case _:
            return Task("branch", {"number": number, "index": member.index})


@router.task(retries=50, backoff=0.2)
def measure(index: int, value: int, context: Mapping[str, Any]) -> dict[str, int]:
    """Be a member, or the first half of one."""
    with running(context):
        return {"index": index, "value": value + 1}


@router.task(retries=2, backoff=0.2)
def frail(index: int, value: int) -> dict[str, int]:
    """Be a member that fails until it is cured."""
    s3, bucket = aws_client("s3"), os.environ["ALGERNON_BUCKET_NAME"]
    if not s3.list_objects_v2(Bucket=bucket, Prefix=CURE)["KeyCount"]:
        raise (PermanentError if value % 2 else RuntimeError)("this Task isn't cured")
    return {"index": index, "value": value + 1}


@router.task(retries=50, backoff=0.2)
def total(results: Results[dict[str, int]], index: int, context: Mapping[str, Any]) -> Any:
    """Get the results of a group that a member returned."""
    value = sum(one["value"] for one in results)
    have_effect(context["task"]["task_id"], context)
    return {"index": index, "value": value}


@router.task(retries=50, backoff=0.2)
def summary(results: Results[Any], name: str, context: Mapping[str, Any]) -> None:
    """Get the results of a group, and write what they are."""
    read = [[*one] if isinstance(one, Results) else one for one in results]
    have_effect(name, context)
    aws_client("s3").put_object(
        Bucket=os.environ["ALGERNON_BUCKET_NAME"],
        Key=f"ends/{name}",
        Body=json.dumps(read).encode(),
    )
