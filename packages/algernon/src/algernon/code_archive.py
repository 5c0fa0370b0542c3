"""The zip of a local system's functions: the workers' code and Algernon's own."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path

from .errors import LocalSystemError

_ALGERNON = (
    "algernon",
    "algernon_logging",
    "algernon_queue",
    "algernon_serialize",
    "algernon_storage",
)
# AWS Lambda Developer Guide, "Lambda quotas": a function's unzipped code.
_MOST_BYTES = 250 * 1024 * 1024


def code_archive(module: str, directory: Path, *, others: Sequence[str] = ()) -> bytes:
    """Return the zip that holds the workers' modules and the installed Algernon packages.

    With a module of a package goes its top-level package; with a module that
    stands alone goes the folder it is in, with all other files and folders there
    except hidden ones, caches, and virtual environments.

    Args:
        module: The first worker's module, by its full name.
        directory: The directory that the modules are searched in first.
        others: The modules of the further workers.

    Raises:
        LocalSystemError: The code is larger than Lambda takes, or a module is
            nowhere.

    Example:
        ``code_archive("shop.worker", Path.cwd(), others=["shop.mailer"])``
    """
    sources = [_source(worker, directory) for worker in (module, *others)]
    sources += [_installed(package) for package in _ALGERNON]
    files: dict[str, Path] = {}
    size = 0
    for root, source in sources:
        for path in _files(source):
            name = path.relative_to(root).as_posix()
            # Workers may be in one folder or package.
            if files.get(name) == path:
                continue
            files[name] = path
            size += path.stat().st_size
            if size > _MOST_BYTES:
                raise LocalSystemError(
                    f"the workers' code, with that in {source}, takes more than"
                    f" {_MOST_BYTES // 1024**2} MB, the most a Lambda function may: move the"
                    " workers to a folder or package of their own"
                )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, strict_timestamps=False) as archive:
        for name, path in files.items():
            archive.write(path, name)
    return buffer.getvalue()


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
        raise LocalSystemError(f"the package {top!r} isn't installed, nor in this directory")
    if spec.submodule_search_locations:
        folder = Path(spec.submodule_search_locations[0])
        return folder.parent, folder
    return Path(spec.origin).parent, Path(spec.origin)


def _files(source: Path) -> Iterator[Path]:
    if source.is_file():
        yield source
    above: dict[Path, frozenset[Path]] = {}
    for parent, folders, names in os.walk(source, followlinks=True):
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


def _holds_code(folder: Path) -> bool:
    is_environment = (folder / "pyvenv.cfg").exists()
    return not (folder.name.startswith(".") or folder.name == "__pycache__" or is_environment)
