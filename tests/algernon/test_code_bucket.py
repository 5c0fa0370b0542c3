"""The bucket for code: found, or made once for all systems of a region."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import boto3
import pytest
from algernon.errors import DeploymentError
from algernon.local.aws import LocalAWS
from algernon.local.place import place_of_local_aws
from algernon.system.deployment.change_set import create_change_set
from algernon.system.deployment.code_bucket import (
    STACK_NAME,
    TEMPLATE,
    CodeBucket,
    code_bucket,
)
from algernon.system.deployment.stack_state import ready
from algernon.system.place import Place
from botocore.exceptions import ClientError

from ..waiting import PATIENCE
from .small_stacks import MOST_SECONDS, queue, template

pytestmark = pytest.mark.starts


@pytest.fixture(scope="module")
def local_aws() -> Iterator[Place]:
    """A local AWS, which all tests share."""
    with LocalAWS() as aws:
        yield place_of_local_aws(aws.environ)


@pytest.fixture
def place(local_aws: Place) -> Iterator[Place]:
    """The same, where nobody has deployed anything yet."""
    yield local_aws
    cloudformation = local_aws.client("cloudformation")
    cloudformation.delete_stack(StackName=STACK_NAME)
    ready(cloudformation, STACK_NAME, tell=print, timeout=PATIENCE)


def failed_template() -> dict[str, Any]:
    """Return a template of Algernon's that no stack can be made of."""
    return template(queue("pay", MOST_SECONDS + 1))


def test_it_is_made_once_for_all_systems(place: Place) -> None:
    """It is private and encrypted."""
    told: list[str] = []
    bucket = code_bucket(place, None, tell=told.append)

    assert told == [
        "the stack 'algernon-code' isn't there yet: making it, with the bucket for code"
    ]
    assert code_bucket(place, None, tell=told.append) == bucket
    assert len(told) == 1
    s3 = place.client("s3")
    blocked = s3.get_public_access_block(Bucket=bucket.name)["PublicAccessBlockConfiguration"]
    assert set(blocked.values()) == {True}
    policy = json.loads(s3.get_bucket_policy(Bucket=bucket.name)["Policy"])
    (statement,) = policy["Statement"]
    assert statement["Effect"] == "Deny"
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    (encryption,) = s3.get_bucket_encryption(Bucket=bucket.name)[
        "ServerSideEncryptionConfiguration"
    ]["Rules"]
    assert encryption["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}


def test_nothing_in_it_expires() -> None:
    """A rollback may need the code of any time; only what an upload left unfinished goes."""
    properties: Any = TEMPLATE["Resources"]
    rules = properties["Bucket"]["Properties"]["LifecycleConfiguration"]["Rules"]
    assert [{*rule} - {"Id", "Status"} for rule in rules] == [{"AbortIncompleteMultipartUpload"}]


def test_what_is_there_is_not_written_again(place: Place) -> None:
    """Of one key there is one content, also where two deployments put it at once."""
    place.client("s3").create_bucket(Bucket="given")
    bucket = code_bucket(place, "given", tell=print)
    bucket.put("1.zip", b"first")
    bucket.put("1.zip", b"second")
    body = place.client("s3").get_object(Bucket="given", Key="1.zip")["Body"].read()
    assert body == b"first"


def test_cloudformation_takes_a_template_from_its_url(place: Place) -> None:
    """That is what it is put there for."""
    bucket = code_bucket(place, None, tell=print)
    bucket.put("t.json", json.dumps(template(queue("pay"))).encode())
    cloudformation = place.client("cloudformation")
    made = create_change_set(
        cloudformation, "by-url", template_url=bucket.url("t.json"), parameters={}
    )
    assert [change.action for change in made.changes] == ["Add"]
    made.delete()


def test_on_aws_the_url_is_that_of_the_region() -> None:
    """It names the region, and China's own domain."""
    for region, host in [
        ("eu-west-1", "s3.eu-west-1.amazonaws.com"),
        ("cn-north-1", "s3.cn-north-1.amazonaws.com.cn"),
    ]:
        bucket = CodeBucket("code", boto3.client("s3", region_name=region))
        assert bucket.url("1.json") == f"https://{host}/code/1.json"


def test_a_bucket_that_is_not_there_is_told(place: Place) -> None:
    """The error says what to do."""
    with pytest.raises(DeploymentError, match="no bucket 'nowhere' for the code; make it, or"):
        code_bucket(place, "nowhere", tell=print)


def test_a_bucket_of_another_region_is_refused(place: Place) -> None:
    """Lambda takes no code from there."""
    place.client("s3").create_bucket(
        Bucket="elsewhere", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"}
    )
    with pytest.raises(DeploymentError, match="'elsewhere' is in the region eu-west-1, but Lam"):
        code_bucket(place, "elsewhere", tell=print)


def test_a_stack_that_could_not_be_created_makes_room(place: Place) -> None:
    """Whatever the reason was, the next run tries again."""
    cloudformation = place.client("cloudformation")
    cloudformation.create_stack(StackName=STACK_NAME, TemplateBody=json.dumps(failed_template()))
    told: list[str] = []
    bucket = code_bucket(place, None, tell=told.append)
    assert "couldn't be created before" in told[-2]
    place.client("s3").head_bucket(Bucket=bucket.name)


def test_a_creation_that_was_interrupted_goes_on(place: Place) -> None:
    """The next run waits for the stack of the run before."""
    cloudformation = place.client("cloudformation")
    cloudformation.create_stack(StackName=STACK_NAME, TemplateBody=json.dumps(TEMPLATE))
    told: list[str] = []
    bucket = code_bucket(place, None, tell=told.append)
    place.client("s3").head_bucket(Bucket=bucket.name)
    assert not any("making it" in text for text in told)


def test_a_bucket_that_was_deleted_by_hand_is_told(place: Place) -> None:
    """The stack stays, and CloudFormation doesn't look."""
    bucket = code_bucket(place, None, tell=print)
    place.client("s3").delete_bucket(Bucket=bucket.name)
    with pytest.raises(DeploymentError, match="deleted by hand: delete the stack 'algernon-code'"):
        code_bucket(place, None, tell=print)


def test_a_stack_of_somebody_else_of_that_name_is_told(place: Place) -> None:
    """Nothing is put into it."""
    cloudformation = place.client("cloudformation")
    cloudformation.create_stack(
        StackName=STACK_NAME, TemplateBody=json.dumps(template(queue("pay")))
    )
    with pytest.raises(DeploymentError, match="'algernon-code' isn't Algernon's, which keeps"):
        code_bucket(place, None, tell=print)


def test_two_first_deployments_make_one(place: Place) -> None:
    """Whichever of them comes second goes on with what the first one makes."""
    cloudformation = place.client("cloudformation")
    found: list[Any] = []

    def tell(_: str) -> None:
        # Between one's look and one's call.
        if not found:
            found.append(None)
            found.append(code_bucket(place, None, tell=print))

    assert code_bucket(place, None, tell=tell) == found[1]
    assert cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"]


def test_what_s3_refuses_is_told_by_s3(place: Place) -> None:
    """Who lacks a right learns which."""
    bucket = code_bucket(place, None, tell=print)
    gone = replace(bucket, name="gone")
    with pytest.raises(ClientError, match="NoSuchBucket"):
        gone.put("1.zip", b"")
