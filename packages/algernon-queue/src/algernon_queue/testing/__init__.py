"""For the tests of code that sends Tasks, and of Tasks themselves."""

from ..dead_letter import DeadLetter
from .errors import EndlessSystemError, NotEmulatedError
from .in_memory_system import InMemorySystem
from .lambda_context import lambda_context
from .sent_tasks import sent_tasks
from .sqs_event import sqs_event

__all__ = [
    "DeadLetter",
    "EndlessSystemError",
    "InMemorySystem",
    "NotEmulatedError",
    "lambda_context",
    "sent_tasks",
    "sqs_event",
]
