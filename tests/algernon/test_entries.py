"""The entries of the local systems that run."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from algernon.errors import LocalSystemError, NoSystemError
from algernon.local.entries import (
    Entries,
    RunningSystem,
    choose_system,
    read_entries,
    reserve_entry,
)

pytestmark = pytest.mark.starts

SYSTEM = RunningSystem(
    ("read", "parse"), {"AWS_ENDPOINT_URL": "http://127.0.0.1:12345"}, "/aws/lambda/shop"
)
NO_ENTRIES = Entries({}, (), ())


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this user's state."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def read_elsewhere() -> str:
    """Return what another process reads, as a test's own process holds its locks itself."""
    code = "from algernon.local.entries import read_entries; print(read_entries())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_an_announced_system_is_found() -> None:
    """Another process reads the Tasks and the environment while the system runs."""
    with reserve_entry("shop") as entry:
        entry.announce(SYSTEM)

        assert read_elsewhere() == repr(Entries({"shop": SYSTEM}, (), ()))


def test_a_system_that_starts_is_told_apart() -> None:
    """Between its start and its announcement a system counts as starting."""
    with reserve_entry("shop"):
        assert read_elsewhere() == repr(Entries({}, ("shop",), ()))


def test_a_system_that_ends_leaves_nothing(state: Path) -> None:
    """Its entry goes with the block, also when that fails."""

    def run_and_fail() -> None:
        with reserve_entry("shop") as entry:
            entry.announce(SYSTEM)
            raise RuntimeError("over")

    with pytest.raises(RuntimeError, match="over"):
        run_and_fail()

    assert read_entries() == NO_ENTRIES
    assert list(state.rglob("*.json")) == []


def test_an_entry_without_its_process_is_left_behind() -> None:
    """The entry of a killed process is reported once, and then forgotten."""
    code = """
import os, signal
from algernon.local.entries import RunningSystem, reserve_entry
with reserve_entry("shop") as entry:
    entry.announce(RunningSystem(("read",), {}, ""))
    os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code], check=False)

    assert read_entries() == Entries({}, (), ("shop",))
    assert read_entries() == NO_ENTRIES


def test_a_name_is_taken_while_its_system_runs() -> None:
    """A second system of the name is refused; after the first has ended it isn't."""
    with (
        reserve_entry("shop"),
        pytest.raises(LocalSystemError, match="a local system 'shop' runs already"),
        reserve_entry("shop"),
    ):
        pass

    with reserve_entry("shop") as entry:
        entry.announce(SYSTEM)
        assert read_elsewhere() == repr(Entries({"shop": SYSTEM}, (), ()))


def test_a_left_behind_entry_does_not_block_its_name(state: Path) -> None:
    """What a killed process had written is replaced."""
    with reserve_entry("shop"):
        pass
    (state / "algernon" / "systems" / "shop.json").write_text("{old", encoding="utf-8")

    with reserve_entry("shop") as entry:
        entry.announce(SYSTEM)
        assert read_elsewhere() == repr(Entries({"shop": SYSTEM}, (), ()))


def test_entries_are_private(state: Path) -> None:
    """Only this user can read the entries or put one there."""
    with reserve_entry("shop"):
        entry = state / "algernon" / "systems" / "shop.json"

        assert stat.S_IMODE(entry.stat().st_mode) == 0o600
        assert stat.S_IMODE(entry.parent.stat().st_mode) == 0o700


def test_the_only_system_is_chosen() -> None:
    """One system needs no name."""
    assert choose_system(Entries({"shop": SYSTEM}, (), ()), None) is SYSTEM


def test_a_system_is_chosen_by_name() -> None:
    """Of several systems the named one is chosen."""
    other = RunningSystem((), {}, "")

    assert choose_system(Entries({"mail": other, "shop": SYSTEM}, (), ()), "shop") is SYSTEM


@pytest.mark.parametrize(
    ("entries", "name", "message"),
    [
        (NO_ENTRIES, None, "no local system runs: start one with algernon run MODULE:ROUTER"),
        (NO_ENTRIES, "shop", "no local system runs: start one"),
        (Entries({}, ("shop",), ()), None, "still starting: try again"),
        (Entries({"mail": SYSTEM}, ("shop",), ()), "shop", "still starting: try again"),
        (Entries({"shop": SYSTEM}, (), ()), "mail", "no local system 'mail' runs, only: shop"),
        (
            Entries({"shop": SYSTEM, "mail": SYSTEM}, (), ()),
            None,
            r"several local systems run \(mail, shop\): choose one with --stack",
        ),
    ],
)
def test_an_unclear_choice_is_refused(entries: Entries, name: str | None, message: str) -> None:
    """Without the one system that is meant, the error says which there are."""
    with pytest.raises(NoSystemError, match=message):
        choose_system(entries, name)
