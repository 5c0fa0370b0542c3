"""Patching libraries for X-Ray, when they are imported and not before."""

from __future__ import annotations

import functools
import sys
from typing import Any

import wrapt
from aws_xray_sdk.core import patch

# What the SDK can patch, by the module whose import is waited for.
_PATCHES = {
    "aiobotocore.client": "aiobotocore",
    "botocore.client": "botocore",
    "httpx": "httpx",
    "mysql.connector": "mysql",
    "pg8000": "pg8000",
    "psycopg": "psycopg",
    "psycopg2": "psycopg2",
    "pymongo": "pymongo",
    "pymysql": "pymysql",
    "pynamodb.connection": "pynamodb",
    "requests": "requests",
    "sqlalchemy": "sqlalchemy_core",
    "sqlite3": "sqlite3",
}


def patch_what_is_imported() -> None:
    """Patch each library that X-Ray can trace once it is imported, or now if it was."""
    for module, library in _PATCHES.items():
        wrapt.register_post_import_hook(functools.partial(_patch, library, module), module)


def _patch(library: str, name: str, module: Any) -> None:
    package, _, submodule = name.rpartition(".")
    if package:
        # Only after this is a submodule bound to its package, where what patches looks for it.
        setattr(sys.modules[package], submodule, module)
    patch((library,), raise_errors=False)
