"""A new process that imports a worker and has it work off one batch, as Lambda's runtime does.

It prints how long the batch took, in seconds.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from time import perf_counter


class Context:
    """The part of Lambda's own context that a worker may look at."""

    function_name = "prices"
    memory_limit_in_mb = 256
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:prices"
    aws_request_id = "8476a536-e9f4-11e8-9739-2dfe598c3fcd"

    def get_remaining_time_in_millis(self) -> int:
        """Return how long the invocation may still take."""
        return 30_000


def main(module: str) -> None:
    """Start a worker."""
    handler = import_module(module).handler
    event = json.load(sys.stdin)
    begin = perf_counter()
    answer = handler(event, Context())
    print(perf_counter() - begin)
    if answer != {"batchItemFailures": []}:
        raise RuntimeError(f"the handler answered {answer!r}, so the record failed")


if __name__ == "__main__":
    main(*sys.argv[1:])
