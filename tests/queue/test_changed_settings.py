"""What a process learnt of one AWS isn't taken for true of the next one that it talks to."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import uuid4

import algernon_storage
import pytest
from algernon_queue import PermanentError, UnknownListenerError, queued, send_task

from .events import LambdaContext, event, message
from .queues import SourceQueue

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Wire
    from .conftest import Listeners


def topics_asked(wire: Wire) -> list[str]:
    """Return the ARNs of the topics that were published to."""
    return [call.form["TopicArn"] for call in wire.calls if call.service == "sns"]


def test_the_account_is_asked_anew(
    aws: LocalAWS, listeners: Listeners, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who sends under another region goes to the topics there, and back again."""
    listeners.add("work")
    send_task("work")
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        elsewhere.setenv("AWS_ENDPOINT_URL", aws.url)
        arn = aws.client("sns").create_topic(Name="work")["TopicArn"]
        assert ":eu-central-1:" in arn
        send_task("work")
    send_task("work")
    assert topics_asked(wire) == [aws.topic_arn("work")] * 2


def test_parameters_are_asked_for_anew(
    aws: LocalAWS, listeners: Listeners, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A listener's parameter of one region isn't known in another one."""
    prefix = f"/topics-{uuid4()}/"
    monkeypatch.setenv("ALGERNON_TOPIC_PARAMETER_PREFIX", prefix)
    topic = listeners.add("elsewhere")["elsewhere"]
    aws.client("ssm").put_parameter(Name=f"{prefix}work", Value=topic, Type="String")
    send_task("work")
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        with pytest.raises(UnknownListenerError):
            send_task("work")
    send_task("work")
    assert len(listeners.messages()) == 2


def test_queues_are_asked_for_anew(
    aws: LocalAWS, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The URLs of a queue and its dead-letter queue are kept, until somebody else calls."""
    queue = SourceQueue(aws)

    @queued(failures="report")
    def refuse(event: object, context: object) -> None:
        raise PermanentError("never")

    def questions() -> dict[str, int]:
        wire.clear()
        queue.send(message())
        refuse(event(*queue.receive()), LambdaContext())
        counted = wire.counted()
        assert counted.pop("sqs SendMessageBatch") == 1
        return counted

    asked = {"sqs GetQueueUrl": 2, "sqs GetQueueAttributes": 1}
    assert [questions(), questions()] == [asked, {}]
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    assert [questions(), questions()] == [asked, {}]
    algernon_storage.reset()
    assert [questions(), questions()] == [asked, {}]
