"""What a deployment changes is told by Tasks, and what would lose something is refused."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from algernon import TaskNeeds
from algernon.errors import RefusedError, UnknownTaskError
from algernon.settings import Alarms, Settings, WorkerSettings
from algernon.story.deployment import plan_lines
from algernon.story.terminal import Terminal
from algernon.system.deployment.deployed import others_in
from algernon.system.deployment.draining import (
    interim_template,
    paused_tasks,
    resumed_template,
    with_mappings_active,
)
from algernon.system.deployment.plan import Count, Plan, make_plan
from algernon.system.deployment.safety import check_others, check_plan
from algernon.system.settings.settings import Secret
from algernon.template import logical_id, system_template
from algernon.worker import Worker
from hypothesis import given
from hypothesis import strategies as st

from .test_template_update import SYSTEMS, Released, each_system

ARN = "arn:aws:secretsmanager:eu-west-1:000000000000:secret:bank-a1b2c3"
SHOP = Worker("shop.handler", ("order", "pay"), {})
BANK = Worker("bank.handler", ("book",), {})


def template(
    *workers: Worker, settings: Settings | None = None, timeout: int = 30
) -> dict[str, Any]:
    """Return the template of some workers."""
    return system_template(workers, settings=settings, timeout=timeout)


def of_older_python(template: dict[str, Any]) -> dict[str, Any]:
    """Return a template as it was made with a Python that none runs here."""
    running = "python{}.{}".format(*sys.version_info)
    older: dict[str, Any] = json.loads(json.dumps(template).replace(running, "python3.10"))
    return older


def plan(before: dict[str, Any] | None, after: dict[str, Any], *, code: bool = False) -> Plan:
    """Return what changes."""
    return make_plan(before, after, code_changes=code)


def lines(plan: Plan) -> list[str]:
    """Return what is told of a plan, but for its first line."""
    return [line.text for line in plan_lines(plan, "shop")][1:]


def test_a_new_system_is_all_of_its_tasks() -> None:
    """Each is added, and nothing has to wait."""
    made = plan(None, template(SHOP, BANK))

    assert lines(made) == ["+ order", "+ pay", "+ book"]
    assert not made.paused


def test_the_same_template_and_code_are_nothing_to_do() -> None:
    """There is a plan of one line."""
    made = plan(template(SHOP, BANK), template(SHOP, BANK))

    assert made.is_empty
    assert [line.text for line in plan_lines(made, "shop")] == [
        "shop is as it should be: there is nothing to do"
    ]


def test_other_code_alone_changes_no_task() -> None:
    """It is told as code, and no message has to wait for it."""
    made = plan(template(SHOP, BANK), template(SHOP, BANK), code=True)

    assert lines(made) == ["~ code", "  3 Tasks as before"]
    assert not made.paused


def test_tasks_that_come_go_move_and_change_are_told_apart() -> None:
    """Each has a sign of its own; what goes or moves has to wait meanwhile."""
    slow = {"order": TaskNeeds(timeout=60, batch_size=1, max_concurrency=2)}
    before = template(Worker("shop.handler", ("order", "pay", "mail"), {}), BANK)
    after = template(
        Worker("shop.handler", ("order",), {"order": 7}, slow),
        Worker("bank.handler", ("book", "pay", "price"), {}),
    )

    made = plan(before, after).with_counts({"mail": Count(12, 1)})

    assert lines(made) == [
        "~ order: timeout 30 → 60, batch_size 10 → 1, max_concurrency none → 2, tries 5 → 8",
        "> pay: worker shop → bank",
        "+ price",
        "- mail (12 waiting, 1 dead)",
        "  1 Task as before",
        "  meanwhile the messages of pay, mail wait",
    ]


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        (Settings(environment={"BANK": "https://bank", "XY": "1"}), "environment + BANK, + XY"),
        (
            Settings(environment={"KEY": Secret(ARN)}),
            "environment + ALGERNON_HANDLER, + ALGERNON_SECRETS",
        ),
        (Settings(tags={"team": "shop"}), "tags"),
        (Settings(architecture="arm64"), "architecture x86_64 → arm64"),
        (Settings(alarms=Alarms(email="ops@example.com")), "alarms + 8"),
        (Settings(log_retention=7), "the log group"),
        (Settings(tracing="off"), "environment ~ ALGERNON_TRACING"),
        (
            Settings(workers={"bank": WorkerSettings(environment={"AB": "1"})}),
            "environment + AB of bank",
        ),
        (Settings(bucket="shops"), "another bucket"),
    ],
)
def test_what_settings_change_is_told_in_words(settings: Settings, told: str) -> None:
    """And never by the values of environment variables."""
    made = plan(template(SHOP, BANK), template(SHOP, BANK, settings=settings))

    assert f"~ {told}" in lines(made)
    assert not any("https" in line or "arn:" in line for line in lines(made))


def test_a_change_that_has_no_words_isnt_nothing_to_do() -> None:
    """What only stands in the template's outputs is a change, too."""
    after = template(SHOP)
    after["Outputs"]["Mine"] = {"Value": "1"}

    made = plan(template(SHOP), after)

    assert not made.is_empty
    assert lines(made) == ["~ what the template says besides", "  2 Tasks as before"]


@pytest.mark.parametrize(
    ("before", "after", "waiting"),
    [
        (template(SHOP), template(replace(SHOP, handler="store.handler")), ["order", "pay"]),
        (template(SHOP, BANK), template(BANK, SHOP), ["book", "order", "pay"]),
        (template(SHOP), template(SHOP, settings=Settings(architecture="arm64")), ["order", "pay"]),
        (of_older_python(template(SHOP)), template(SHOP), ["order", "pay"]),
        (template(SHOP, timeout=300), template(SHOP, timeout=30), ["order", "pay"]),
        (template(SHOP, timeout=60), template(SHOP, timeout=30), []),
        (template(SHOP, timeout=30), template(SHOP, timeout=300), []),
        (template(SHOP), template(replace(SHOP, needs={"pay": TaskNeeds(timeout=300)})), []),
        (template(SHOP), template(SHOP, settings=Settings(environment={"KEY": Secret(ARN)})), []),
    ],
    ids=[
        "module",
        "first",
        "architecture",
        "python",
        "run twice",
        "shorter",
        "longer",
        "own",
        "secrets",
    ],
)
def test_messages_wait_where_they_might_fail_or_be_run_twice(
    before: dict[str, Any], after: dict[str, Any], waiting: Sequence[str]
) -> None:
    """That is while code and function don't go together, or where timeouts get much shorter."""
    assert plan(before, after).paused == tuple(waiting)


@each_system
def test_a_released_version_s_stack_becomes_todays_with_no_task_touched(system: Released) -> None:
    """Its Tasks are read from its own template, and none is moved or has to wait."""
    made = plan(system.template, system.template_of_today())

    assert [change.task for change in made.tasks] == system.tasks
    assert not made.is_empty
    assert {change.kind for change in made.tasks} == {"keep"}
    assert not made.paused


def refusal(before: dict[str, Any], after: dict[str, Any], *drop: str, count: Count) -> str | None:
    """Return why a plan is refused in which each Task that goes has so many messages, if it is."""
    made = plan(before, after)
    made = made.with_counts(dict.fromkeys(made.removed, count))
    try:
        check_plan(made, drop)
    except RefusedError as error:
        return str(error)
    return None


def test_a_task_with_messages_doesnt_go_without_drop() -> None:
    """The counts are told, and what would delete them."""
    before, after = template(SHOP), template(replace(SHOP, tasks=("order",)))

    assert refusal(before, after, count=Count(0, 0)) is None
    assert refusal(before, after, "pay", count=Count(12, 1)) is None
    told = refusal(before, after, count=Count(12, 1))
    assert told is not None
    assert told.startswith("the Task 'pay' goes, and has 12 waiting and 1 dead messages. ")
    assert "--drop pay deletes them" in told


def test_a_task_with_another_name_is_refused_and_its_old_one_suggested() -> None:
    """Also where its queues are empty; and of several new ones the most alike is meant."""
    before, after = template(SHOP), template(replace(SHOP, tasks=("order", "mail", "pay_bill")))

    told = refusal(before, after, count=Count(0, 0))

    assert told is not None
    assert "'pay_bill' comes in the same worker" in told
    assert "@router.task(name='pay')" in told
    assert refusal(before, after, "pay", count=Count(0, 0)) is None


def test_a_task_that_goes_from_one_worker_and_one_that_comes_in_another_are_two() -> None:
    """Nothing says that they are the same."""
    after = template(replace(SHOP, tasks=("order",)), replace(BANK, tasks=("book", "price")))

    assert refusal(template(SHOP, BANK), after, count=Count(0, 0)) is None


def test_what_somebody_added_isnt_deleted_with_what_it_holds() -> None:
    """Such as a table, or a queue that is no Task's; what the new template has, too, stays."""
    before, after = template(SHOP), template(BANK)
    check_others(before, after)
    before["Resources"]["Orders"] = {"Type": "AWS::DynamoDB::Table"}
    before["Resources"]["Queue"] = {"Type": "AWS::SQS::Queue"}

    with pytest.raises(RefusedError, match=r"Orders \(AWS::DynamoDB::Table\), Queue \(AWS::SQS"):
        check_others(before, after)
    check_others(before, {"Resources": {**before["Resources"], **after["Resources"]}})


@each_system
def test_in_a_released_version_s_template_nothing_is_somebody_else_s(system: Released) -> None:
    """Or it couldn't be updated any more."""
    assert others_in(system.template) == {}


@pytest.mark.parametrize(
    ("name", "reason"), [("order", "still in its worker"), ("oder", "no Task 'oder'")]
)
def test_what_doesnt_go_cant_be_dropped(name: str, reason: str) -> None:
    """It may be a slip, by which something else would be refused, or lost."""
    made = plan(template(SHOP), template(replace(SHOP, tasks=("order",))))

    with pytest.raises(UnknownTaskError, match=reason):
        check_plan(made, [name])


def test_in_the_interim_what_goes_or_moves_is_paused_and_nothing_else_changes() -> None:
    """It is the deployed template, of which the interim is undone by its mappings alone."""
    deployed = template(SHOP, BANK)

    interim = interim_template(deployed, ["pay", "book"], ["pay"])

    made = plan(deployed, interim)
    assert paused_tasks(interim) == ("pay", "book")
    assert {change.kind for change in made.tasks} == {"keep"}
    assert made.others == ()
    assert paused_tasks(resumed_template(interim)) == ()
    assert plan(interim, resumed_template(interim)).changed[0].details == (
        "paused by a deployment that was interrupted → active",
    )


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_in_the_interim_an_old_template_keeps_the_queues_of_what_goes(system: Released) -> None:
    """And of nothing else; what is published meanwhile still gets there."""
    first = system.tasks[0]

    resources = interim_template(system.template, [first], [first])["Resources"]

    kept = {name for name, each in resources.items() if each.get("DeletionPolicy") == "Retain"}
    kept_before = {
        name
        for name, each in system.template["Resources"].items()
        if each.get("DeletionPolicy") == "Retain"
    }
    assert kept - kept_before == {
        logical_id(kind, first)
        for kind in ("Queue", "DeadLetterQueue", "QueuePolicy", "Subscription")
    }
    assert json.dumps(system.template) == json.dumps(SYSTEMS[system.name].template)


def test_what_was_paused_is_said_to_be_active_ever_after() -> None:
    """A mapping whose template says nothing stays as it is, and to say it again is no change."""
    deployed = interim_template(template(SHOP), ["pay"], [])

    once = with_mappings_active(template(SHOP), deployed)
    twice = with_mappings_active(template(SHOP), once)

    assert once == twice
    assert paused_tasks(once) == ()
    assert plan(once, twice).is_empty
    assert not plan(deployed, once).is_empty
    assert with_mappings_active(template(SHOP), template(SHOP)) == template(SHOP)


NAMES = st.text("abcdef_-", min_size=1, max_size=8)
SYSTEMS_OF_TASKS = st.lists(NAMES, min_size=1, max_size=6, unique=True).flatmap(
    lambda tasks: st.integers(0, len(tasks) - 1).map(
        lambda cut: [
            Worker(f"{module}.handler", tuple(some), {})
            for module, some in (("shop", tasks[cut:]), ("bank", tasks[:cut]))
            if some
        ]
    )
)


@given(SYSTEMS_OF_TASKS, SYSTEMS_OF_TASKS)
def test_every_task_of_both_templates_is_in_the_plan_once(
    before: list[Worker], after: list[Worker]
) -> None:
    """What is in one only comes or goes; what stays has to wait if its worker is another one."""
    old, new = (
        {task: worker.module for worker in workers for task in worker.tasks}
        for workers in (before, after)
    )
    deployed = system_template(before)

    made = plan(deployed, system_template(after))

    kinds = {change.task: change.kind for change in made.tasks}
    assert len(kinds) == len(made.tasks)
    assert kinds.keys() == old.keys() | new.keys()
    for task, kind in kinds.items():
        assert (kind == "add") == (task not in old)
        assert (kind == "remove") == (task not in new)
        if task in old and task in new:
            assert (kind == "move") == (old[task] != new[task])
    interim = interim_template(deployed, made.paused, made.removed)
    assert set(paused_tasks(interim)) == set(made.paused)


def test_a_plan_fits_into_a_terminal_of_80_columns() -> None:
    """Long lines go on below, further in."""
    before = template(Worker("shop.handler", tuple(f"task_{number}" for number in range(30)), {}))
    made = plan(before, template(SHOP))

    shown = [Terminal(80).show(line) for line in plan_lines(made, "shop")]

    assert all(len(line) <= 80 for text in shown for line in text.splitlines())
