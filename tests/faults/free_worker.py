"""A worker without a ledger, some of whose Tasks are members of groups, or end such."""

from __future__ import annotations

from algernon_queue import TaskRouter

from .process import noted

router = TaskRouter()
handler = noted(router)


@router.task(retries=50, backoff=0.2)
def glance(index: int, value: int) -> dict[str, int]:
    """Be a member, or half of one."""
    return {"index": index, "value": value + 1}
