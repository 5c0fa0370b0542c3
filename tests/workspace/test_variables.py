"""The environment variables of Algernon's own that workers read, and what settings know of them."""

from __future__ import annotations

import re
from pathlib import Path

from algernon.system.settings.variables import READ_BY_WORKERS, SET_BY_TEMPLATE

PACKAGES = Path(__file__).parents[2] / "packages"


def test_settings_know_every_variable_that_the_packages_read() -> None:
    """Otherwise one that is new would be refused as a slip of the pen for an old one."""
    read = {
        name
        for path in PACKAGES.glob("*/src/**/*.py")
        for name in re.findall(r"\bALGERNON_[A-Z_]*[A-Z]\b", path.read_text(encoding="utf-8"))
    }
    known = {name for name in SET_BY_TEMPLATE if name.startswith("ALGERNON_")}

    assert read == known | set(READ_BY_WORKERS)
