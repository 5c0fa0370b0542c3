"""What Lambda and CloudFormation admit of a system."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ...errors import TemplateError
from ..settings.limits import MEMORIES, TIMEOUTS
from ..settings.settings import Settings

# AWS CloudFormation User Guide, "Understand CloudFormation quotas".
_RESOURCES_A_TEMPLATE = 500
_OUTPUTS_A_TEMPLATE = 200
# 1 MB, of an object in S3.
_BYTES_A_TEMPLATE = 1_000_000


def check_limits(timeout: int | None = None, memory: int | None = None) -> None:
    """Refuse what Lambda doesn't give a function.

    Args:
        timeout: In seconds; None is no limit of its own.
        memory: In MB, likewise.

    Raises:
        TemplateError: One of them is out of range.

    Example:
        >>> check_limits(timeout=60, memory=512)
    """
    for what, value, allowed, unit in (
        ("timeout", timeout, TIMEOUTS, "seconds"),
        ("memory", memory, MEMORIES, "MB"),
    ):
        if value is not None and value not in allowed:
            raise TemplateError(
                f"a {what} of {value} {unit} is outside Lambda's limits: it takes {allowed[0]} to"
                f" {allowed[-1]} {unit}"
            )


def check_settings(settings: object) -> None:
    """Refuse what aren't settings.

    Raises:
        TypeError: They aren't.
    """
    if not isinstance(settings, Settings):
        raise TypeError(
            f"settings is of the class {type(settings).__name__}, but has to be a Settings of"
            " algernon.settings: write Settings(memory=512), or read_settings(directory) for those"
            " of a pyproject.toml"
        )


def check_size(tasks: int, resources: int, outputs: int) -> None:
    """Refuse more resources, or outputs, than a template holds.

    Args:
        tasks: How many Tasks it describes.
        resources: How many resources they take.
        outputs: How many outputs they have.

    Raises:
        TemplateError: They are too many.
    """
    for what, number, most in (
        ("resources", resources, _RESOURCES_A_TEMPLATE),
        ("outputs", outputs, _OUTPUTS_A_TEMPLATE),
    ):
        if number > most:
            raise TemplateError(
                f"{tasks} Tasks take {number} {what}, but a CloudFormation template holds at most"
                f" {most}: make two systems of them, each with the workers whose Tasks call each"
                " other; how those of one send to those of the other is said in algernon's"
                ' docs/deploying.md, at "More Tasks than one template holds"'
            )


def check_sections(template: Mapping[str, Any]) -> None:
    """Refuse a template from which a section is gone, or is no mapping any more.

    Raises:
        TemplateError: One is.
    """
    for section in ("Resources", "Outputs"):
        if not isinstance(template.get(section), dict):
            raise TemplateError(
                f"after customize the template has no {section}, or they are no dict: let it change"
                " what is in them, and leave them there, if as {}"
            )


def text_of(template: Mapping[str, Any]) -> str:
    """Return a template as it is written, in JSON.

    Raises:
        TemplateError: It is longer than CloudFormation takes from S3.
    """
    text = json.dumps(template, indent=2)
    if len(text) > _BYTES_A_TEMPLATE:
        raise TemplateError(
            f"the template takes {len(text):,} bytes, but CloudFormation takes"
            f" {_BYTES_A_TEMPLATE:,} at most, from S3: give the system fewer or shorter tags, which"
            " each resource has, or make two systems of it"
        )
    return text
