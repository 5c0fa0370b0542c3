"""Which part of a system a template describes."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

from ...errors import TemplateError

#: What of a system a template describes: all of it, or its Tasks, for functions of one's own.
TemplatePart: TypeAlias = Literal["all", "tasks"]


def check_part(part: str) -> None:
    """Refuse what isn't a part of a system that a template can describe.

    Raises:
        TemplateError: It isn't.
    """
    if part not in get_args(TemplatePart):
        raise TemplateError(
            f'{part!r} is no part of a system: a template describes "all" of it, or its "tasks"'
        )
