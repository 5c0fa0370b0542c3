"""Two systems whose Tasks send to each other, as the README says it of more than one template."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from algernon.local.aws import LocalAWS
from algernon.settings import Settings
from algernon.system.code_archive import code_archive
from algernon.template import system_template
from algernon.worker import Worker

from ..waiting import wait_for
from .stacks import LocalStack

BUCKET = "shops-data"
TOPICS = "arn:aws:sns:us-east-1:000000000000"

SHOP = f"""
import os

import boto3
from algernon import Group, Task, TaskRouter

router = TaskRouter(listeners={{"price": "{TOPICS}:market-price"}})


@router.task
def order(items):
    return Group([Task("price", {{"item": item}}) for item in items])


@router.task
def bill(results):
    boto3.client("s3").put_object(
        Bucket=os.environ["ALGERNON_BUCKET_NAME"], Key=f"bills/{{sum(results)}}", Body=b""
    )


handler = router.handler
"""

MARKET = f"""
from algernon import TaskRouter

router = TaskRouter(listeners={{"bill": "{TOPICS}:shop-bill"}})


@router.task
def price(item):
    return len(item)


handler = router.handler
"""


@pytest.fixture
def aws() -> Iterator[LocalAWS]:
    """A local AWS."""
    with LocalAWS() as started:
        yield started


@pytest.mark.starts
def test_a_group_joins_across_two_systems(aws: LocalAWS, tmp_path: Path) -> None:
    """With one bucket, and each other's topics named, members run there, and the join here."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for name, module, tasks in (("shop", SHOP, ("order", "bill")), ("market", MARKET, ("price",))):
        (tmp_path / f"{name}.py").write_text(module, encoding="utf-8")
        template = system_template(
            [Worker(f"{name}.handler", tasks, {})], settings=Settings(bucket=BUCKET)
        )
        LocalStack(aws, name).deploy(template, code_archive(name, tmp_path))

    message = {
        "task_name": "order",
        "task_kwargs": {"items": ["book", "pen"]},
        "callback": "bill",
    }
    aws.client("sns").publish(TopicArn=f"{TOPICS}:shop-order", Message=json.dumps(message))

    def bills() -> list[str]:
        found = s3.list_objects_v2(Bucket=BUCKET, Prefix="bills/")
        return [each["Key"] for each in found.get("Contents", ())]

    wait_for(lambda: bills() == ["bills/7"], moving=bills)
