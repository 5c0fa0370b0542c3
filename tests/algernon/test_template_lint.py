"""cfn-lint, with its hints, finds nothing in any template, wherever that is deployed."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from algernon import TaskNeeds
from algernon.errors import TemplateError
from algernon.settings import Alarms
from algernon.template import system_template
from algernon.worker import Worker
from cfnlint.api import ManualArgs, lint

from .every_setting import TOPIC, all_on

REGIONS = ["eu-west-1", "cn-north-1", "us-gov-west-1"]
# There is nothing wrong with a template that is nearly full, and the fullest is.
NEARLY_FULL = "I3010"


def found_in(template: dict[str, Any]) -> set[str]:
    """Return what cfn-lint says of a template in one region or another."""
    config = ManualArgs(include_checks=["I"], regions=REGIONS)
    return {f"{one.rule.id}: {one.message}" for one in lint(json.dumps(template), config=config)}


def with_settings_off(tasks: int) -> dict[str, Any]:
    """Return the template of a worker of so many Tasks, which says nothing of itself."""
    return system_template([Worker("shop.handler", names(tasks), {})])


def with_settings_on(tasks: int, **other: Any) -> dict[str, Any]:
    """Return the template of two workers of so many Tasks, of which all is said.

    Args:
        tasks: How many.
        other: Settings that are others than those of the file.
    """
    settings = replace(all_on(), **other)
    mails = Worker("shop.mail.handler", ("mail",), {"mail": 9}, {"mail": TaskNeeds(timeout=90)})
    shop = Worker(
        "shop.handler",
        names(tasks - 1),
        {},
        {
            "task_0": TaskNeeds(timeout=9, memory=2048, max_concurrency=2, batch_size=1),
            "task_1": TaskNeeds(batch_size=100, batch_window=5),
        }
        if tasks > 2
        else {},
    )
    return system_template([mails, shop] if tasks > 1 else [mails], settings=settings)


def names(tasks: int) -> tuple[str, ...]:
    """Return the names of so many Tasks."""
    return tuple(f"task_{number}" for number in range(tasks))


def the_most(template_of: Callable[[int], dict[str, Any]]) -> int:
    """Return of how many Tasks there can be a template."""
    fits, too_many = 1, 200
    while too_many - fits > 1:
        tasks = (fits + too_many) // 2
        try:
            template_of(tasks)
        except TemplateError:
            too_many = tasks
        else:
            fits = tasks
    return fits


@pytest.mark.parametrize("tasks", [1, 50])
@pytest.mark.parametrize("template_of", [with_settings_off, with_settings_on])
def test_cfn_lint_finds_nothing(template_of: Callable[[int], dict[str, Any]], tasks: int) -> None:
    """In AWS's standard partition, in China's and in GovCloud, there is nothing to say."""
    assert found_in(template_of(tasks)) == set()


@pytest.mark.parametrize("template_of", [with_settings_off, with_settings_on])
def test_cfn_lint_finds_no_more_than_that_a_template_is_full(
    template_of: Callable[[int], dict[str, Any]],
) -> None:
    """Of the most Tasks that fit, it says that there is room for few more, and nothing else."""
    found = found_in(template_of(the_most(template_of)))

    assert [one for one in found if not one.startswith(NEARLY_FULL)] == []


@pytest.mark.parametrize(
    "other",
    [
        pytest.param({"bucket": "shop-archive"}, id="bucket"),
        pytest.param({"kms_key": None}, id="no-key"),
        pytest.param({"vpc": None}, id="no-vpc"),
        pytest.param({"alarms": None}, id="no-alarms"),
        pytest.param({"environment": {}}, id="no-secrets"),
        pytest.param({"state_machines": ["*"], "tracing": "off"}, id="any-state-machine"),
    ],
)
def test_cfn_lint_finds_nothing_if_only_some_is_said(other: dict[str, Any]) -> None:
    """What one setting adds needs none of the others."""
    assert found_in(with_settings_on(3, **other)) == set()


def test_cfn_lint_finds_nothing_in_alarms_that_tell_a_topic() -> None:
    """Nor where there is a topic for the alarms already."""
    assert found_in(with_settings_on(3, alarms=Alarms(topic=TOPIC))) == set()
