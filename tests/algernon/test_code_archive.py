"""The zip of a local function."""

from __future__ import annotations

import io
import os
import py_compile
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from algernon.errors import LocalSystemError
from algernon.system.code_archive import code_archive

OURS = {
    "algernon",
    "algernon_logging",
    "algernon_queue",
    "algernon_serialize",
    "algernon_storage",
}


def write(folder: Path, *names: str) -> None:
    """Write files, and the folders above them."""
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text", encoding="utf-8")


def names_in(archive: bytes) -> set[str]:
    """Return the names in a zip, without Algernon's own packages."""
    with zipfile.ZipFile(io.BytesIO(archive)) as opened:
        names = opened.namelist()
    assert len(names) == len(set(names))
    return {name for name in names if name.partition("/")[0] not in OURS}


def test_a_module_brings_its_folder(tmp_path: Path) -> None:
    """With a module that stands alone goes all that is beside it."""
    write(tmp_path, "worker.py", "prices.json", "lib/helper.py")

    assert names_in(code_archive("worker", tmp_path)) == {
        "worker.py",
        "prices.json",
        "lib/helper.py",
    }


def test_a_package_brings_itself_alone(tmp_path: Path) -> None:
    """With a module in a package goes its top-level package, and nothing beside it."""
    write(tmp_path, "shop/__init__.py", "shop/deep/worker.py", "shop/data.csv", "other.py")

    assert names_in(code_archive("shop.deep.worker", tmp_path)) == {
        "shop/__init__.py",
        "shop/deep/worker.py",
        "shop/data.csv",
    }


def test_a_folder_of_the_modules_name_is_no_package(tmp_path: Path) -> None:
    """Python prefers a module to a folder without __init__.py, and so does the zip."""
    write(tmp_path, "worker.py", "worker/notes.txt")

    assert names_in(code_archive("worker", tmp_path)) == {"worker.py", "worker/notes.txt"}


def test_a_namespace_package_is_one(tmp_path: Path) -> None:
    """A package without __init__.py is packed by its folder."""
    write(tmp_path, "shop/worker.py", "other.py")

    assert names_in(code_archive("shop.worker", tmp_path)) == {"shop/worker.py"}


def test_several_workers_are_in_one_zip(tmp_path: Path) -> None:
    """The packages of all workers are packed, one that two have in common once."""
    write(tmp_path, "shop/worker.py", "shop/mailer.py", "post/__init__.py", "other.py")

    archive = code_archive("shop.worker", tmp_path, others=["shop.mailer", "post", "this"])

    assert names_in(archive) == {"shop/worker.py", "shop/mailer.py", "post/__init__.py", "this.py"}


def test_a_folder_and_a_package_in_it_are_packed_once(tmp_path: Path) -> None:
    """A module that stands alone brings the packages beside it, other workers' too."""
    write(tmp_path, "worker.py", "shop/mailer.py")

    archive = code_archive("worker", tmp_path, others=["shop.mailer"])

    assert names_in(archive) == {"worker.py", "shop/mailer.py"}


def test_an_installed_module_is_found(tmp_path: Path) -> None:
    """A worker that is installed, not in the directory, is packed from where it is."""
    names = names_in(code_archive("email.message", tmp_path))

    assert "email/message.py" in names
    assert {name.partition("/")[0] for name in names} == {"email"}


def test_an_installed_module_without_a_package_comes_alone(tmp_path: Path) -> None:
    """An installed file doesn't drag along the site-packages it is in."""
    assert names_in(code_archive("this", tmp_path)) == {"this.py"}


def test_what_is_no_code_stays_out(tmp_path: Path) -> None:
    """Hidden files, caches and virtual environments aren't packed."""
    write(
        tmp_path,
        "worker.py",
        ".env",
        ".git/config",
        "__pycache__/worker.cpython-311.pyc",
        "env/pyvenv.cfg",
        "env/lib/python3/site.py",
    )

    assert names_in(code_archive("worker", tmp_path)) == {"worker.py"}


def test_equal_files_give_equal_zips(tmp_path: Path) -> None:
    """Neither the dates, the order, the rights nor what Python compiled beside make another."""
    for name, names in (("here", ["worker.py", "lib/a.py", "lib/b.py"]), ("there", [])):
        folder = tmp_path / name
        write(folder, *(names or ["lib/b.py", "lib/a.py", "worker.py"]))
        (folder / "lib" / "b.py").chmod(0o755)
    there = tmp_path / "there"
    os.utime(there / "worker.py", (0, 0))
    (there / "worker.py").chmod(0o600)
    (there / "lib" / "b.py").chmod(0o700)
    for compiled in (there / "lib" / "a.pyc", there / "lib" / "__pycache__" / "a.cpython-311.pyc"):
        py_compile.compile(str(there / "lib" / "a.py"), cfile=str(compiled))

    archives = [code_archive("worker", tmp_path / name) for name in ("here", "there")]

    assert archives[0] == archives[1]
    with zipfile.ZipFile(io.BytesIO(archives[0])) as opened:
        rights = {entry.filename: entry.external_attr >> 16 for entry in opened.infolist()}
    assert oct(rights["lib/a.py"]) == "0o100644"
    assert oct(rights["lib/b.py"]) == "0o100755"


def test_a_compiled_module_without_its_source_is_code(tmp_path: Path) -> None:
    """A module that there is as bytecode alone can be imported, and is packed."""
    write(tmp_path, "worker.py", "secret.pyc")

    assert names_in(code_archive("worker", tmp_path)) == {"worker.py", "secret.pyc"}


def test_a_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    """The error names the file, as a zip can't."""
    write(tmp_path, "worker.py")
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.txt")).touch()

    with pytest.raises(LocalSystemError, match=r"caf\\xe9\.txt' .* its name isn't UTF-8") as raised:
        code_archive("worker", tmp_path)

    assert str(raised.value).isprintable()


def test_a_folder_that_can_not_be_read_is_refused(tmp_path: Path) -> None:
    """It isn't left out silently, to be missed at the first message."""
    write(tmp_path, "worker.py", "secret/prices.json")
    (tmp_path / "secret").chmod(0)
    try:
        if os.access(tmp_path / "secret", os.R_OK):
            pytest.skip("this user may read everything")
        with pytest.raises(PermissionError, match="secret"):
            code_archive("worker", tmp_path)
    finally:
        (tmp_path / "secret").chmod(0o700)


def test_a_linked_folder_is_packed(tmp_path: Path) -> None:
    """What lies behind a link is packed under the link's name, a second link's too."""
    write(tmp_path, "elsewhere/lib/deep/helper.py", "here/worker.py")
    here = tmp_path / "here"
    (here / "lib").symlink_to(tmp_path / "elsewhere" / "lib")
    (here / "again").symlink_to(here / "lib")

    assert names_in(code_archive("worker", here)) == {
        "worker.py",
        "lib/deep/helper.py",
        "again/deep/helper.py",
    }


def test_a_linked_package_is_packed(tmp_path: Path) -> None:
    """So is one that the worker itself is in, with the links in it."""
    write(tmp_path, "elsewhere/shop/worker.py", "elsewhere/lib/helper.py", "here/other.py")
    (tmp_path / "here" / "shop").symlink_to("../elsewhere/shop")
    (tmp_path / "elsewhere" / "shop" / "lib").symlink_to("../lib")

    assert names_in(code_archive("shop.worker", tmp_path / "here")) == {
        "shop/worker.py",
        "shop/lib/helper.py",
    }


def test_links_that_lead_round_are_followed_once(tmp_path: Path) -> None:
    """A link to a folder that it is in ends there, and so do two that lead to each other."""
    write(tmp_path, "worker.py", "a/one.py", "b/two.py")
    (tmp_path / "here").symlink_to(".")
    (tmp_path / "a" / "b").symlink_to("../b")
    (tmp_path / "b" / "a").symlink_to("../a")
    (tmp_path / "itself").symlink_to("itself")
    (tmp_path / "nowhere").symlink_to("not/there")

    assert names_in(code_archive("worker", tmp_path)) == {
        "worker.py",
        "a/one.py",
        "a/b/two.py",
        "b/two.py",
        "b/a/one.py",
    }


@pytest.mark.starts
def test_the_algernon_packages_run_from_the_zip(tmp_path: Path) -> None:
    """All five packages are in it, though they may be installed editable."""
    write(tmp_path, "worker.py")
    archive = tmp_path / "code.zip"
    archive.write_bytes(code_archive("worker", tmp_path))
    code = f"""
import sys
sys.path.insert(0, {str(archive)!r})
for name in {sorted(OURS)!r}:
    module = __import__(name)
    assert module.__file__.startswith({str(archive)!r}), module.__file__
import algernon.template
from algernon import *
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert done.stderr == ""
    assert done.returncode == 0


def test_a_module_that_is_nowhere_is_refused(tmp_path: Path) -> None:
    """The error names the module."""
    with pytest.raises(LocalSystemError, match="the package 'not_there' isn't installed"):
        code_archive("not_there.worker", tmp_path)


def test_too_much_code_is_refused(tmp_path: Path) -> None:
    """A folder above Lambda's 250 MB is refused, before it is packed."""
    write(tmp_path, "worker.py")
    with (tmp_path / "big.bin").open("wb") as file:
        file.truncate(251 * 1024 * 1024)

    with pytest.raises(LocalSystemError, match="takes more than 250 MB, the most a Lambda"):
        code_archive("worker", tmp_path)


def test_the_largest_folders_are_named(tmp_path: Path) -> None:
    """Too much code says of the ten largest folders how much they hold, the largest first."""
    write(tmp_path, "worker.py", "small/notes.txt")
    sizes = {f"lib/part{number:02}": number for number in range(1, 13)}
    for name, megabytes in {**sizes, ".": 180}.items():
        folder = tmp_path / name
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "big.bin").open("wb") as file:
            file.truncate(megabytes * 1024 * 1024)

    with pytest.raises(LocalSystemError) as raised:
        code_archive("worker", tmp_path)

    assert "it takes 26" in str(raised.value)
    assert str(raised.value).partition("The largest folders are ")[2] == ", ".join(
        [". (180 MB)", "lib (78 MB)"]
        + [f"lib/part{number:02} ({number} MB)" for number in range(12, 4, -1)]
    )


def test_code_of_several_workers_counts_once(tmp_path: Path) -> None:
    """A file that two workers bring is weighed once, as it is packed once."""
    write(tmp_path, "worker.py", "shop/mailer.py")
    with (tmp_path / "shop" / "big.bin").open("wb") as file:
        file.truncate(130 * 1024 * 1024)

    assert "shop/big.bin" in names_in(code_archive("worker", tmp_path, others=["shop.mailer"]))
