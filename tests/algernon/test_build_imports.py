"""What a worker imports, seen in its code."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest
from algernon.errors import BuildError
from algernon.system.build.imports import imports_of
from algernon.system.build.installed import requirements_of_imports
from algernon.system.code_files import worker_files

Imports = Callable[..., set[str]]


@pytest.fixture
def imports(tmp_path: Path) -> Imports:
    """Return what a worker imports, of files by their names, and the worker's module."""

    def find(files: dict[str, str], worker: str = "worker") -> set[str]:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return imports_of([worker], worker_files([worker], tmp_path))

    return find


def test_an_import_is_seen_wherever_it_stands(imports: Imports) -> None:
    """At the top, in a function, in a try; the standard library doesn't count."""
    source = "import json, six\ndef run():\n    from PIL import Image\n"
    source += "try:\n    import orjson as json\nexcept ImportError:\n    pass\n"

    assert imports({"worker.py": source}) == {"six", "PIL", "PIL.Image", "orjson"}


def test_what_a_type_checker_alone_imports_is_not_needed(imports: Imports) -> None:
    """What stands below TYPE_CHECKING isn't, and what stands in its else is."""
    source = "import typing as t\nif t.TYPE_CHECKING:\n    import numpy\nelse:\n    import six"

    assert imports({"worker.py": source}) == {"six"}


def test_modules_of_ones_own_are_looked_through(imports: Imports) -> None:
    """Those of the package by absolute and relative imports, and its `__init__`."""
    files = {
        "shop/__init__.py": "import one",
        "shop/deep/worker.py": "from ..bank import pay\nfrom . import prices\nimport shop.lib",
        "shop/bank.py": "import two",
        "shop/deep/prices.py": "import three",
        "shop/lib/__init__.py": "from .inner import name",
        "shop/lib/inner.py": "import four",
        "shop/unused.py": "import five",
    }

    assert imports(files, "shop.deep.worker") == {"one", "two", "three", "four"}


def test_a_folder_beside_the_worker_is_its_own(imports: Imports) -> None:
    """A namespace package there isn't looked for elsewhere, nor are names in a module."""
    files = {"worker.py": "import lib.helper\nfrom lib.helper import run", "lib/helper.py": ""}

    assert imports(files) == set()


def test_what_is_no_python_is_refused(imports: Imports) -> None:
    """The error names the file, in one line."""
    with pytest.raises(BuildError, match=r"worker\.py isn't Python 3\.\d+: .*line 1\)"):
        imports({"worker.py": "def"})


def test_imports_are_brought_by_what_is_installed() -> None:
    """Each distribution once, in its version here; Algernon and what isn't there are left out."""
    imported = ["dateutil.tz", "dateutil.parser", "six", "algernon.ajson", "not_there"]

    assert requirements_of_imports(imported) == [
        f"python-dateutil=={version('python-dateutil')}",
        f"six=={version('six')}",
    ]
