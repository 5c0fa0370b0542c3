"""Figures of CloudWatch's metrics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

# Amazon CloudWatch API Reference, GetMetricData: queries a call.
_MOST_QUERIES = 500


@dataclass(frozen=True, slots=True)
class Figure:
    """One statistic of one metric, as CloudWatch is asked for it.

    Attributes:
        namespace: The metric's namespace.
        metric: Its name.
        dimension: The name and the value of its dimension.
        statistic: Such as ``Sum``, ``Maximum`` or ``p95``.
        period: How many seconds a point is made of.
    """

    namespace: str
    metric: str
    dimension: tuple[str, str]
    statistic: str
    period: int = field(default=60, kw_only=True)


class Point(NamedTuple):
    """What a statistic came to in a period, which begins then."""

    at: datetime
    value: float


def read_figures(
    client: Any, figures: Sequence[Figure], start: datetime, end: datetime
) -> dict[Figure, list[Point]]:
    """Return the points of figures within a time, the earliest first; of some there may be none.

    Args:
        client: A boto3 client for CloudWatch.
        figures: The figures.
        start: When the first period begins, in whole minutes.
        end: When the last ends.

    Raises:
        botocore.exceptions.ClientError: CloudWatch refused it, such as for the right
            ``cloudwatch:GetMetricData``.
    """
    found: dict[Figure, list[Point]] = {figure: [] for figure in figures}
    for first in range(0, len(figures), _MOST_QUERIES):
        together = figures[first : first + _MOST_QUERIES]
        pages = client.get_paginator("get_metric_data").paginate(
            MetricDataQueries=[_query(number, each) for number, each in enumerate(together)],
            StartTime=start,
            EndTime=end,
            ScanBy="TimestampAscending",
        )
        for page in pages:
            for result in page["MetricDataResults"]:
                points = zip(result["Timestamps"], result["Values"], strict=True)
                found[together[int(result["Id"][1:])]] += (Point(*point) for point in points)
    return found


def _query(number: int, figure: Figure) -> dict[str, Any]:
    name, value = figure.dimension
    return {
        "Id": f"q{number}",
        "MetricStat": {
            "Metric": {
                "Namespace": figure.namespace,
                "MetricName": figure.metric,
                "Dimensions": [{"Name": name, "Value": value}],
            },
            "Period": figure.period,
            "Stat": figure.statistic,
        },
    }
