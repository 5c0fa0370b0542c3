"""Which files are Algernon's own, and which its users'."""

from __future__ import annotations

import sys
from pathlib import Path

import algernon_serialize
import pytest
from algernon.system.letters.own_code import is_below, is_of_algernon


def test_a_package_is_known_once_it_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be imported after the first file was asked about."""
    file = algernon_serialize.__file__
    with monkeypatch.context() as patch:
        patch.delitem(sys.modules, "algernon_serialize")
        assert not is_of_algernon(file)

    assert is_of_algernon(file)


def test_what_is_installed_is_nobodys_own_code(tmp_path: Path) -> None:
    """Nor is what lies in another folder, or is Algernon's."""
    assert is_below(f"{tmp_path}/shop.py", tmp_path)
    assert not is_below(f"{tmp_path}/.venv/lib/site-packages/stripe.py", tmp_path)
    assert not is_below("/srv/shop.py", tmp_path)
    assert not is_below(algernon_serialize.__file__, Path("/"))
