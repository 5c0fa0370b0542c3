"""A process that sends the chains through Algernon."""

from __future__ import annotations

from algernon_queue import Task, send_tasks

from ..queue.distant_aws import ACCOUNT, REGION
from ..queue.events import arguments
from .hops import CHAINS, HOPS, wait_for_the_start


def main() -> None:
    """Send them."""
    tasks = [
        Task("hop", {"payload": arguments()}, callback="#".join(["hop"] * HOPS))
        for _ in range(CHAINS)
    ]
    wait_for_the_start()
    send_tasks(tasks, listeners={"hop": f"arn:aws:sns:{REGION}:{ACCOUNT}:hop"})


if __name__ == "__main__":
    main()
