"""How often is looked at what changes by itself."""

from __future__ import annotations

from itertools import islice, pairwise

import pytest
from algernon.system.looks import looks


@pytest.mark.parametrize("seconds", [0, 0.12])
def test_the_last_look_is_when_the_time_is_up(seconds: float) -> None:
    """None that comes before has waited for so long, and none comes after it."""
    *before, last = looks(seconds)

    assert last >= seconds
    assert all(waited < seconds for waited in before)


def test_looks_go_on_for_as_long_as_somebody_looks() -> None:
    """Where no time is given, each comes some time after the one before."""
    assert all(earlier < later for earlier, later in pairwise(islice(looks(), 4)))
