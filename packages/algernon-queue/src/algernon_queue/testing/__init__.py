"""For the tests of code that sends Tasks, and of Tasks themselves."""

from .lambda_context import lambda_context
from .sent_tasks import sent_tasks
from .sqs_event import sqs_event

__all__ = ["lambda_context", "sent_tasks", "sqs_event"]
