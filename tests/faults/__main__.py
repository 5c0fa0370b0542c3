"""Kill workers, spoil their network, and see whether every promise is kept.

``hatch run faults --chains 2000 --members 6000 --seed 1``: it prints the figures, of chains and
then of groups, and ends with status 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from .group_run import GroupPlan, run_groups
from .report import told, told_seed
from .run import Plan, run
from .system import on_ministack, on_moto

_LARGEST_GROUP = 300


def main() -> int:
    """Run it as the arguments say, and return the exit status."""
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("--chains", type=int, default=2000)
    parser.add_argument("--poison", type=int, help="by default one for 25 chains")
    parser.add_argument("--kills", type=int, help="by default one for five chains")
    parser.add_argument("--members", type=int, default=6000, help="of groups; 0 for none")
    parser.add_argument("--group-kills", type=int, help="by default one for fifteen members")
    parser.add_argument("--seed", type=int, help="by default one that is drawn, and printed")
    parser.add_argument("--timeout", type=int, help="of the function, in seconds")
    parser.add_argument("--journal", type=Path, help="a folder to keep the journal in")
    parser.add_argument("--on", choices=["ministack", "moto"], default="ministack")
    given = parser.parse_args()
    # moto's server logs every call.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    seed = told_seed(given.seed)
    with TemporaryDirectory(prefix="faults-") as temporary:
        folder = Path(temporary) if given.journal is None else given.journal
        broken = []
        if given.chains:
            plan = Plan(
                seed=seed,
                chains=given.chains,
                poison=given.chains // 25 if given.poison is None else given.poison,
                kills=given.chains // 5 if given.kills is None else given.kills,
                timeout=given.timeout,
            )
            start = on_ministack if given.on == "ministack" else on_moto
            broken += told(run(plan, start, _made(folder / "chains")))
        if given.members:
            group_plan = GroupPlan(
                seed=seed,
                members=given.members,
                largest=min(_LARGEST_GROUP, given.members // 20),
                frail=given.members // 150,
                kills=given.members // 15 if given.group_kills is None else given.group_kills,
                timeout=given.timeout,
            )
            broken += told(run_groups(group_plan, _made(folder / "groups")))
    return 1 if broken else 0


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


if __name__ == "__main__":
    sys.exit(main())
