"""How many Tasks one template holds, and what is said of more."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from algernon import TaskNeeds
from algernon.errors import TemplateError
from algernon.settings import Alarms, Settings
from algernon.template import system_template
from algernon.worker import Worker

PAGE = Path(__file__).parents[2] / "packages/algernon/docs/deploying.md"
ALARMS = Settings(alarms=Alarms(email="ops@example.com"))

Template = dict[str, Any]


def names(number: int, length: int = 20) -> tuple[str, ...]:
    """Return so many names of Tasks, each of so many characters."""
    return tuple(f"{each:0{length}}" for each in range(number))


def of_one_worker(number: int, **options: Any) -> Template:
    """Return the template of a worker with so many Tasks."""
    return system_template([Worker("worker.handler", names(number), {})], **options)


def of_longest_names(number: int, **options: Any) -> Template:
    """Return that of Tasks with the longest names."""
    return system_template([Worker("worker.handler", names(number, 127), {})], **options)


def of_own_machines(number: int, **options: Any) -> Template:
    """Return that of Tasks of which each needs another timeout."""
    needs = {name: TaskNeeds(timeout=31 + each) for each, name in enumerate(names(number))}
    return system_template([Worker("worker.handler", names(number), {}, needs)], **options)


def of_eight_workers(number: int, **options: Any) -> Template:
    """Return that of eight workers, of which seven have one Task."""
    workers = [Worker(f"other_{each}.handler", (f"other-{each}",), {}) for each in range(7)]
    return system_template([Worker("worker.handler", names(number - 7), {}), *workers], **options)


#: The most Tasks of systems, as the page's table calls them.
MOST: dict[str, tuple[Callable[..., Template], dict[str, Any], int]] = {
    "one worker or two": (of_one_worker, {}, 81),
    "three to eight workers": (of_eight_workers, {}, 80),
    "one worker, with all alarms by e-mail": (of_one_worker, {"settings": ALARMS}, 60),
    "each Task with a timeout or memory of its own, or a worker of its own": (
        of_own_machines,
        {},
        65,
    ),
    "the same, with all alarms by e-mail": (of_own_machines, {"settings": ALARMS}, 48),
    "`--part tasks`": (of_one_worker, {"part": "tasks"}, 93),
    "`--part tasks`, with all alarms by e-mail": (
        of_one_worker,
        {"part": "tasks", "settings": ALARMS},
        69,
    ),
}
LONGEST_NAMES = [
    pytest.param(of_longest_names, {}, 80, id="longest names"),
    pytest.param(of_longest_names, {"part": "tasks"}, 90, id="longest names of the Tasks alone"),
]


@pytest.mark.parametrize(
    ("template_of", "options", "most"),
    [*(pytest.param(*case, id=name) for name, case in MOST.items()), *LONGEST_NAMES],
)
def test_a_template_holds_so_many_tasks_and_no_more(
    template_of: Callable[..., Template], options: dict[str, Any], most: int
) -> None:
    """CloudFormation takes 500 resources and 200 outputs, and IAM 10 policies of a role."""
    template = template_of(most, **options)

    assert len(template["Metadata"]["Algernon"]["Tasks"]) == most
    assert len(template["Resources"]) <= 500
    assert len(template["Outputs"]) <= 200
    refused = rf"{most + 1} Tasks take (50\d resources|20\d outputs), but a CloudFor"
    with pytest.raises(TemplateError, match=rf"{refused}|needs 11 managed policies"):
        template_of(most + 1, **options)


def test_the_documentation_says_how_many() -> None:
    """Its table has the same systems and numbers."""
    page = PAGE.read_text(encoding="utf-8")
    table = page.split("| system | Tasks at most |\n|---|---|\n")[1].split("\n\n")[0]

    assert table.splitlines() == [f"| {name} | {most} |" for name, (*_, most) in MOST.items()]


def test_the_error_says_what_to_do() -> None:
    """It names the limit, and where to read on."""
    with pytest.raises(
        TemplateError,
        match=r'at most 500: make two systems of them, .* docs/deploying\.md, at "More Tasks than',
    ):
        of_one_worker(82)


def test_what_a_program_adds_counts_too() -> None:
    """Resources that customize= adds are as much of the template as all others."""

    def add(template: Template) -> None:
        template["Resources"] |= {f"Own{number}": {} for number in range(2)}

    with pytest.raises(TemplateError, match="81 Tasks take 501 resources"):
        of_one_worker(81, customize=add)


def test_a_template_longer_than_cloudformation_takes_is_refused() -> None:
    """Tags, which each resource has, can make it so; the error has the size and what to do."""
    tags = {f"{number:0100}": "x" * 250 for number in range(20)}

    with pytest.raises(
        TemplateError, match=r"takes \d,\d{3},\d{3} bytes, .* fewer or shorter tags"
    ):
        of_one_worker(80, settings=Settings(tags=tags))


@pytest.mark.parametrize(("part", "fewest", "most"), [("all", 5, 8), ("tasks", 7, 11)])
def test_some_tasks_pass_what_is_taken_without_s3(part: str, fewest: int, most: int) -> None:
    """The longer their names are, the fewer the 51,200 bytes hold, as the documentation says."""

    def size(number: int, length: int) -> int:
        worker = Worker("worker.handler", names(number, length), {})
        return len(json.dumps(system_template([worker], part=part), indent=2))  # type: ignore[call-overload]

    assert size(fewest - 1, 127) <= 51_200 < size(fewest, 127)
    assert size(most - 1, 6) <= 51_200 < size(most, 6)
