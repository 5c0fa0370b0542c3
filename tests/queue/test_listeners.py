"""Which topic a Task's messages go to."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from algernon_queue import (
    BatchFailedError,
    Task,
    UnknownListenerError,
    queued,
    send_task,
    send_tasks,
)
from botocore.exceptions import ClientError

from ..wire import Answer
from .events import ALL_DONE, LambdaContext, event, failed, message, record

if TYPE_CHECKING:
    from ..conftest import LocalAWS
    from ..wire import Wire
    from .conftest import Listeners


def calling(*callbacks: str) -> dict[str, Any]:
    """Return a batch of records with these callbacks."""
    return event(*(record(message("work", callback=callback)) for callback in callbacks))


def topics_asked(wire: Wire) -> list[str]:
    """Return the ARNs of the topics that were published to."""
    return sorted(call.form["TopicArn"] for call in wire.calls if call.service == "sns")


@pytest.fixture
def parameters(aws: LocalAWS, monkeypatch: pytest.MonkeyPatch) -> Parameters:
    """Parameters under a prefix that no other test uses, since they are kept for good."""
    prefix = f"/topics-{uuid4()}/"
    monkeypatch.setenv("ALGERNON_TOPIC_PARAMETER_PREFIX", prefix)
    return Parameters(aws, prefix)


class Parameters:
    """SSM's parameters that say where listeners are."""

    def __init__(self, aws: LocalAWS, prefix: str) -> None:
        self._ssm = aws.client("ssm")
        self.prefix = prefix

    def put(self, name: str, topic: str) -> None:
        """Say where a Task's listener is."""
        self._ssm.put_parameter(Name=self.prefix + name, Value=topic, Type="String")


def no_result(event: Any, context: Any) -> None:
    """Do nothing."""


def test_a_mapping_names_topics(listeners: Listeners, wire: Wire) -> None:
    """With listeners=, a Task's messages go to the topic that the mapping has for it."""
    topics = listeners.add("elsewhere")
    handler = queued(listeners={"next": topics["elsewhere"]})(no_result)
    assert handler(calling("next"), LambdaContext()) == ALL_DONE
    assert topics_asked(wire) == [topics["elsewhere"]]


def test_by_convention_a_topic_has_the_task_s_name(
    listeners: Listeners, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without settings, the topic beside the function that has the Task's name is taken."""
    listeners.add("next", "stack-next")
    handler = queued(no_result)
    handler(calling("next"), LambdaContext())
    monkeypatch.setenv("ALGERNON_TOPIC_PREFIX", "stack-")
    handler(calling("next"), LambdaContext())
    base = "arn:aws:sns:eu-west-1:123456789012"
    assert topics_asked(wire) == [f"{base}:next", f"{base}:stack-next"]
    assert wire.counted() == {"sns PublishBatch": 2}


@pytest.mark.parametrize(
    ("function", "topic"),
    [
        (
            "arn:aws-cn:lambda:cn-north-1:210987654321:function:worker",
            "arn:aws-cn:sns:cn-north-1:210987654321:next",
        ),
        (
            "arn:aws-us-gov:lambda:us-gov-west-1:210987654321:function:worker:live",
            "arn:aws-us-gov:sns:us-gov-west-1:210987654321:next",
        ),
    ],
)
def test_the_function_s_arn_says_where(function: str, topic: str, wire: Wire) -> None:
    """Partition, region and account of the convention are those of the function."""
    with pytest.raises(BatchFailedError):
        queued(no_result)(calling("next"), LambdaContext(invoked_function_arn=function))
    assert topics_asked(wire) == [topic]


def test_parameters_are_fetched_ten_a_call_and_kept(
    listeners: Listeners, parameters: Parameters, wire: Wire
) -> None:
    """Twelve Tasks' parameters cost two calls, and the second batch none."""
    names = [f"next-{n}" for n in range(12)]
    for name, topic in listeners.add(*names).items():
        parameters.put(name, topic)
    handler = queued(no_result)
    assert handler(calling(*names), LambdaContext()) == ALL_DONE
    assert wire.counted() == {"ssm GetParameters": 2, "sns PublishBatch": 12}
    wire.clear()
    assert handler(calling(*names), LambdaContext()) == ALL_DONE
    assert wire.counted() == {"sns PublishBatch": 12}
    assert len(listeners.messages()) == 24


def test_a_parameter_leads_to_any_topic(
    listeners: Listeners, parameters: Parameters, wire: Wire, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where parameters are used, they decide, and the convention doesn't."""
    topics = listeners.add("elsewhere", "stack-next")
    monkeypatch.setenv("ALGERNON_TOPIC_PREFIX", "stack-")
    parameters.put("next", topics["elsewhere"])
    queued(no_result)(calling("next"), LambdaContext())
    assert topics_asked(wire) == [topics["elsewhere"]]


def test_the_parameter_may_be_the_task_s_bare_name(
    aws: LocalAWS, listeners: Listeners, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An empty prefix turns parameters on too, named as the Tasks are, as moncrief has them."""
    name = f"next-{uuid4()}"
    topic = listeners.add("elsewhere")["elsewhere"]
    aws.client("ssm").put_parameter(Name=name, Value=topic, Type="String")
    monkeypatch.setenv("ALGERNON_TOPIC_PARAMETER_PREFIX", "")
    assert queued(no_result)(calling(name), LambdaContext()) == ALL_DONE
    assert [sent["task_name"] for sent in listeners.messages()] == [name]


def test_a_mapping_goes_before_parameters(
    listeners: Listeners, parameters: Parameters, wire: Wire
) -> None:
    """A Task in the mapping isn't looked up elsewhere, and one that isn't, is."""
    topics = listeners.add("mapped", "found")
    parameters.put("mapped", topics["found"])
    parameters.put("other", topics["found"])
    handler = queued(listeners={"mapped": topics["mapped"]})(no_result)
    handler(calling("mapped"), LambdaContext())
    assert wire.counted() == {"sns PublishBatch": 1}
    handler(calling("mapped", "other"), LambdaContext())
    assert topics_asked(wire) == sorted([topics["mapped"]] * 2 + [topics["found"]])


def test_a_task_without_a_parameter_has_no_listener(
    bucket: str, listeners: Listeners, parameters: Parameters
) -> None:
    """An unknown listener fails the record that calls for it, and no other."""
    parameters.put("next", listeners.add("next")["next"])
    batch = calling("next", "nobody", "next")
    assert queued(failures="report")(no_result)(batch, LambdaContext()) == failed(
        batch["Records"][1]
    )
    assert len(listeners.messages()) == 2
    with pytest.raises(BatchFailedError) as caught:
        queued(no_result)(batch, LambdaContext())
    (error,) = caught.value.failures.values()
    assert isinstance(error, UnknownListenerError)
    assert "no listener is known for the Task 'nobody'" in str(error)
    assert isinstance(error, LookupError)


def test_a_parameter_that_comes_later_is_found(
    listeners: Listeners, parameters: Parameters
) -> None:
    """A missing parameter is asked for again with the next batch."""
    handler = queued(failures="report")(no_result)
    batch = calling("next")
    assert handler(batch, LambdaContext()) == failed(*batch["Records"])
    parameters.put("next", listeners.add("next")["next"])
    assert handler(batch, LambdaContext()) == ALL_DONE


@pytest.mark.parametrize("callback", ["x" * 3000, "a##b", "#", "next#", "a\nb", "\ud800", "a#\x00"])
def test_an_impossible_callback_takes_no_other_along(
    listeners: Listeners, parameters: Parameters, callback: str
) -> None:
    """A callback that could be no listener's name is its own record's failure."""
    parameters.put("next", listeners.add("next")["next"])
    batch = calling("next", callback, "next")
    assert queued(failures="report")(no_result)(batch, LambdaContext()) == failed(
        batch["Records"][1]
    )
    assert len(listeners.messages()) == 2


def test_a_sender_outside_lambda_asks_sts_once(
    aws: LocalAWS, listeners: Listeners, wire: Wire
) -> None:
    """Outside Lambda, the convention's account is the caller's, asked of STS once."""
    listeners.add("stack-work")
    program = (
        "from algernon_queue import send_task\n"
        "for n in range(3):\n"
        "    send_task('work', {'n': n})\n"
    )
    subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "ALGERNON_TOPIC_PREFIX": "stack-"},
        check=True,
    )
    assert wire.counted() == {"sts GetCallerIdentity": 1, "sns PublishBatch": 3}
    assert [sent["task_kwargs"]["n"] for sent in listeners.messages()] == [0, 1, 2]


def test_a_sender_that_knows_the_topic_asks_nobody(
    aws: LocalAWS, listeners: Listeners, wire: Wire
) -> None:
    """With the topics given, sending costs the one call of it."""
    topics = listeners.add("elsewhere")
    program = (
        "from algernon_queue import send_task\n"
        f"send_task('work', {{'n': 1}}, listeners={{'work': {topics['elsewhere']!r}}})\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    assert wire.counted() == {"sns PublishBatch": 1}


def test_senders_find_listeners_as_workers_do(
    listeners: Listeners, parameters: Parameters, wire: Wire
) -> None:
    """send_task takes a mapping, and looks parameters up."""
    topics = listeners.add("elsewhere", "found")
    parameters.put("other", topics["found"])
    send_task("work", {}, listeners={"work": topics["elsewhere"]})
    send_task("other", {})
    assert topics_asked(wire) == sorted(topics.values())


def test_a_sender_is_told_before_anything_is_sent(
    listeners: Listeners, parameters: Parameters, wire: Wire
) -> None:
    """When one of many Tasks has no listener, the error names it and nothing is sent."""
    parameters.put("work", listeners.add("work")["work"])
    with pytest.raises(UnknownListenerError, match="'nobody'"):
        send_tasks([Task("work"), Task("nobody")])
    assert wire.counted() == {"ssm GetParameters": 1}


def test_a_refusing_parameter_store_fails_who_asked(
    bucket: str, listeners: Listeners, wire: Wire, parameters: Parameters
) -> None:
    """When parameters can't be looked up, the records that need them fail."""
    wire.treatment = lambda call, forward: (
        Answer(400, [], b'{"__type":"AccessDeniedException","message":"no"}')
        if call.service == "ssm"
        else forward()
    )
    batch = calling("next", "next")
    lonely = record(message("work"))
    batch["Records"].append(lonely)
    assert queued(failures="report")(no_result)(batch, LambdaContext()) == failed(
        *batch["Records"][:2]
    )


def test_a_refusing_parameter_store_fails_nobody_who_did_not_ask(
    listeners: Listeners, wire: Wire, parameters: Parameters
) -> None:
    """Records whose listeners the mapping knows are done, whatever becomes of the parameters."""
    topics = listeners.add("mapped")
    wire.treatment = lambda call, forward: (
        Answer(400, [], b'{"__type":"AccessDeniedException","message":"not allowed"}')
        if call.service == "ssm"
        else forward()
    )
    batch = calling("mapped", "other", "mapped")
    handler = queued(failures="report", listeners=topics)(no_result)
    assert handler(batch, LambdaContext()) == failed(batch["Records"][1])
    assert [sent["task_name"] for sent in listeners.messages()] == ["mapped", "mapped"]
    with pytest.raises(ClientError, match="not allowed"):
        send_tasks([Task("mapped"), Task("other")], listeners=topics)
    send_task("mapped", listeners=topics)
    assert len(listeners.messages()) == 1


def test_a_callback_that_can_be_no_parameter_s_name_fails_alone(
    bucket: str, listeners: Listeners, wire: Wire, parameters: Parameters
) -> None:
    """A name that Parameter Store would refuse isn't asked for, so the others are found."""
    parameters.put("next", listeners.add("next")["next"])
    batch = calling("next", "a b", "{x}")
    answer = queued(failures="report")(no_result)(batch, LambdaContext())
    assert answer == failed(*batch["Records"][1:])
    assert [sent["task_name"] for sent in listeners.messages()] == ["next"]
    assert b"a b" not in b"".join(call.body for call in wire.calls)
