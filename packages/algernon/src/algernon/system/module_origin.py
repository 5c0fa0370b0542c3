"""Which file a module's name led to, where several have the name.

A worker's directory comes first on the path, but not before what is built into Python
or loaded already. So a module of a common name hides another, or is hidden.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from importlib.machinery import PathFinder
from pathlib import Path
from traceback import walk_tb
from types import ModuleType
from typing import Any

from ..errors import WorkerError


def file_of(module: ModuleType) -> str:
    """Return the file of a module, or what else it is.

    Example:
        >>> file_of(sys)
        'one that is built into Python'
    """
    if file := getattr(module, "__file__", None):
        return str(file)
    if folders := [*getattr(module, "__path__", ())]:
        return f"the folder {folders[0]}"
    return "one that is built into Python"


def check_origin(name: str, loaded: ModuleType, directory: Path) -> None:
    """Refuse a module that was loaded instead of the one of its name in a directory.

    Raises:
        WorkerError: The directory has one, and another was loaded.
    """
    place = directory.joinpath(*name.split("."))
    package = place / "__init__.py"
    own = package if package.is_file() else place.with_name(f"{place.name}.py")
    file = getattr(loaded, "__file__", None)
    if own.is_file() and not (file and Path(file).exists() and own.samefile(file)):
        raise WorkerError(
            f"the module {name} that was loaded is {file_of(loaded)}, not {own}, since Python comes"
            " to that one first: give yours another name"
        )


def hint_at_hidden(error: BaseException, directory: Path) -> str:
    """Return a sentence for an error that comes of a module that hides another, or nothing.

    Args:
        error: What was raised while something was imported.
        directory: The directory that comes first on the path.
    """
    elsewhere = [entry for entry in sys.path if Path(entry).resolve() != directory]
    for name, file in _suspects(error):
        spec = PathFinder.find_spec(name, elsewhere)
        hidden = Path(spec.origin) if spec and spec.origin else None
        if (
            Path(file).is_relative_to(directory)
            and hidden is not None
            and hidden.is_file()
            # One with the same text is the worker's own, in another place.
            and hidden.read_bytes() != Path(file).read_bytes()
        ):
            return f"; {file} hides {hidden}, which others need: give it another name"
    return ""


def _suspects(error: BaseException) -> Iterator[tuple[str, str]]:
    """Give the name and the file of each module that may be meant to be another one."""
    while error.__cause__ is not None:
        error = error.__cause__
    match error:
        case AttributeError(obj=ModuleType() as module):
            yield from _name_and_file(vars(module))
        # "No module named 'a.b'; 'a' is not a package", or no name in it.
        case ImportError(name=str(name)) if loaded := sys.modules.get(name.partition(".")[0]):
            yield from _name_and_file(vars(loaded))
    for frame, _ in walk_tb(error.__traceback__):
        if frame.f_globals.get("__name__") in sys.stdlib_module_names:
            yield from _name_and_file(frame.f_globals)


def _name_and_file(variables: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if file := variables.get("__file__"):
        yield variables["__name__"], file
