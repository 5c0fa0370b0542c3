"""What ARCHITECTURE.md says of rooms and modules is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ARCHITECTURE = (ROOT / "ARCHITECTURE.md").read_text()
#: Each row of the table of rooms: the room, and the cell that says what is in it.
ROOMS = re.findall(r"^\| `(algernon\w*/[\w/]*)` \| (.*?) \|", ARCHITECTURE, re.MULTILINE)
#: Modules that are named with their room, such as `_batch/callbacks`.
MODULES = sorted(set(re.findall(r"`((?:\w+/)+\w+)`", ARCHITECTURE)))


def test_the_tables_are_read() -> None:
    """There are rooms and modules to look for."""
    assert len(ROOMS) > 10
    assert len(MODULES) > 10


@pytest.mark.parametrize(("room", "holds"), ROOMS, ids=[room for room, _ in ROOMS])
def test_a_room_is_a_folder_that_holds_what_is_said(room: str, holds: str) -> None:
    """The table names only folders, modules and folders in them that exist."""
    package = room.partition("/")[0]
    folder = ROOT / "packages" / package.replace("_", "-") / "src" / room
    assert folder.is_dir()
    for name in re.findall(r"`([a-z_]+)/?`", holds):
        assert (folder / f"{name}.py").exists() or (folder / name).is_dir(), name


@pytest.mark.parametrize("module", MODULES)
def test_a_module_that_is_named_is_there(module: str) -> None:
    """Whoever looks where it is said finds a module."""
    assert [*ROOT.glob(f"packages/*/src/**/{module}.py")]
