"""From which index of a project's own comes what it has locked.

A name that is somebody else's on another index must not be looked for there: uv asks an index
that is explicit, or one that a requirement names, for nothing else (uv's documents, "Package
indexes"). A requirements file can't say so, but a pyproject.toml can.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias
from urllib.parse import urlsplit, urlunsplit

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from .requirement_lines import requirement_of

#: The index from which something comes, as uv's settings have it, by what is pinned: ``coins==1``.
IndexSources: TypeAlias = Mapping[str, Mapping[str, Any]]

# What says where an index is and how it is asked. How long answers are kept makes no difference.
_TOLD = ("name", "url", "format", "authenticate", "ignore-error-codes")


def index_sources(
    lock: Mapping[str, Any], indexes: Iterable[Mapping[str, Any]], folder: Path
) -> IndexSources:
    """Return which of a project's own indexes what is locked comes from, if from any.

    Args:
        lock: What stands in ``uv.lock``.
        indexes: The project's tables ``[[tool.uv.index]]``.
        folder: Where ``uv.lock`` is, from which paths count.

    Example:
        >>> index = {"name": "own", "url": "https://own.example/simple", "explicit": True}
        >>> source = {"registry": "https://own.example/simple/"}
        >>> package = {"name": "coins", "version": "1", "source": source}
        >>> index_sources({"package": [package]}, [index], Path())["coins==1"]["name"]
        'own'
    """
    named = {
        _place(index["url"], folder): {**index, "url": _from_anywhere(index["url"], folder)}
        for index in indexes
        if "name" in index and "url" in index and not index.get("default")
    }
    return {
        _pin(package["name"], package["version"]): index
        for package in lock.get("package", ())
        if (registry := package.get("source", {}).get("registry")) is not None
        and (index := named.get(_place(registry, folder))) is not None
    }


def split_by_index(
    lines: Iterable[str], sources: IndexSources
) -> tuple[list[str], list[Requirement]]:
    """Return the lines that any index may serve, and what has to come from one of the project's."""
    others, own = [], []
    for line in lines:
        needed = requirement_of(line)
        if needed is not None and _pin_of(needed) in sources:
            own.append(needed)
        else:
            others.append(line)
    return others, own


def project_with_sources(needed: Sequence[Requirement], sources: IndexSources) -> str:
    """Return a pyproject.toml of a project that needs this, from those indexes alone."""
    indexes = {index["name"]: index for index in (sources[_pin_of(each)] for each in needed)}
    text = [
        '[project]\nname = "needed"\nversion = "0"',
        f"dependencies = {_toml([str(each) for each in needed])}",
        "[tool.uv.sources]",
    ]
    by_name: dict[str, list[str]] = {}
    for each in needed:
        marker = "" if each.marker is None else f", marker = {_toml(str(each.marker))}"
        table = f"{{ index = {_toml(sources[_pin_of(each)]['name'])}{marker} }}"
        by_name.setdefault(canonicalize_name(each.name), []).append(table)
    text += [f"{name} = [{', '.join(tables)}]" for name, tables in by_name.items()]
    for index in indexes.values():
        text += ["[[tool.uv.index]]", "explicit = true"]
        text += [f"{key} = {_toml(index[key])}" for key in _TOLD if key in index]
    return "\n".join([*text, ""])


def _pin(name: str, version: str) -> str:
    return f"{canonicalize_name(name)}=={version}"


def _pin_of(needed: Requirement) -> str:
    return _pin(needed.name, str(needed.specifier).removeprefix("=="))


def _place(address: str, folder: Path) -> str:
    """Return where an index is: an address may have a slash at its end, and a user's name."""
    parts = urlsplit(_from_anywhere(address, folder))
    host = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, host, parts.path.rstrip("/"), parts.query, ""))


def _from_anywhere(address: str, folder: Path) -> str:
    """Return the address of an index that may be a folder's path."""
    return address if "://" in address else Path(os.path.normpath(folder / address)).as_uri()


def _toml(value: str | Sequence[str | int]) -> str:
    # Of texts and lists of these, what is JSON is TOML, but for pairs of surrogates.
    return json.dumps(value, ensure_ascii=False)
