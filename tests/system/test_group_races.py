"""Joins of groups whose members end at about the same time, on the local AWS."""

from __future__ import annotations

import os
from collections.abc import Iterator
from uuid import UUID, uuid5

import boto3
import pytest

from ..benchmarks.groups.__main__ import system
from ..benchmarks.groups.races import race

pytestmark = pytest.mark.starts


@pytest.fixture
def own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An environment that may be changed, and no session of boto3 that knows the one before."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    before = os.environ.copy()
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.usefixtures("own_environment")
def test_every_join_is_published(capsys: pytest.CaptureFixture[str]) -> None:
    """All groups of 32 whose members end together have their join Task published."""
    with system("free", workers=0) as aws:
        races = [race(aws.queue, 32) for _ in range(8)]
        published = aws.publishes()
    assert set(published) == {str(uuid5(UUID(one.group_id), "then")) for one in races}
    with capsys.disabled():
        print(f" {sum(times > 1 for times in published.values())} of {len(races)} twice", end="")
