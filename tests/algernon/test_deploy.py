"""A system is deployed, changed and deployed again, and nothing is lost by it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest
from algernon import TaskNeeds
from algernon.errors import DeploymentError, RefusedError
from algernon.local.aws import LocalAWS
from algernon.local.place import place_of_local_aws
from algernon.settings import Settings
from algernon.system.deployment.deploy import Deployment, Outcome
from algernon.system.deployment.plan import Plan
from algernon.system.place import Place
from algernon.template import logical_id, system_template
from algernon.worker import Worker

from ..waiting import wait_for
from .stacks import LocalStack, code_that_notes
from .test_template_update import SYSTEMS

pytestmark = pytest.mark.starts

# The local Lambda's own lines are text.
TEXT = Settings(log_format="Text")
SHOP = Worker("shop.handler", ("order", "pay"), {})
BANK = Worker("bank.handler", ("book",), {})


@dataclass(frozen=True)
class Zip:
    """The code of some workers, whose Tasks note that they ran."""

    archive: bytes

    @property
    def key(self) -> str:
        """The zip's name."""
        return f"{hashlib.sha256(self.archive).hexdigest()}.zip"


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAWS]:
    """A local AWS for the stacks of all tests here."""
    with LocalAWS() as aws:
        yield aws


@dataclass
class System:
    """A system that is deployed again and again.

    Attributes:
        place: Where it is.
        stack: Its stack.
        told: What its deployments said.
    """

    place: Place
    stack: LocalStack
    told: list[str] = field(default_factory=list)

    def begin(
        self, *workers: Worker, settings: Settings = TEXT, **options: Any
    ) -> tuple[Deployment, Zip]:
        """Return a deployment of some workers, and their code."""
        template = system_template(workers, settings=settings)
        deployment = Deployment(self.place, template, tell=self.told.append, **options)
        return deployment, code_of(workers)

    def deploy(self, *workers: Worker, **options: Any) -> tuple[Plan, Outcome]:
        """Deploy some workers."""
        deployment, code = self.begin(*workers, **options)
        plan = deployment.plan(code)
        return plan, deployment.carry_out(plan, code)

    def queue(self, task: str, kind: str = "Queue") -> str:
        """Return the URL of a Task's queue."""
        return self.stack.resources()[logical_id(kind, task)]

    def change_sets(self) -> list[Any]:
        """Return the change sets that are left."""
        found: list[Any] = self.stack.client("cloudformation").list_change_sets(
            StackName=self.stack.name
        )["Summaries"]
        return [each for each in found if each["ExecutionStatus"] != "EXECUTE_COMPLETE"]

    def is_there(self, queue_url: str) -> bool:
        """Tell whether there is a queue."""
        urls = self.stack.client("sqs").list_queues().get("QueueUrls", [])
        return queue_url in urls


def code_of(workers: Sequence[Worker]) -> Zip:
    """Return the code of workers."""
    return Zip(code_that_notes({worker.module: worker.tasks for worker in workers}))


def system_of(aws: LocalAWS, name: str) -> System:
    """Return a system that isn't there yet."""
    place = replace(place_of_local_aws(aws.environ), stack_name=name)
    return System(place, LocalStack(aws, name))


def test_a_new_system_runs_and_the_second_time_there_is_nothing_to_do(aws: LocalAWS) -> None:
    """A change set isn't left, and other code alone changes the functions alone."""
    system = system_of(aws, "created")

    plan, _ = system.deploy(SHOP, BANK)

    assert plan.is_new
    system.stack.publish("order", "one", callback="pay#book")
    system.stack.wait_for_notes("shop order one", "shop pay one", "bank book one")
    told = len(system.stack.events())
    plan, _ = system.deploy(SHOP, BANK)
    assert plan.is_empty
    assert len(system.stack.events()) == told
    assert system.change_sets() == []


def test_code_alone_goes_as_such_or_together(aws: LocalAWS) -> None:
    """With --code-only what the template would change stays, which is told."""
    system = system_of(aws, "code")
    system.deploy(SHOP)
    template = system.stack.template()
    settings = replace(TEXT, environment={"BANK": "https://bank.example"})
    system.told.clear()
    deployment, _ = system.begin(SHOP, settings=settings, is_code_only=True)
    code = Zip(code_that_notes({"shop": ("order", "pay"), "more": ("others",)}))

    plan = deployment.plan(code)
    deployment.carry_out(plan, code)

    assert (plan.code_changes, plan.template_changes, plan.changed) == (True, False, ())
    assert system.told[0] == "--code-only leaves as it is deployed: environment + BANK"
    assert system.stack.template() == template
    assert system.stack.facts().parameters["CodeKey"] == code.key
    with pytest.raises(RefusedError, match="has to change for price"):
        system.begin(replace(SHOP, tasks=("order", "pay", "price")), is_code_only=True)
    slow = replace(SHOP, needs={"order": TaskNeeds(timeout=60)})
    with pytest.raises(RefusedError, match="has to change for order"):
        system.begin(slow, is_code_only=True)


def test_a_task_is_added_and_a_setting_changed_while_the_others_go_on(aws: LocalAWS) -> None:
    """Nothing waits, and nothing else changes."""
    system = system_of(aws, "added")
    system.deploy(SHOP)
    before = system.stack.resources()

    slow = {"price": TaskNeeds(timeout=60)}
    plan, _ = system.deploy(replace(SHOP, tasks=("order", "pay", "price"), needs=slow))

    assert [(each.kind, each.task) for each in plan.changed] == [("add", "price")]
    assert not plan.paused
    assert before.items() <= system.stack.resources().items()
    system.stack.publish("order", "two", callback="price")
    system.stack.wait_for_notes("shop order two", "shop price two")


def test_a_function_with_another_name_is_refused_and_its_old_one_helps(aws: LocalAWS) -> None:
    """With the name that it had only code changes."""
    system = system_of(aws, "renamed")
    system.deploy(SHOP)
    renamed = replace(SHOP, tasks=("order", "pay_bill"))
    before = system.stack.events()

    with pytest.raises(RefusedError, match=r"@router\.task\(name='pay'\)"):
        system.begin(renamed)

    assert system.stack.events() == before
    named = Zip(code_that_notes({"shop": SHOP.tasks, "renamed": ("other",)}))
    deployment, _ = system.begin(SHOP)
    plan = deployment.plan(named)
    assert (plan.changed, plan.template_changes, plan.code_changes) == ((), False, True)


def test_a_task_that_moves_meets_no_worker_that_doesnt_know_it(aws: LocalAWS) -> None:
    """What is sent meanwhile waits for the new one, and each message is run once."""
    system = system_of(aws, "moved")
    system.deploy(SHOP, BANK)
    texts = [str(number) for number in range(8)]
    for text in texts[:4]:
        system.stack.publish("pay", text)

    def publish_when_paused(text: str) -> None:
        system.told.append(text)
        if text.startswith("pausing"):
            for late in texts[4:]:
                system.stack.publish("pay", late)

    workers = [replace(SHOP, tasks=("order",)), replace(BANK, tasks=("book", "pay"))]
    template = system_template(workers, settings=TEXT)
    deployment = Deployment(system.place, template, tell=publish_when_paused)
    code = code_of(workers)
    plan = deployment.plan(code)
    deployment.carry_out(plan, code)

    assert [(each.kind, each.details) for each in plan.changed] == [
        ("move", ("worker shop → bank",))
    ]
    wait_for(lambda: len(system.stack.notes()) == len(texts), moving=system.stack.notes)
    assert {note.split()[2] for note in system.stack.notes()} == set(texts)
    lines = system.stack.client("logs").filter_log_events(
        logGroupName=system.stack.physical_id("WorkerLogs")
    )["events"]
    assert not [line for line in lines if "UnregisteredTask" in line["message"]]
    assert system.stack.waiting(system.queue("pay", "DeadLetterQueue")) == 0
    assert system.deploy(*workers)[0].is_empty


def test_a_task_that_goes_has_to_be_empty_and_takes_its_queues_along(aws: LocalAWS) -> None:
    """What it holds is told, nothing is changed for it, and --drop deletes that too."""
    system = system_of(aws, "removed")
    system.deploy(replace(SHOP, tasks=("order", "pay", "mail")))
    queue, letters = system.queue("pay"), system.queue("pay", "DeadLetterQueue")
    system.stack.feed("pay", is_on=False)
    system.stack.publish("pay", "left")
    wait_for(lambda: system.stack.waiting(queue) == 1)
    left = replace(SHOP, tasks=("order", "mail"))

    with pytest.raises(RefusedError, match="'pay' goes, and has 1 waiting and 0 dead"):
        system.begin(left)

    system.stack.feed("pay", is_on=True)
    system.stack.wait_for_notes("shop pay left")
    wait_for(lambda: system.stack.attribute(queue, "ApproximateNumberOfMessagesNotVisible") == "0")
    plan, outcome = system.deploy(left)
    assert plan.removed == ("pay",)
    assert {each.url for each in outcome.deleted} == {queue, letters}
    assert not system.is_there(queue)
    assert not system.is_there(letters)

    mail = system.queue("mail", "DeadLetterQueue")
    system.stack.client("sqs").send_message(QueueUrl=mail, MessageBody="a dead letter")
    plan, outcome = system.deploy(replace(SHOP, tasks=("order",)), drop=["mail"])
    assert (plan.removed, outcome.left) == (("mail",), ())
    assert not system.is_there(mail)


def test_what_comes_for_a_task_that_goes_ends_the_deployment(aws: LocalAWS) -> None:
    """It is taken to its worker again, and nothing else was changed."""
    system = system_of(aws, "meanwhile")
    system.deploy(SHOP)

    def publish_when_paused(text: str) -> None:
        system.told.append(text)
        if text.startswith("pausing"):
            system.stack.feed("pay", is_on=False)
            system.stack.publish("pay", "late")

    workers = [replace(SHOP, tasks=("order",))]
    deployment = Deployment(
        system.place, system_template(workers, settings=TEXT), tell=publish_when_paused
    )
    code = code_of(workers)

    with pytest.raises(RefusedError, match="'pay' goes, and has 1 waiting"):
        deployment.carry_out(deployment.plan(code), code)

    assert "resuming pay" in system.told
    system.stack.wait_for_notes("shop pay late")
    plan, _ = system.deploy(SHOP)
    assert plan.is_empty


def test_what_fails_is_taken_back_and_the_tasks_go_on(aws: LocalAWS) -> None:
    """Those that were paused for it are taken to their worker again."""
    system = system_of(aws, "failed")
    system.deploy(SHOP, BANK)

    def break_it(template: dict[str, Any]) -> None:
        template["Resources"]["Broken"] = {
            "Type": "AWS::Lambda::EventSourceMapping",
            "DependsOn": ["Worker"],
            "Properties": {
                "EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:none",
                "FunctionName": {"Fn::GetAtt": ["Bucket", "Nothing"]},
            },
        }

    workers = [replace(SHOP, tasks=("order",)), replace(BANK, tasks=("book", "pay"))]
    template = system_template(workers, settings=TEXT, customize=break_it)
    deployment = Deployment(system.place, template, tell=system.told.append)
    code = code_of(workers)

    with pytest.raises(DeploymentError):
        deployment.carry_out(deployment.plan(code), code)

    assert "resuming pay" in system.told
    system.stack.publish("pay", "again")
    system.stack.wait_for_notes("shop pay again")
    assert system.deploy(SHOP, BANK)[0].is_empty


def test_a_task_that_somebody_paused_stays_so(aws: LocalAWS) -> None:
    """Unless what takes its messages is another one, and both are told."""
    system = system_of(aws, "paused")
    system.deploy(SHOP, BANK)
    system.stack.feed("pay", is_on=False)
    system.stack.feed("book", is_on=False)

    _, outcome = system.deploy(replace(SHOP, tasks=("order", "pay", "price")), BANK)
    assert (outcome.paused, outcome.resumed) == (("book", "pay"), ())
    moved = [replace(SHOP, tasks=("order", "price")), replace(BANK, tasks=("book", "pay"))]
    _, outcome = system.deploy(*moved)
    assert (outcome.paused, outcome.resumed) == (("book",), ("pay",))


def test_what_somebody_resumes_meanwhile_is_paused_again(aws: LocalAWS) -> None:
    """Or a message might meet a worker that doesn't know it."""
    system = system_of(aws, "again")
    system.deploy(SHOP, BANK)
    queue, sqs = system.queue("pay"), system.stack.client("sqs")
    paused: list[str] = []
    system.place.session.events.register(
        "before-call.lambda.UpdateEventSourceMapping", lambda **_: paused.append("pay")
    )
    received: list[str] = []

    def resume_while_one_is_in_hand(text: str) -> None:
        if text.startswith("pausing"):
            system.stack.feed("pay", is_on=False)
            sqs.send_message(QueueUrl=queue, MessageBody="in hand")
            (message,) = sqs.receive_message(
                QueueUrl=queue, VisibilityTimeout=300, WaitTimeSeconds=20
            )["Messages"]
            received.append(message["ReceiptHandle"])
        if text.startswith("waiting until"):
            system.stack.feed("pay", is_on=True)
            sqs.delete_message(QueueUrl=queue, ReceiptHandle=received[0])

    workers = [replace(SHOP, tasks=("order",)), replace(BANK, tasks=("book", "pay"))]
    template = system_template(workers, settings=TEXT)
    deployment = Deployment(system.place, template, tell=resume_while_one_is_in_hand)
    code = code_of(workers)
    deployment.carry_out(deployment.plan(code), code)

    assert received
    assert paused == ["pay"]
    assert system.stack.mapping("pay")["State"] == "Enabled"


def test_of_two_deployments_at_once_one_is_refused(aws: LocalAWS) -> None:
    """What was planned for another stack doesn't undo what somebody deployed meanwhile."""
    system = system_of(aws, "twice")
    moved = [replace(SHOP, tasks=("order",)), replace(BANK, tasks=("book", "pay"))]
    first, first_code = system.begin(SHOP, BANK)
    plan = first.plan(first_code)
    system.deploy(SHOP, BANK)
    with pytest.raises(RefusedError, match="somebody else has changed the stack 'twice'"):
        first.carry_out(plan, first_code)

    second, second_code = system.begin(*moved)
    plan = second.plan(second_code)
    system.deploy(replace(SHOP, tasks=("order", "pay", "price")), BANK)
    with pytest.raises(RefusedError, match="somebody else has changed the stack 'twice'"):
        second.carry_out(plan, second_code)

    assert system.queue("price")
    assert system.stack.mapping("pay")["State"] == "Enabled"
    assert system.change_sets() == []


def test_a_plan_alone_changes_nothing(aws: LocalAWS) -> None:
    """Neither a stack, nor a bucket, nor a change set is made."""
    system = system_of(aws, "planned")

    deployment, code = system.begin(SHOP, is_dry=True)

    assert [each.kind for each in deployment.plan(code).tasks] == ["add", "add"]
    assert system.stack.find() is None
    assert json.dumps(system.told) == "[]"


def test_a_task_goes_from_a_stack_of_an_old_version_without_harm(aws: LocalAWS) -> None:
    """Its template would have had CloudFormation delete the queues, whatever came meanwhile."""
    released = SYSTEMS["1.8.0, three workers"]
    system = system_of(aws, "old")
    system.stack.deploy(released.template)
    first, *others = released.workers
    gone, *stay = first.tasks
    queue = system.queue(gone)

    workers = (replace(first, tasks=tuple(stay)), *others)
    plan, outcome = system.deploy(*workers)

    assert plan.removed == (gone,)
    # Their timeouts become so short that they had to wait, and are fed again.
    assert {*stay} <= {*plan.paused}
    assert {system.stack.mapping(task)["State"] for task in stay} == {"Enabled"}
    assert system.deploy(*workers)[0].is_empty
    assert (logical_id("Queue", gone), "DELETE_SKIPPED") in system.stack.events()
    assert {each.url for each in outcome.deleted} >= {queue}
    assert not system.is_there(queue)
