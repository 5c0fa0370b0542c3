"""Every test of this package runs twice: with orjson, and as if it weren't installed."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from algernon_serialize import json_text

WRITERS = ["orjson", "standard library"]


@pytest.fixture(autouse=True, params=WRITERS)
def writer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What reads and writes the texts."""
    name: str = request.param
    if name == "standard library":
        monkeypatch.setattr(json_text, "_orjson", lambda: None)
    elif find_spec("orjson") is None:
        pytest.skip("orjson isn't installed here")
    return name
