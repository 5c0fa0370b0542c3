"""The zip of a local system's functions: the workers' code and Algernon's own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..errors import BuildError, LocalSystemError
from .archive import zip_of
from .code_files import algernon_files, sources_of, worker_files


def code_archive(module: str, directory: Path, *, others: Sequence[str] = ()) -> bytes:
    """Return the zip that holds the workers' modules and the installed Algernon packages.

    What goes with a module is said in `worker_files`. Equal files give equal zips, whenever and
    wherever they were written.

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
    try:
        return zip_of({**worker_files([module, *others], directory), **algernon_files()})
    except BuildError as error:
        raise LocalSystemError(str(error)) from error


def worker_sources(modules: Sequence[str], directory: Path) -> list[Path]:
    """Return the files and folders of workers that `code_archive` packs.

    Args:
        modules: The workers' modules, by their full names.
        directory: The directory that these are searched in first.

    Raises:
        LocalSystemError: A module is nowhere.

    Example:
        >>> worker_sources(["shop.worker", "shop.mailer"], Path("/src"))  # doctest: +SKIP
        [PosixPath('/src/shop')]
    """
    try:
        return sources_of(modules, directory)
    except BuildError as error:
        raise LocalSystemError(str(error)) from error
