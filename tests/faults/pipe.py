"""A worker's process where no Lambda starts one: events come in, and answers go out, as lines."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from time import monotonic

from .worker import handler


@dataclass(frozen=True, slots=True)
class Context:
    """What Lambda tells a function of its invocation."""

    invoked_function_arn: str
    end: float

    def get_remaining_time_in_millis(self) -> int:
        """Return how much time is left, in milliseconds."""
        return max(0, int((self.end - monotonic()) * 1000))


def main(function_arn: str, seconds: str) -> None:
    """Say that it is ready, and handle events until standard input ends."""
    print("ready", flush=True)
    for line in sys.stdin:
        answer = handler(json.loads(line), Context(function_arn, monotonic() + float(seconds)))
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
