"""A system is removed, with all of its queues that nothing is in, and nothing that is."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from algernon.errors import DeploymentError, NotASystemError, RefusedError, UnknownTaskError
from algernon.local.aws import LocalAWS
from algernon.local.place import place_of_local_aws
from algernon.system.deployment.removal import Removal, destroy, find_removal
from algernon.system.deployment.stack_events import StackEvent
from algernon.system.deployment.stack_state import ready
from algernon.system.place import Place
from algernon.template import logical_id, system_template
from algernon.worker import Worker
from botocore.exceptions import ClientError

from ..waiting import PATIENCE
from .small_stacks import SmallStack, queue, template

pytestmark = pytest.mark.starts

PAY = logical_id("Queue", "pay")
PAY_DEAD = logical_id("DeadLetterQueue", "pay")
MAIL = logical_id("Queue", "mail")


def shop(*tasks: str) -> dict[str, Any]:
    """Return what these Tasks travel through, without functions."""
    return system_template([Worker("shop.handler", tasks, {})], part="tasks")


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    """A local AWS, which all stacks share."""
    with LocalAWS() as aws:
        yield place_of_local_aws(aws.environ)


@pytest.fixture
def stack(place: Place, request: pytest.FixtureRequest) -> SmallStack:
    """A stack of a name of its own, which isn't there yet."""
    name = "".join(char for char in request.node.name.title() if char.isalnum())[-40:]
    return SmallStack(replace(place, stack_name=name))


def removal_of(stack: SmallStack) -> Removal:
    """Return what its removal does."""
    return find_removal(stack.place, tell=stack.told.append, timeout=PATIENCE)


def remove(
    stack: SmallStack,
    *drop: str,
    progress: Callable[[StackEvent], object] = lambda _: None,
) -> None:
    """Remove it, and note what is told."""
    destroy(stack.place, removal_of(stack), drop=drop, tell=stack.told.append, progress=progress)


def queues_left(stack: SmallStack) -> list[str]:
    """Return the names of the queues that there still are of it."""
    found = stack.place.client("sqs").list_queues(QueueNamePrefix=f"{stack.name}-")
    return [url.rsplit("/", 1)[1] for url in found.get("QueueUrls", [])]


def send(stack: SmallStack, url: str) -> None:
    """Put a message into a queue."""
    stack.place.client("sqs").send_message(QueueUrl=url, MessageBody="one")


def test_a_system_without_messages_goes_and_its_bucket_stays(stack: SmallStack) -> None:
    """It is said which bucket, and how it is deleted."""
    stack.deploy(shop("pay", "mail"))
    bucket = stack.resources()["Bucket"]
    removal = removal_of(stack)

    assert removal.tasks == ("pay", "mail")
    assert len(removal.queues) == 4
    assert removal.bucket == bucket
    remove(stack)
    assert stack.find() is None
    assert queues_left(stack) == []
    stack.place.client("s3").head_bucket(Bucket=bucket)
    (told,) = stack.told
    assert told == (
        f"the bucket '{bucket}' stays with what is in it: aws s3 rb s3://{bucket} --force deletes"
        " both"
    )
    with pytest.raises(NotASystemError, match=rf"no stack '{stack.name}' in the region us-east"):
        removal_of(stack)


def test_what_holds_messages_is_not_removed_unless_they_are_given_up(stack: SmallStack) -> None:
    """The error names the Tasks; to give one up says nothing of another."""
    stack.deploy(shop("pay", "mail"))
    urls = stack.resources()
    for name in (PAY, PAY_DEAD, PAY_DEAD, MAIL):
        send(stack, urls[name])

    with pytest.raises(RefusedError) as raised:
        remove(stack)
    assert f"the queue of the Task 'pay' ({PAY}) holds 1 message" in str(raised.value)
    assert f"the dead-letter queue of the Task 'pay' ({PAY_DEAD}) holds 2 messages" in str(
        raised.value
    )
    with pytest.raises(RefusedError, match="the Task 'mail'") as raised:
        remove(stack, "pay")
    assert "'pay'" not in str(raised.value)
    assert stack.status() == "CREATE_COMPLETE"
    remove(stack, "pay", "mail")
    assert queues_left(stack) == []


def test_a_message_that_comes_meanwhile_is_not_lost(stack: SmallStack) -> None:
    """Its queue stays until it is empty, when the same command deletes that."""
    stack.deploy(shop("pay", "mail"))
    url, dead = stack.resources()[PAY], stack.resources()[PAY_DEAD]
    both = [each.rsplit("/", 1)[1] for each in (dead, url)]
    sent: list[StackEvent] = []

    def meanwhile(event: StackEvent) -> None:
        if not sent:
            send(stack, url)
        sent.append(event)

    remove(stack, progress=meanwhile)
    # Its dead letters would have no place else.
    assert queues_left(stack) == both
    assert stack.told[0] == (
        f"the queue of the Task 'pay' ({PAY}) stays with 1 message, as {url}: run this again when"
        " it is empty"
    )
    remove(stack)
    assert queues_left(stack) == both
    stack.place.client("sqs").purge_queue(QueueUrl=url)
    remove(stack)
    assert queues_left(stack) == []


def test_what_comes_after_the_plan_is_counted_too(stack: SmallStack) -> None:
    """Whoever is asked may take an hour."""
    stack.deploy(shop("pay"))
    removal = removal_of(stack)
    send(stack, stack.resources()[PAY])

    with pytest.raises(RefusedError, match="nothing was deleted"):
        destroy(stack.place, removal, tell=stack.told.append, progress=lambda _: None)
    assert stack.status() == "CREATE_COMPLETE"


def test_of_an_old_template_too_nothing_is_lost_that_comes_meanwhile(stack: SmallStack) -> None:
    """Its queues would go with the stack, so that it is changed before."""
    mapping = {
        "WorkerQueuePay": {
            "Type": "AWS::Lambda::EventSourceMapping",
            "Properties": {
                "EventSourceArn": {"Fn::GetAtt": [PAY, "Arn"]},
                "FunctionName": "shop",
            },
        }
    }
    topic = {
        logical_id("Topic", "pay"): {
            "Type": "AWS::SNS::Topic",
            "Properties": {"TopicName": {"Fn::Sub": "${AWS::StackName}-pay"}},
        }
    }
    stack.deploy(template(queue("pay"), topic, mapping))
    url = stack.resources()[PAY]
    sent: list[StackEvent] = []

    def meanwhile(event: StackEvent) -> None:
        if event.status == "DELETE_IN_PROGRESS" and not sent:
            send(stack, url)
            sent.append(event)

    remove(stack, progress=meanwhile)

    assert stack.told[0].startswith("pausing pay: the template is one of an older Algernon")
    assert queues_left(stack) == [url.rsplit("/", 1)[1]]


def test_what_an_interrupted_removal_left_goes_by_the_next(stack: SmallStack) -> None:
    """Whether it was the stack that it had just begun to delete, or the queues."""
    stack.deploy(shop("pay"))
    stack.cloudformation.delete_stack(StackName=stack.name)
    removal = removal_of(stack)
    assert not removal.is_stack_there
    assert {each.logical_id for each in removal.queues} == {PAY, PAY_DEAD}
    remove(stack)
    assert queues_left(stack) == []


def test_what_a_task_left_that_was_removed_before_goes_too(stack: SmallStack) -> None:
    """It holds messages like any other."""
    stack.deploy(shop("pay", "mail"))
    send(stack, stack.resources()[MAIL])
    stack.deploy(shop("pay"))

    with pytest.raises(RefusedError, match=rf"{MAIL} \(AWS::SQS::Queue\) holds 1 message"):
        remove(stack)
    remove(stack, "mail")
    assert queues_left(stack) == []


def test_a_task_that_it_does_not_have_is_told(stack: SmallStack) -> None:
    """Nothing is deleted for a mistyped name."""
    stack.deploy(shop("pay"))
    with pytest.raises(UnknownTaskError, match=r"has no queue of a Task 'pya': it has pay"):
        remove(stack, "pya")
    assert stack.status() == "CREATE_COMPLETE"


def test_a_stack_of_somebody_else_stays(stack: SmallStack) -> None:
    """Whatever it is made of, and whether it is only planned."""
    others = {"Resources": queue("pay")}
    stack.cloudformation.create_change_set(
        StackName=stack.name,
        ChangeSetName="theirs",
        ChangeSetType="CREATE",
        TemplateURL=stack.url(others),
    )
    with pytest.raises(NotASystemError, match="isn't one of algernon template, and is left"):
        removal_of(stack)
    stack.deploy({**others, "Metadata": {"Algernon": "a mouse"}})
    with pytest.raises(NotASystemError, match="isn't one of algernon template, and is left"):
        removal_of(stack)


def test_a_stack_that_was_only_planned_goes(stack: SmallStack) -> None:
    """Nothing was made of it but a change set."""
    stack.change_set(shop("pay"))
    remove(stack)
    assert stack.find() is None


def test_a_protected_stack_stays(stack: SmallStack) -> None:
    """The error says how its protection is taken away."""
    stack.deploy(shop("pay"))
    stack.cloudformation.update_termination_protection(
        StackName=stack.name, EnableTerminationProtection=True
    )
    with pytest.raises(DeploymentError, match="--no-enable-termination-protection"):
        remove(stack)
    assert len(queues_left(stack)) == 2


def test_what_can_not_be_deleted_is_told_and_the_next_removal_goes_on(stack: SmallStack) -> None:
    """Such as a network in which somebody has made something by hand; nothing is deployed then."""
    network = {"Network": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}}
    stack.deploy(template(queue("pay", stays=True), network))
    ec2 = stack.place.client("ec2")
    subnet = ec2.create_subnet(VpcId=stack.resources()["Network"], CidrBlock="10.0.1.0/24")

    with pytest.raises(DeploymentError, match=r"couldn't be deleted \(DELETE_FAILED\): Network: "):
        remove(stack)
    with pytest.raises(DeploymentError, match=r"DELETE_FAILED \(Network: .*by algernon destroy or"):
        ready(stack.cloudformation, stack.name, tell=stack.told.append, timeout=PATIENCE)
    ec2.delete_subnet(SubnetId=subnet["Subnet"]["SubnetId"])
    remove(stack)
    assert stack.find() is None
    assert queues_left(stack) == []


def test_a_queue_that_was_deleted_by_hand_is_no_obstacle(stack: SmallStack) -> None:
    """There is nothing to look into."""
    stack.deploy(shop("pay"))
    sqs = stack.place.client("sqs")
    sqs.delete_queue(QueueUrl=stack.resources()[PAY_DEAD])
    remove(stack)
    with pytest.raises(ClientError):
        sqs.get_queue_url(QueueName=f"{stack.name}-{PAY}")
    assert stack.find() is None
