"""Making clients of AWS while Lambda starts a worker, instead of in its first batch."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Mapping

from algernon_storage import Ledger, S3Ledger, aws_client

logger = logging.getLogger("algernon_queue")


def make_clients(listeners: Mapping[str, str] | None, once: bool | Ledger) -> None:  # noqa: FBT001 - the options as they were given
    """Make the clients that a worker's settings tell that it needs, if Lambda starts it now.

    A function has a whole CPU while it starts, and one of 256 MB a seventh of one in its
    first batch, which would wait for them. A client that can't be made now is made when it
    is asked for, and whoever asks gets the error.

    Source: AWS Lambda Developer Guide, "Understanding the Lambda execution environment
    lifecycle", "Configure Lambda function memory" and "Working with Lambda environment
    variables".

    Args:
        listeners: As in `queued`.
        once: As in `queued`.
    """
    if not os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE"):
        return
    for service in _needed(listeners, once):
        try:
            aws_client(service)
        except Exception:
            logger.debug("the client for %s can't be made yet", service, exc_info=True)


def _needed(listeners: Mapping[str, str] | None, once: bool | Ledger) -> Iterator[str]:  # noqa: FBT001
    if once is True or isinstance(once, S3Ledger) or os.environ.get("ALGERNON_BUCKET_NAME"):
        yield "s3"
    has_parameters = "ALGERNON_TOPIC_PARAMETER_PREFIX" in os.environ
    if listeners or has_parameters or "ALGERNON_TOPIC_PREFIX" in os.environ:
        yield "sns"
    if has_parameters:
        yield "ssm"
