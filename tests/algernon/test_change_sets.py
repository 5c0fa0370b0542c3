"""Change sets: planned, executed, refused, and told of when they fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from algernon.errors import DeploymentError, RefusedError
from algernon.local.aws import LocalAWS
from algernon.local.place import place_of_local_aws
from algernon.system.deployment.change_set import Change
from algernon.system.deployment.code_bucket import code_bucket
from algernon.system.deployment.deployed import deployed_template
from algernon.system.deployment.execution import execute
from algernon.system.deployment.operation import delete_stack
from algernon.system.deployment.stack_events import StackEvent
from algernon.system.deployment.stack_state import ready
from algernon.system.place import Place
from algernon.system.template.logical_ids import logical_id

from .. import conftest
from .small_stacks import MOST_SECONDS, SmallStack, open_gate, queue, template
from .stacks import code_that_notes

pytestmark = pytest.mark.starts

PAY = logical_id("Queue", "pay")
BILL = logical_id("Queue", "bill")


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A local AWS, which all stacks share."""
    with LocalAWS() as aws:
        yield place_of_local_aws(aws.environ)


@pytest.fixture
def stack(place: Place, request: pytest.FixtureRequest) -> SmallStack:
    """A stack of a name of its own, which isn't there yet."""
    name = "".join(char for char in request.node.name.title() if char.isalnum())
    return SmallStack(replace(place, stack_name=name))


def test_a_stack_is_created_and_then_there_is_nothing_to_do(stack: SmallStack) -> None:
    """The second plan is empty, and leaves no change set behind."""
    planned = stack.change_set(template(queue("pay")), Seconds="30")
    assert planned.is_new_stack
    assert planned.changes == (Change("Add", PAY, "AWS::SQS::Queue"),)
    assert stack.status() == "REVIEW_IN_PROGRESS"
    stack.execute(planned)
    assert stack.status() == "CREATE_COMPLETE"
    assert stack.events[-1] == (stack.name, "CREATE_COMPLETE")
    assert (PAY, "CREATE_COMPLETE") in stack.events

    again = stack.change_set(template(queue("pay")), Seconds="30")
    assert again.is_empty
    assert again.changes == ()
    assert [name for name in stack.change_sets() if name in again.change_set_id] == []
    assert stack.told == []


def test_one_parameter_is_changed_and_all_else_stays(stack: SmallStack) -> None:
    """The template and the other parameter are those that the stack has, whatever it is now."""
    body = template(queue("pay", {"Ref": "Seconds"}), queue("bill", {"Ref": "Others"}))
    stack.deploy(body, Seconds="60", Others="70")
    queues = stack.resources()

    planned = stack.change_set(Seconds="90", Others=None)
    assert not planned.is_new_stack
    changed = Change("Modify", PAY, "AWS::SQS::Queue", physical_id=queues[PAY])
    assert planned.changes == (changed,)
    stack.execute(planned)
    assert stack.facts().parameters == {"Seconds": "90", "Others": "70"}
    assert stack.resources() == queues
    assert stack.change_set(Seconds=None, Others=None).is_empty


def test_a_rename_is_an_addition_and_a_removal(stack: SmallStack) -> None:
    """That is what CloudFormation makes of it, and the queue that stays is another's then."""
    stack.deploy(template(queue("pay", stays=True)))
    before = stack.resources()[PAY]
    planned = stack.change_set(template(queue("bill", stays=True), tasks=("bill",)))

    assert sorted((change.action, change.logical_id) for change in planned.changes) == [
        ("Add", BILL),
        ("Remove", PAY),
    ]
    stack.execute(planned)
    assert [*stack.resources()] == [BILL]
    assert (PAY, "DELETE_SKIPPED") in stack.events
    stack.place.client("sqs").get_queue_attributes(QueueUrl=before)


def test_a_replacement_is_told(stack: SmallStack) -> None:
    """A queue that would be another's, with none of its messages, can be seen in the plan."""
    body = template(queue("pay"))
    stack.deploy(body)
    body["Resources"][PAY]["Properties"]["QueueName"] = "another"
    (change,) = stack.change_set(body).changes
    assert (change.action, change.replacement) == ("Modify", True)


def test_what_fails_first_is_told_in_the_words_of_who_uses_it(stack: SmallStack) -> None:
    """It names the Task, and that all of it was taken back; so it was."""
    with pytest.raises(DeploymentError) as raised:
        stack.deploy(template(queue("pay", MOST_SECONDS + 1)))
    assert f"'{stack.name}' couldn't be created (ROLLBACK_COMPLETE): the queue of" in str(
        raised.value
    )
    assert f"of the Task 'pay' ({PAY}): " in str(raised.value)
    assert "\n" not in str(raised.value)
    assert len(stack.told) == 1
    assert stack.told[0].endswith(": CloudFormation takes the changes back")


def test_an_update_that_fails_leaves_the_stack_as_it_was(stack: SmallStack) -> None:
    """Also a queue that it had created, and that is to stay otherwise, is gone."""
    stack.deploy(template(queue("pay")))
    before = stack.resources()
    bad = template(
        queue("pay"), queue("bill", stays=True), queue("zero", MOST_SECONDS + 1), tasks=("zero",)
    )
    with pytest.raises(DeploymentError, match=r"updated \(UPDATE_ROLLBACK_COMPLETE\): the queue o"):
        stack.deploy(bad)
    assert stack.resources() == before
    sqs = stack.place.client("sqs")
    assert sqs.list_queues(QueueNamePrefix=stack.name)["QueueUrls"] == [before[PAY]]
    assert stack.change_set(template(queue("pay"))).is_empty


@pytest.mark.parametrize("by", ["an update", "a change set", "a deletion"])
def test_a_plan_is_refused_once_somebody_else_changed_the_stack(stack: SmallStack, by: str) -> None:
    """Nothing of it is done."""
    stack.deploy(template(queue("pay", {"Ref": "Seconds"})))
    planned = stack.change_set(Seconds="90")
    if by == "an update":
        assert stack.update(stack.url(template(queue("pay", {"Ref": "Seconds"}))), {"Seconds": "7"})
        stack.wait_until("UPDATE_COMPLETE")
    elif by == "a change set":
        stack.deploy(Seconds="7")
    else:
        delete_stack(stack.cloudformation, planned.stack_id)
    before = stack.find()

    with pytest.raises(RefusedError, match=r"changed since the plan was made"):
        stack.execute(planned)
    assert stack.find() == before


def test_a_plan_that_is_not_carried_out_leaves_nothing(stack: SmallStack) -> None:
    """Neither a change set, nor a stack without anything; but one that another plan is of."""
    body = template(queue("pay"))
    stack.change_set(body).delete()
    assert stack.find() is None

    first = stack.change_set(body)
    stack.cloudformation.create_change_set(
        StackName=stack.name,
        ChangeSetName="theirs",
        ChangeSetType="CREATE",
        TemplateURL=stack.url(body),
    )
    first.delete()
    assert stack.change_sets() == ["theirs"]
    assert stack.status() == "REVIEW_IN_PROGRESS"


def test_what_interrupted_runs_left_is_deleted_after_an_hour(stack: SmallStack) -> None:
    """Somebody may still decide on a younger one, and others than ours are nobody else's."""
    body = template(queue("pay", {"Ref": "Seconds"}))
    stack.deploy(body)
    executed = {*stack.change_sets()}
    stack.change_set(Seconds="60")
    (left,) = {*stack.change_sets()} - executed
    stack.cloudformation.create_change_set(
        StackName=stack.name, ChangeSetName="theirs", TemplateURL=stack.url(template())
    )
    stack.change_set(Seconds="70").delete()
    assert {*stack.change_sets()} - executed == {left, "theirs"}

    def an_hour_later(parsed: dict[str, Any], **_: object) -> None:
        for summary in parsed["Summaries"]:
            summary["CreationTime"] -= timedelta(hours=1)

    stack.cloudformation.meta.events.register(
        "after-call.cloudformation.ListChangeSets", an_hour_later
    )
    stack.change_set(Seconds="70").delete()
    assert {*stack.change_sets()} - executed == {"theirs"}


def test_a_lost_answer_to_the_execution_is_no_failure(stack: SmallStack) -> None:
    """boto3 asks again, and what began by the first call isn't somebody else's."""
    planned = stack.change_set(template(queue("pay")))
    planned.execute()
    planned.execute()
    stack.wait_until("CREATE_COMPLETE")


def test_whoever_leaves_is_told_what_goes_on(stack: SmallStack) -> None:
    """CloudFormation does, to the end."""
    planned = stack.change_set(template(queue("pay")))

    def leave(_: StackEvent) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        execute(planned, tell=stack.told.append, progress=leave)

    assert stack.told[0].startswith("CloudFormation goes on with it meanwhile")
    stack.wait_until("CREATE_COMPLETE")


def test_to_look_too_often_ends_nothing(stack: SmallStack) -> None:
    """CloudFormation, which throttles whoever looks, goes on meanwhile."""
    refused: list[str] = []
    answer = {"Error": {"Code": "Throttling", "Message": "Rate exceeded"}, "ResponseMetadata": {}}

    def throttle(model: Any, **_: object) -> tuple[Any, dict[str, Any]] | None:
        if refused.count(model.name) == 3:
            return None
        refused.append(model.name)
        return SimpleNamespace(status_code=400), answer

    events = stack.cloudformation.meta.events
    events.register("before-call.cloudformation.DescribeChangeSet", throttle)

    def throttle_looks(**_: object) -> None:
        for name in ("DescribeStacks", "DescribeStackEvents"):
            events.register(f"before-call.cloudformation.{name}", throttle)

    events.register("after-call.cloudformation.ExecuteChangeSet", throttle_looks)
    facts = stack.deploy(template(queue("pay")))

    assert facts.status == "CREATE_COMPLETE"
    assert len(refused) == 9


def test_a_template_that_can_not_be_one_is_refused(stack: SmallStack) -> None:
    """Nothing is left of it, and no stack either."""
    with pytest.raises(DeploymentError, match=rf"template of the stack '{stack.name}' was refused"):
        stack.change_set({"Resources": {"Pay": {"Type": "AWS::SQS::Nothing"}}})
    assert stack.find() is None


def test_a_name_that_is_taken_is_told_with_what_to_do(stack: SmallStack) -> None:
    """Such as that of a bucket."""
    stack.place.client("s3").create_bucket(Bucket="taken")
    properties = {"BucketName": "taken"}
    bucket = {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": properties}}
    with pytest.raises(DeploymentError, match="is there, and no part of the stack: delete it if"):
        stack.deploy(template(bucket))


def test_code_that_is_not_there_is_told(stack: SmallStack) -> None:
    """The error names the function, and the zip."""
    stack.place.client("s3").put_object(
        Bucket="templates", Key="1.zip", Body=code_that_notes({"worker": ["pay"]})
    )
    properties: dict[str, Any] = {
        "Code": {"S3Bucket": "templates", "S3Key": "1.zip"},
        "Handler": "worker.handler",
        "Runtime": "python3.12",
        "Role": "arn:aws:iam::000000000000:role/worker",
    }
    worker = {"Worker": {"Type": "AWS::Lambda::Function", "Properties": properties}}
    stack.deploy(template(worker))
    properties["Code"] = {"S3Bucket": "templates", "S3Key": "2.zip"}
    with pytest.raises(DeploymentError) as raised:
        stack.deploy(template(worker))
    assert "(UPDATE_ROLLBACK_COMPLETE): Worker (AWS::Lambda::Function): " in str(raised.value)
    assert "s3://templates/2.zip" in str(raised.value)


def test_an_update_that_somebody_cancelled_is_told_so(stack: SmallStack) -> None:
    """Nothing failed, and CloudFormation takes it back."""
    stack.deploy(template(queue("pay")))
    handle = {"Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle", "DependsOn": PAY}}
    gate = {
        "Gate": {
            "Type": "AWS::CloudFormation::WaitCondition",
            "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "3600"},
        }
    }
    planned = stack.change_set(template(queue("pay", 60), handle, gate, queue("zero")))

    def cancel(event: StackEvent) -> None:
        if (event.logical_id, event.status) == ("Gate", "UPDATE_IN_PROGRESS"):
            stack.cloudformation.cancel_update_stack(StackName=stack.name)
            open_gate(stack)

    with pytest.raises(DeploymentError, match=r"UPDATE_ROLLBACK_COMPLETE\): somebody cancelled it"):
        execute(planned, tell=stack.told.append, progress=cancel)
    assert stack.told == ["somebody cancelled it: CloudFormation takes the changes back"]


def test_on_moto_a_stack_goes_through_its_life(aws: conftest.LocalAWS) -> None:
    """Created, nothing to do, one parameter alone, a rename, and deleted.

    moto lists no change for a parameter alone, and nothing fails there, nor is refused.
    """
    # Where "localhost" is, it takes for the URL of a template.
    url = aws.url.replace("127.0.0.1", "localhost")
    session = boto3.Session(region_name="us-east-1")
    stack = SmallStack(Place(session, {}, endpoint_url=url, stack_name="shop"))
    tell = stack.told.append
    assert ready(stack.cloudformation, "shop", tell=tell, timeout=1) == "absent"

    assert code_bucket(stack.place, "templates", tell=tell).name == "templates"
    body = template(queue("pay", {"Ref": "Seconds"}))
    planned = stack.change_set(body, Seconds="60", Others="70")
    assert planned.changes == (Change("Add", PAY, "AWS::SQS::Queue"),)
    assert ready(stack.cloudformation, "shop", tell=tell, timeout=1) == "new"
    assert deployed_template(stack.place) is None
    stack.execute(planned)
    assert ready(stack.cloudformation, "shop", tell=tell, timeout=1) == "there"
    assert deployed_template(stack.place) == body

    assert stack.change_set(body, Seconds="60", Others="70").is_empty
    assert stack.change_set(Seconds=None, Others=None).is_empty
    assert stack.deploy(Seconds="90", Others=None).parameters == {"Seconds": "90", "Others": "70"}
    renamed = stack.change_set(template(queue("bill")), Seconds=None, Others=None)
    assert {(change.action, change.logical_id) for change in renamed.changes} == {
        ("Add", BILL),
        ("Remove", PAY),
    }
    stack.execute(renamed)
    assert [*stack.resources()] == [BILL]
    delete_stack(stack.cloudformation, stack.facts().stack_id)
    assert ready(stack.cloudformation, "shop", tell=tell, timeout=1) == "absent"
    assert stack.told == []
