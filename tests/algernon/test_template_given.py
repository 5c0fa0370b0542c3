"""What the settings give in place of parameters holds in every stack, whatever it had before."""

from __future__ import annotations

import json
from typing import Any

import pytest
from algernon.settings import Settings
from algernon.template import system_template
from algernon.worker import Worker
from cfnlint.api import ManualArgs, lint
from hypothesis import given
from hypothesis import strategies as st

SHOP = Worker("shop.handler", ("pay",), {})
MACHINE = "arn:aws:states:eu-west-1:123456789012:stateMachine:orders"
#: Of each setting that is a parameter otherwise, values that decide something, and others.
VALUES: dict[str, list[Any]] = {
    "cache_days": [30, 90],
    "inline_bytes": [0, 1000],
    "trusted_buckets": [[], ["theirs"], ["theirs/cache", "others"]],
    "debug": [True, False],
    "log_format": ["JSON", "Text"],
    "metrics_namespace": ["", "Shop"],
    "recursive_loop": ["Allow", "Terminate"],
    "state_machines": [[], ["*"], [MACHINE]],
    "tracing": ["xray", "otel", "off"],
}


def template_of(**settings: Any) -> dict[str, Any]:
    """Return a system's template with these settings."""
    return system_template([SHOP], settings=Settings(**settings))


def role_of(template: dict[str, Any]) -> str:
    """Return the workers' role, in JSON."""
    return json.dumps(template["Resources"]["WorkerRole"])


@given(st.fixed_dictionaries({}, optional={n: st.sampled_from(v) for n, v in VALUES.items()}))
def test_nothing_refers_to_what_is_not_there(settings: dict[str, Any]) -> None:
    """What is given is no parameter, and each condition that is left is used."""
    template = template_of(**settings)
    text = json.dumps(template["Resources"]) + json.dumps(template["Outputs"])

    for name, parameter in Settings(**settings).parameters.items():
        assert name not in template["Parameters"]
        assert json.dumps({"Ref": name}) not in text
        assert parameter is not None
    for name in template["Conditions"]:
        assert f'{{"Fn::If": ["{name}"' in text


@pytest.mark.parametrize("choice", [0, -1])
def test_cfn_lint_finds_nothing_with_all_of_them(choice: int) -> None:
    """Neither where they switch all off, nor where they switch all on."""
    template = template_of(**{name: values[choice] for name, values in VALUES.items()})

    assert lint(json.dumps(template), config=ManualArgs(include_checks=["I"])) == []


def test_a_bucket_that_is_trusted_no_more_is_read_no_more() -> None:
    """An empty list takes the right and the variable away; a name gives both, in each partition."""
    trusting, alone = template_of(trusted_buckets=["theirs"]), template_of(trusted_buckets=[])

    for partition in ("aws", "aws-cn", "aws-us-gov"):
        assert f"arn:{partition}:s3:::theirs/*" in role_of(trusting)
    assert "theirs" not in role_of(alone)
    assert "BucketsAreTrusted" not in json.dumps(alone)
    assert "BucketsAreTrusted" in template_of()["Conditions"]


def test_what_a_value_decides_is_decided() -> None:
    """Traces, levels and the right to tell state machines stand there as they are."""
    template = template_of(tracing="off", debug=True, log_format="JSON", state_machines=[MACHINE])
    worker = template["Resources"]["Worker"]["Properties"]

    assert worker["TracingConfig"] == {"Mode": "PassThrough"}
    assert worker["LoggingConfig"]["ApplicationLogLevel"] == "DEBUG"
    assert f'"Resource": ["{MACHINE}"]' in role_of(template)
    text = template_of(log_format="Text")["Resources"]["Worker"]["Properties"]
    assert "ApplicationLogLevel" not in text["LoggingConfig"]
