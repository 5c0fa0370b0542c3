"""A Task sends as its worker does: to its listeners, in its account, asking nobody else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import PublishError, TaskRouter, UnknownListenerError, send_task, stated

from ..wire import Answer
from .events import ALL_DONE, LambdaContext, event, failed, message, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..conftest import LocalAWS
    from ..wire import Call, Wire
    from .conftest import Listeners

XML = [("Content-Type", "text/xml")]


def denying(code: str) -> Callable[[Call, Callable[[], Answer]], Answer]:
    """Return what has SNS answer as AWS does where a right is missing."""
    body = (
        '<ErrorResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><Error><Type>Sender</Type>'
        f"<Code>{code}</Code><Message>User: worker is not authorized to perform: SNS:Publish"
        "</Message></Error></ErrorResponse>"
    ).encode()
    return lambda call, forward: Answer(403, XML, body) if call.service == "sns" else forward()


@pytest.mark.parametrize("kind", ["sync", "async", "bare"])
def test_a_task_sends_to_its_own_account_without_sts(
    listeners: Listeners, wire: Wire, kind: str
) -> None:
    """The function's ARN says where the topics are, for sends as for callbacks."""
    listeners.add("next")
    router = TaskRouter(failures="report")

    if kind == "async":

        @router.task(name="work")
        async def work_later() -> None:
            send_task("next")
    else:
        router.task(name="work")(lambda: send_task("next") and None)

    if kind == "bare":
        router.handler({"task_name": "work"}, LambdaContext())
    else:
        assert router.handler(event(record(message())), LambdaContext()) == ALL_DONE
    assert wire.counted() == {"sns PublishBatch": 1}
    assert len(listeners.messages()) == 1


@pytest.mark.parametrize("bare", [False, True])
def test_a_task_sends_to_its_router_s_listeners(
    listeners: Listeners, wire: Wire, bare: bool
) -> None:
    """What the router knows of topics, what its Tasks send goes by; what send_task says, first."""
    topics = listeners.add("odd-name", "other")
    router = TaskRouter(failures="report", listeners={"next": topics["odd-name"]})

    @router.task
    def work() -> None:
        send_task("next", {"n": 1})
        send_task("next", {"n": 2}, listeners={"next": topics["other"]})
        send_task("more", {"n": 3}, listeners={"more": topics["other"]})

    if bare:
        router.handler({"task_name": "work"}, None)
    else:
        assert router.handler(event(record(message())), LambdaContext()) == ALL_DONE
    asked = [call.form["TopicArn"] for call in wire.calls if call.service == "sns"]
    assert asked == [topics["odd-name"], topics["other"], topics["other"]]
    assert "sts GetCallerIdentity" not in wire.counted()


def test_outside_of_tasks_nothing_of_a_worker_is_left(listeners: Listeners, wire: Wire) -> None:
    """When a batch is over, a sender asks where it is, as ever."""
    topics = listeners.add("odd-name")
    router = TaskRouter(failures="report", listeners={"next": topics["odd-name"]})
    router.task(name="work")(lambda: None)
    assert router.handler(event(record(message())), LambdaContext()) == ALL_DONE
    with pytest.raises(UnknownListenerError):
        send_task("next")


@pytest.mark.parametrize("code", ["AuthorizationError", "AccessDenied"])
def test_a_topic_out_of_reach_may_not_exist(wire: Wire, code: str) -> None:
    """AWS says so of a topic that isn't there as well, and the error names both."""
    wire.treatment = denying(code)
    with pytest.raises(UnknownListenerError) as caught:
        send_task("nobody")
    assert isinstance(caught.value, PublishError)
    for hint in ("nobody", "doesn't exist", "sns:Publish", "ALGERNON_TOPIC_PREFIX"):
        assert hint in str(caught.value)


def test_a_callback_out_of_reach_says_the_same(
    bucket: str, wire: Wire, caplog: pytest.LogCaptureFixture
) -> None:
    """A result for a Task that nobody knows tells what to look at."""
    wire.treatment = denying("AuthorizationError")
    router = TaskRouter(failures="report")
    router.task(name="work")(lambda: {"n": 1})
    one = record(message(callback="nobody"), eventSourceARN=None)
    assert router.handler(event(one), LambdaContext()) == failed(one)
    assert "failed: UnknownListenerError" in caplog.text
    assert "sns:Publish" in caplog.text


@pytest.mark.parametrize("function", [None, "arn:aws:lambda:eu-west-1:123456789012:function:f"])
def test_without_credentials_it_says_what_to_set(
    aws: LocalAWS, monkeypatch: pytest.MonkeyPatch, function: str | None, tmp_path: Any
) -> None:
    """A sender without credentials is told which variables give them, from a Task or not."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    known = {"work": "arn:aws:sns:eu-west-1:123456789012:work"} if function else None
    with pytest.raises(PublishError, match="AWS_ACCESS_KEY_ID") as caught:
        send_task("work", listeners=known)
    assert "AWS_PROFILE" in str(caught.value)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize("way", ["listeners", "parameters"])
@pytest.mark.parametrize("missing", ["region", "credentials"])
def test_whatever_a_sender_asks_it_says_what_to_set(
    aws: LocalAWS, monkeypatch: pytest.MonkeyPatch, tmp_path: Any, way: str, missing: str
) -> None:
    """Without a region or credentials, neither SNS nor Parameter Store can be asked."""
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        if missing == "credentials" or "REGION" in name:
            monkeypatch.delenv(name)
    if missing == "credentials":
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    known = {"work": "arn:aws:sns:eu-west-1:123456789012:work"} if way == "listeners" else None
    monkeypatch.setenv("ALGERNON_TOPIC_PARAMETER_PREFIX", "/listeners/")
    variable = "AWS_REGION" if missing == "region" else "AWS_ACCESS_KEY_ID"
    with pytest.raises(PublishError, match=f"'work'.*{variable}") as caught:
        send_task("work", listeners=known)
    assert caught.value.__cause__ is not None


def test_a_state_s_worker_is_no_task(listeners: Listeners) -> None:
    """What a worker of a state machine sends is a chain of its own."""
    listeners.add("next")

    @stated
    def handler(event: Any, context: Any) -> dict[str, str]:
        return {"sent": send_task("next")}

    sent_id = handler({}, None)["sent"]
    (sent,) = listeners.messages()
    assert sent["chain_id"] == sent_id
