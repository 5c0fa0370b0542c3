"""The body of a dead letter, whose message is changed where it stands."""

from __future__ import annotations

import json

import pytest
from algernon.system.letters.body import LetterBody
from hypothesis import given
from hypothesis import strategies as st

PLAIN = '{"task_name": "bill", "task_kwargs": {"sum": 1.10, "big": 1e400}, "task_id": null}'
EXPIRING = f'{PLAIN[:-1]} , "expires_at" : 1795000000.50}}'
LATE = PLAIN


def enveloped(message: str, *, is_ascii: bool = True) -> str:
    """Return a message in the envelope in which SNS hands it to SQS."""
    text = json.dumps(message, ensure_ascii=is_ascii)
    return f'{{\n  "Type" : "Notification",\n  "Message" : {text},\n  "Signature" : "x=="\n}}'


def waited_for(message: str) -> str:
    """Return a message beside the token of a state machine."""
    return f'{{"Input": {message}, "TaskToken": "AQC"}}'


@pytest.mark.parametrize(
    ("body", "without"),
    [
        (EXPIRING, LATE),
        (enveloped(EXPIRING), enveloped(LATE)),
        (waited_for(EXPIRING), waited_for(LATE)),
        (waited_for(json.dumps(EXPIRING)), waited_for(json.dumps(LATE))),
        (enveloped(waited_for(EXPIRING)), enveloped(waited_for(LATE))),
        ('{"expires_at":1,"task_name":"a"}', '{"task_name":"a"}'),
        ('{"expires_at":1,"task_name":"a","expires_at":2}', '{"task_name":"a"}'),
        ('{"task_name":"a","expires_at":1,"b":2}', '{"task_name":"a","b":2}'),
    ],
)
def test_an_expiry_is_cut_out_and_all_else_stays(body: str, without: str) -> None:
    """Numbers, spaces and the order stay as their sender wrote them, envelope and token too."""
    assert LetterBody(body).without_expiry() == without


@pytest.mark.parametrize(
    "body",
    [
        PLAIN,
        enveloped(PLAIN),
        enveloped("gr\u00fc\u00dfe"),
        '{"task_name": "a", "task_kwargs": {"expires_at": 1}}',
        '{"Message": {"expires_at": 1}}',
        '{"expires_at": 1}',
        '{"expires_at": 1, "task_name": "a"} and more',
        "[1, 2]",
        "{}",
        "{",
        '{"task_name": "a" "expires_at": 1}',
        '{1: 2, "task_name": "a"}',
        "",
        "grüße",
        '{"task_name": "a", "expires_at": 1, "deep": ' + "[" * 200_000,
    ],
)
def test_a_body_without_an_expiry_stays_byte_for_byte(body: str) -> None:
    """So does what is no message, or can't be read."""
    assert LetterBody(body).without_expiry() == body


def test_what_a_queue_does_not_take_stays_escaped() -> None:
    """Characters that don't get through a queue, or are half ones, go as they came."""
    message = '{"task_name":"a","task_kwargs":{"c":"\\ufffe\ud800ü"},"expires_at":1}'
    envelope = '{"Message":"' + message.replace("\\", "\\\\").replace('"', '\\"') + '"}'
    envelope = envelope.replace("\ud800", "\\ud800")

    changed = LetterBody(envelope).without_expiry()

    changed.encode()
    assert "ü" in changed
    assert "\ufffe" not in changed
    assert json.loads(changed)["Message"] == message.replace(',"expires_at":1', "")


@pytest.mark.parametrize("around", [str, enveloped, waited_for])
def test_keyword_arguments_are_replaced_where_they_stand(around: type[str]) -> None:
    """They are told as they stand, and all else stays."""
    body = LetterBody(around(EXPIRING))

    assert body.kwargs == '{"sum": 1.10, "big": 1e400}'
    changed = LetterBody(body.with_kwargs('{"sum": 2.50}'))
    assert changed.text == around(EXPIRING.replace(str(body.kwargs), '{"sum": 2.50}'))
    assert changed.kwargs == '{"sum": 2.50}'


def test_a_message_without_keyword_arguments_gets_some() -> None:
    """They stand behind all else."""
    body = LetterBody('{"task_name": "a" }')

    assert body.kwargs == "{}"
    assert body.with_kwargs('{"n":1}') == '{"task_name": "a","task_kwargs":{"n":1} }'


def test_what_is_no_message_has_no_keyword_arguments() -> None:
    """Nor is it given any."""
    body = LetterBody("anything")

    assert (body.message, body.kwargs, body.with_kwargs("{}")) == (None, None, "anything")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=8,
)


@given(
    message=st.dictionaries(st.text(), JSON),
    expiry=st.floats(0, 1e12),
    indent=st.sampled_from([None, 0, 2]),
    is_ascii=st.booleans(),
)
def test_any_message_loses_nothing_but_its_expiry(
    message: dict[str, object], expiry: float, *, indent: int | None, is_ascii: bool
) -> None:
    """However its JSON is written, what is read afterwards is what was sent."""
    wanted = {**message, "task_name": "a"}
    wanted.pop("expires_at", None)
    text = json.dumps({**wanted, "expires_at": expiry}, indent=indent, ensure_ascii=is_ascii)

    changed = LetterBody(enveloped(text, is_ascii=is_ascii)).without_expiry()

    assert json.loads(json.loads(changed)["Message"]) == wanted
