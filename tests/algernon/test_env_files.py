"""Files of environment variables are read, or refused with the line."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from algernon.errors import MissingExtraError, SettingsError
from algernon.system.settings.env_file import read_env_file

pytest.importorskip("dotenv")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A file that isn't there yet."""
    return tmp_path / "local.env"


def test_a_file_has_a_variable_a_line(path: Path) -> None:
    """Comments, quotes, `export`, empty values, and values of several lines are read as usual."""
    path.write_text(
        "# the bank\n"
        "BANK_URL=http://localhost:8000/?a=b#c  # here\n"
        "\n"
        "export API_KEY='a b'\n"
        'PEM="one\ntwo"\n'
        "EMPTY=\n"
        "TWICE=1\n"
        "TWICE=2\n"
    )
    assert read_env_file(path) == {
        "BANK_URL": "http://localhost:8000/?a=b#c",
        "API_KEY": "a b",
        "PEM": "one\ntwo",
        "EMPTY": "",
        "TWICE": "2",
    }


def test_nothing_is_put_in_place_of_what_looks_like_a_variable(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password with a dollar in it is what it is."""
    monkeypatch.setenv("HERE", "something")
    path.write_text('PASSWORD=a${HERE}$HERE\nOTHER="${PASSWORD}"\n')
    assert read_env_file(path) == {"PASSWORD": "a${HERE}$HERE", "OTHER": "${PASSWORD}"}


def test_a_byte_order_mark_and_windows_lines_do_no_harm(path: Path) -> None:
    """A file that was saved elsewhere is read as one of here."""
    path.write_bytes("\ufeffONE_=1\r\nTWO_=ü\r\n".encode())
    assert read_env_file(path) == {"ONE_": "1", "TWO_": "ü"}


@pytest.mark.parametrize("blank", ["", "\n", "\n  \n# more\n\n"])
@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('NAME="no end', "is not a line such as NAME=VALUE, or NAME= for an empty value; or its"),
        ("=s3cr3t", "is not a line such as NAME=VALUE"),
        ("s3cr3t", "is not a line such as NAME=VALUE, or NAME= for an empty value"),
        ("my-name=s3cr3t", "my-name can't be the name of an environment variable to Lambda"),
        ("AWS_REGION=s3cr3t", "AWS_REGION is an environment variable that only Lambda itself sets"),
        ("DEBUG=s3cr3t", "DEBUG is an environment variable that the template itself sets: write"),
        ("NAME=s3cr3t\0", "NAME has a null character in its value"),
    ],
)
def test_a_line_that_cannot_be_read_is_named(
    path: Path, blank: str, line: str, message: str
) -> None:
    """Nothing is left out in silence: the error has the file, the line and what to write."""
    path.write_text(f"FIRST=1\n{blank}  {line}\nLAST=1\n")
    with pytest.raises(SettingsError) as raised:
        read_env_file(path)
    number = 2 + blank.count("\n")
    assert str(raised.value).startswith(f"{path}, line {number}: {message}")
    assert "s3cr3t" not in str(raised.value)


def test_a_file_that_cannot_be_read_is_named(path: Path) -> None:
    """A file that isn't there, or isn't UTF-8, is an error with its path."""
    with pytest.raises(SettingsError, match=r"local\.env can't be read: .*No such file"):
        read_env_file(path)
    path.write_bytes(b"A\xff=1")
    with pytest.raises(SettingsError, match=r"local\.env can't be read: 'utf-8'"):
        read_env_file(path)


def test_without_the_extra_it_is_named(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where python-dotenv isn't installed, the error says which extra brings it."""
    monkeypatch.setitem(sys.modules, "dotenv.parser", None)
    with pytest.raises(MissingExtraError, match=r"install the extra algernon\[local\]"):
        read_env_file(path)
