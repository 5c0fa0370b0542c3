"""What workers need of others, and where that is said."""

from __future__ import annotations

import os
import platform
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from ...errors import BuildError
from ..distributions import DISTRIBUTIONS
from .imports import imports_of
from .index_sources import IndexSources, index_sources
from .installed import installed_versions, requirements_of_imports
from .requirement_lines import logical_lines, requirement_of
from .uv_command import run_uv


@dataclass(frozen=True, slots=True, kw_only=True)
class Requirements:
    """What workers need of others.

    Attributes:
        source: One line for people: where that is said.
        directory: The directory from which paths in it count.
        lines: It, as a requirements file has it.
        files: Requirements files that say more of it.
        constraints: What else holds of the versions of what these need, likewise.
        hashes: The pinned versions with their hashes, where these are known.
        direct: What the project itself needs, where somebody wrote that.
        sources: From which index of the project's own something has to come.
    """

    source: str
    directory: Path
    lines: Sequence[str] = ()
    files: Sequence[Path] = ()
    constraints: Sequence[str] = ()
    hashes: Sequence[str] = ()
    direct: Sequence[Requirement] = ()
    sources: IndexSources = field(default_factory=dict)


def find_requirements(
    modules: Sequence[str],
    directory: Path,
    files: Mapping[str, Path],
    *,
    leaving_out: Collection[str],
) -> Requirements:
    """Return what workers need: what the nearest file says that locks or lists it.

    That is a ``uv.lock`` or, where a folder has none, a ``requirements.txt``, in the directory or
    above it. Where there is neither, it is what the workers import, as it is installed here.

    Args:
        modules: The workers' modules.
        directory: The project's directory.
        files: The workers' code, by its names in the zip.
        leaving_out: Distributions that are left out of what is locked, with what only they need.

    Raises:
        BuildError: The file can't be read.
        MissingExtraError: uv isn't installed.
    """
    directory = directory.resolve()
    for folder in (directory, *directory.parents):
        if (folder / "uv.lock").is_file():
            return _locked(folder, directory, leaving_out)
        if (folder / "requirements.txt").is_file():
            return _listed(folder / "requirements.txt", directory)
    return Requirements(
        source="installed: the imports' distributions, since there is no uv.lock and no"
        " requirements.txt",
        directory=directory,
        lines=requirements_of_imports(imports_of(modules, files)),
        constraints=installed_versions(),
    )


def _locked(folder: Path, directory: Path, leaving_out: Collection[str]) -> Requirements:
    """Return what a project has locked, without its groups for development and itself."""
    source = os.path.relpath(folder / "uv.lock", directory)
    project = _nearest_project(directory, folder)
    lock = _toml(folder / "uv.lock")
    _check_python(lock, source)
    everything = _export(project, source)
    # What a stranger's distribution of Algernon's name needs isn't the project's need.
    pruned = sorted({*leaving_out, *DISTRIBUTIONS})
    lines = _export(project, source, *(f"--prune={name}" for name in pruned))
    return Requirements(
        source=source,
        directory=folder,
        lines=lines,
        constraints=[line for line in everything if "==" in line.partition(";")[0]],
        hashes=_hashed(everything),
        direct=_project_requirements(project),
        sources=index_sources(lock, _indexes(project, folder), folder),
    )


def _nearest_project(directory: Path, top: Path) -> Path:
    """Return the folder of the project that a directory is in, within what is locked together."""
    for folder in (directory, *directory.parents):
        if folder == top or "project" in _pyproject(folder):
            return folder
    return top


def _check_python(lock: Mapping[str, Any], source: str) -> None:
    """Refuse what is locked for other Pythons: of what this one needs, it may lack something."""
    needed = lock.get("requires-python", "")
    if not SpecifierSet(needed).contains(platform.python_version(), prereleases=True):
        raise BuildError(
            f"{source} is for Python {needed} (requires-python in pyproject.toml), and this is"
            f" Python {platform.python_version()}, whose version the functions get in Lambda: run"
            " algernon with one of those"
        )


def _export(project: Path, source: str, *options: str) -> list[str]:
    return logical_lines(
        run_uv(
            *("export", "--frozen", "--no-default-groups", "--no-emit-project"),
            *(f"--no-emit-package={name}" for name in DISTRIBUTIONS),
            *("--no-header", "--no-annotate", *options),
            directory=project,
            doing=f"read {source}",
        )
    )


def _listed(file: Path, directory: Path) -> Requirements:
    lines = logical_lines(file.read_text(encoding="utf-8-sig", errors="backslashreplace"))
    return Requirements(
        source=os.path.relpath(file, directory),
        directory=file.parent,
        files=[file],
        hashes=_hashed(lines),
        direct=[*_requirements(lines)],
    )


def _hashed(lines: Sequence[str]) -> list[str]:
    return [line for line in lines if " --hash=" in line and not line.startswith("-")]


def _project_requirements(project: Path) -> list[Requirement]:
    """Return what a folder's pyproject.toml says that its project needs."""
    return [*_requirements(_pyproject(project).get("project", {}).get("dependencies", ()))]


def _indexes(*folders: Path) -> Iterator[Mapping[str, Any]]:
    """Give the indexes that uv's settings in some folders name."""
    for folder in folders:
        yield from _toml(folder / "uv.toml").get("index", ())
        yield from _pyproject(folder).get("tool", {}).get("uv", {}).get("index", ())


def _pyproject(folder: Path) -> dict[str, Any]:
    return _toml(folder / "pyproject.toml")


def _toml(file: Path) -> dict[str, Any]:
    """Return what stands in a file of TOML, which is nothing where there is none."""
    return tomllib.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}


def _requirements(lines: Sequence[str]) -> Iterator[Requirement]:
    """Give those of some lines that name a distribution, and hold here."""
    for line in lines:
        needed = requirement_of(line)
        if needed is not None and (not needed.marker or needed.marker.evaluate({"extra": ""})):
            yield needed
