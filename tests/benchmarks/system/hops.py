"""What both systems run: chains of Tasks that hand on what they get."""

from __future__ import annotations

import sys

CHAINS = 300
HOPS = 3


def wait_for_the_start() -> None:
    """Say that a sender is ready, and wait until it may send."""
    print("ready", flush=True)
    sys.stdin.readline()
