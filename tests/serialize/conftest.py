"""Every test of this package runs with each set of libraries that write and read the texts."""

from __future__ import annotations

from importlib.util import find_spec

import pytest
from algernon_serialize import json_text, packing

WRITERS = {
    "orjson and ormsgpack": ["orjson", "ormsgpack"],
    "orjson": ["orjson"],
    "standard library": [],
}


@pytest.fixture(autouse=True, params=WRITERS)
def writer(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """What reads and writes the texts; the others are as if they weren't installed."""
    name: str = request.param
    for library in WRITERS[name]:
        if find_spec(library) is None:
            pytest.skip(f"{library} isn't installed here")
    if "orjson" not in WRITERS[name]:
        monkeypatch.setattr(json_text, "_orjson", lambda: None)
    if "ormsgpack" not in WRITERS[name]:
        monkeypatch.setattr(packing, "_packer", lambda: None)
    return name
