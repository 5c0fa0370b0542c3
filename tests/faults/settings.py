"""What the processes of one run have to know."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Self


@dataclass(frozen=True, slots=True)
class Settings:
    """What the processes of one run have to know.

    Attributes:
        seed: What all chances are drawn from.
        journal: The path of the journal.
        aws_url: Where AWS is.
        proxy_url: Where the worker believes it to be.
        kill_chances: The chance of a SIGKILL each time a worker comes to a moment.
        fault_chances: The chance of each fault of the network, by call.
        frail_chance: The chance of a group's member to fail until it is cured.
        largest_group: How many members the largest groups have.
    """

    seed: int
    journal: str
    aws_url: str
    proxy_url: str
    kill_chances: dict[str, float]
    fault_chances: dict[str, float]
    frail_chance: float = 0.0
    largest_group: int = 0

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read them from a file."""
        return cls(**json.loads(path.read_text()))

    def save(self, path: Path) -> None:
        """Write them to a file."""
        path.write_text(json.dumps(asdict(self)))

    def chances(self, *key: object) -> Random:
        """Return the chances of one occasion: the same ones for the same seed and key."""
        return Random(repr((self.seed, *key)))
