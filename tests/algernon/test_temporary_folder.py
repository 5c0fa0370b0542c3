"""The temporary folders of local systems, and what killed ones leave behind."""

from __future__ import annotations

import stat
import subprocess
import sys
from pathlib import Path

import pytest
from algernon.local.aws import LocalAWS
from algernon.local.temporary_folder import temporary_folder

pytestmark = pytest.mark.starts

HOLD = """
import sys
from algernon.local.temporary_folder import temporary_folder

with temporary_folder() as folder:
    (folder / "state").mkdir()
    print(folder, flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where temporary files belong."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def hold() -> tuple[subprocess.Popen[str], Path]:
    """Return a process that holds a folder, and the folder."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    return process, Path(process.stdout.readline().strip())


def test_a_folder_is_private_and_goes_with_its_block(temporary: Path) -> None:
    """Only this user may enter it, and nothing of it stays."""
    with temporary_folder() as folder:
        assert folder.parent == temporary
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        (folder / "notes").touch()

    assert list(temporary.iterdir()) == []


def test_the_folder_of_a_killed_process_goes_at_the_next_start(temporary: Path) -> None:
    """Whoever starts next removes it; nobody else's, and no folder that isn't one of these."""
    (temporary / "algernon-local-link").symlink_to(temporary)
    (temporary / "algernon-local-file").touch()
    (temporary / "other").mkdir()
    killed, left_behind = hold()
    running, held = hold()
    with killed, running:
        killed.kill()
        killed.wait()
        assert left_behind.exists()

        with temporary_folder() as folder:
            found = set(temporary.iterdir())

        assert running.poll() is None
        running.communicate("")
    assert {each.name for each in found - {folder, held}} == {
        "algernon-local-link",
        "algernon-local-file",
        "other",
    }
    assert not held.exists()


def test_a_local_aws_tidies_up_after_a_killed_one(temporary: Path) -> None:
    """What `kill -9` left of a local system is gone as soon as another starts."""
    killed, left_behind = hold()
    with killed:
        killed.kill()

    with LocalAWS():
        assert not left_behind.exists()
        assert len(list(temporary.iterdir())) == 1

    assert list(temporary.iterdir()) == []


def test_folders_of_many_processes_that_start_together_are_their_own() -> None:
    """None takes another's for left behind while it is made."""
    several = [hold() for _ in range(8)]
    try:
        assert all(folder.exists() for _, folder in several)
    finally:
        for process, _ in several:
            with process:
                process.communicate("")
    assert len({folder for _, folder in several}) == 8
