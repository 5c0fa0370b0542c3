"""What is built runs by itself."""

from __future__ import annotations

import os
import platform
import sys
import sysconfig
from pathlib import Path
from typing import Literal

import pytest
from algernon.settings import Settings
from algernon.system.build.build import build

from .built_function import CHAIN, run_chain
from .wheels import write_what_algernon_needs

pytest.importorskip("awslambdaric")
pytest.importorskip("uv")
pytestmark = pytest.mark.starts


def test_a_chain_runs_from_the_zip_with_boto3_beside_it_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS's runtime client runs both Tasks of it, with what is compiled in the zip."""
    shelf, project = tmp_path / "shelf", tmp_path / "project"
    for folder in (shelf, project, tmp_path / "function"):
        folder.mkdir()
    write_what_algernon_needs(shelf)
    for name in [name for name in os.environ if name.startswith("UV_")]:
        monkeypatch.delenv(name)
    for name, value in {"FIND_LINKS": str(shelf), "NO_INDEX": "1", "OFFLINE": "1"}.items():
        monkeypatch.setenv(f"UV_{name}", value)
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "cache"))
    source = CHAIN.format(
        imports="import orjson", module="orjson", double="2 * orjson.loads(str(number))"
    )
    (project / "worker.py").write_text(source)
    architecture: Literal["x86_64", "arm64"] = (
        "x86_64" if platform.machine() == "x86_64" else "arm64"
    )

    code = build(
        ["worker:router"],
        project,
        settings=Settings(architecture=architecture),
        tell=lambda line: None,
    )
    noted = run_chain(
        code.archive,
        tmp_path / "function",
        python=Path(sys.executable),
        packages=Path(sysconfig.get_path("purelib")),
    )

    assert noted["number"] == 42
    standard, of_lambda, compiled = noted["files"]
    assert Path(standard).is_relative_to(sysconfig.get_path("stdlib"))
    assert of_lambda == "/beside/boto3/__init__.py"
    assert compiled.startswith("/built/orjson/")
