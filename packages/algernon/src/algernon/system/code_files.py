"""Which files are workers' code, and which are Algernon's own."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from ..errors import BuildError
from .distributions import PACKAGES


def worker_files(modules: Sequence[str], directory: Path) -> dict[str, Path]:
    """Return the files of workers' code, by the names that they have in a zip.

    With a module of a package goes its top-level package; with a module that stands alone goes
    the folder it is in, with all other files and folders there except hidden ones, caches, and
    virtual environments.

    Args:
        modules: The workers' modules, by their full names.
        directory: The directory that the modules are searched in first.

    Raises:
        BuildError: A module is nowhere.
        OSError: A folder can't be read.

    Example:
        ``worker_files(["shop.worker", "shop.mailer"], Path.cwd())``
    """
    # By their names, so that what workers in one folder or package have in common comes once.
    return {
        name: path
        for module in modules
        for name, path in _packed(*_source(module, directory)).items()
    }


def sources_of(modules: Sequence[str], directory: Path) -> list[Path]:
    """Return the files and folders that `worker_files` packs.

    Raises:
        BuildError: A module is nowhere.
    """
    return [*dict.fromkeys(_source(module, directory)[1] for module in modules)]


def algernon_files() -> dict[str, Path]:
    """Return the files of Algernon's own packages as they are installed, by their names in a zip.

    Raises:
        BuildError: One isn't installed.
        OSError: A folder can't be read.
    """
    return {name: path for package in PACKAGES for name, path in package_files(package).items()}


def package_files(top: str) -> dict[str, Path]:
    """Return the files of a package, or the module, as it is installed, by their names in a zip.

    Args:
        top: Its name, which stands first where it is imported.

    Raises:
        BuildError: It isn't installed.
        OSError: A folder can't be read.
    """
    return _packed(*_installed(top))


def is_compiled(path: Path) -> bool:
    """Tell whether a file is what Python made of the source beside it, which it prefers."""
    return path.suffix == ".pyc" and path.with_suffix(".py").exists()


def _packed(root: Path, source: Path) -> dict[str, Path]:
    return {
        path.relative_to(root).as_posix(): path for path in _files(source) if not is_compiled(path)
    }


def _source(module: str, directory: Path) -> tuple[Path, Path]:
    """Return the file or folder to pack, after the folder its names in the zip count from."""
    top = module.partition(".")[0]
    is_module = (directory / f"{top}.py").is_file()
    is_package = (directory / top / "__init__.py").is_file()
    if is_package or ((directory / top).is_dir() and not is_module):
        return directory, directory / top
    if is_module:
        return directory, directory
    return _installed(top)


def _installed(top: str) -> tuple[Path, Path]:
    spec = find_spec(top)
    if spec is None or spec.origin is None:
        raise BuildError(f"the package {top!r} isn't installed, nor in this directory")
    if spec.submodule_search_locations:
        folder = Path(spec.submodule_search_locations[0])
        return folder.parent, folder
    return Path(spec.origin).parent, Path(spec.origin)


def _files(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
        return
    above: dict[Path, frozenset[Path]] = {}
    for parent, folders, names in os.walk(source, onerror=_refuse, followlinks=True):
        folder = Path(parent)
        way = above.pop(folder, frozenset()) | {folder.resolve()}
        # A link to a folder that it is in would lead round and round.
        folders[:] = [
            name
            for name in folders
            if _holds_code(folder / name) and (folder / name).resolve() not in way
        ]
        above.update((folder / name, way) for name in folders)
        for name in names:
            path = Path(parent, name)
            if not name.startswith(".") and path.is_file():
                yield path


def _refuse(error: OSError) -> None:
    # What is left out silently would be missed at the first message.
    raise error


def _holds_code(folder: Path) -> bool:
    is_environment = (folder / "pyvenv.cfg").exists()
    return not (folder.name.startswith(".") or folder.name == "__pycache__" or is_environment)
