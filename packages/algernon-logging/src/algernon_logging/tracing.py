"""Tracing with AWS X-Ray: the one place that knows its SDK."""

from __future__ import annotations

import functools
import logging
import os


def in_lambda() -> bool:
    """Whether this process is a Lambda function.

    By a variable that Lambda reserves for itself:
    https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    """
    return bool(os.environ.get("AWS_LAMBDA_FUNCTION_NAME"))


@functools.cache
def start() -> None:
    """Patch the libraries that X-Ray can trace, once per process.

    Imports aws_xray_sdk, which takes longer than everything else here together.
    """
    logging.getLogger("aws_xray_sdk").setLevel(logging.WARNING)
    # These two would otherwise warn of every call that has no segment to belong to, such as
    # those made while a module is imported. Nothing is wrong with them: they aren't traced.
    logging.getLogger("aws_xray_sdk.core.lambda_launcher").setLevel(logging.ERROR)
    logging.getLogger("aws_xray_sdk.core.recorder").setLevel(logging.ERROR)

    from aws_xray_sdk.core import patch_all, xray_recorder

    context = xray_recorder.context
    if "AWS_XRAY_CONTEXT_MISSING" not in os.environ and context.context_missing == "LOG_ERROR":
        context.context_missing = "IGNORE_ERROR"
    patch_all()
