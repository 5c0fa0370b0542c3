"""A CloudFormation stack: created, updated, waited for, and what it says when it fails."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from algernon.errors import DeploymentError, NotASystemError
from algernon.local.aws import LocalAWS
from algernon.system.stack import Stack
from botocore.exceptions import ClientError

from .. import conftest

pytestmark = pytest.mark.starts

#: Puts a template where CloudFormation finds it, and returns its URL.
Upload = Callable[[dict[str, Any]], str]

MOST_SECONDS = 43_200


def template(**resources: Any) -> dict[str, Any]:
    """Return the template of a queue whose timeout is a parameter, and of other resources."""
    queue = {"VisibilityTimeout": {"Ref": "Seconds"}}
    return {
        "Parameters": {"Seconds": {"Type": "Number", "Default": 30}},
        "Resources": {"Queue": {"Type": "AWS::SQS::Queue", "Properties": queue}, **resources},
    }


def impossible(resource: str) -> dict[str, Any]:
    """Return a queue that hides messages for longer than SQS does, which makes a stack fail."""
    seconds = {"VisibilityTimeout": MOST_SECONDS + 1}
    return {resource: {"Type": "AWS::SQS::Queue", "Properties": seconds}}


@pytest.fixture(scope="module")
def local_aws() -> Iterator[LocalAWS]:
    """The AWS of local systems, which tells of failures as CloudFormation does."""
    with LocalAWS() as aws:
        yield aws


@pytest.fixture
def upload(local_aws: LocalAWS) -> Upload:
    """The way of templates to that AWS."""
    s3 = local_aws.client("s3")
    s3.create_bucket(Bucket="templates")

    def put(body: dict[str, Any]) -> str:
        s3.put_object(Bucket="templates", Key="template.json", Body=json.dumps(body))
        return f"{local_aws.endpoint_url}/templates/template.json"

    return put


@pytest.fixture
def stack(local_aws: LocalAWS, request: pytest.FixtureRequest) -> Stack:
    """A stack of a name of its own, which isn't there yet."""
    name = "".join(char for char in request.node.name.title() if char.isalnum())
    return Stack(local_aws.client("cloudformation"), name)


def timeout_of(client: Any, queue_url: str) -> int:
    """Return for how many seconds a queue hides messages."""
    name = "VisibilityTimeout"
    answer = client.get_queue_attributes(QueueUrl=queue_url, AttributeNames=[name])
    return int(answer["Attributes"][name])


def test_a_stack_is_created_and_updated_in_place(
    stack: Stack, upload: Upload, local_aws: LocalAWS
) -> None:
    """Its resources are known by their logical ids, and stay when a parameter changes."""
    stack.create(upload(template()), {"Seconds": "60"})
    stack.wait(120)
    created = stack.resources()

    assert stack.status() == "CREATE_COMPLETE"
    assert timeout_of(local_aws.client("sqs"), created["Queue"]) == 60
    assert stack.update(upload(template()), {"Seconds": "90"})
    stack.wait(120)
    assert stack.status() == "UPDATE_COMPLETE"
    assert timeout_of(local_aws.client("sqs"), created["Queue"]) == 90
    assert stack.resources() == created
    assert stack.physical_id("Queue") == created["Queue"]


def test_an_update_that_changes_nothing_says_so(stack: Stack, upload: Upload) -> None:
    """There is nothing to wait for then, and the stack is as it was."""
    stack.create(upload(template()), {"Seconds": "60"})
    stack.wait(120)

    assert not stack.update(upload(template()), {"Seconds": "60"})
    assert stack.status() == "CREATE_COMPLETE"


def test_it_goes_by_any_client_for_cloudformation(aws: conftest.LocalAWS) -> None:
    """The same calls are those that another AWS takes."""
    aws.client("s3").create_bucket(
        Bucket="templates", CreateBucketConfiguration={"LocationConstraint": conftest.REGION}
    )
    aws.client("s3").put_object(Bucket="templates", Key="1.json", Body=json.dumps(template()))
    stack = Stack(aws.client("cloudformation"), "of-any-client")
    url = f"https://s3.{conftest.REGION}.amazonaws.com/templates/1.json"

    stack.create(url, {"Seconds": "60"})
    stack.wait(60)
    created = stack.resources()
    assert stack.update(url, {"Seconds": "90"})
    stack.wait(60)

    assert timeout_of(aws.client("sqs"), created["Queue"]) == 90
    assert stack.resources() == created
    assert stack.physical_id("Queue") == created["Queue"]


def test_a_stack_that_can_not_be_created_says_why(stack: Stack, upload: Upload) -> None:
    """The error names the resource, and CloudFormation's reason."""
    stack.create(upload(template(**impossible("Bad"))), {})

    with pytest.raises(DeploymentError, match=r"couldn't be created \(ROLLBACK_.*: Bad: Invalid"):
        stack.wait(120)
    assert [reason.partition(":")[0] for reason in stack.failures()] == ["Bad"]


def test_an_update_that_fails_says_why_and_nothing_of_before(stack: Stack, upload: Upload) -> None:
    """Of two updates that failed, the reasons are those of the second."""
    stack.create(upload(template()), {})
    stack.wait(120)
    for name in ("First", "Second"):
        assert stack.update(upload(template(**impossible(name))), {})

        with pytest.raises(DeploymentError, match=rf"couldn't be updated \(UPDATE_.*: {name}: "):
            stack.wait(120)
        assert [reason.partition(":")[0] for reason in stack.failures()] == [name]


def test_what_cloudformation_refuses_is_told(stack: Stack, upload: Upload) -> None:
    """A stack that is there can't be created, nor one that isn't be updated."""
    with pytest.raises(DeploymentError, match=rf"stack '{stack.name}' was refused: .*not exist"):
        stack.update(upload(template()), {})
    stack.create(upload(template()), {})
    stack.wait(120)
    with pytest.raises(DeploymentError, match=rf"stack '{stack.name}' was refused: .*exists"):
        stack.create(upload(template()), {})


def test_a_wait_ends(stack: Stack, upload: Upload) -> None:
    """What isn't done in time is told with the status that it has."""
    handle = {"Type": "AWS::CloudFormation::WaitConditionHandle"}
    never = {
        "Type": "AWS::CloudFormation::WaitCondition",
        "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "3600"},
    }
    stack.create(upload(template(Handle=handle, Never=never)), {})

    with pytest.raises(DeploymentError, match=r"is still CREATE_IN_PROGRESS after 0.2 s"):
        stack.wait(0.2)


def test_the_bucket_of_a_stack_of_somebody_else_is_asked_for_in_vain(
    stack: Stack, upload: Upload
) -> None:
    """The error says that the stack is none of Algernon's."""
    stack.create(upload(template()), {})
    stack.wait(120)
    with pytest.raises(NotASystemError, match=rf"stack '{stack.name}' isn't one of algernon templ"):
        stack.bucket()


@pytest.mark.parametrize("which", ["local_aws", "aws"])
def test_of_a_stack_that_is_not_there_nothing_more_is_asked(
    which: str, request: pytest.FixtureRequest
) -> None:
    """The error is that of the first call, since the right to make another may be missing."""
    cloudformation = request.getfixturevalue(which).client("cloudformation")
    asked: list[str] = []
    cloudformation.meta.events.register("before-call", lambda model, **_: asked.append(model.name))
    with pytest.raises(ClientError, match="does not exist") as raised:
        Stack(cloudformation, "nowhere").bucket()
    assert raised.value.operation_name == "DescribeStackResource"
    assert asked == ["DescribeStackResource"]
