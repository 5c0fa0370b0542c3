"""What a program may change in a template before it is deployed."""

from __future__ import annotations

from typing import Any

import pytest
from algernon import TaskNeeds
from algernon.errors import TemplateError
from algernon.settings import Settings
from algernon.template import system_template
from algernon.worker import Worker

WORKERS = [
    Worker("shop.handler", ("order", "film"), {}, {"film": TaskNeeds(timeout=900)}),
    Worker("mail.handler", ("letter",), {}),
]
STATEMENTS: list[dict[str, Any]] = [
    {"Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::shop/*"]},
]
SETTINGS = Settings(tags={"team": "shop"}, statements=STATEMENTS)


def emptied(value: Any) -> None:
    """Take all out of a template, and of all that is in it."""
    for each in value.values() if isinstance(value, dict) else value:
        if isinstance(each, dict | list):
            emptied(each)
    value.clear()


def containers(value: Any) -> list[int]:
    """Return the identities of all dictionaries and lists of a template."""
    if not isinstance(value, dict | list):
        return []
    inner = value.values() if isinstance(value, dict) else value
    return [id(value), *(one for each in inner for one in containers(each))]


def test_programs_may_change_the_template() -> None:
    """What `customize` does to it is in it, and counts for what one template holds."""

    def customize(template: dict[str, Any]) -> None:
        template["Resources"]["Table"] = {"Type": "AWS::DynamoDB::Table"}

    def overdo(template: dict[str, Any]) -> None:
        template["Resources"] |= {f"Table{number}": {} for number in range(500)}

    template = system_template(WORKERS, customize=customize)
    assert template["Resources"]["Table"] == {"Type": "AWS::DynamoDB::Table"}
    with pytest.raises(TemplateError, match="at most 500"):
        system_template(WORKERS, customize=overdo)


@pytest.mark.parametrize("part", ["all", "tasks"])
def test_what_is_changed_changes_no_other_template(part: Any) -> None:
    """Whatever becomes of one, the next is as it would have been, and so are the settings."""
    before = system_template(WORKERS, settings=SETTINGS, part=part)

    def empty(template: dict[str, Any]) -> None:
        emptied(template)
        template |= {"Resources": {}, "Outputs": {}}

    system_template(WORKERS, settings=SETTINGS, part=part, customize=empty)

    assert STATEMENTS == [{"Action": ["s3:GetObject"], "Resource": ["arn:aws:s3:::shop/*"]}]
    assert system_template(WORKERS, settings=SETTINGS, part=part) == before


def test_what_is_changed_is_changed_in_one_place() -> None:
    """A tag that a resource gets is of this one alone, and so is all else."""

    def customize(template: dict[str, Any]) -> None:
        tags = template["Resources"]["Worker"]["Properties"]["Tags"]
        tags.append({"Key": "cost", "Value": "42"})

    template = system_template(WORKERS, settings=SETTINGS, customize=customize)

    tagged = {"Key": "cost", "Value": "42"}
    assert [
        name
        for name, resource in template["Resources"].items()
        if tagged in resource["Properties"].get("Tags", ())
    ] == ["Worker"]
    assert len(containers(template)) == len(set(containers(template)))


def test_a_template_that_is_returned_is_refused() -> None:
    """It would be lost, since it is the one that is given that counts."""

    def customize(template: dict[str, Any]) -> dict[str, Any]:
        return {**template, "Description": "mine"}

    with pytest.raises(TypeError, match=r"customize returned .* class dict, .* to return None"):
        system_template(WORKERS, customize=customize)  # type: ignore[arg-type]


@pytest.mark.parametrize("section", ["Resources", "Outputs"])
def test_a_section_that_is_taken_out_is_named(section: str) -> None:
    """CloudFormation, or what counts them, would only miss it."""

    def customize(template: dict[str, Any]) -> None:
        del template[section]

    with pytest.raises(TemplateError, match=f"after customize the template has no {section}"):
        system_template(WORKERS, customize=customize)
