"""What a system's Tasks travel through: of a stack, and of queues that were made by hand."""

from __future__ import annotations

import json
from typing import Any

import pytest
from algernon.errors import NotASystemError, UnknownTaskError
from algernon.system.named_aws import aws_place
from algernon.system.place import Place
from algernon.system.task_queues import TaskQueues, choose_task, find_task_queues
from algernon.template import system_template
from algernon.worker import Worker

from ..conftest import REGION, LocalAWS

pytestmark = pytest.mark.starts

pytestmark = pytest.mark.starts


def place(**of: str) -> Place:
    """The place of a stack, or of a prefix."""
    return aws_place(None, REGION, stack=of.get("stack"), topic_prefix=of.get("topic_prefix"))


def queue(aws: LocalAWS, name: str, **attributes: str) -> str:
    """Make a queue, and return its ARN."""
    sqs: Any = aws.client("sqs")
    url = sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
    asked = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(asked["Attributes"]["QueueArn"])


def test_a_stacks_resources_say_it(aws: LocalAWS) -> None:
    """Each Task has its topic and both of its queues, by the names of the Tasks."""
    template = system_template([Worker("shop.handler", ("pay", "a-b"), retries={})])
    # moto runs no function, and makes no mapping without one.
    kinds = ("AWS::SNS::Topic", "AWS::SQS::Queue")
    template["Resources"] = {
        name: resource
        for name, resource in template["Resources"].items()
        if resource["Type"] in kinds
    }
    del template["Outputs"]
    parameters = [
        {"ParameterKey": key, "ParameterValue": "code"} for key in ("CodeBucket", "CodeKey")
    ]
    aws.client("cloudformation").create_stack(
        StackName="shop", TemplateBody=json.dumps(template), Parameters=parameters
    )

    found = find_task_queues(place(stack="shop"))

    assert [each.task for each in found] == ["a-b", "pay"]
    assert [each.topic_arn.rsplit(":")[-1] for each in found] == ["shop-a-b", "shop-pay"]
    assert all("DeadLetterQueue" in (each.dead_letter_queue_url or "") for each in found)
    assert len({each.queue_url for each in found}) == 2


def test_queues_that_were_made_by_hand_are_found_by_their_topics(aws: LocalAWS) -> None:
    """A topic with the prefix that a queue is subscribed to is a Task; others aren't."""
    dead_arn = queue(aws, "given-up")
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 5})
    arn = queue(aws, "prices", RedrivePolicy=policy)
    fifo_arn = queue(aws, "bills.fifo", FifoQueue="true")
    sns: Any = aws.client("sns")
    price = sns.create_topic(Name="shop-price")["TopicArn"]
    bill = sns.create_topic(Name="shop-bill.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    sns.create_topic(Name="shop-alarms")
    other = sns.create_topic(Name="other-price")["TopicArn"]
    sns.subscribe(TopicArn=price, Protocol="email", Endpoint="somebody@example.com")
    sns.subscribe(TopicArn=price, Protocol="sqs", Endpoint=arn)
    sns.subscribe(TopicArn=bill, Protocol="sqs", Endpoint=fifo_arn)
    sns.subscribe(TopicArn=other, Protocol="sqs", Endpoint=arn)

    bills, prices = find_task_queues(place(topic_prefix="shop-"))

    assert (prices.task, prices.topic_arn, prices.queue_name) == ("price", price, "prices")
    assert (prices.dead_letter_queue_url or "").endswith("/given-up")
    assert (bills.task, bills.queue_name) == ("bill", "bills.fifo")
    assert (prices.is_fifo, bills.is_fifo) == (False, True)
    assert bills.dead_letter_queue_url is None
    assert (prices.queue_arn, prices.dead_letter_queue_arn) == (arn, dead_arn)
    assert (bills.queue_arn, bills.dead_letter_queue_arn) == (fifo_arn, None)


def test_a_queue_may_be_another_accounts() -> None:
    """Its ARN is of the account that its URL names, and of the partition of its topic."""
    of_china = TaskQueues(
        "price",
        "arn:aws-cn:sns:cn-north-1:111111111111:shop-price",
        "https://sqs.cn-north-1.amazonaws.com.cn/222222222222/prices",
        None,
    )

    assert of_china.queue_arn == "arn:aws-cn:sqs:cn-north-1:222222222222:prices"


def test_queues_that_are_gone_or_keep_copies_hide_no_task(aws: LocalAWS) -> None:
    """Of several subscribed queues it is the one that gives messages up, and is there."""
    dead_arn = queue(aws, "given-up")
    policy = json.dumps({"deadLetterTargetArn": dead_arn, "maxReceiveCount": 5})
    arns = [
        queue(aws, "gone"),
        queue(aws, "audit"),
        queue(aws, "prices", RedrivePolicy=policy),
        queue(
            aws,
            "mails",
            RedrivePolicy=json.dumps(
                {"deadLetterTargetArn": queue(aws, "lost"), "maxReceiveCount": 5}
            ),
        ),
    ]
    sns: Any = aws.client("sns")
    price = sns.create_topic(Name="shop-price")["TopicArn"]
    mail = sns.create_topic(Name="shop-mail")["TopicArn"]
    for arn in arns[:3]:
        sns.subscribe(TopicArn=price, Protocol="sqs", Endpoint=arn)
    sns.subscribe(TopicArn=mail, Protocol="sqs", Endpoint=arns[3])
    sqs: Any = aws.client("sqs")
    for name in ("gone", "lost"):
        sqs.delete_queue(QueueUrl=sqs.get_queue_url(QueueName=name)["QueueUrl"])

    mails, prices = find_task_queues(place(topic_prefix="shop-"))

    assert prices.queue_name == "prices"
    assert (mails.queue_name, mails.dead_letter_queue_url) == ("mails", None)


def test_a_tasks_own_queue_is_no_dead_letter_queue(aws: LocalAWS) -> None:
    """A Task that gets what another gives up is at work on it, so that none of it is a letter."""
    sns: Any = aws.client("sns")
    handling = queue(aws, "handle")
    policy = json.dumps({"deadLetterTargetArn": handling, "maxReceiveCount": 5})
    for name, arn in (("handle", handling), ("price", queue(aws, "price", RedrivePolicy=policy))):
        topic = sns.create_topic(Name=f"shop-{name}")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)

    found = find_task_queues(place(topic_prefix="shop-"))

    assert [(each.task, each.dead_letter_queue_url) for each in found] == [
        ("handle", None),
        ("price", None),
    ]


def test_what_is_no_system_says_so(aws: LocalAWS) -> None:
    """A stack that isn't there, one of somebody else's, and a prefix that nothing has."""
    other = {"Resources": {"Mine": {"Type": "AWS::SQS::Queue"}}}
    aws.client("cloudformation").create_stack(StackName="other", TemplateBody=json.dumps(other))

    with pytest.raises(NotASystemError, match=r"no stack 'shop' in the region eu-west-1.*--prefix"):
        find_task_queues(place(stack="shop"))
    with pytest.raises(NotASystemError, match="'other' isn't one of algernon template"):
        find_task_queues(place(stack="other"))
    with pytest.raises(NotASystemError, match="begins with 'shop-'"):
        find_task_queues(place(topic_prefix="shop-"))


def test_a_task_that_is_not_there_names_what_is(aws: LocalAWS) -> None:
    """Whoever mistypes a name reads what it may have been."""
    sns: Any = aws.client("sns")
    for name in ("price", "bill"):
        arn = queue(aws, name)
        topic = sns.create_topic(Name=f"shop-{name}")["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    tasks = find_task_queues(place(topic_prefix="shop-"))

    assert choose_task(tasks, "bill").task == "bill"
    with pytest.raises(UnknownTaskError, match="no Task 'prcie'; did you mean price"):
        choose_task(tasks, "prcie")
    with pytest.raises(UnknownTaskError, match="no Task 'x'; its Tasks are bill, price"):
        choose_task(tasks, "x")
