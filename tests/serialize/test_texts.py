"""The texts themselves: their numbers, their bytes, duplicates in them, and texts for people."""

from __future__ import annotations

import io
import json
import math
from typing import Any

import pytest
from algernon_serialize import (
    MalformedJSONError,
    MalformedTagError,
    SerializeError,
    UnserializableError,
    ajson,
    json_text,
)
from hypothesis import example, given
from hypothesis import strategies as st

from .values import Colour, same, values


def with_standard_library(function: Any, argument: Any) -> Any:
    """Return what a function gives, or its error's class, as if orjson weren't installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "_orjson", lambda: None)
        return outcome(function, argument)


def outcome(function: Any, argument: Any) -> Any:
    """Return what a function gives, or the class of its error."""
    try:
        return function(argument)
    except Exception as error:  # noqa: BLE001 - also what a parse_json raises
        return type(error)


@given(values | st.floats() | st.lists(st.floats()))
@example([1e-5, 1e-7, 5e-324, 0.0001, -0.0, 1e16, 1e22, -1e-5])
@example([None, math.nan, math.inf])
@example({"a": [(1, 1e-5), (2, 0.5)], "b": "e-5,"})
@example(2**64)
@example({"é\ud800": "\ud800"})
@example('\x7f\x1f\u2028"\\/\b\f')
def test_both_ways_write_the_same_bytes(value: Any) -> None:
    """With and without orjson, a value becomes the same bytes, or fails alike."""
    assert outcome(ajson.dumpb, value) == with_standard_library(ajson.dumpb, value)


@given(
    st.binary()
    | st.text().map(str.encode)
    | values.map(ajson.dumpb)
    | st.integers().map(lambda number: b"[%d]" % number)
)
@example(b"[18446744073709551616,1e400,-0,NaN,-Infinity]")
@example(b"[123456789012345678901234567890]")
@example(b'"\\ud800"')
@example(b'{"a":1,"a":2}')
@example(b"\xef\xbb\xbf1")
@example(b"[1.0e+2,1E5,0.1e-7]")
def test_both_ways_read_the_same(text: bytes) -> None:
    """With and without orjson, a text is read as the same value, or refused alike."""
    one, other = outcome(ajson.loads, text), with_standard_library(ajson.loads, text)
    assert same(one, other)


@pytest.mark.parametrize("number", [2**63, 2**64, -(2**64), 10**30, 10**4000])
def test_long_ints_keep_every_digit(number: int) -> None:
    """An int of any length that Python writes comes back exactly, as a bare number."""
    assert ajson.loads(ajson.dumps([number])) == [number]
    assert ajson.loads(f'{{"n":{number}}}') == {"n": number}


def test_an_int_too_long_for_python_is_refused_with_its_path() -> None:
    """An int of more digits than Python writes raises an error that says where it is."""
    with pytest.raises(UnserializableError, match=r"^\$\.a\[1\]: an int of 33220 bits"):
        ajson.dumps({"a": [1, 10**10_000]})


@pytest.mark.parametrize(
    "tag",
    [
        '{"_alg_class":"set","_alg_class":"tuple","value":[1]}',
        '{"_alg_class":"set","\\u005falg_class":"tuple","value":[1]}',
        '{"_alg_class":"A","_alg_module":"a","_alg_module":"b","value":[1]}',
    ],
)
def test_a_tag_with_a_part_twice_is_malformed(tag: str) -> None:
    """A tag whose name or module is there twice raises an error with its path."""
    with pytest.raises(SerializeError) as caught:
        ajson.loads('{"rows":[0,' + tag + "]}")
    assert getattr(caught.value, "path", "").startswith("$.rows[1]")
    if '"A"' not in tag:
        assert isinstance(caught.value, MalformedTagError)
        assert "twice" in str(caught.value)


ELSEWHERE = [
    "1",
    r'"\u00e9"',
    '"é"',
    '"value"',
    '{"value":1}',
    "NaN",
    "1" * 30,
    r'"\ud800"',
    "1e400",
]


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
@pytest.mark.parametrize("rebuild", [True, False])
@pytest.mark.parametrize(
    "tag",
    [
        '{"_alg_class":"tuple","value":[1],"value":[2]}',
        '{"value":[1],"_alg_class":"tuple","value":[1]}',
        '{"value" : [1], "_alg_class" : "tuple", "value" : [1]}',
        '{"_alg_class":"tuple","value":[1],"v\\u0061lue":[2]}',
        '{"_alg_class":"decimal","value":"1","value":"2"}',
        '{"_alg_class":"set","value":[1],"value":{"value":1}}',
        ajson.dumps(Colour.RED).replace('"value"', '"value":"GREEN","value"'),
    ],
)
def test_a_second_value_is_malformed_whatever_else_is_in_a_text(
    tag: str, rebuild: bool, elsewhere: str
) -> None:
    """A tag with two values is refused, whatever the text holds besides and whoever parses it."""
    for text in (f'{{"rows":[{elsewhere},{tag}]}}', f'{{"rows":[0,{tag}],"b":{elsewhere}}}'):
        with pytest.raises(MalformedTagError) as caught:
            ajson.loads(text, rebuild=rebuild)
        assert caught.value.path == "$.rows[1]"


@pytest.mark.parametrize("rebuild", [True, False])
def test_a_key_that_is_twice_in_a_plain_object_has_its_last_value(rebuild: bool) -> None:
    """What is no tag is read as JSON is, beside tags too, whatever its keys are."""
    plain = '{"value":1,"value":2,"_alg_module":3,"_alg_module":4}'
    back = ajson.loads(f'[{plain},{{"_alg_class":"tuple","value":[]}},"\\u00e9"]', rebuild=rebuild)
    assert back[0] == {"value": 2, "_alg_module": 4}


def test_strings_like_a_tag_are_no_duplicates() -> None:
    """Strings that are spelt like a tag's keys are just strings."""
    value = {"a": ["_alg_class", ("_alg_module", {1})]}
    assert ajson.loads(ajson.dumps(value)) == value


def test_an_escaped_tag_is_a_tag() -> None:
    """A tag whose key is written with an escape is read like any other."""
    assert ajson.loads('{"\\u005falg_class":"tuple","value":[1]}') == (1,)


def test_a_str_with_a_surrogate_is_no_text() -> None:
    """A str that isn't UTF-8 raises MalformedJSONError, since no text of JSON is one."""
    with pytest.raises(MalformedJSONError, match="lone surrogate at character 1"):
        ajson.loads('"\ud800"')


def test_dumpb_is_dumps_in_utf8() -> None:
    """Dumpb gives the bytes of what dumps gives."""
    value = {"é": [1, (2, "€")]}
    assert ajson.dumpb(value) == ajson.dumps(value).encode()


def test_texts_for_people_are_indented_and_sorted() -> None:
    """With indent and sort_keys, keys and the items of sets are in a stable order."""
    value = {"b": {3, 1, 2}, "a": {2: "two", 1: "one"}, "c": (1,)}
    text = ajson.dumps(value, indent=2, sort_keys=True)
    assert text == json.dumps(
        {
            "a": {"_alg_class": "dict", "value": [[1, "one"], [2, "two"]]},
            "b": {"_alg_class": "set", "value": [1, 2, 3]},
            "c": {"_alg_class": "tuple", "value": [1]},
        },
        indent=2,
    )
    assert ajson.loads(text) == value


@given(values)
def test_texts_for_people_come_back_too(value: Any) -> None:
    """An indented and sorted text is read as the same value as a plain one."""
    readable = ajson.dumps(value, indent=1, sort_keys=True)
    assert ajson.loads(readable) == ajson.loads(ajson.dumps(value))


@pytest.mark.parametrize("options", [{"sort_keys": True}, {"indent": 1}])
def test_texts_for_people_nest_as_deep(options: dict[str, Any]) -> None:
    """A value of 500 levels is sorted and indented like any other."""
    value: Any = {3, 1, 2}
    for _ in range(498):
        value = [value]
    text = ajson.dumps(value, **options)
    assert ajson.loads(text) == value


def test_files_are_written_and_read() -> None:
    """Dump and load do in files what dumps and loads do in memory."""
    file = io.StringIO()
    ajson.dump({"pair": (1, 2)}, file, indent=2)
    file.seek(0)
    assert ajson.load(file) == {"pair": (1, 2)}
    assert ajson.load(io.BytesIO(b'{"_alg_class":"tuple","value":[1]}')) == (1,)
    assert ajson.load(io.StringIO("[1]"), rebuild=False) == [1]


def test_plain_json_is_given_without_rebuilding() -> None:
    """rebuild=False gives the plain JSON, with whatever tags are in it."""
    tag = {"_alg_class": "nobody knows", "value": 1}
    assert ajson.loads(json.dumps([tag]), rebuild=False) == [tag]
