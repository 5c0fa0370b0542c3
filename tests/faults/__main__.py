"""Kill workers, spoil their network, and see whether every promise is kept.

``hatch run faults --chains 2000 --seed 1``: it prints the figures, and ends with
status 1 if a promise was broken.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from random import SystemRandom
from tempfile import TemporaryDirectory

from .run import Plan, run
from .system import on_ministack, on_moto

_SHOWN = 20


def main() -> int:
    """Run it as the arguments say, and return the exit status."""
    parser = argparse.ArgumentParser(prog="faults", description=__doc__)
    parser.add_argument("--chains", type=int, default=2000)
    parser.add_argument("--poison", type=int, help="by default one for 25 chains")
    parser.add_argument("--kills", type=int, help="by default one for five chains")
    parser.add_argument("--seed", type=int, help="by default one that is drawn, and printed")
    parser.add_argument("--timeout", type=int, help="of the function, in seconds")
    parser.add_argument("--journal", type=Path, help="a folder to keep the journal in")
    parser.add_argument("--on", choices=["ministack", "moto"], default="ministack")
    given = parser.parse_args()
    # moto's server logs every call.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    plan = Plan(
        seed=SystemRandom().randrange(1_000_000) if given.seed is None else given.seed,
        chains=given.chains,
        poison=given.chains // 25 if given.poison is None else given.poison,
        kills=given.chains // 5 if given.kills is None else given.kills,
        timeout=given.timeout,
    )
    print(f"{'seed':48}{plan.seed:>10}", flush=True)
    with TemporaryDirectory(prefix="faults-") as temporary:
        folder = Path(temporary) if given.journal is None else given.journal
        account = run(plan, on_ministack if given.on == "ministack" else on_moto, folder)
    for name, figure in account.figures:
        print(f"{name:48}{figure:>10}")
    broken = account.broken_promises
    print(f"{'promises broken':48}{len(broken):>10,}")
    for promise in broken[:_SHOWN]:
        print(f"  {promise}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
