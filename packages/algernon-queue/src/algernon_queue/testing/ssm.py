"""SSM Parameter Store in memory."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .client import InMemoryClient
from .clock import Clock


class InMemorySSM(InMemoryClient):
    """SSM Parameter Store in memory: by it the topics of FIFO Tasks are found.

    Source: AWS Systems Manager API Reference, GetParameters.

    Args:
        clock: The system's clock.

    Attributes:
        parameters: What is in it.
    """

    service = "ssm"

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.parameters: dict[str, str] = {}

    def get_parameters(self, *, Names: Sequence[str]) -> dict[str, Any]:
        """Return parameters by their names."""
        found = [
            {"Name": name, "Type": "String", "Value": self.parameters[name]}
            for name in Names
            if name in self.parameters
        ]
        missing = [name for name in Names if name not in self.parameters]
        return self._answer(Parameters=found, InvalidParameters=missing)
