"""What is measured of a Python module, and how: the work of the demo, with no AWS in it."""

from __future__ import annotations

import ast
import sys
import sysconfig
import tokenize
from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from algernon import AlgObject

ROOTS = {
    "standard library": Path(sysconfig.get_path("stdlib")),
    "example": Path(__file__).parent,
}
_TESTS = {"test", "tests", "idle_test"}
_MOST_IMPORTED = 5


class Measure(AlgObject):
    """The measure of one module."""

    def __init__(
        self,
        path: str,
        modified: datetime,
        lines: int,
        imports: frozenset[str],
        names: set[str],
        longest_function: tuple[str, int] | None,
        mean_function_lines: Decimal,
    ) -> None:
        self.path = path
        self.modified = modified
        self.lines = lines
        self.imports = imports
        self.names = names
        self.longest_function = longest_function
        self.mean_function_lines = mean_function_lines

    @classmethod
    def parse_json(cls, json_dict: Mapping[str, Any]) -> Self:
        """Make a measure of its attributes."""
        return cls(**json_dict)


class Summary(AlgObject):
    """What the measures of many modules come to."""

    def __init__(
        self,
        modules: int,
        lines: int,
        most_imported: list[tuple[str, int]],
        longest_function: tuple[str, str, int] | None,
    ) -> None:
        self.modules = modules
        self.lines = lines
        self.most_imported = most_imported
        self.longest_function = longest_function

    @classmethod
    def parse_json(cls, json_dict: Mapping[str, Any]) -> Self:
        """Make a summary of its attributes."""
        return cls(**json_dict)


def modules() -> list[str]:
    """Return the path of every module of the standard library, as seen from its folder."""
    root = ROOTS["standard library"]
    paths: list[Path] = []
    for name in sorted(sys.stdlib_module_names):
        paths += [root / f"{name}.py"] if (root / f"{name}.py").is_file() else []
        paths += sorted((root / name).rglob("*.py"))
    relative = [path.relative_to(root) for path in paths]
    return [path.as_posix() for path in relative if not _TESTS & set(path.parts)]


def read(root: str, path: str) -> dict[str, Any]:
    """Return a module's source, and when it was last changed."""
    file = ROOTS[root] / path
    with tokenize.open(file) as opened:
        source = opened.read()
    modified = datetime.fromtimestamp(file.stat().st_mtime, UTC)
    return {"path": path, "source": source, "modified": modified}


def measure(path: str, source: str, modified: datetime) -> Measure:
    """Measure a module's source.

    Raises:
        SyntaxError: The source is no Python.
    """
    nodes = list(ast.walk(ast.parse(source, path)))
    functions = [
        (node.name, (node.end_lineno or node.lineno) - node.lineno + 1)
        for node in nodes
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    total = sum(lines for _, lines in functions)
    return Measure(
        path=path,
        modified=modified,
        lines=len(source.splitlines()),
        imports=frozenset(_imports(nodes)),
        names={node.id for node in nodes if isinstance(node, ast.Name)},
        longest_function=max(functions, key=lambda function: function[1], default=None),
        mean_function_lines=(
            (Decimal(total) / len(functions)).quantize(Decimal("0.01")) if functions else Decimal(0)
        ),
    )


def summarize(measures: Iterable[Measure]) -> Summary:
    """Sum up measures, of which it keeps none."""
    modules = lines = 0
    importers: Counter[str] = Counter()
    longest: tuple[str, str, int] | None = None
    for measure in measures:
        modules += 1
        lines += measure.lines
        importers.update(measure.imports)
        if measure.longest_function is not None:
            name, length = measure.longest_function
            if longest is None or length > longest[2]:
                longest = measure.path, name, length
    imported = sorted(importers.items(), key=lambda found: (-found[1], found[0]))
    return Summary(modules, lines, imported[:_MOST_IMPORTED], longest)


def _imports(nodes: list[ast.AST]) -> set[str]:
    imported: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add("." * node.level + (node.module or ""))
    return imported
