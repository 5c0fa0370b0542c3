"""Requests of requests and httpx, as X-Ray records them: each exchange on the wire."""

from __future__ import annotations

import functools
from contextlib import suppress
from copy import copy
from typing import Any
from urllib.parse import urlsplit

from .calls import RecordedCall, note_request, note_status


def patch_requests(requests: Any) -> None:
    """Record what goes through the adapter that every session begins with."""
    adapter = requests.adapters.HTTPAdapter
    send = adapter.send

    @functools.wraps(send)
    def traced(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        with RecordedCall(lambda: _host(request.url), "remote") as call:
            call.note(note_request, request.method, request.url)
            sent = _with_headers(request, call.trace_headers())
            try:
                response = send(self, sent, *args, **kwargs)
            except Exception as error:
                _give_back(error, sent, request)
                raise
            _give_back(response, sent, request)
            call.note(lambda subsegment: note_status(subsegment, response.status_code))
            return response

    adapter.send = traced


def _with_headers(request: Any, headers: dict[str, str]) -> Any:
    """Return the request with more headers, which are nothing to whoever made it."""
    if headers:
        with suppress(Exception):
            sent = copy(request)
            sent.headers = request.headers.copy()
            sent.headers.update(headers)
            return sent
    return request


def _give_back(holder: Any, sent: Any, request: Any) -> None:
    """Name the caller's own request in a response or an error."""
    with suppress(Exception):
        if holder.request is sent:
            holder.request = request


def patch_httpx(httpx: Any) -> None:
    """Record what goes through the transports that every client begins with."""
    transport, async_transport = httpx.HTTPTransport, httpx.AsyncHTTPTransport
    handle, handle_async = transport.handle_request, async_transport.handle_async_request

    def sent(request: Any, call: RecordedCall) -> Any:
        call.note(note_request, request.method, str(request.url))
        if headers := call.trace_headers():
            with suppress(Exception):
                more = httpx.Headers(request.headers)
                more.update(headers)
                return httpx.Request(
                    request.method,
                    request.url,
                    headers=more,
                    stream=request.stream,
                    extensions=request.extensions,
                )
        return request

    @functools.wraps(handle)
    def traced(self: Any, request: Any) -> Any:
        with RecordedCall(lambda: request.url.host, "remote") as call:
            response = handle(self, sent(request, call))
            call.note(note_status, response.status_code)
            return response

    @functools.wraps(handle_async)
    async def traced_async(self: Any, request: Any) -> Any:
        with RecordedCall(lambda: request.url.host, "remote") as call:
            response = await handle_async(self, sent(request, call))
            call.note(note_status, response.status_code)
            return response

    transport.handle_request = traced
    async_transport.handle_async_request = traced_async


def _host(url: str) -> str:
    return urlsplit(url).hostname or ""
