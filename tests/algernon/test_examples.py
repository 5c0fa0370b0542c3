"""What the documentation in the code shows."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import algernon
import pytest

MODULES = [f"algernon.{found.name}" for found in pkgutil.iter_modules(algernon.__path__)]


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_in_docstrings_hold(module: str) -> None:
    """Each example in a docstring gives what it says."""
    assert doctest.testmod(importlib.import_module(module)).failed == 0
