"""A process that sends the chains through Celery."""

from __future__ import annotations

from celery import chain

from ..queue.celery_app import hop
from ..queue.events import arguments
from .hops import CHAINS, HOPS, wait_for_the_start


def main() -> None:
    """Send them."""
    chains = [chain(hop.s(arguments()), *(hop.s() for _ in range(HOPS - 1))) for _ in range(CHAINS)]
    wait_for_the_start()
    for one in chains:
        one.apply_async()


if __name__ == "__main__":
    main()
