"""No chain is lost, and none has a dead letter, whenever a deployment dies: on a small scale.

``hatch run faults-deploy`` does the same on a large scale.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from .deploying import MOVED, run

pytestmark = pytest.mark.starts


def test_a_task_moves_while_chains_run_through_it(tmp_path: Path) -> None:
    """A deployment that moves a Task to another worker is killed, and gone on with."""
    account = run(chains=20, kills=1, seed=3, folder=tmp_path, versions=[MOVED])

    assert account.broken_promises == [], account.figures
