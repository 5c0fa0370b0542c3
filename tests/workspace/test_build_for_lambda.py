"""What is built on each Python for each processor, from PyPI's wheels.

These tests take long, and need PyPI: ``hatch run test-wheels`` runs them.
"""

from __future__ import annotations

import platform
import re
import zipfile
from pathlib import Path

import pytest

from ..algernon.built_function import CHAIN, run_chain
from .test_wheels import build as build_wheel
from .test_wheels import install, interpreter, run

pytestmark = [pytest.mark.wheels, pytest.mark.starts]

ROOT = Path(__file__).parents[2]
_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}
_PROGRAM = """
import sys
from pathlib import Path
from algernon.settings import Settings
from algernon.system.build.build import build
code = build(
    ["worker:router"], Path.cwd(), settings=Settings(architecture=sys.argv[1]), tell=print
)
Path(sys.argv[2]).write_bytes(code.archive)
print(code.key, code.notes)
"""


@pytest.fixture(scope="module")
def distributions(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The wheels of Algernon's packages."""
    folder = tmp_path_factory.mktemp("dist")
    return [build_wheel(package, folder) for package in sorted((ROOT / "packages").iterdir())]


@pytest.mark.parametrize("version", ["3.11", "3.12", "3.13"])
def test_a_worker_with_numpy_is_built_and_runs(
    version: str, distributions: list[Path], tmp_path: Path
) -> None:
    """For this machine's processor the zip runs; for both it has wheels that Lambda takes."""
    base = interpreter(version)
    if base is None:
        pytest.skip(f"there is no Python {version} here")
    wanted = [
        f"algernon[deploy] @ {wheel.as_uri()}" if wheel.name.startswith("algernon-") else str(wheel)
        for wheel in distributions
    ]
    python = install(tmp_path / "env", *wanted, "awslambdaric", base=base)
    project = tmp_path / "project"
    project.mkdir()
    source = CHAIN.format(imports="import numpy", module="numpy", double="int(numpy.add(21, 21))")
    (project / "worker.py").write_text(source)
    (project / "requirements.txt").write_text("numpy\n")

    archives = {name: tmp_path / f"{name}.zip" for name in ("x86_64", "arm64", "again")}
    here = next(name for name, machine in _MACHINES.items() if machine == platform.machine())
    for name, archive in archives.items():
        run(python, "-c", _PROGRAM, here if name == "again" else name, archive, cwd=project)
    assert archives["again"].read_bytes() == archives[here].read_bytes()
    for architecture, machine in _MACHINES.items():
        assert "numpy" in compiled_for(archives[architecture], version, machine)
    (packages,) = (tmp_path / "env" / "lib").glob("*/site-packages")
    function = tmp_path / "function"
    function.mkdir()
    noted = run_chain(archives[here].read_bytes(), function, python=python, packages=packages)
    assert noted["number"] == 42
    assert noted["files"][1:] == ["/beside/boto3/__init__.py", "/built/numpy/__init__.py"]


def compiled_for(archive: Path, version: str, machine: str) -> set[str]:
    """Return what is compiled in a zip, each for a Python and a processor of Lambda."""
    found = set()
    with zipfile.ZipFile(archive) as opened:
        for name in opened.namelist():
            if match := re.fullmatch(r"([\w.]+)-[\w.]+\.dist-info/WHEEL", name):
                tags = re.findall(r"(?m)^Tag: (.*?)\r?$", opened.read(name).decode())
                if not any(tag.endswith("-any") for tag in tags):
                    found.add(match[1])
                    assert any(runs_there(tag, version, machine) for tag in tags), (name, tags)
    return found


def runs_there(tag: str, version: str, machine: str) -> bool:
    """Tell whether a wheel of a tag runs on Lambda's Python and system."""
    python, _, system = tag.split("-")
    glibc = 17 if version == "3.11" else 28
    older = re.fullmatch(rf"manylinux_2_(\d+)_{machine}", system)
    return python in {f"cp{version.replace('.', '')}", "cp3"} and (
        (older is not None and int(older[1]) <= glibc)
        or system in {f"manylinux{year}_{machine}" for year in ("1", "2010", "2014")}
    )
