"""Bad texts and values raise errors that say what is wrong, and reach nothing they shouldn't."""

from __future__ import annotations

import json
import subprocess
import sys
import traceback
from typing import Any

import pytest
from algernon_serialize import (
    AlgObject,
    MalformedJSONError,
    MalformedTagError,
    NestingError,
    SerializeError,
    UnknownClassError,
    ajson,
    rebuild_event,
)
from hypothesis import given
from hypothesis import strategies as st

from .values import Colour


@pytest.mark.parametrize(
    "text", ["", "{", "nul", "{'a': 1}", '{"a":1}x', b"\xff", b'"\xed\xa0\x80"', "[1,]"]
)
def test_what_is_no_json_says_so(text: str | bytes) -> None:
    """A text that isn't JSON raises MalformedJSONError."""
    with pytest.raises(MalformedJSONError, match="isn't JSON"):
        ajson.loads(text)


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview])
def test_bytes_of_every_kind_are_read(kind: Any) -> None:
    """A text may come as bytes, bytearray or memoryview of UTF-8."""
    assert ajson.loads(kind('"é"'.encode())) == "é"


@pytest.mark.parametrize(
    "tag",
    [
        {"_alg_class": "set"},
        {"_alg_class": "set", "value": 1},
        {"_alg_class": "set", "value": [[1]]},
        {"_alg_class": "set", "value": [1], "extra": 1},
        {"_alg_class": "decimal", "value": 1.5},
        {"_alg_class": "decimal", "value": "one"},
        {"_alg_class": "datetime", "value": {"tz": "UTC"}},
        {"_alg_class": "datetime", "value": {"tz": "UTC", "timestamp": 1e300}},
        {"_alg_class": "datetime", "value": {"tz": None, "iso": "yesterday"}},
        {
            "_alg_class": "datetime",
            "value": {"tz": {"zoneinfo": "../../etc/passwd"}, "iso": "2026-01-01"},
        },
        {
            "_alg_class": "datetime",
            "value": {"tz": {"dateutil": "/etc/passwd"}, "iso": "2026-01-01"},
        },
        {"_alg_class": "datetime", "value": {"tz": {"dateutil": "No/Where"}, "iso": "2026-01-01"}},
        {"_alg_class": "float", "value": "1.5"},
        {"_alg_class": "str", "value": "unquoted"},
        {"_alg_class": "dict", "value": [[1, 2], [1, 3]]},
        {"_alg_class": "dict", "value": [[1]]},
        {"_alg_class": "dict", "value": [[[1], 2]]},
        {"_alg_class": "unheard", "value": 1},
        {"_alg_class": ["set"], "value": 1},
        {"_alg_class": None},
        {"_alg_class": 1, "_alg_module": 2, "value": 3},
    ],
    ids=json.dumps,
)
def test_malformed_tags_name_their_path(tag: dict[str, Any]) -> None:
    """A tag whose value hasn't the form that it should raises an error with the path to it."""
    with pytest.raises(MalformedTagError) as caught:
        ajson.loads(json.dumps({"rows": [0, tag]}))
    assert caught.value.path.startswith("$.rows[1]")


@pytest.mark.parametrize(
    ("name", "form", "problem"),
    [
        ("decimal", 5, "its value is an int, not a str"),
        ("decimal", {}, "its value is a dict, not a str"),
        ("complex", 5, "its value is an int, not a list"),
        ("tuple", 5, "its value is an int, not a list"),
    ],
)
def test_a_value_of_the_wrong_type_is_told_in_good_english(
    name: str, form: Any, problem: str
) -> None:
    """A tag whose value is of another type says of which, with the right article."""
    with pytest.raises(MalformedTagError, match=problem):
        ajson.loads(json.dumps({"_alg_class": name, "value": form}))


@pytest.mark.parametrize(
    "tag",
    [
        {"_alg_class": "decimal", "value": "MARKER"},
        {"_alg_class": "datetime", "value": "MARKER"},
        {"_alg_class": "datetime", "value": {"tz": "MARKER!", "iso": "2026-01-01"}},
        {"_alg_class": "datetime", "value": {"tz": {"zoneinfo": "MARKER!"}, "iso": "2026-01-01"}},
        {"_alg_class": "datetime", "value": {"tz": None, "iso": "MARKER"}},
        {"_alg_class": "dict", "value": [["MARKER", 1], ["MARKER", 1]]},
        {"_alg_class": "float", "value": "MARKER"},
        {"_alg_class": "str", "value": "MARKER"},
        {"_alg_class": "set", "value": [["MARKER"]]},
    ],
    ids=json.dumps,
)
def test_the_error_of_a_malformed_tag_shows_nothing_of_its_value(tag: dict[str, Any]) -> None:
    """A malformed value, which may be a secret, isn't quoted in the error, nor in its causes."""
    with pytest.raises(MalformedTagError) as caught:
        ajson.loads(json.dumps([tag]))
    assert "MARKER" not in "".join(traceback.format_exception(caught.value))


def test_an_unknown_class_names_the_missing_import() -> None:
    """An object of a class that isn't imported raises an error that names class and module."""
    text = '{"who":{"_alg_class":"Popen","_alg_module":"subprocess","value":{"args":["id"]}}}'
    with pytest.raises(UnknownClassError, match=r"^\$\.who: subprocess:Popen .* import the module"):
        ajson.loads(text)


@pytest.mark.starts
def test_reading_imports_nothing() -> None:
    """A tag that names a module doesn't get it imported."""
    program = (
        "import sys\n"
        "from algernon_serialize import ajson, UnknownClassError\n"
        "try:\n"
        '    ajson.loads(\'{"_alg_class":"TestCase","_alg_module":"unittest","value":{}}\')\n'
        "except UnknownClassError:\n"
        "    print('unittest' in sys.modules)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert run.stdout == "False\n"


@pytest.mark.parametrize("depth", [501, 5_000, 100_000])
@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_deep_texts_are_refused(depth: int, opening: str) -> None:
    """A text with tags that nests too deeply raises NestingError, however deep it is."""
    closing = "]" if opening == "[" else "}"
    with pytest.raises(NestingError):
        ajson.loads(opening * depth + '{"_alg_class":"set","value":[]}' + closing * depth)


@pytest.mark.parametrize("depth", [400, 900, 5_000, 100_000])
def test_a_deep_text_without_tags_is_read_or_refused(depth: int) -> None:
    """A text without tags is read as deep as its parser goes, and beyond raises NestingError."""
    text = "[" * depth + "]" * depth
    try:
        value = ajson.loads(text)
    except NestingError:
        assert depth > 900
    else:
        for _ in range(depth - 1):
            (value,) = value
        assert value == []


# What of a text must not decide how deep it may nest.
NO_TAGS = [
    "1",
    "NaN",
    "123456789012345678901234567890",
    '"é"',
    r'"\u00e9"',
    r'"\ud800"',
    '"_alg_class"',
    '["_alg_class",{"_alg_module":1,"value":2}]',
]
TAGS = [
    '{"_alg_class":"decimal","value":"1"}',
    r'{"\u005falg_class":"decimal","value":"1"}',
    '{"_alg_class":"datetime","value":{"tz":{"timezone":[0,60,0],"name":null},"iso":"2026-01-01T00:00:00"}}',
]


def nested(inmost: str, depth: int) -> list[str]:
    """Return texts of something within so many levels, and beside as many."""
    deep = [
        opening * (depth - 1) + "%s" + closing * (depth - 1)
        for opening, closing in (("[", "]"), ('{"a":', "}"))
    ]
    return [f"[{one % inmost}]" for one in deep] + [f"[{inmost},{one % 1}]" for one in deep]


@pytest.mark.parametrize("rebuild", [True, False])
@pytest.mark.parametrize("inmost", NO_TAGS)
def test_a_text_without_tags_nests_as_deep_whatever_it_holds(inmost: str, rebuild: bool) -> None:
    """What only looks like a tag or an escape doesn't make a deep text one that is refused."""
    for depth in (500, 501, 600, 900):
        for text in nested(inmost, depth):
            ajson.loads(text, rebuild=rebuild)


@pytest.mark.parametrize("rebuild", [True, False])
@pytest.mark.parametrize("inmost", TAGS)
def test_a_text_with_tags_nests_five_hundred_levels(inmost: str, rebuild: bool) -> None:
    """A text with tags nests 500 levels deep and no deeper, wherever they stand."""
    for text in nested(inmost, 500):
        ajson.loads(text, rebuild=rebuild)
    for depth in (501, 600, 900, 5_000, 100_000):
        for text in nested(inmost, depth):
            with pytest.raises(NestingError):
                ajson.loads(text, rebuild=rebuild)


@pytest.mark.parametrize("rebuild", [True, False])
def test_a_wide_text_is_not_taken_for_a_deep_one(rebuild: bool) -> None:
    """Many brackets, also in strings, make no text deep; and a deep part is found beside them."""
    row = {"a": [1, [2]], "text": "[[[{" * 200}
    rows = json.dumps([row] * 300)
    tag = '{"_alg_class":"tuple","value":[]}'
    assert ajson.loads(f"[{rows},{tag}]", rebuild=rebuild)[0] == [row] * 300
    deep = "[" * 499 + "]" * 499
    ajson.loads(f"[{tag},{rows},{deep}]", rebuild=rebuild)
    with pytest.raises(NestingError):
        ajson.loads(f"[{tag},{rows},[[{deep}]]]", rebuild=rebuild)


def test_an_object_without_parts_is_read_wherever_it_is_sent() -> None:
    """An Enum member inside 500 lists comes back, since its tag is no level more."""
    value: Any = Colour.RED
    for _ in range(500):
        value = [value]
    assert ajson.dumps(ajson.loads(ajson.dumps(value))) == ajson.dumps(value)


@pytest.mark.parametrize(
    "thing", [3_000_000_000, [123, 125], 0, None, 1.5, {}, (123, 125), Colour, range(3)], ids=repr
)
@pytest.mark.parametrize("rebuild", [True, False])
def test_what_is_no_text_is_not_taken_for_one(thing: Any, rebuild: bool) -> None:
    """Anything but a str and bytes raises TypeError, and isn't made bytes of."""
    with pytest.raises(TypeError, match="a text is a str, or bytes of UTF-8, and not a"):
        ajson.loads(thing, rebuild=rebuild)


def test_a_file_that_gives_no_text_is_refused() -> None:
    """A file whose read gives something else raises TypeError."""

    class Empty:
        """What a stream without data may look like."""

        def read(self) -> None:
            """Give nothing."""

    with pytest.raises(TypeError, match="and not a NoneType"):
        ajson.load(Empty())  # type: ignore[arg-type]


@pytest.mark.parametrize("thing", [None, 5, "{}", b"", [], [("a", 1)], ()], ids=repr)
def test_what_is_no_message_is_not_rebuilt(thing: Any) -> None:
    """A message that is no mapping raises TypeError, and no event is made of it."""
    with pytest.raises(TypeError, match="a message is a mapping, and not a"):
        rebuild_event(thing)


def test_rebuilding_a_deep_event_is_refused() -> None:
    """A message that was parsed elsewhere and nests too deeply raises NestingError."""
    tree: Any = 1
    for _ in range(990):
        tree = [tree]
    with pytest.raises(NestingError):
        rebuild_event({"task_kwargs": tree})


def test_an_event_of_five_hundred_levels_is_rebuilt() -> None:
    """A message nests as deep as a text does, and one that contains itself is refused."""
    tree: Any = {"_alg_class": "decimal", "value": "1"}
    for _ in range(499):
        tree = [tree]
    rebuilt = rebuild_event({"a": tree})
    assert ajson.dumps(rebuilt) == ajson.dumps({"a": ajson.loads(json.dumps(tree))})
    with pytest.raises(NestingError):
        rebuild_event({"a": [tree]})
    wide: list[Any] = []
    wide += [wide, wide]
    with pytest.raises(NestingError):
        rebuild_event({"a": wide})


@pytest.mark.parametrize("depth", [501, 5_000, 100_000])
def test_deep_values_are_refused(depth: int) -> None:
    """A value that nests too deeply raises NestingError, however deep it is."""
    value: Any = 1
    for _ in range(depth):
        value = [value]
    with pytest.raises(NestingError):
        ajson.dumps(value)


class Node(AlgObject):
    """An object that can hold itself."""

    def __init__(self) -> None:
        self.others: list[Any] = []

    @classmethod
    def parse_json(cls, json_dict: Any) -> Node:
        """Make a node of its attributes."""
        node = cls()
        node.others = json_dict["others"]
        return node


class Wrapper(AlgObject):
    """An object that holds another."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner

    @classmethod
    def parse_json(cls, json_dict: Any) -> Wrapper:
        """Make one of its attributes."""
        return cls(json_dict["inner"])


def cyclic(kind: str) -> Any:
    """Return a value that contains itself."""
    if kind == "object":
        node = Node()
        node.others.append({"again": node})
        return {"a": [1, node]}
    wide: list[Any] = []
    wide += [wide, wide]
    tied: dict[str, Any] = {"a": [0, {}]}
    tied["a"][1]["b c"] = tied["a"]
    return wide if kind == "list" else tied


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("list", r"^\$\[0\]: this list is the one at \$ again"),
        ("dict", r"^\$\.a\[1\]\['b c'\]: this list is the one at \$\.a again"),
        ("object", r"^\$\.a\[1\]\.others\[0\]\.again: this Node is the one at \$\.a\[1\] again"),
    ],
)
def test_a_value_inside_itself_is_named(kind: str, message: str) -> None:
    """A value that contains itself raises NestingError, which says where, and what it is."""
    with pytest.raises(NestingError, match=message):
        ajson.dumps(cyclic(kind))


NESTS: dict[str, tuple[int, Any]] = {
    "list": (1, lambda inner: [inner]),
    "dict": (1, lambda inner: {"a": inner}),
    "tuple": (2, lambda inner: (inner,)),
    "object": (2, Wrapper),
    "pairs": (3, lambda inner: {1: inner}),
}


@pytest.mark.parametrize("kind", NESTS)
def test_five_hundred_levels_are_sent_and_read(kind: str) -> None:
    """Whatever nests, 500 arrays and objects one in the other come back, and no more are sent."""
    levels, wrap = NESTS[kind]
    value: Any = 1
    for _ in range(500 // levels):
        value = wrap(value)
    assert ajson.dumps(ajson.loads(ajson.dumps(value))) == ajson.dumps(value)
    for _ in range(levels):
        value = wrap(value)
    with pytest.raises(NestingError, match="deeper than the 500 levels"):
        ajson.dumps(value)


def test_a_value_that_is_there_twice_is_no_cycle() -> None:
    """A value that is shared, also very often, is written each time."""
    shared: Any = [1]
    for _ in range(10):
        shared = [shared, shared]
    assert ajson.loads(ajson.dumps(shared)) == shared
    deep: Any = shared
    for _ in range(600):
        deep = [deep]
    with pytest.raises(NestingError, match="…") as caught:
        ajson.dumps([shared, deep])
    assert len(str(caught.value)) < 300


json_texts = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["set", "tuple", "dict", "decimal", "datetime", "float", "str"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["_alg_class", "_alg_module", "value", "tz", "iso", "timestamp"])
            | st.text(max_size=2),
            inner,
            max_size=4,
        )
    ),
    max_leaves=15,
)


@given(json_texts)
def test_any_json_is_read_or_refused_by_an_error_of_ours(tree: Any) -> None:
    """Whatever JSON comes in, it is read, or an error of this package says why not."""
    try:
        value = ajson.loads(json.dumps(tree))
    except SerializeError:
        return
    ajson.dumps(value)
