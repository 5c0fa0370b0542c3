"""A stack of a released template becomes one of today's, and loses nothing.

Algernon 1.4's template was one of AWS SAM. What `algernon-1.4.0-templates.json` holds is
what AWS's translator of SAM, aws-sam-translator 1.115, made of it, for several systems.
Since 1.5 it is plain CloudFormation: 1.7 and 1.8 have the templates that
`algernon-1.8.0-templates.json` holds, for the same systems.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from algernon import TaskNeeds
from algernon.errors import DeploymentError
from algernon.local.aws import LocalAWS
from algernon.settings import Alarms, Settings, WorkerSettings
from algernon.template import logical_id, system_template
from algernon.worker import Worker
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from ..waiting import wait_for
from .conftest import Command
from .stacks import LocalStack, code_that_notes

RELEASES = ("1.4.0", "1.8.0")

SLOW = {"pay": TaskNeeds(timeout=300)}


@dataclass(frozen=True)
class Released:
    """A system, and its last released template, translated.

    Attributes:
        name: The release, and what is special about the system.
        workers: Its workers.
        limits: The timeout and memory of its functions.
        template: The template.
    """

    name: str
    workers: tuple[Worker, ...]
    limits: dict[str, Any]
    template: dict[str, Any]

    @property
    def tasks(self) -> list[str]:
        """The names of all Tasks."""
        return [task for worker in self.workers for task in worker.tasks]

    def template_of_today(self, settings: Settings | None = None) -> dict[str, Any]:
        """Return the template that the same system has now."""
        return system_template(self.workers, **self.limits, settings=settings)


def released() -> Iterator[Released]:
    """Read the systems that were recorded, as the Python that runs here would have made them."""
    runtime = "python{}.{}".format(*sys.version_info)
    for release in RELEASES:
        file = Path(__file__).with_name(f"algernon-{release}-templates.json")
        text = file.read_text(encoding="utf-8").replace('"python3.11"', f'"{runtime}"')
        for system in json.loads(text):
            yield Released(
                f"{release}, {system['name']}",
                tuple(
                    Worker(worker["handler"], tuple(worker["tasks"]), worker["retries"])
                    for worker in system["workers"]
                ),
                {"timeout": system["timeout"], "memory": system["memory"]},
                system["template"],
            )


SYSTEMS = {system.name: system for system in released()}
each_system = pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)


def what_makes_another(resource: dict[str, Any]) -> dict[str, Any]:
    """Return of a resource what can't change without its being replaced.

    Its properties of that kind are those that its type's schema in the CloudFormation
    registry calls createOnlyProperties; AWS's documents say "Update requires: Replacement".
    """
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", resource["Type"]).schema
    names = [
        pointer.removeprefix("/properties/").partition("/")[0]
        for kind in ("createOnlyProperties", "conditionalCreateOnlyProperties")
        for pointer in schema.get(kind, ())
    ]
    properties = resource["Properties"]
    return {
        "Type": resource["Type"],
        **{name: properties[name] for name in names if name in properties},
    }


def is_kept(resource: dict[str, Any]) -> bool:
    """Tell whether a resource stays when it goes from the template, or is replaced."""
    return (
        resource.get("DeletionPolicy") == "RetainExceptOnCreate"
        and resource.get("UpdateReplacePolicy") == "Retain"
    )


@each_system
def test_no_resource_is_replaced_or_lost(system: Released) -> None:
    """Each resource has the name and type that it had, and all that isn't to be changed.

    Only of policies there may be fewer: more Tasks may share one now.
    """
    now = system.template_of_today()["Resources"]
    before = {
        name: resource
        for name, resource in system.template["Resources"].items()
        if name in now or resource["Type"] != "AWS::IAM::ManagedPolicy"
    }

    assert {name: what_makes_another(now[name]) for name in before} == {
        name: what_makes_another(resource) for name, resource in before.items()
    }


@each_system
def test_what_holds_something_is_kept(system: Released) -> None:
    """Queues and bucket stay, and topics feed their queues until they go themselves."""
    kept = {
        resource["Type"]
        for resource in system.template_of_today()["Resources"].values()
        if is_kept(resource)
    }
    others = {
        resource["Type"]
        for resource in system.template_of_today()["Resources"].values()
        if not is_kept(resource)
    }

    assert kept == {
        "AWS::S3::Bucket",
        "AWS::SNS::Subscription",
        "AWS::SQS::Queue",
        "AWS::SQS::QueuePolicy",
    }
    assert not kept & others


@each_system
def test_parameters_and_outputs_stay(system: Released) -> None:
    """Who deployed with parameters deploys with them again, and whoever reads outputs has them."""
    now = system.template_of_today()

    assert system.template["Parameters"].items() <= now["Parameters"].items()
    assert system.template["Outputs"].items() <= now["Outputs"].items()


@each_system
def test_functions_are_fed_as_they_were(system: Released) -> None:
    """Each mapping leads from its Task's queue to its worker, and reports failures by message."""
    before, now = (
        {
            name: resource["Properties"]
            for name, resource in template["Resources"].items()
            if resource["Type"] == "AWS::Lambda::EventSourceMapping"
        }
        for template in (system.template, system.template_of_today())
    )

    assert len(before) == len(system.tasks)
    assert now == before


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAWS]:
    """A local AWS for the stacks of all tests here."""
    with LocalAWS() as aws:
        yield aws


def modules_of(workers: Sequence[Worker]) -> dict[str, Sequence[str]]:
    """Return the modules of workers, with their Tasks."""
    return {worker.handler.removesuffix(".handler"): worker.tasks for worker in workers}


def code_of(workers: Sequence[Worker]) -> bytes:
    """Return the code of workers, whose Tasks note that they ran."""
    return code_that_notes(modules_of(workers))


def shop(*tasks: str, mail: Sequence[str] = ("letter",)) -> list[Worker]:
    """Return the workers of a shop, with these Tasks of its own and those of its mail."""
    return [Worker("shop.handler", tasks, {}), Worker("mail.handler", tuple(mail), {})]


def create(name: str, aws: LocalAWS, workers: Sequence[Worker]) -> LocalStack:
    """Return a new stack of today's template of some workers."""
    stack = LocalStack(aws, name)
    update(stack, workers)
    return stack


def update(stack: LocalStack, workers: Sequence[Worker]) -> None:
    """Give a stack other workers: their template, and their code."""
    stack.deploy(system_template(workers), code_of(workers))


def leave_a_message(stack: LocalStack, task: str) -> tuple[str, str]:
    """Return the URLs of a Task's queues, in each of which something is left."""
    ids = stack.resources()
    queue, letters = ids[logical_id("Queue", task)], ids[logical_id("DeadLetterQueue", task)]
    stack.feed(task, is_on=False)
    stack.publish(task, "left")
    stack.client("sqs").send_message(QueueUrl=letters, MessageBody="a dead letter")
    wait_for(lambda: stack.waiting(queue) == 1)
    return queue, letters


# Of what a released version's template couldn't say.
EVERYTHING_ELSE = Settings(
    timeout=60,
    memory=512,
    environment={"BANK_URL": "https://bank.example"},
    workers={"archive": WorkerSettings(timeout=90, environment={"SHELF": "7"})},
    statements=[{"Action": "dynamodb:GetItem", "Resource": "*"}],
    tags={"team": "shop"},
    alarms=Alarms(email="ops@example.com"),
    kms_key="arn:aws:kms:us-east-1:000000000000:key/1a2b3c4d",
    log_retention=7,
    cache_days=40,
    inline_bytes=1000,
    trusted_buckets=["other/cache"],
    debug=True,
)


@pytest.mark.starts
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("1.4.0, three workers", None),
        ("1.8.0, one Task", None),
        ("1.8.0, three workers", None),
        ("1.8.0, three workers", EVERYTHING_ELSE),
    ],
    ids=["1.4", "one Task", "three workers", "with settings"],
)
def test_a_stack_is_updated_in_place_with_messages_in_its_queues(
    name: str, settings: Settings | None, aws: LocalAWS
) -> None:
    """All resources are the same ones after the update, and the messages are there and are run."""
    system = SYSTEMS[name]
    suffix = "" if settings is None else "-with-settings"
    stack = LocalStack(aws, "released-" + re.sub(r"\W+", "-", name) + suffix)
    stack.deploy(system.template, code_of(system.workers))
    before = stack.resources()
    left = [leave_a_message(stack, task) for task in system.tasks]
    stack.client("s3").put_object(Bucket=before["Bucket"], Key="cache/result", Body=b"kept")
    template = system.template_of_today(settings)

    stack.deploy(template)

    assert stack.template() == template
    assert before.items() <= stack.resources().items()
    assert [stack.waiting(url) for urls in left for url in urls] == [1, 1] * len(left)
    stored = stack.client("s3").get_object(Bucket=before["Bucket"], Key="cache/result")
    assert stored["Body"].read() == b"kept"
    noted = [
        f"{module} {task}" for module, tasks in modules_of(system.workers).items() for task in tasks
    ]
    for task in system.tasks:
        stack.feed(task, is_on=True)
    stack.wait_for_notes(*(f"{each} left" for each in noted))
    first, *others = system.tasks
    stack.publish(first, "sent on", callback="#".join(others) or None)
    stack.wait_for_notes(*(f"{each} {text}" for each in noted for text in ("left", "sent on")))


@pytest.mark.starts
def test_a_task_that_is_added_changes_nothing_of_the_others(aws: LocalAWS) -> None:
    """It is fed, and no worker may send to it before its queue gets what it is sent."""
    stack = create("added", aws, shop("order"))
    before, told = stack.resources(), len(stack.events())

    update(stack, shop("order", "pay"))

    assert before.items() <= stack.resources().items()
    events = stack.events()[told:]
    in_order = [
        events.index((logical_id("QueuePolicy", "pay"), "UPDATE_COMPLETE")),
        events.index((logical_id("Subscription", "pay"), "UPDATE_IN_PROGRESS")),
        events.index((logical_id("Subscription", "pay"), "UPDATE_COMPLETE")),
        events.index(("WorkerTasks1", "UPDATE_IN_PROGRESS")),
        events.index(("WorkerTasks1", "UPDATE_COMPLETE")),
        events.index(("Worker", "UPDATE_IN_PROGRESS")),
    ]
    assert in_order == sorted(in_order)
    stack.publish("order", "new", callback="pay#letter")
    stack.wait_for_notes("shop order new", "shop pay new", "mail letter new")


@pytest.mark.starts
@pytest.mark.parametrize("now", [("order",), ("order", "pay_bill")], ids=["removed", "renamed"])
def test_a_task_that_goes_leaves_its_queues(now: Sequence[str], aws: LocalAWS) -> None:
    """They are in no stack any more, with their messages, and nothing takes these or adds any."""
    stack = create(f"goes-{len(now)}", aws, shop("order", "pay"))
    before = stack.resources()
    queue, letters = leave_a_message(stack, "pay")

    update(stack, shop(*now))

    after = stack.resources()
    gone = {name for name in before if name not in after}
    assert gone == {
        f"Worker{logical_id('Queue', 'pay')}",
        *(
            logical_id(kind, "pay")
            for kind in ("Topic", "Queue", "DeadLetterQueue", "QueuePolicy", "Subscription")
        ),
    }
    assert (stack.waiting(queue), stack.waiting(letters)) == (1, 1)
    sns = stack.client("sns")
    topics = [topic["TopicArn"] for topic in sns.list_topics()["Topics"]]
    assert before[logical_id("Topic", "pay")] not in topics
    subscriptions = [each["Endpoint"] for each in sns.list_subscriptions()["Subscriptions"]]
    assert not any(each.endswith(queue.rsplit("/", 1)[1]) for each in subscriptions)
    stack.publish("order", "on", callback="#".join(now[1:]) or None)
    stack.wait_for_notes(*(f"shop {task} on" for task in now))


@pytest.mark.starts
def test_a_task_that_goes_is_fed_until_its_topic_goes(aws: LocalAWS) -> None:
    """Its subscription and its queue's policy aren't deleted before the topic."""
    stack = create("fed", aws, shop("order", "pay"))
    queue = stack.resources()[logical_id("Queue", "pay")]

    update(stack, shop("order"))

    skipped = {name for name, status in stack.events() if status == "DELETE_SKIPPED"}
    assert skipped == {
        logical_id(kind, "pay")
        for kind in ("Queue", "DeadLetterQueue", "QueuePolicy", "Subscription")
    }
    assert "sns.amazonaws.com" in stack.attribute(queue, "Policy")


@pytest.mark.starts
def test_a_paused_task_moves_to_another_worker_with_its_messages(aws: LocalAWS) -> None:
    """Its queue stays the one that it is, and only its new worker gets what waits there."""
    stack = create("moved", aws, shop("order", "pay"))
    before = stack.resources()
    old_mapping = stack.mapping("pay")["UUID"]
    queue, letters = leave_a_message(stack, "pay")

    update(stack, shop("order", mail=("letter", "pay")))

    stack.wait_for_notes("mail pay left")
    after = stack.resources()
    changed = {name for name in before if after.get(name) != before[name]}
    assert [before[name] for name in changed] == [old_mapping]
    assert (stack.waiting(queue), stack.waiting(letters)) == (0, 1)
    assert stack.mapping("pay")["FunctionArn"] == stack.mapping("letter")["FunctionArn"]


@pytest.mark.starts
def test_a_task_gets_a_function_of_its_own_under_the_same_mapping(aws: LocalAWS) -> None:
    """What waits in its queue is run by the new function, and goes on being run by it."""
    workers = shop("order", "pay")
    stack = create("own-function", aws, workers)
    before, function = stack.resources(), stack.mapping("pay")["FunctionArn"]
    queue, letters = leave_a_message(stack, "pay")

    stack.deploy(system_template([replace(workers[0], needs=SLOW), workers[1]]))

    assert before.items() <= stack.resources().items()
    assert (stack.waiting(queue), stack.waiting(letters)) == (1, 1)
    own_function = stack.mapping("pay")["FunctionArn"]
    assert own_function != function
    asked = stack.client("lambda").get_function_configuration(FunctionName=own_function)
    assert (asked["Timeout"], asked["MemorySize"]) == (300, 256)
    assert stack.attribute(queue, "VisibilityTimeout") == "1800"
    stack.feed("pay", is_on=True)
    stack.publish("order", "new", callback="pay")
    stack.wait_for_notes("shop pay left", "shop order new", "shop pay new")


@pytest.mark.starts
def test_what_a_task_left_goes_to_one_of_its_name_by_a_file(
    aws: LocalAWS, command: Command
) -> None:
    """As the README shows: a queue and a topic that are made for it let `algernon` find it."""
    stack = create("left", aws, shop("order", "pay"))
    queue, _ = leave_a_message(stack, "pay")
    update(stack, shop("order"))
    sqs, sns = stack.client("sqs"), stack.client("sns")
    longer = {"MessageRetentionPeriod": "1209600", "RedrivePolicy": ""}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes=longer)
    policy = {"deadLetterTargetArn": stack.attribute(queue, "QueueArn"), "maxReceiveCount": 1}
    beside = sqs.create_queue(
        QueueName="behind-pay", Attributes={"RedrivePolicy": json.dumps(policy)}
    )["QueueUrl"]
    sns.subscribe(
        TopicArn=sns.create_topic(Name="behind-pay")["TopicArn"],
        Protocol="sqs",
        Endpoint=stack.attribute(beside, "QueueArn"),
    )

    def algernon(*arguments: str) -> None:
        run = command("dead", *arguments, "--region", "us-east-1", **aws.environ)
        assert run.returncode == 0, run.stderr

    algernon("discard", "--all", "--export", "left.jsonl", "--yes", "--prefix", "behind-")
    assert stack.waiting(queue) == 0
    update(stack, shop("order", "pay"))
    algernon("import", "left.jsonl", "--yes", "--stack", "left")
    algernon("redrive", "--task", "pay", "--yes", "--stack", "left")

    stack.wait_for_notes("shop pay left")


@pytest.mark.starts
def test_the_own_bucket_stays_where_another_takes_its_place(aws: LocalAWS) -> None:
    """The workers use the other one, and messages lead to the own one while it is trusted."""
    stack = create("other-bucket", aws, shop("order"))
    own = stack.resources()["Bucket"]
    stack.feed("letter", is_on=False)
    stack.publish("order", "before", callback="letter")
    stack.wait_for_notes("shop order before")
    queue = stack.resources()[logical_id("Queue", "letter")]
    wait_for(lambda: stack.waiting(queue) == 1)
    stack.client("s3").create_bucket(Bucket="another")

    settings = Settings(bucket="another", trusted_buckets=[own])
    stack.deploy(system_template(shop("order"), settings=settings))

    assert stack.notes(own) == {"shop order before"}
    stack.feed("letter", is_on=True)
    stack.publish("order", "after", callback="letter")
    noted = {"mail letter before", "shop order after", "mail letter after"}
    wait_for(lambda: stack.notes("another") == noted, moving=lambda: stack.notes("another"))


@pytest.mark.starts
def test_a_worker_after_the_first_is_renamed_with_its_messages(aws: LocalAWS) -> None:
    """It becomes another function, which gets what waits in the same queues."""
    stack = create("worker-renamed", aws, shop("order"))
    before = stack.resources()
    leave_a_message(stack, "letter")

    first, mail = shop("order")
    update(stack, [first, Worker("post.handler", mail.tasks, {})])

    stack.wait_for_notes("post letter left")
    after = stack.resources()
    changed = {name for name in before if after.get(name) != before[name]}
    function = logical_id("Worker", "mail.handler")
    assert changed == {function, f"{function}{logical_id('Queue', 'letter')}"}


@pytest.mark.starts
def test_the_first_worker_is_renamed_in_place(aws: LocalAWS) -> None:
    """Its function and all else stay, also where its module has another name."""
    stack = create("first-renamed", aws, shop("order"))
    before = stack.resources()
    leave_a_message(stack, "order")

    _, mail = shop("order")
    update(stack, [Worker("store.handler", ("order",), {}), mail])

    assert stack.resources() == before
    stack.feed("order", is_on=True)
    stack.wait_for_notes("store order left")


@pytest.mark.starts
def test_paused_tasks_are_run_by_their_own_workers_after_another_comes_first(
    aws: LocalAWS,
) -> None:
    """Functions and mappings change sides, and no worker gets what isn't its own."""
    stack = create("other-first", aws, shop("order"))
    left = [leave_a_message(stack, task) for task in ("order", "letter")]

    update(stack, shop("order")[::-1])

    stack.wait_for_notes("shop order left", "mail letter left")
    assert [stack.waiting(url) for urls in left for url in urls] == [0, 1, 0, 1]


@pytest.mark.starts
def test_a_stack_that_cannot_be_updated_stays_as_it_was(aws: LocalAWS) -> None:
    """Of a Task that was added nothing stays, and one that was taken out is run as before."""
    stack = create("rolled-back", aws, shop("order", "pay"))
    before = stack.resources()
    queue, letters = leave_a_message(stack, "pay")
    template = system_template(shop("order", "refund"))
    template["Outputs"]["Wrong"] = {"Value": {"Fn::GetAtt": ["Bucket", "Nothing"]}}

    with pytest.raises(DeploymentError, match="UPDATE_ROLLBACK_COMPLETE"):
        stack.deploy(template)

    assert stack.resources() == before
    assert (stack.waiting(queue), stack.waiting(letters)) == (1, 1)
    added = stack.client("sqs").list_queues(QueueNamePrefix="rolled-back-QueueRefund")
    assert not added.get("QueueUrls")
    stack.feed("pay", is_on=True)
    stack.wait_for_notes("shop pay left")


@pytest.mark.starts
def test_a_stack_that_is_deleted_leaves_queues_and_bucket(aws: LocalAWS) -> None:
    """What is in them is there after it."""
    stack = create("deleted", aws, shop("order"))
    bucket = stack.resources()["Bucket"]
    queue, letters = leave_a_message(stack, "order")
    stack.client("s3").put_object(Bucket=bucket, Key="notes/kept", Body=b"")

    stack.delete()

    assert (stack.waiting(queue), stack.waiting(letters)) == (1, 1)
    assert stack.notes(bucket) == {"kept"}


@pytest.mark.starts
def test_a_stack_that_cannot_be_created_leaves_nothing(aws: LocalAWS) -> None:
    """Neither queues nor the bucket nor topics stay."""
    stack = LocalStack(aws, "never")
    template = system_template(shop("order"))
    template["Outputs"]["Wrong"] = {"Value": {"Fn::GetAtt": ["Bucket", "Nothing"]}}

    with pytest.raises(DeploymentError, match="ROLLBACK_COMPLETE"):
        stack.deploy(template, code_of(shop("order")))

    created = {name for name, status in stack.events() if status == "CREATE_COMPLETE"}
    assert {logical_id("Queue", "order"), "Bucket"} <= created
    assert not stack.resources().keys() & created
    queues = stack.client("sqs").list_queues(QueueNamePrefix="never-")
    assert not queues.get("QueueUrls")
