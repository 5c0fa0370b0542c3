"""What the template has Tasks travel through, by what they need and by the system's settings."""

from __future__ import annotations

from typing import Any

from algernon import TaskNeeds
from algernon.settings import Settings, WorkerSettings
from algernon.system.template.queues import topics_and_queues
from algernon.template import logical_id
from algernon.worker import Worker

KEY = "arn:aws:kms:eu-west-1:123456789012:key/1a2b3c4d"


def visibility_timeout(task: str, worker: Worker, settings: Settings) -> Any:
    """Return for how long a Task's message is hidden while it runs, in seconds."""
    return topics_and_queues([worker], settings)[logical_id("Queue", task)]["Properties"][
        "VisibilityTimeout"
    ]


def properties_of(kind: str, settings: Settings) -> list[dict[str, Any]]:
    """Return the properties of all resources of one type, of a system of two Tasks."""
    worker = Worker("shop.handler", ("order", "pay"), {})
    return [
        resource["Properties"]
        for resource in topics_and_queues([worker], settings).values()
        if resource["Type"] == kind
    ]


def test_messages_are_hidden_for_six_timeouts_of_what_runs_them() -> None:
    """The timeout is the Task's own, else its worker's, else the system's."""
    settings = Settings(timeout=20, workers={"shop.mail": WorkerSettings(timeout=40)})
    needs = {"letter": TaskNeeds(timeout=100), "parcel": TaskNeeds(memory=512)}
    mail = Worker("shop.mail.handler", ("letter", "parcel", "card"), {}, needs)
    others = Worker("shop.handler", ("order",), {})

    assert visibility_timeout("letter", mail, settings) == 600
    assert visibility_timeout("parcel", mail, settings) == 240
    assert visibility_timeout("card", mail, settings) == 240
    assert visibility_timeout("order", others, settings) == 120


def test_the_time_for_which_a_batch_is_waited_for_is_added() -> None:
    """A message that is taken at once may wait in Lambda for others."""
    needs = {"order": TaskNeeds(batch_size=100, batch_window=300)}

    worker = Worker("shop.handler", ("order",), {}, needs)
    assert visibility_timeout("order", worker, Settings(timeout=20)) == 420


def test_a_key_of_ones_own_encrypts_topics_and_all_queues() -> None:
    """They have this key, and queues not SQS's own encryption besides."""
    topics = properties_of("AWS::SNS::Topic", Settings(kms_key=KEY))
    queues = properties_of("AWS::SQS::Queue", Settings(kms_key=KEY))

    assert [topic["KmsMasterKeyId"] for topic in topics] == [KEY] * 2
    assert [queue["KmsMasterKeyId"] for queue in queues] == [KEY] * 4
    assert not any("SqsManagedSseEnabled" in queue for queue in queues)


def test_without_a_key_sqs_encrypts_the_queues() -> None:
    """No KMS key is named: SNS may not use the one that AWS manages for SQS."""
    topics = properties_of("AWS::SNS::Topic", Settings())
    queues = properties_of("AWS::SQS::Queue", Settings())

    assert [queue["SqsManagedSseEnabled"] for queue in queues] == [True] * 4
    assert not any("KmsMasterKeyId" in properties for properties in (*topics, *queues))


def test_a_key_changes_nothing_in_who_may_send_to_a_queue() -> None:
    """The queues' policies are the same with a key and without."""
    kind = "AWS::SQS::QueuePolicy"

    assert properties_of(kind, Settings(kms_key=KEY)) == properties_of(kind, Settings())
