"""Calls of AWS by botocore and aiobotocore, as X-Ray records them."""

from __future__ import annotations

import functools
from contextlib import suppress
from importlib import import_module
from typing import TYPE_CHECKING, Any

from aws_xray_sdk.core import xray_recorder
from aws_xray_sdk.ext.boto_utils import aws_meta_processor
from aws_xray_sdk.ext.util import inject_trace_header

from .calls import RecordedCall

if TYPE_CHECKING:
    from aws_xray_sdk.core.models.subsegment import Subsegment

# What the SDK calls itself, to learn what to sample.
_OF_THE_SDK = ("GetSamplingRules", "GetSamplingTargets", "PutTraceSegments")


def patch_botocore(client: Any) -> None:
    """Record every call of a client, given the module botocore.client."""
    call_api = client.BaseClient._make_api_call

    @functools.wraps(call_api)
    def traced(self: Any, *args: Any, **kwargs: Any) -> Any:
        if _is_of_the_sdk(self, args):
            return call_api(self, *args, **kwargs)
        with RecordedCall(lambda: _service(self), "aws") as call:
            try:
                answer = call_api(self, *args, **kwargs)
            except Exception as error:
                call.note(_note_call, self, args, kwargs, None, error)
                raise
            call.note(_note_call, self, args, kwargs, answer, None)
            return answer

    client.BaseClient._make_api_call = traced
    _patch_endpoint(import_module("botocore.endpoint").Endpoint)


def patch_aiobotocore(client: Any) -> None:
    """Record every call of a client, given the module aiobotocore.client."""
    call_api = client.AioBaseClient._make_api_call

    @functools.wraps(call_api)
    async def traced(self: Any, *args: Any, **kwargs: Any) -> Any:
        with RecordedCall(lambda: _service(self), "aws") as call:
            try:
                answer = await call_api(self, *args, **kwargs)
            except Exception as error:
                call.note(_note_call, self, args, kwargs, None, error)
                raise
            call.note(_note_call, self, args, kwargs, answer, None)
            return answer

    client.AioBaseClient._make_api_call = traced
    endpoint = import_module("aiobotocore.endpoint").AioEndpoint
    if "prepare_request" in vars(endpoint):
        _patch_endpoint(endpoint)


def _patch_endpoint(endpoint: Any) -> None:
    """Have requests tell AWS which subsegment they belong to."""
    prepare = endpoint.prepare_request

    @functools.wraps(prepare)
    def traced(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        with suppress(Exception):
            if "SamplingTargets" not in request.url and "SamplingRules" not in request.url:
                inject_trace_header(request.headers, xray_recorder.current_subsegment())
        return prepare(self, request, *args, **kwargs)

    endpoint.prepare_request = traced


def _service(client: Any) -> str:
    return client.meta.service_model.metadata["endpointPrefix"]  # type: ignore[no-any-return]


def _is_of_the_sdk(client: Any, args: tuple[Any, ...]) -> bool:
    return bool(args) and args[0] in _OF_THE_SDK and _service(client) == "xray"


def _note_call(
    subsegment: Subsegment,
    client: Any,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    answer: Any,
    error: Exception | None,
) -> None:
    aws_meta_processor(
        wrapped=None,
        instance=client,
        args=args,
        kwargs=kwargs,
        return_value=answer,
        exception=error,
        subsegment=subsegment,
        stack=None,
    )
