"""SNS, SQS and SSM in memory answer, and refuse, as AWS does what Algernon asks of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from algernon_queue.testing import InMemorySystem
from algernon_storage import aws_client
from botocore.exceptions import ClientError

KIB = 1024


class Worker:
    """A worker that keeps what it is given, and leaves in the queue what a test says."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.leaves: int = 0

    def handle(self, event: Any, context: Any) -> Any:
        """Keep the records of an event."""
        self.records += event["Records"]
        if self.leaves:
            self.leaves -= 1
            raise ConnectionError
        return {}


@pytest.fixture
def worker() -> Worker:
    """The worker of the system."""
    return Worker()


@pytest.fixture
def system(worker: Worker) -> Iterator[InMemorySystem]:
    """A system with two Tasks, of which one is FIFO."""
    tasks = {"mail": worker.handle, "book": worker.handle}
    with InMemorySystem(tasks, fifo=("book",)) as system:
        yield system


def topic(name: str) -> str:
    """Return the ARN of a topic."""
    return f"arn:aws:sns:us-east-1:123456789012:{name}"


def publish(name: str, *entries: dict[str, Any]) -> Any:
    """Publish to a topic."""
    numbered = [{"Id": str(n), **entry} for n, entry in enumerate(entries)]
    return aws_client("sns").publish_batch(
        TopicArn=topic(name), PublishBatchRequestEntries=numbered
    )


def url(name: str) -> str:
    """Return the URL of a queue."""
    found: str = aws_client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    return found


def send(name: str, *entries: dict[str, Any]) -> Any:
    """Send to a queue."""
    numbered = [{"Id": str(n), **entry} for n, entry in enumerate(entries)]
    return aws_client("sqs").send_message_batch(QueueUrl=url(name), Entries=numbered)


def code_of(call: Any, *arguments: Any, **parameters: Any) -> str:
    """Return the code with which AWS refuses a call."""
    with pytest.raises(ClientError) as refused:
        call(*arguments, **parameters)
    code: str = refused.value.response["Error"]["Code"]
    return code


def test_a_message_comes_in_the_envelope_of_sns(system: InMemorySystem, worker: Worker) -> None:
    """What is published comes as SNS writes it, attributes and all."""
    attributes = {
        "of": {"DataType": "String", "StringValue": "shop"},
        "raw": {"DataType": "Binary", "BinaryValue": b"\0"},
    }
    answer = publish("mail", {"Message": "text", "MessageAttributes": attributes})
    system.run()
    (record,) = worker.records
    envelope = json.loads(record["body"])
    assert envelope["Type"] == "Notification"
    assert envelope["TopicArn"] == topic("mail")
    assert envelope["Message"] == "text"
    assert [envelope["MessageId"]] == [sent["MessageId"] for sent in answer["Successful"]]
    assert record["messageId"] != envelope["MessageId"]
    assert envelope["MessageAttributes"] == {
        "of": {"Type": "String", "Value": "shop"},
        "raw": {"Type": "Binary", "Value": "AA=="},
    }


def test_a_message_has_the_tenant_of_its_sender(system: InMemorySystem, worker: Worker) -> None:
    """The message group of a standard topic goes on to its queue, as that of a fair queue."""
    publish("mail", {"Message": "text", "MessageGroupId": "tenant"})
    system.run()
    (record,) = worker.records
    assert record["attributes"]["MessageGroupId"] == "tenant"
    assert "SequenceNumber" not in record["attributes"]


def test_a_topic_that_is_not_there_is_not_found(system: InMemorySystem) -> None:
    """To publish to a topic that isn't there is refused as a whole."""
    assert code_of(publish, "none", {"Message": "text"}) == "NotFound"


@pytest.mark.parametrize(
    ("call", "text", "prefix", "most"),
    [
        (publish, "Message", "", 256 * KIB),
        (send, "MessageBody", "AWS.SimpleQueueService.", 1024 * KIB),
    ],
)
def test_calls_have_their_limits(
    system: InMemorySystem, call: Any, text: str, prefix: str, most: int
) -> None:
    """A call takes one entry to ten, with Ids that differ, and so many bytes of all of them."""
    assert code_of(call, "mail") == f"{prefix}EmptyBatchRequest"
    eleven = [{text: "text"}] * 11
    assert code_of(call, "mail", *eleven) == f"{prefix}TooManyEntriesInBatchRequest"
    twice = [{text: "text", "Id": "same"}] * 2
    assert code_of(call, "mail", *twice) == f"{prefix}BatchEntryIdsNotDistinct"
    attributes = {"of": {"DataType": "String", "StringValue": "shop"}}
    half = {text: "." * (most // 2 - len("ofStringshop")), "MessageAttributes": attributes}
    assert len(call("mail", half, half)["Successful"]) == 2
    longer = {**half, text: f"{half[text]}."}
    assert code_of(call, "mail", half, longer) == f"{prefix}BatchRequestTooLong"


@pytest.mark.parametrize(
    ("call", "text", "name"),
    [
        (publish, "Message", "book.fifo"),
        (send, "MessageBody", "book.fifo"),
    ],
)
def test_an_entry_without_a_group_is_refused_alone(
    system: InMemorySystem, call: Any, text: str, name: str
) -> None:
    """On a FIFO topic or queue, what has no group, or nothing to be known by, is refused alone."""
    group, known = {"MessageGroupId": "a"}, {"MessageDeduplicationId": "1"}
    answer = call(name, {text: "1", **group}, {text: "2", **known}, {text: "3", **group, **known})
    assert [entry["Id"] for entry in answer["Successful"]] == ["2"]
    assert [(entry["Id"], entry["SenderFault"]) for entry in answer["Failed"]] == [
        ("0", True),
        ("1", True),
    ]


def test_a_duplicate_is_answered_as_the_first_one(system: InMemorySystem, worker: Worker) -> None:
    """Whoever publishes a duplicate gets the ids of what was published first."""
    entry = {"MessageGroupId": "a", "MessageDeduplicationId": "1"}
    (first,) = publish("book.fifo", {"Message": "first", **entry})["Successful"]
    (again,) = publish("book.fifo", {"Message": "again", **entry})["Successful"]
    (other,) = publish("book.fifo", {"Message": "other", **entry, "MessageDeduplicationId": "2"})[
        "Successful"
    ]
    assert again == first
    assert other["SequenceNumber"] > first["SequenceNumber"]
    system.run()
    texts = [json.loads(record["body"])["Message"] for record in worker.records]
    assert texts == ["first", "other"]
    sent = worker.records[0]["attributes"]
    assert sent["SequenceNumber"] == first["SequenceNumber"]
    assert (sent["MessageGroupId"], sent["MessageDeduplicationId"]) == ("a", "1")


def test_a_message_says_how_it_fared(system: InMemorySystem, worker: Worker) -> None:
    """How often it was received, and when it was sent and first received, is as SQS has it."""
    send("mail", {"MessageBody": "text"})
    system.advance(5)
    worker.leaves = 1
    system.run()
    first, second = (record["attributes"] for record in worker.records)
    assert [each["ApproximateReceiveCount"] for each in (first, second)] == ["1", "2"]
    sent, received = first["SentTimestamp"], first["ApproximateFirstReceiveTimestamp"]
    assert int(received) - int(sent) == 5000
    assert (second["SentTimestamp"], second["ApproximateFirstReceiveTimestamp"]) == (sent, received)
    handles = {record["receiptHandle"] for record in worker.records}
    assert len(handles) == 2


def test_a_message_sent_to_a_queue_has_its_attributes(
    system: InMemorySystem, worker: Worker
) -> None:
    """What goes beside a message of SQS is in the record as Lambda writes it."""
    send(
        "mail",
        {
            "MessageBody": "text",
            "MessageAttributes": {
                "of": {"DataType": "Number", "StringValue": "7"},
                "raw": {"DataType": "Binary", "BinaryValue": b"\0"},
            },
            "MessageSystemAttributes": {
                "AWSTraceHeader": {"DataType": "String", "StringValue": "Root=1"}
            },
        },
    )
    system.run()
    (record,) = worker.records
    lists: dict[str, list[str]] = {"stringListValues": [], "binaryListValues": []}
    assert record["messageAttributes"] == {
        "of": {"stringValue": "7", "dataType": "Number", **lists},
        "raw": {"binaryValue": "AA==", "dataType": "Binary", **lists},
    }
    assert record["attributes"]["AWSTraceHeader"] == "Root=1"


def test_a_parameter_of_an_entry_that_is_not_known_is_named(system: InMemorySystem) -> None:
    """What an entry asks for and nobody would do is an error."""
    with pytest.raises(TypeError, match="DelaySeconds"):
        send("mail", {"MessageBody": "text", "DelaySeconds": 5})
    with pytest.raises(TypeError, match="MessageStructure"):
        publish("mail", {"Message": "text", "MessageStructure": "json"})


def test_a_queue_says_what_it_is(system: InMemorySystem) -> None:
    """A queue tells its visibility timeout and redrive policy, and a dead-letter queue has none."""
    sqs = aws_client("sqs")
    names = ["QueueArn", "VisibilityTimeout", "RedrivePolicy"]
    asked = sqs.get_queue_attributes(QueueUrl=url("mail"), AttributeNames=names)["Attributes"]
    policy = json.loads(asked["RedrivePolicy"])
    assert (asked["VisibilityTimeout"], policy["maxReceiveCount"]) == ("180", 7)
    letters = url(policy["deadLetterTargetArn"].rpartition(":")[2])
    of_letters = sqs.get_queue_attributes(QueueUrl=letters, AttributeNames=names)["Attributes"]
    assert of_letters["QueueArn"] == policy["deadLetterTargetArn"]
    assert "RedrivePolicy" not in of_letters


def test_a_queue_that_is_not_there_is_refused(system: InMemorySystem) -> None:
    """Calls for a queue that isn't there, or in another account, are refused as SQS does it."""
    sqs = aws_client("sqs")
    code = "AWS.SimpleQueueService.NonExistentQueue"
    assert code_of(sqs.get_queue_url, QueueName="none") == code
    elsewhere = {"QueueName": "mail", "QueueOwnerAWSAccountId": "999999999999"}
    assert code_of(sqs.get_queue_url, **elsewhere) == code
    for call in (sqs.send_message_batch, sqs.change_message_visibility_batch):
        assert code_of(call, QueueUrl="https://none", Entries=[]) == code
    asked = {"QueueUrl": "https://none", "AttributeNames": ["QueueArn"]}
    assert code_of(sqs.get_queue_attributes, **asked) == code
    unknown = {"QueueUrl": url("mail"), "AttributeNames": ["Policy"]}
    assert code_of(sqs.get_queue_attributes, **unknown) == "InvalidAttributeName"


def test_a_message_is_hidden_as_long_as_is_asked(system: InMemorySystem) -> None:
    """What was given out can be hidden for up to twelve hours, by whoever has it."""
    times = []
    refused = []

    def handle(event: Any, context: Any) -> Any:
        (record,) = event["Records"]
        sent = int(record["attributes"]["SentTimestamp"])
        times.append(sent)
        sqs = aws_client("sqs")
        for seconds, handle in ((43_201, None), (-1, None), (5, "another"), (43_200, None)):
            entry = {
                "Id": "0",
                "ReceiptHandle": handle or record["receiptHandle"],
                "VisibilityTimeout": seconds,
            }
            answer = sqs.change_message_visibility_batch(QueueUrl=url("hide"), Entries=[entry])
            refused.append([each["Code"] for each in answer["Failed"]])
        raise ConnectionError

    system.add({"hide": handle})
    publish("hide", {"Message": "text"})
    date = aws_client("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]["date"]
    system.run()
    assert refused[:4] == [
        ["InvalidParameterValue"],
        ["InvalidParameterValue"],
        ["ReceiptHandleIsInvalid"],
        [],
    ]
    from email.utils import parsedate_to_datetime

    now = aws_client("sts").get_caller_identity()["ResponseMetadata"]["HTTPHeaders"]["date"]
    passed = parsedate_to_datetime(now) - parsedate_to_datetime(date)
    assert passed.total_seconds() == 7 * 43_200


def test_parameters_are_topics(system: InMemorySystem) -> None:
    """Parameter Store knows the topics of Tasks, and says what it doesn't know."""
    prefix = "/in-memory-system/topics/"
    answer = aws_client("ssm").get_parameters(Names=[f"{prefix}book", "/none"])
    assert [found["Value"] for found in answer["Parameters"]] == [topic("book.fifo")]
    assert answer["InvalidParameters"] == ["/none"]
