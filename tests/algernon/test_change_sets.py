"""Change sets: planned, executed, refused, and told of when they fail."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from algernon.errors import DeploymentError, RefusedError
from algernon.local.aws import LocalAWS
from algernon.local.place import place_of_local_aws
from algernon.system.deployment.change_set import Change
from algernon.system.place import Place
from algernon.system.template.logical_ids import logical_id

from .small_stacks import MOST_SECONDS, SmallStack, queue, template

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


@pytest.mark.parametrize("by", ["an update", "a change set"])
def test_a_plan_is_refused_once_somebody_else_changed_the_stack(stack: SmallStack, by: str) -> None:
    """Nothing of it is done."""
    stack.deploy(template(queue("pay", {"Ref": "Seconds"})))
    planned = stack.change_set(Seconds="90")
    if by == "an update":
        assert stack.update(stack.url(template(queue("pay", {"Ref": "Seconds"}))), {"Seconds": "7"})
    else:
        stack.change_set(Seconds="7").execute()
    stack.wait_until("UPDATE_COMPLETE")

    with pytest.raises(RefusedError, match=r"changed since the plan was made"):
        stack.execute(planned)
    assert stack.facts().parameters["Seconds"] == "7"
