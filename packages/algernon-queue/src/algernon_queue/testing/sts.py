"""STS in memory."""

from __future__ import annotations

from typing import Any

from .client import InMemoryClient
from .lambda_context import ACCOUNT


class InMemorySTS(InMemoryClient):
    """STS in memory: who calls, from outside of the system's workers.

    Source: AWS Security Token Service API Reference, GetCallerIdentity.
    """

    service = "sts"

    def get_caller_identity(self) -> dict[str, Any]:
        """Return who calls."""
        return self._answer(
            UserId="AIDACKCEVSQ6C2EXAMPLE",
            Account=ACCOUNT,
            Arn=f"arn:aws:iam::{ACCOUNT}:user/tester",
        )
