"""The zip of a local system's functions: the workers' code and Algernon's own."""

from __future__ import annotations

import io
import os
import stat
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

from ..errors import LocalSystemError

_ALGERNON = (
    "algernon",
    "algernon_logging",
    "algernon_queue",
    "algernon_serialize",
    "algernon_storage",
)
# AWS Lambda Developer Guide, "Lambda quotas": a function's unzipped code.
_MOST_BYTES = 250 * 1024 * 1024
_MOST_FOLDERS = 10
# The earliest that a zip can say.
_NO_DATE = (1980, 1, 1, 0, 0, 0)


def code_archive(module: str, directory: Path, *, others: Sequence[str] = ()) -> bytes:
    """Return the zip that holds the workers' modules and the installed Algernon packages.

    With a module of a package goes its top-level package; with a module that
    stands alone goes the folder it is in, with all other files and folders there
    except hidden ones, caches, and virtual environments.

    Equal files give equal zips, whenever and wherever they were written.

    Args:
        module: The first worker's module, by its full name.
        directory: The directory that the modules are searched in first.
        others: The modules of the further workers.

    Raises:
        LocalSystemError: The code is larger than Lambda takes, a file's name isn't
            UTF-8, or a module is nowhere.
        OSError: A file or a folder can't be read.

    Example:
        ``code_archive("shop.worker", Path.cwd(), others=["shop.mailer"])``
    """
    sources = [_source(worker, directory) for worker in (module, *others)]
    sources += [_installed(package) for package in _ALGERNON]
    # By their names, so that what workers in one folder or package have in common comes once.
    files = {
        _name_of(path, root): path
        for root, source in sources
        for path in _files(source)
        if not _is_compiled(path)
    }
    _check_size(files)
    return _zip(files)


def _name_of(path: Path, root: Path) -> str:
    name = path.relative_to(root).as_posix()
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise LocalSystemError(
            f"the file {os.fsencode(path)!r} would belong to the workers' code, but its name isn't"
            " UTF-8, as names in a zip are: rename it, or move the workers to a folder or package"
            " of their own"
        ) from error
    return name


def _is_compiled(path: Path) -> bool:
    """Tell whether a file is what Python made of the source beside it, which it prefers."""
    return path.suffix == ".pyc" and path.with_suffix(".py").exists()


def _check_size(files: Mapping[str, Path]) -> None:
    sizes = {name: path.stat().st_size for name, path in files.items()}
    total = sum(sizes.values())
    if total > _MOST_BYTES:
        raise LocalSystemError(
            f"the workers' code takes more than {_megabytes(_MOST_BYTES)}, the most a Lambda"
            f" function may: it takes {_megabytes(total)}. Move the workers to a folder or package"
            " of their own, or take out what they don't need. The largest folders are"
            f" {', '.join(_largest_folders(sizes))}"
        )


def _largest_folders(sizes: Mapping[str, int]) -> list[str]:
    folders: Counter[PurePosixPath] = Counter()
    for name, size in sizes.items():
        top, *others = reversed(PurePosixPath(name).parents)
        # All is in the topmost, which would say nothing: only its own files count there.
        folders.update(dict.fromkeys(others or [top], size))
    return [f"{folder} ({_megabytes(size)})" for folder, size in folders.most_common(_MOST_FOLDERS)]


def _megabytes(size: int) -> str:
    return f"{size / 1024**2:.0f} MB"


def _zip(files: Mapping[str, Path]) -> bytes:
    """Return a zip that depends on nothing but the files' names and contents."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _NO_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            # Of the rights only this one is the files' own; the others are the machine's.
            is_executable = path.stat().st_mode & stat.S_IXUSR
            entry.external_attr = (stat.S_IFREG | (0o755 if is_executable else 0o644)) << 16
            archive.writestr(entry, path.read_bytes())
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
