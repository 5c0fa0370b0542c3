"""A stack is brought to where it can be changed, whatever an earlier run or somebody else left."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
from algernon.errors import DeploymentError, NotASystemError
from algernon.local.aws import LocalAWS
from algernon.local.place import place_of_local_aws
from algernon.system.deployment.stack_state import StackState, ready
from algernon.system.place import Place
from algernon.system.template.logical_ids import logical_id

from ..waiting import PATIENCE, wait_for
from .small_stacks import MOST_SECONDS, SmallStack, open_gate, queue, template
from .stacks import code_that_notes

pytestmark = pytest.mark.starts

PAY = logical_id("Queue", "pay")
FAILING = template(queue("pay", MOST_SECONDS + 1))


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


def state_of(
    stack: SmallStack, tell: Callable[[str], object] | None = None, timeout: float = PATIENCE
) -> StackState:
    """Bring a stack to where it can be changed, and note what is told."""

    def note(text: str) -> None:
        stack.told.append(text)
        if tell is not None:
            tell(text)

    return ready(stack.cloudformation, stack.name, tell=note, timeout=timeout)


def waiting(after: str = PAY) -> dict[str, Any]:
    """Return what a stack waits at, once it has the resource of a name, until a test goes on."""
    return {
        "Handle": {"Type": "AWS::CloudFormation::WaitConditionHandle", "DependsOn": after},
        "Gate": {
            "Type": "AWS::CloudFormation::WaitCondition",
            "Properties": {"Handle": {"Ref": "Handle"}, "Timeout": "3600"},
        },
    }


def worker(key: str) -> dict[str, Any]:
    """Return a function whose code has a key."""
    properties = {
        "Code": {"S3Bucket": "templates", "S3Key": key},
        "Handler": "worker.handler",
        "Runtime": "python3.12",
        "Role": "arn:aws:iam::000000000000:role/worker",
    }
    return {"Worker": {"Type": "AWS::Lambda::Function", "Properties": properties}}


def test_of_nothing_nothing_is_told(stack: SmallStack) -> None:
    """There is nothing to wait for."""
    assert state_of(stack) == "absent"
    assert stack.told == []


def test_a_stack_that_only_a_change_set_was_made_of_is_new(stack: SmallStack) -> None:
    """Whoever was interrupted then, the next change set creates it."""
    stack.change_set(template(queue("pay")))
    assert state_of(stack) == "new"
    assert stack.deploy(template(queue("pay"))).status == "CREATE_COMPLETE"
    assert state_of(stack) == "there"
    assert stack.told == []


def test_a_creation_that_was_interrupted_is_waited_for(stack: SmallStack) -> None:
    """CloudFormation goes on with it, and it is said since when."""
    stack.change_set(template(queue("pay"), waiting())).execute()

    assert state_of(stack, lambda _: open_gate(stack)) == "there"
    assert stack.status() == "CREATE_COMPLETE"
    (told,) = stack.told
    assert told.startswith(f"the stack '{stack.name}' is CREATE_IN_PROGRESS since ")
    assert told.endswith(" UTC: waiting for its end")


def test_an_update_of_somebody_else_is_waited_for(stack: SmallStack) -> None:
    """What they made of the stack is what is changed then."""
    stack.deploy(template(queue("pay")))
    assert stack.update(stack.url(template(queue("pay"), waiting())), {})

    assert state_of(stack, lambda _: open_gate(stack)) == "there"
    assert stack.status() == "UPDATE_COMPLETE"
    assert "is UPDATE_IN_PROGRESS since" in stack.told[0]


def test_a_wait_has_an_end(stack: SmallStack) -> None:
    """The error says what is under way, and that it is to be run again."""
    stack.change_set(template(queue("pay"), waiting())).execute()
    with pytest.raises(DeploymentError, match=r"UTC, and still is after 0 s: .* again when that"):
        state_of(stack, timeout=0.2)
    open_gate(stack)


def test_a_stack_that_could_not_be_created_makes_room(stack: SmallStack) -> None:
    """It is said why it couldn't, and the next deployment creates it."""
    with pytest.raises(DeploymentError, match="ROLLBACK_COMPLETE"):
        stack.deploy(FAILING)
    stack.told.clear()

    assert state_of(stack) == "absent"
    (told,) = stack.told
    assert told.startswith(f"the stack '{stack.name}' couldn't be created before ({PAY}: ")
    assert told.endswith("): deleting what is left of it")
    assert stack.deploy(template(queue("pay"))).status == "CREATE_COMPLETE"


def test_what_somebody_else_could_not_create_stays(stack: SmallStack) -> None:
    """A name that was mistyped deletes nobody's stack."""
    others = {name: part for name, part in FAILING.items() if name != "Metadata"}
    with pytest.raises(DeploymentError, match="ROLLBACK_COMPLETE"):
        stack.deploy(others)

    with pytest.raises(NotASystemError, match=r"isn't one of algernon template: delete it if it"):
        state_of(stack)
    assert stack.status() == "ROLLBACK_COMPLETE"


def test_an_update_that_could_not_be_taken_back_is_taken_back(stack: SmallStack) -> None:
    """First in vain, which says what to do; and once the code is there again, it goes on."""
    code = code_that_notes({"worker": ["pay"]})
    s3 = stack.place.client("s3")
    for key in ("1.zip", "2.zip"):
        s3.put_object(Bucket="templates", Key=key, Body=code)
    stack.deploy(template(worker("1.zip")))
    stack.change_set(template(worker("2.zip"), waiting("Worker"))).execute()
    s3.delete_object(Bucket="templates", Key="1.zip")
    open_gate(stack, "FAILURE")
    wait_for(lambda: stack.status() in {"UPDATE_ROLLBACK_FAILED", "UPDATE_ROLLBACK_COMPLETE"})

    with pytest.raises(DeploymentError, match=r"UPDATE_ROLLBACK_FAILED \(Worker: .*; mend what"):
        state_of(stack)
    assert stack.told[0].endswith("): trying that again")
    s3.put_object(Bucket="templates", Key="1.zip", Body=code)
    assert state_of(stack) == "there"
    assert stack.status() == "UPDATE_ROLLBACK_COMPLETE"
    assert stack.deploy(template(worker("2.zip"))).status == "UPDATE_COMPLETE"


def test_what_was_begun_without_rollback_is_told_with_a_way_out(stack: SmallStack) -> None:
    """Only its owner knows whether what is there may go."""
    stack.cloudformation.create_stack(
        StackName=stack.name, TemplateBody=json.dumps(FAILING), OnFailure="DO_NOTHING"
    )
    stack.wait_until("CREATE_FAILED")

    with pytest.raises(DeploymentError, match=rf"is CREATE_FAILED \({PAY}: .*; delete it by aws c"):
        state_of(stack)
    assert stack.status() == "CREATE_FAILED"


def test_a_stack_that_is_being_deleted_is_absent_in_the_end(stack: SmallStack) -> None:
    """As if it had never been."""
    stack.deploy(template(queue("pay")))
    stack.cloudformation.delete_stack(StackName=stack.name)
    assert state_of(stack) == "absent"
