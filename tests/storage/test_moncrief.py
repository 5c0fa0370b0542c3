"""Objects that moncrief 7.0.0 wrote are read, and it can read ours."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING

import pytest
from algernon_serialize import ajson
from algernon_storage import StoredData

from .objects import get, moncrief_parts, put, put_document

if TYPE_CHECKING:
    from ..conftest import LocalAWS

KEY = "cache/0b8a7c1e-9f51-4d3e-8a55-6d6a0f2b6c11!1767323045.678901.json"
TAGGED = {"total": {"_alg_class": "decimal", "value": "1.50"}}


@pytest.mark.parametrize("full_unpack", [True, False])
def test_moncrief_s_objects_are_read(aws: LocalAWS, bucket: str, full_unpack: bool) -> None:
    """An object in the form that moncrief writes is retrieved, with its values rebuilt."""
    back = StoredData.retrieve(put_document(aws, bucket, KEY, TAGGED, full_unpack=full_unpack))
    assert back.name == "0b8a7c1e-9f51-4d3e-8a55-6d6a0f2b6c11"
    assert back.data == {"total": Decimal("1.50")}
    assert back.full_unpack is full_unpack


def test_a_pointer_of_moncrief_s_comes_back_on_loads(aws: LocalAWS, bucket: str) -> None:
    """A pointer in moncrief's text leads to the data, where it is to be unpacked."""
    pointer = put_document(aws, bucket, KEY, TAGGED, full_unpack=True)
    text = json.dumps(
        {
            "_alg_class": "StoredData",
            "_alg_module": "algernon.aws.snakes",
            "value": {"pointer": pointer},
        }
    )
    assert ajson.loads(text) == {"total": Decimal("1.50")}


def test_safe_mode_leaves_the_data_as_it_is(aws: LocalAWS, bucket: str) -> None:
    """Data that was stored in safe mode isn't rebuilt, whatever tags are in it."""
    data = {**TAGGED, "who": {"_alg_class": "Popen", "_alg_module": "subprocess", "value": {}}}
    pointer = put_document(aws, bucket, KEY, data, safe_mode=True)
    assert StoredData.retrieve(pointer).data == data


def test_numbers_that_json_has_not_are_read(aws: LocalAWS, bucket: str) -> None:
    """NaN as moncrief writes it is read."""
    pointer = put(
        aws, bucket, KEY, '{"data_string": [NaN], "full_unpack": false, "safe_mode": false}'
    )
    assert repr(StoredData.retrieve(pointer).data) == "[nan]"


def test_moncrief_finds_ours(aws: LocalAWS, bucket: str) -> None:
    """What moncrief makes of our pointer leads to an object with the three keys it looks up."""
    pointer = StoredData("a#b!c/d", {"total": Decimal("1.50")}, full_unpack=True).store()
    parts = moncrief_parts(pointer)
    assert json.loads(get(aws, parts["bucket"], parts["key"])) == {
        "data_string": TAGGED,
        "full_unpack": True,
        "safe_mode": False,
    }
