"""Which modules workers import, seen without importing them."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ...errors import BuildError


def imports_of(modules: Sequence[str], files: Mapping[str, Path]) -> set[str]:
    """Return the full names of what workers import of others, within functions too.

    Modules of their own that they import are looked through as well. What only a type checker
    imports is left out, as is the standard library.

    Args:
        modules: The workers' modules.
        files: Their code, by its names in the zip.

    Raises:
        BuildError: A module isn't Python.

    Example:
        >>> code = {"shop.py": Path("shop.py")}  # which has "from PIL import Image"
        >>> imports_of(["shop"], code)  # doctest: +SKIP
        {'PIL.Image'}
    """
    found: set[str] = set()
    waiting = list(modules)
    seen: set[str] = set()
    while waiting:
        module = waiting.pop()
        if module in seen:
            continue
        seen.add(module)
        # With a module, the packages that it is in are imported.
        waiting += [parent] if (parent := module.rpartition(".")[0]) else []
        if file := _file_of(module, files):
            is_package = file.endswith("/__init__.py")
            waiting += _imports(files[file], module if is_package else module.rpartition(".")[0])
        elif not _is_own(module, files):
            found.add(module)
    return {module for module in found if module.partition(".")[0] not in sys.stdlib_module_names}


def _file_of(module: str, files: Mapping[str, Path]) -> str | None:
    path = module.replace(".", "/")
    return next((name for name in (f"{path}/__init__.py", f"{path}.py") if name in files), None)


def _is_own(module: str, files: Mapping[str, Path]) -> bool:
    """Tell whether it is something that one of the workers' modules has, or a folder of theirs."""
    folder = f"{module.replace('.', '/')}/"
    parent = module.rpartition(".")[0]
    return (
        bool(parent and _file_of(parent, files))
        or any(name.startswith(folder) for name in files)
        or bool(parent and _is_own(parent, files))
    )


def _imports(path: Path, package: str) -> Iterator[str]:
    """Give what a file imports, by full names, those of what isn't a module too."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError) as error:
        raise BuildError(
            f"{path} isn't Python {sys.version_info.major}.{sys.version_info.minor}: {error}"
        ) from error
    for node in _nodes(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            around = package.split(".") if node.level else []
            around = around[: len(around) - node.level + 1] if node.level else []
            source = ".".join([*around, *([node.module] if node.module else [])])
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names if alias.name != "*")


def _nodes(tree: ast.AST) -> Iterator[ast.AST]:
    """Give all nodes, without those below ``if TYPE_CHECKING``."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            for other in node.orelse:
                yield other
                yield from _nodes(other)
        else:
            yield node
            yield from _nodes(node)
