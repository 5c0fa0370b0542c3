"""The AWS clients of this process."""

from __future__ import annotations

from threading import Lock
from typing import Any

# One batch of ten is claimed and fetched at once, or stored at once in two parts each.
_CONNECTIONS = 20

_clients: dict[str, Any] = {}
_making_a_client = Lock()


def aws_client(service: str) -> Any:
    """Return the process's boto3 client for a service.

    It is made on first use, from the environment as boto3 reads it, and lives
    as long as the process. Importing boto3 waits for the first client too,
    since both are cold-start time.

    Args:
        service: boto3's name of the service, such as ``"s3"``.

    Raises:
        botocore.exceptions.NoRegionError: The environment names no region.

    Example:
        ``aws_client("s3").list_buckets()``
    """
    client = _clients.get(service)
    if client is None:
        # boto3 documents that making clients, unlike using them, isn't thread-safe.
        with _making_a_client:
            client = _clients.get(service)
            if client is None:
                import boto3
                from botocore.config import Config

                config = Config(max_pool_connections=_CONNECTIONS)
                client = _clients[service] = boto3.client(service, config=config)
    return client
