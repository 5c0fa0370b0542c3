"""The rooms of each package, and which of them may import which."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PACKAGES = Path(__file__).parents[2] / "packages"

#: What each room may import of its package, by packages. A room is a folder or a module at the
#: package's root, and may import itself; what it may import is another room, or one module there.
ROOMS: dict[str, dict[str, set[str]]] = {
    "algernon": {
        "__init__": {"errors"},
        "commands": {"errors", "local", "settings", "story", "system", "template", "worker"},
        "local": {"errors", "settings", "story.chain", "system", "template", "worker"},
        "secrets": {"errors"},
        "settings": {"system"},
        "story": {"errors", "system"},
        "template": {"system"},
        "system": {"errors", "worker"},
        "worker": {"errors"},
        "errors": set(),
    },
    "algernon_logging": {
        "__init__": {"decorator", "errors", "lines.fields", "lines.handlers", "lines.parsing"},
        "decorator": {
            "errors",
            "invocation",
            "lines.fields",
            "lines.root_logger",
            "lines.task_lines",
            "metrics",
            "tasks",
            "tracing",
        },
        "tracing": {"errors", "invocation", "lines.exceptions", "lines.fields", "tasks"},
        "lines": {"invocation", "tasks"},
        "metrics": {"errors", "tasks"},
        "tasks": set(),
        "invocation": set(),
        "errors": set(),
    },
    "algernon_queue": {
        "__init__": {
            "current_task",
            "errors",
            "group",
            "observers",
            "queued",
            "result",
            "results",
            "routed_task",
            "router",
            "sending",
            "sent_group",
            "stated",
            "task",
            "task_context",
            "task_needs",
        },
        "queued": {"_batch", "retry", "task_context"},
        "router": {
            "_aws.listeners",
            "_batch",
            "_wire",
            "current_task",
            "errors",
            "models",
            "retry",
            "routed_task",
            "stated",
            "task",
            "task_decorator",
            "task_needs",
            "task_options",
        },
        "models": {"_batch.functions"},
        "task_decorator": {"routed_task", "task_context", "task_needs", "task_options"},
        "task_options": {"retry", "task_needs"},
        "routed_task": {
            "_batch.task_function",
            "chain",
            "chain_types",
            "errors",
            "group",
            "result",
            "sending",
            "task",
            "task_context",
        },
        "chain_types": {"_batch.functions", "chain", "errors"},
        "group": {
            "_aws.groups",
            "_wire",
            "chain",
            "current_task",
            "errors",
            "results",
            "sending",
            "sent_group",
            "task",
        },
        "sent_group": {"_aws", "_wire.membership", "current_task", "errors", "result", "waiting"},
        "results": {"_aws", "_wire", "errors"},
        "chain": {
            "_batch.functions",
            "_batch.task_function",
            "_wire.membership",
            "errors",
            "task",
        },
        "result": {"_aws", "_wire.membership", "errors", "waiting"},
        "waiting": {"current_task", "errors"},
        "stated": {"_aws.step_functions", "_batch", "task", "task_context"},
        "sending": {"_aws", "_wire", "current_task", "errors", "task"},
        "testing": {
            "_aws.clock",
            "_aws.listeners",
            "_aws.parallel",
            "_batch",
            "_wire",
            "current_task",
            "dead_letter",
            "errors",
            "observers",
            "retry",
            "routed_task",
            "router",
            "sending",
            "task",
            "task_context",
            "task_needs",
            "waiting",
        },
        "_batch": {
            "_aws",
            "_wire",
            "current_task",
            "errors",
            "group",
            "observers",
            "retry",
            "settings",
            "task",
            "task_context",
        },
        "current_task": {"_aws.listeners", "_wire", "errors"},
        "dead_letter": {"_wire"},
        "_aws": {"_wire", "errors", "observers", "task"},
        "_wire": {"errors", "settings"},
        "observers": set(),
        "retry": {"errors"},
        "settings": {"errors"},
        "task": {"errors"},
        "task_context": set(),
        "task_needs": {"errors"},
        "errors": set(),
    },
}


def modules_of(package: str, packages: Path = PACKAGES) -> dict[str, Path]:
    """Return the modules of a package by their names in it, such as ``lines.fields``."""
    (root,) = packages.glob(f"*/src/{package}")
    found = {}
    for path in root.rglob("*.py"):
        parts = path.relative_to(root).with_suffix("").parts
        is_inside = len(parts) > 1 and parts[-1] == "__init__"
        found[".".join(parts[:-1] if is_inside else parts)] = path
    return found


def imports_of(package: str, packages: Path = PACKAGES) -> dict[str, set[str]]:
    """Return which modules of its package each module imports, at its top or anywhere in it."""
    modules = modules_of(package, packages)
    source = modules["__init__"].parents[1]
    return {
        name: {
            module
            for imported in _imported(path, path.parent.relative_to(source).parts)
            if (module := _module_of(imported, package, modules)) is not None
        }
        for name, path in modules.items()
    }


def _imported(path: Path, parents: tuple[str, ...]) -> set[str]:
    """Return all that a module imports, by full names, those of what isn't a module too."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            around = parents[: len(parents) - node.level + 1] if node.level else ()
            source = ".".join([*around, *([node.module] if node.module else [])])
            found |= {f"{source}.{alias.name}" for alias in node.names}
    return found


def _module_of(imported: str, package: str, modules: dict[str, Path]) -> str | None:
    """Return the module of a package that is imported, or what is imported of it."""
    name = f"{imported}."
    if not name.startswith(f"{package}."):
        return None
    name = name.removeprefix(f"{package}.").removesuffix(".")
    while name and name not in modules:
        name = name.rpartition(".")[0]
    return name or "__init__"


def room_of(module: str) -> str:
    """Return the room that a module is in."""
    return module.partition(".")[0]


@pytest.mark.parametrize("package", ROOMS)
def test_every_room_is_known(package: str) -> None:
    """A module at a package's root, or a folder there, is a room of the table."""
    assert {room_of(module) for module in modules_of(package)} == set(ROOMS[package])


@pytest.mark.parametrize(
    ("package", "room"), [(package, room) for package in ROOMS for room in ROOMS[package]]
)
def test_a_room_imports_only_what_it_may(package: str, room: str) -> None:
    """No module imports one that its room has no business with."""
    allowed = {room, *ROOMS[package][room]}
    for module, imported in imports_of(package).items():
        if room_of(module) == room:
            outside = {one for one in imported if not {one, room_of(one)} & allowed}
            assert outside == set(), module


@pytest.mark.parametrize(
    "package",
    ["algernon", "algernon_logging", "algernon_queue", "algernon_serialize", "algernon_storage"],
)
def test_imports_of_modules_form_no_circle(package: str) -> None:
    """No module needs, to be understood, one that needs it."""
    try:
        TopologicalSorter(imports_of(package)).prepare()
    except CycleError as error:
        _, circle = error.args
        pytest.fail(" <- ".join(circle))


def test_an_import_is_seen_wherever_it_stands(tmp_path: Path) -> None:
    """Imports in functions, for type checkers, relative ones and those of packages all count."""
    root = tmp_path / "shop" / "src" / "shop"
    (root / "back").mkdir(parents=True)
    (root / "__init__.py").write_text("from . import front")
    (root / "front.py").write_text("def sell():\n    from shop.back import stock")
    (root / "back" / "__init__.py").write_text("")
    (root / "back" / "stock.py").write_text(
        "import json\nif TYPE_CHECKING:\n    from ..front import sell\n    import shop.back.van"
    )
    (root / "back" / "van.py").write_text("from .. import __version__\nfrom . import size")
    assert imports_of("shop", tmp_path) == {
        "__init__": {"front"},
        "front": {"back.stock"},
        "back": set(),
        "back.stock": {"front", "back.van"},
        "back.van": {"__init__", "back"},
    }
