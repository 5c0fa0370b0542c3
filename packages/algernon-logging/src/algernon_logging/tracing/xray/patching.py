"""Which libraries X-Ray watches: from when they are imported, and not before.

They are those of which nothing changes for whoever uses them. X-Ray's SDK can patch more,
mostly databases whose connections it replaces by objects of other types; who wants
those patched calls its `patch`.
"""

from __future__ import annotations

import functools
import logging
from importlib import import_module
from typing import Any

import wrapt
from aws_xray_sdk import global_sdk_config
from aws_xray_sdk.core import patcher

logger = logging.getLogger("algernon_logging")

# By the module whose import is waited for: what the SDK calls the library, and what patches it.
_PATCHES = {
    "aiobotocore.client": ("aiobotocore", "boto", "patch_aiobotocore"),
    "botocore.client": ("botocore", "boto", "patch_botocore"),
    "httpx": ("httpx", "http", "patch_httpx"),
    "requests": ("requests", "http", "patch_requests"),
    "sqlalchemy": ("sqlalchemy_core", "sqlalchemy", "patch_sqlalchemy"),
    "sqlite3": ("sqlite3", "sqlite", "patch_sqlite3"),
}


def patch_what_is_imported() -> None:
    """Patch each of the libraries once it is imported, or now if it was."""
    for module, patch in _PATCHES.items():
        wrapt.register_post_import_hook(functools.partial(_patch, *patch), module)


def _patch(library: str, module_name: str, function_name: str, module: Any) -> None:
    # The SDK's own patch, if code asks for it, comes instead of this one.
    if not global_sdk_config.sdk_enabled() or library in patcher._PATCHED_MODULES:
        return
    try:
        getattr(import_module(f".{module_name}", __package__), function_name)(module)
        patcher._PATCHED_MODULES.add(library)
    except Exception:
        logger.debug("%s can't be traced", library, exc_info=True)
