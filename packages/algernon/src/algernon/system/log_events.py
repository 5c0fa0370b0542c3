"""What a log group of CloudWatch holds."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any


def find_events(client: Any, group: str, text: str, since: datetime) -> Iterator[str]:
    """Give the events of a log group that hold a text.

    Args:
        client: A boto3 client for CloudWatch Logs.
        group: The log group's name.
        text: The text, without quotes.
        since: The time of the earliest event.
    """
    pages = client.get_paginator("filter_log_events").paginate(
        logGroupName=group,
        # Amazon CloudWatch Logs User Guide, "Filter pattern syntax": exactly this phrase.
        filterPattern=f'"{text}"',
        startTime=int(since.timestamp() * 1000),
    )
    for page in pages:
        for event in page["events"]:
            yield event["message"]
