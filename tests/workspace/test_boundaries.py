"""Which package may import which, and what each one's metadata says of it."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ROOT / "packages"

#: What each distribution may import, besides the standard library and itself.
ARROWS = {
    "algernon-serialize": {"dateutil"},
    "algernon-storage": {"algernon_serialize", "boto3", "botocore"},
    "algernon-queue": {"algernon_serialize", "algernon_storage", "boto3", "botocore"},
    "algernon-logging": {"aws_xray_sdk", "wrapt"},
    "algernon": {
        "algernon_logging",
        "algernon_queue",
        "algernon_serialize",
        "algernon_storage",
    },
}
#: What each may import besides, by the extra that brings it.
EXTRAS = {
    "algernon-serialize": {"orjson": {"orjson"}, "ormsgpack": {"orjson", "ormsgpack"}},
    "algernon-logging": {"otel": {"opentelemetry"}},
    "algernon": {
        "command": {"rich", "shtab"},
        "deploy": {"packaging", "rich", "shtab", "uv"},
        "local": {"dotenv", "ministack", "rich", "shtab", "watchfiles"},
    },
}
#: What comes with a sibling, or with an extra's own requirements.
INDIRECT = {"algernon": {"boto3", "botocore", "yaml"}}
#: What lies beside a package, for a program that finds it by an entry point, and may import that.
BESIDE = {"algernon-queue": {"_algernon_pytest.py": {"pytest"}}}
#: Who knows what tracing needs, which is imported only when tracing is on.
ONLY_IN = {
    "aws_xray_sdk": {
        "tracing/xray/boto.py",
        "tracing/xray/calls.py",
        "tracing/xray/context.py",
        "tracing/xray/patching.py",
        "tracing/xray/sqlalchemy.py",
        "tracing/xray/sqlite.py",
        "tracing/xray/tracer.py",
    },
    "wrapt": {"tracing/xray/patching.py"},
    "opentelemetry": {"tracing/otel.py"},
}
DISTRIBUTION_OF = {
    "dateutil": "python-dateutil",
    "botocore": "boto3",
    "dotenv": "python-dotenv",
    "opentelemetry": "opentelemetry-api",
}


def project(name: str) -> dict[str, Any]:
    """Return the [project] table of a package."""
    text = (PACKAGES / name / "pyproject.toml").read_text()
    table: dict[str, Any] = tomllib.loads(text)["project"]
    return table


def imports(path: Path) -> set[str]:
    """Return the top-level packages that a module imports, at its top or anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            found.add(node.module)
    return {name.partition(".")[0] for name in found} - sys.stdlib_module_names


def by_distribution(requirements: list[str]) -> dict[str, str]:
    """Return requirements by the distribution that each one is for."""
    return {re.split(r"[<>=!~ ;\[]", line, maxsplit=1)[0]: line for line in requirements}


def distributions(packages: set[str]) -> set[str]:
    """Return the distributions that bring packages."""
    return {DISTRIBUTION_OF.get(package, package.replace("_", "-")) for package in packages}


def test_the_packages_are_the_five() -> None:
    """There are five packages, and no folder of code beside them."""
    assert {path.name for path in PACKAGES.iterdir() if path.is_dir()} == set(ARROWS)


@pytest.mark.parametrize("name", ARROWS)
def test_a_package_imports_only_what_the_design_allows(name: str) -> None:
    """No module imports a package that has no arrow in the design."""
    own = name.replace("-", "_")
    extras = EXTRAS.get(name, {}).values()
    allowed = ARROWS[name].union({own}, INDIRECT.get(name, ()), *extras)
    source = PACKAGES / name / "src"
    for module in (source / own).rglob("*.py"):
        assert imports(module) <= allowed, module
    beside = BESIDE.get(name, {})
    assert {path.name for path in source.iterdir() if path.suffix == ".py"} == set(beside)
    for file, programs in beside.items():
        assert imports(source / file) <= {own, *programs}, file


@pytest.mark.parametrize("name", ARROWS)
def test_a_package_requires_what_it_imports(name: str) -> None:
    """The declared requirements are the arrows: siblings by range, none pinned."""
    required = by_distribution(project(name)["dependencies"])
    for distribution, line in required.items():
        assert "==" not in line
        if distribution in ARROWS:
            assert re.fullmatch(rf"{distribution}(\[orjson\])?>=1\.\d+,<2", line)
    assert set(required) == distributions(ARROWS[name])


@pytest.mark.parametrize("name", ARROWS)
def test_an_extra_requires_what_is_imported_where_it_is_installed(name: str) -> None:
    """What only some users need is no requirement, but one of the extra that is named for it."""
    table = project(name)
    declared = table.get("optional-dependencies", {})
    assert set(declared) == set(EXTRAS.get(name, {}))
    required = distributions(ARROWS[name])
    for extra, packages in EXTRAS.get(name, {}).items():
        lines = by_distribution(declared[extra])
        assert not [line for line in lines.values() if "==" in line]
        assert distributions(packages) <= set(lines)
        assert not required & set(lines)


def test_what_tracing_needs_is_imported_by_its_back_end_alone() -> None:
    """Of algernon-logging only the back ends, and of these each one only its own, know an SDK."""
    source = PACKAGES / "algernon-logging" / "src" / "algernon_logging"
    found = {
        package: {
            module.relative_to(source).as_posix()
            for module in source.rglob("*.py")
            if package in imports(module)
        }
        for package in ONLY_IN
    }
    assert found == ONLY_IN


@pytest.mark.parametrize("name", ARROWS)
def test_a_package_stands_alone(name: str) -> None:
    """Each package has its licence, README, types, and a changelog that knows its version."""
    folder = PACKAGES / name
    table = project(name)
    assert table["license"] == "Apache-2.0"
    assert (folder / "LICENSE").read_text() == (ROOT / "LICENSE").read_text()
    assert (folder / "src" / name.replace("-", "_") / "py.typed").exists()
    assert (folder / "README.md").read_text().startswith(f"# {name}\n")
    changelog = (folder / "CHANGELOG.md").read_text()
    assert "## [Unreleased]" in changelog
    assert f"## [{table['version']}]" in changelog


@pytest.mark.parametrize("name", ARROWS)
def test_public_names_are_listed_and_sorted(name: str) -> None:
    """A package's __init__ lists its public names in a sorted __all__, and has each of them."""
    module = __import__(name.replace("-", "_"))
    assert list(module.__all__) == sorted(module.__all__)
    for public in module.__all__:
        assert getattr(module, public) is not None


def test_the_top_level_is_what_the_design_says() -> None:
    """Nothing stands at the top but packages, tests, tool settings, documents and licence."""
    visible = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}
    assert visible - {"dist"} == {
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "LICENSE",
        "README.md",
        "hatch.toml",
        "mypy.ini",
        "packages",
        "pyrightconfig.json",
        "pytest.ini",
        "ruff.toml",
        "tests",
    }
