"""No two stored data have one pointer by chance, whatever process and time they are from."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, tzinfo
from typing import TYPE_CHECKING, Self

import pytest
from algernon_storage import StoredData, stored_data

from .objects import moncrief_parts

if TYPE_CHECKING:
    from ..conftest import LocalAWS

POINTERS = """
import sys
from algernon_storage import StoredData

sys.stdin.read(1)
for pointer in [StoredData("report", n, bucket="b").pointer for n in range(20_000)]:
    print(pointer)
"""


class StandingClock(datetime):
    """A clock that has stopped."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> Self:
        """Return always the same time."""
        return cls(2026, 11, 24, tzinfo=tz)


@pytest.mark.starts
def test_processes_at_once_have_pointers_of_their_own() -> None:
    """Two processes that store under one name at one time never have the same pointer."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", POINTERS],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("!")
        process.stdin.flush()
    first, second = (set(process.communicate()[0].splitlines()) for process in processes)
    assert len(first) == len(second) == 20_000
    assert not first & second


def test_equal_times_make_no_equal_pointers(
    aws: LocalAWS, bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a clock that stands still, both of two stores succeed, and come back as they were."""
    monkeypatch.setattr(stored_data, "datetime", StandingClock)
    one, other = StoredData("report", 1), StoredData("report", 2)
    assert [StoredData.retrieve(stored.store()).data for stored in (one, other)] == [1, 2]
    timestamps = [float(moncrief_parts(stored.pointer)["timestamp"]) for stored in (one, other)]
    assert timestamps == pytest.approx(2 * [datetime(2026, 11, 24, tzinfo=UTC).timestamp()])
