"""The documented example of a template of one's own, which embeds that of the Tasks.

What AWS's translator of SAM, aws-sam-translator 1.115, made of it lies beside this file.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from algernon.local.aws import LocalAWS
from algernon.system.code_archive import code_archive
from algernon.template import system_template
from algernon.worker import Worker
from cfnlint.decode import decode_str

from ..waiting import wait_for
from .deployed import CODE_BUCKET, deploy

PAGE = Path(__file__).parents[2] / "packages/algernon/docs/deploying.md"
TRANSLATED = Path(__file__).with_name("tasks-embedded-by-sam.json")

WORKER = """
import os

import boto3
from algernon import TaskRouter

router = TaskRouter()


@router.task
def count_words(text):
    return {"words": len(text.split())}


@router.task
def judge(words):
    boto3.client("s3").put_object(
        Bucket=os.environ["ALGERNON_BUCKET_NAME"], Key=f"words/{words}", Body=b""
    )


handler = router.handler
"""


def recorded() -> dict[str, Any]:
    """Return the example, and its translation."""
    found: dict[str, Any] = json.loads(TRANSLATED.read_text(encoding="utf-8"))
    return found


def tasks() -> dict[str, Any]:
    """Return the template that the example embeds."""
    return system_template([Worker("worker.handler", ("count_words", "judge"), {})], part="tasks")


def test_the_example_is_the_one_that_was_translated() -> None:
    """Whoever changes it has it translated anew."""
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    (example,) = (each for each in blocks if "AWS::Serverless" in each)

    template, _ = decode_str(example)
    assert template == recorded()["sam"]


def test_the_example_takes_only_what_there_is() -> None:
    """Each output of the embedded template that it names is one."""
    named = re.findall(r'"Outputs\.(\w+)"', TRANSLATED.read_text(encoding="utf-8"))

    assert named
    assert set(named) <= set(tasks()["Outputs"])


@pytest.fixture
def aws() -> Iterator[LocalAWS]:
    """A local AWS."""
    with LocalAWS() as started:
        yield started


@pytest.mark.starts
def test_the_example_runs_a_chain(aws: LocalAWS, tmp_path: Path) -> None:
    """A function of one's own takes the messages of both Tasks, and hands on the result."""
    (tmp_path / "worker.py").write_text(WORKER, encoding="utf-8")
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=CODE_BUCKET)
    s3.put_object(Bucket=CODE_BUCKET, Key="tasks.json", Body=json.dumps(tasks()))
    template = recorded()["translated"]
    own = template["Resources"]
    own["Tasks"]["Properties"]["TemplateURL"] = f"{aws.endpoint_url}/{CODE_BUCKET}/tasks.json"
    own["Worker"]["Properties"] |= {
        "Code": {"S3Bucket": CODE_BUCKET, "S3Key": "shop.zip"},
        "Runtime": f"python{sys.version_info[0]}.{sys.version_info[1]}",
    }
    template["Outputs"] = {
        name: {"Value": {"Fn::GetAtt": ["Tasks", f"Outputs.{name}"]}}
        for name in ("Bucket", "TopicPrefix")
    }
    outputs = deploy(aws, "shop", template, code=code_archive("worker", tmp_path)).outputs

    message = {
        "task_name": "count_words",
        "task_kwargs": {"text": "Try it now"},
        "callback": "judge",
    }
    topic = f"arn:aws:sns:us-east-1:000000000000:{outputs['TopicPrefix']}count_words"
    aws.client("sns").publish(TopicArn=topic, Message=json.dumps(message))

    def words() -> list[str]:
        found = s3.list_objects_v2(Bucket=outputs["Bucket"], Prefix="words/")
        return [each["Key"] for each in found.get("Contents", ())]

    wait_for(lambda: words() == ["words/3"], moving=words)
