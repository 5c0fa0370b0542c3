"""The groups that dead letters hold, as lines for people and as plain JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ..system.held_groups import HeldGroup, HeldGroups
from .terminal import Line, Style
from .wording import count

_MOST_CAUSES = 3


def held_groups_lines(held: HeldGroups) -> Iterator[Line]:
    """Give what is shown of the groups that dead letters name: a line of each."""
    if held.groups:
        yield Line("Groups of which members are dead letters:", "bold")
    for group in held.groups:
        style: Style = "bad" if group.state in ("running", "failed") else "plain"
        yield Line(f"{group.group_id}: {_about(group)}; {_causes(group)}.", style)
    if held.others:
        yield Line(f"And {count(held.others, 'other group')} with fewer dead letters each.")
    if not held.groups:
        yield Line("No dead letter is a member of a group.")
    yield Line(
        f"{count(held.letters, 'dead letter')} looked at, in {count(held.receives, 'receive')}.",
        "faint",
    )


def held_groups_as_json(held: HeldGroups) -> dict[str, Any]:
    """Return the groups that dead letters name, as plain JSON."""
    return {
        "groups": [
            {
                "group_id": group.group_id,
                "state": group.state,
                "done": group.progress and group.progress.done,
                "failed": group.progress and group.progress.failed,
                "size": group.progress and group.progress.size,
                "dead": [
                    {"task": cause.task, "error": cause.error, "count": number}
                    for cause, number in group.causes.items()
                ],
            }
            for group in held.groups
        ],
        "others": held.others,
        "letters": held.letters,
        "receives": held.receives,
    }


def _about(group: HeldGroup) -> str:
    if group.state == "elsewhere":
        return "in another bucket than the system's, so it isn't looked at"
    if group.progress is None:
        return "its objects aren't there any more, so it can't be joined"
    members = f"{group.progress.done} of {count(group.progress.size, 'member')} done"
    return f"{members}, {'held' if group.state == 'running' else group.state}"


def _causes(group: HeldGroup) -> str:
    told = [
        f"{cause.task} {cause.title} ({number})"
        for cause, number in [*group.causes.items()][:_MOST_CAUSES]
    ]
    more = len(group.causes) - _MOST_CAUSES
    others = [count(more, "other cause")] if more > 0 else []
    return f"{count(group.letters, 'dead letter')}: {', '.join([*told, *others])}"
