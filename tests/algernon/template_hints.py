"""What cfn-lint has to say of a template."""

from __future__ import annotations

import json
from typing import Any

from cfnlint.api import ManualArgs, Match, lint


def hints(template: dict[str, Any], *regions: str) -> list[Match]:
    """Return what cfn-lint finds, but for the hints that there is room for little more.

    Args:
        template: The template.
        regions: Where it is to be deployed; by default where cfn-lint itself thinks of.
    """
    config = ManualArgs(
        include_checks=["I"],
        # Of resources, of outputs, and of the text itself.
        ignore_checks=["I3010", "I6010", "I1002"],
        **({"regions": [*regions]} if regions else {}),
    )
    found: list[Match] = lint(json.dumps(template), config=config)
    return found
