"""Which installed distributions bring what is imported."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import Distribution, distributions, packages_distributions
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

from packaging.utils import canonicalize_name

from ..distributions import DISTRIBUTIONS


def requirements_of_imports(imported: Iterable[str]) -> list[str]:
    """Return the installed distributions that bring modules, each as a line for uv.

    What isn't installed, and so may be imported only where it is, is left out, as is Algernon.

    Args:
        imported: The full names of modules, and of what is in them.

    Example:
        >>> requirements_of_imports(["six.moves", "not_there"])
        ['six==1.17.0']
    """
    brought_by = packages_distributions()
    installed = _installed()
    needed: dict[str, str] = {}
    for module in imported:
        candidates = brought_by.get(module.partition(".")[0], ())
        for name in _owners(module, [canonicalize_name(each) for each in candidates], installed):
            needed[name] = _line(installed[name])
    return [needed[name] for name in sorted(needed.keys() - DISTRIBUTIONS)]


def installed_versions() -> list[str]:
    """Return all that is installed from an index, each as a constraint for uv."""
    return [
        _line(distribution)
        for name, distribution in sorted(_installed().items())
        if name not in DISTRIBUTIONS and _url(distribution) is None
    ]


def _installed() -> dict[str, Distribution]:
    found: dict[str, Distribution] = {}
    # The first one on the path is what is imported.
    for distribution in distributions():
        if name := distribution.metadata["Name"]:
            found.setdefault(canonicalize_name(name), distribution)
    return found


def _owners(
    module: str, candidates: Sequence[str], installed: Mapping[str, Distribution]
) -> Sequence[str]:
    """Return which distributions bring a module; several share a namespace package."""
    if not candidates:
        return _editable(module, installed)
    if len(set(candidates)) == 1:
        return candidates[:1]
    files = {name: [str(file) for file in installed[name].files or ()] for name in candidates}
    path = module.replace(".", "/")
    while path:
        owners = [
            name
            for name, paths in files.items()
            if any(each.startswith((f"{path}/", f"{path}.")) for each in paths)
        ]
        if owners:
            return owners
        path = path.rpartition("/")[0]
    return candidates


def _editable(module: str, installed: Mapping[str, Distribution]) -> Sequence[str]:
    """Return the distribution that is installed from the folder that a module is in."""
    try:
        spec = find_spec(module.partition(".")[0])
    except (ImportError, ValueError):
        return ()
    if spec is None or spec.origin is None:
        return ()
    for name, distribution in installed.items():
        url = urlsplit(_url(distribution) or "")
        if url.scheme == "file" and Path(spec.origin).is_relative_to(url2pathname(url.path)):
            return [name]
    return ()


def _line(distribution: Distribution) -> str:
    name = canonicalize_name(distribution.metadata["Name"])
    url = _url(distribution)
    return f"{name} @ {url}" if url else f"{name}=={distribution.version}"


def _url(distribution: Distribution) -> str | None:
    """Return where it was installed from, if that isn't an index (PEP 610)."""
    text = distribution.read_text("direct_url.json")
    if not text:
        return None
    told = json.loads(text)
    if vcs := told.get("vcs_info"):
        return f"{vcs['vcs']}+{told['url']}@{vcs['commit_id']}"
    return str(told["url"])
