"""The dict that a Task gets beside its arguments."""

from typing import Any


class TaskContext(dict[str, Any]):
    """What a worker tells its Tasks, and what they keep between them."""
