"""What a record costs that does nothing, under the tracing that the environment asks for."""

from __future__ import annotations

import logging
import os
import sys
from typing import Any

from algernon_logging import lambda_logged
from algernon_queue import queued

from ..timing import medians
from .endurance import batch
from .loggers import LAMBDA_CONTEXT
from .stream import Nowhere


@queued
def plain(event: dict[str, Any], context: dict[str, Any]) -> None:
    """Do nothing."""


def main() -> None:
    """Print the seconds of a record."""
    output, sys.stderr = sys.stderr, Nowhere()
    handler = lambda_logged(plain) if os.environ["DECORATED"] else plain
    logging.getLogger("algernon_logging").setLevel(logging.WARNING)
    event = batch()
    seconds = medians({"batch": lambda: handler(event, LAMBDA_CONTEXT)}, rounds=60)["batch"]
    sys.stderr = output
    print(seconds / 10)


if __name__ == "__main__":
    main()
