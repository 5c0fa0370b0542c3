"""Botocore's sessions for clients that are made quickly, since a cold start waits for them.

This module is imported with the first client, in a process that hasn't imported boto3.
"""

from __future__ import annotations

import gzip
import json
from contextlib import suppress
from contextvars import ContextVar
from datetime import datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import MethodType
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import DataNotFoundError
from botocore.loaders import JSONFileLoader, Loader
from botocore.utils import parse_timestamp

_asked_for: ContextVar[str | None] = ContextVar("algernon_asked_for", default=None)


def new_session() -> Any:
    """Return a session that makes the clients that a boto3 session would, in half the time.

    boto3 itself is a good part of the rest: it is imported when a client of S3 is asked
    for one of its methods, such as `upload_file`.
    """
    session = botocore.session.get_session()
    paths = session.get_component("data_loader").search_paths
    models = _Models(paths, file_loader=_ModelFiles(), include_default_search_paths=False)
    session.register_component("data_loader", models)
    session.register("getattr.s3", _method_of_boto3)
    parsers = session.get_component("response_parser_factory")
    parsers.set_parser_defaults(timestamp_parser=_timestamp)
    if not session.get_config_variable("user_agent_appid"):
        # Botocore would write it anew for each call, twice, in a tenth of the call's time.
        session.set_default_client_config(Config(user_agent=session.user_agent()))
    return session


class _Models(Loader):  # type: ignore[misc]
    """Models of services, where whether a service is there is asked of its own folder.

    Botocore looks through those of all 400 services for each client.
    """

    def load_service_model(self, service_name: str, *args: Any, **kwargs: Any) -> Any:
        """Return a model of a service."""
        before = _asked_for.set(service_name)
        try:
            return super().load_service_model(service_name, *args, **kwargs)
        finally:
            _asked_for.reset(before)

    def list_available_services(self, type_name: str) -> Any:
        """Return the services that have models of a type, or, if that is one, the one asked for."""
        service = _asked_for.get()
        if service is not None:
            try:
                self.determine_latest_version(service, type_name)
            except DataNotFoundError:
                pass
            else:
                return [service]
        return super().list_available_services(type_name)


class _ModelFiles(JSONFileLoader):  # type: ignore[misc]
    """Reads models as plain dicts, in a third of the time that it takes to read OrderedDicts."""

    def load_file(self, file_path: str) -> Any:
        """Return what a file holds, or None where there is none; its path comes without suffix."""
        path = Path(f"{file_path}.json")
        if path.is_file():
            return json.loads(path.read_bytes())
        path = Path(f"{file_path}.json.gz")
        return json.loads(gzip.decompress(path.read_bytes())) if path.is_file() else None


def _timestamp(value: Any) -> datetime:
    """Return the time that an answer holds; in headers of HTTP, a tenth of a GET's time sooner."""
    if isinstance(value, str) and value.endswith(" GMT"):
        with suppress(ValueError):
            return parsedate_to_datetime(value)
    moment: datetime = parse_timestamp(value)
    return moment


def _method_of_boto3(client: Any, event_name: str, **_: Any) -> MethodType | None:
    """Return a method that clients of S3 have from boto3, or None where it is none of those."""
    from boto3.s3.inject import inject_s3_transfer_methods

    methods: dict[str, Any] = {}
    inject_s3_transfer_methods(methods)
    method = methods.get(event_name.rpartition(".")[2])
    return None if method is None else MethodType(method, client)
