"""What was read as plain JSON is written as it stood; what a user made is data."""

from __future__ import annotations

import copy
import importlib.util
import json
from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from algernon_serialize import AlgObject, NestingError, ajson, json_text, rebuild_event
from hypothesis import example, given
from hypothesis import strategies as st

from .values import Box, same, values

COPIES: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "itself": lambda tree: tree,
    "dict()": dict,
    "{**}": lambda tree: {**tree},
    "|": lambda tree: {} | tree,
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "comprehension": lambda tree: {str(key): item for key, item in tree.items()},
    "keywords": lambda tree: dict(**tree),
}

LOOKALIKE = {"_alg_class": "set", "value": [1]}


def deepest(value: Any) -> Any:
    """Return a value in as many lists as it can be sent in."""
    for _ in range(495):
        value = [value]
    while True:
        try:
            ajson.dumps([value])
        except NestingError:
            return value
        value = [value]


def unread(value: Any) -> Any:
    """Return the plain JSON of a value, as a reader has it who doesn't rebuild it."""
    return ajson.loads(ajson.dumps(value), rebuild=False)


def copied(tree: Any, copy_of: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
    """Return plain JSON with each of its dicts replaced by a copy, as code that goes through it."""
    if type(tree) is dict:
        return copy_of({key: copied(item, copy_of) for key, item in tree.items()})
    return [copied(item, copy_of) for item in tree] if type(tree) is list else tree


def parts_of(tree: Any) -> list[Any]:
    """Return plain JSON and all that is in it."""
    items = tree.values() if type(tree) is dict else tree if type(tree) is list else ()
    return [tree, *(part for item in items for part in parts_of(item))]


def written_in_both_ways(value: Any) -> str:
    """Return the text of a value, which is the same with orjson and without."""
    text = ajson.dumps(value)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_text, "_orjson", lambda: None)
        assert ajson.dumps(value) == text
    return text


@given(values)
@example(datetime(2026, 1, 2, tzinfo=UTC))
@example([float("nan"), "\ud800", 2**70, 1e-7, {"_alg_class": 1, 2: (3,)}])
def test_what_was_read_is_written_as_it_stood(value: Any) -> None:
    """The plain JSON of any value is written as the value itself, whoever writes it."""
    text = ajson.dumps(value)
    tree = ajson.loads(text, rebuild=False)
    assert written_in_both_ways(tree) == text
    assert same(tree, json.loads(text))
    assert same(ajson.loads(ajson.dumps({"a": [tree], "b": 1})), {"a": [value], "b": 1})


@given(values)
def test_texts_for_people_are_written_as_they_stood_too(value: Any) -> None:
    """Indented and sorted, sets too, the plain JSON of a value is written as the value itself."""
    options: dict[str, Any] = {"indent": 1, "sort_keys": True}
    assert ajson.dumps(unread(value), **options) == ajson.dumps(value, **options)


def test_sorting_leaves_what_was_read_as_it_is() -> None:
    """The items of a set that was read are sorted in the text, and not in place."""
    tree = ajson.loads('{"_alg_class":"set","value":[[3],[1]]}', rebuild=False)
    assert ajson.dumps(tree, sort_keys=True) == '{"_alg_class": "set", "value": [[1], [3]]}'
    assert tree["value"] == [[3], [1]]


@given(values)
def test_each_part_is_written_as_it_stood(value: Any) -> None:
    """A part of what was read is written as it stands in the text, in whatever it is put."""
    text = ajson.dumps(value)
    for part in parts_of(ajson.loads(text, rebuild=False)):
        own_text = json.dumps(part, ensure_ascii=False, separators=(",", ":"))
        assert own_text in text
        assert ajson.dumps([part]) == f"[{own_text}]"


@given(values, st.sampled_from([*COPIES]))
def test_a_copy_is_written_as_it_stood(value: Any, name: str) -> None:
    """Copies of what was read, made in any way that keeps keys, are written as it stood."""
    tree = copied(unread(value), COPIES[name])
    assert written_in_both_ways(tree) == ajson.dumps(value)


@pytest.mark.parametrize("name", COPIES)
def test_every_way_to_copy_keeps_tags(name: str) -> None:
    """Copied level by level in each of these ways, what was read stands for the same value."""
    value = {"price": Decimal("9.90"), "pairs": [(1, (2,))], "mine": {**LOOKALIKE}, "box": Box({1})}
    assert same(ajson.loads(ajson.dumps(copied(unread(value), COPIES[name]))), value)


def test_real_objects_travel_beside_and_inside_of_what_was_read() -> None:
    """What is put into plain JSON is written as ever, tags around it as they stood."""
    tree = unread({"pair": (1, [2]), "box": Box(None)})
    tree["pair"]["value"][1].append({3})
    tree["box"]["value"]["_content"] = Decimal("1.50")
    tree["more"] = LOOKALIKE
    inside = {"deque": deque([tree["pair"]]), "ordered": OrderedDict(a=(tree["box"], LOOKALIKE))}
    back_inside = ajson.loads(written_in_both_ways(inside))
    assert same(back_inside["deque"], deque([(1, [2, {3}])]))
    assert same(back_inside["ordered"], OrderedDict(a=(Box(Decimal("1.50")), LOOKALIKE)))
    back = ajson.loads(written_in_both_ways(tree))
    assert same(back, {"pair": (1, [2, {3}]), "box": Box(Decimal("1.50")), "more": {**LOOKALIKE}})


@pytest.mark.parametrize("read", [json.loads, eval])
def test_what_a_user_made_is_data(read: Any) -> None:
    """A dict of a user's own that looks like a tag comes back as it is, also beside tags."""
    mine = read(json.dumps({"set": LOOKALIKE, "deep": [{"tuple": [LOOKALIKE]}]}))
    assert same(ajson.loads(written_in_both_ways({**mine, "more": 1})), {**mine, "more": 1})
    both = {"read": unread({1, 2}), "made": mine}
    assert same(ajson.loads(written_in_both_ways(both)), {"read": {1, 2}, "made": mine})


def test_names_out_of_a_tag_make_no_tag() -> None:
    """A dict made of what a tag says, under keys of the user's own, is the user's."""
    tag = unread((1, 2))
    mine = {"_alg_class": tag["_alg_class"], "value": tag["value"]}
    assert ajson.loads(ajson.dumps(mine)) == {"_alg_class": "tuple", "value": [1, 2]}


@pytest.mark.parametrize(
    "tree",
    [
        {"_alg_class": "set"},
        {"_alg_class": "set", "value": 1},
        {"_alg_class": "set", "value": [2, 1], "extra": 1},
        {"value": [], "_alg_class": "what a newer version writes", "form": {"_alg_class": "x"}},
        {"_alg_class": ["set"], "value": 1},
        {"_alg_class": {"_alg_class": None}},
        {"_alg_class": "dict", "value": [[1, 2], [1, 3]]},
        {"_alg_class": 1, "_alg_module": 2, "value": 3},
        {"_alg_class": "Popen", "_alg_module": "subprocess", "value": {"args": ["id"]}},
        {"_alg_class": "dict", "value": {"_alg_class": "decimal", "value": "1"}},
    ],
    ids=json.dumps,
)
def test_forged_and_unknown_tags_go_on_as_they_stood(tree: dict[str, Any]) -> None:
    """What no reader here could rebuild is for the next reader to judge, as if sent straight."""
    text = json.dumps({"rows": [0, tree]}, separators=(",", ":"))
    assert written_in_both_ways(ajson.loads(text, rebuild=False)) == text
    readable = ajson.dumps(ajson.loads(text, rebuild=False), sort_keys=True, indent=1)
    assert json.loads(readable) == json.loads(text)


def test_a_tag_whose_key_was_escaped_goes_on() -> None:
    """A tag whose key is written with an escape is a tag of what was read, like any other."""
    tree = ajson.loads('[{"\\u005falg_class":"tuple","value":[1]}]', rebuild=False)
    assert ajson.loads(written_in_both_ways(tree)) == [(1,)]


def test_an_object_s_attributes_are_its_own() -> None:
    """An object that takes a tag's parts as its attributes comes back with those attributes."""

    class Parts(AlgObject):
        """It has whatever attributes it is made of."""

        def __init__(self, **attributes: Any) -> None:
            self.__dict__.update(attributes)

        @classmethod
        def parse_json(cls, json_dict: Any) -> Parts:
            """Make one of its attributes."""
            return cls(**json_dict)

    parts = Parts(**unread(Decimal("1.50")))
    back = ajson.loads(written_in_both_ways([parts]))
    assert [vars(one) for one in back] == [{"_alg_class": "decimal", "value": "1.50"}]


@pytest.mark.parametrize(
    "leaf",
    [
        Decimal(1),
        "\ud800",
        timedelta(1),
        datetime(2026, 1, 1, tzinfo=UTC),
        (),
        set(),
        {1: 2},
        OrderedDict(a=1),
        Box(1),
    ],
    ids=lambda leaf: type(leaf).__name__,
)
def test_what_was_sent_at_the_last_level_goes_on(leaf: Any) -> None:
    """What nests as deep as is ever sent can be handed on, and no deeper."""
    text = ajson.dumps(deepest(leaf))
    assert written_in_both_ways(ajson.loads(text, rebuild=False)) == text
    with pytest.raises(NestingError):
        ajson.dumps([ajson.loads(text, rebuild=False)])


def test_other_writers_find_plain_json() -> None:
    """What was read, and what was rebuilt of a user's own, is made of plain types for anybody."""
    event = unread({"pair": (1, 2), "mine": LOOKALIKE})
    trees = [event, rebuild_event({"mine": event["mine"]})]
    for tree in trees:
        assert json.loads(json.dumps(tree)) == tree
        if importlib.util.find_spec("orjson"):
            import orjson

            assert orjson.loads(orjson.dumps(tree)) == tree
        assert {type(part) for part in parts_of(tree)} <= {dict, list, str, int}
        dicts = [part for part in parts_of(tree) if type(part) is dict]
        assert {type(key) for one in dicts for key in one} == {str}


@given(st.dictionaries(st.text(), values, max_size=3))
@example({"task_kwargs": {"mine": LOOKALIKE, "rows": [{"_alg_class": "tuple", "value": [1]}]}})
@example({"task_kwargs": {"_alg_class": "tuple", "value": [1]}})
@example({"pair": (LOOKALIKE, {"_alg_class": 1})})
@example({"ordered": OrderedDict(LOOKALIKE)})
def test_a_rebuilt_event_is_like_any_value(event: dict[str, Any]) -> None:
    """A rebuilt message can be sent, copied and rebuilt again, also in parts, and is the same."""
    rebuilt = rebuild_event(unread(event))
    assert same(rebuilt, event)
    assert written_in_both_ways(rebuilt) == ajson.dumps(ajson.loads(ajson.dumps(event)))
    for again in (rebuilt, dict(rebuilt), {**rebuilt}, copy.deepcopy(rebuilt)):
        assert same(rebuild_event(again), event)
        assert same(rebuild_event(rebuild_event({"in": [again]})), {"in": [event]})


@given(values)
def test_what_was_loaded_is_not_rebuilt(value: Any) -> None:
    """What `loads` has rebuilt stays as it is in a message that is rebuilt."""
    loaded = ajson.loads(ajson.dumps(value))
    assert same(rebuild_event({"value": loaded, "copy": copy.deepcopy(loaded)})["value"], value)


def test_parts_of_tuples_stay_data_too() -> None:
    """A user's own dict is data wherever in a rebuilt message it was taken from."""
    own = {"_alg_class": "decimal", "value": "1"}
    rebuilt = rebuild_event(
        unread({"a": (own,), "b": Box(own), "c": OrderedDict(own), "d": {1: [own]}})
    )
    taken = {
        "a": rebuilt["a"][0],
        "b": vars(rebuilt["b"])["_content"],
        "c": dict(rebuilt["c"]),
        "d": rebuilt["d"][1],
    }
    assert rebuild_event(taken) == {"a": own, "b": own, "c": own, "d": [own]}


def test_what_is_added_to_a_rebuilt_event_is_rebuilt() -> None:
    """Plain JSON that is put into a rebuilt message, also into a user's own dict, is rebuilt."""
    rebuilt = rebuild_event(unread({"mine": LOOKALIKE, "rows": [LOOKALIKE]}))
    rebuilt["mine"]["value"].append({"_alg_class": "tuple", "value": [2]})
    rebuilt["rows"].append({"_alg_class": "tuple", "value": [3]})
    assert rebuild_event(rebuilt) == {
        "mine": {"_alg_class": "set", "value": [1, (2,)]},
        "rows": [LOOKALIKE, (3,)],
    }


def test_rebuilding_leaves_what_was_read_as_it_is() -> None:
    """A message is handed on as it stood also after it was rebuilt."""
    event = unread({"pair": (1, 2), "mine": LOOKALIKE})
    text = ajson.dumps(event)
    rebuild_event(event)
    assert written_in_both_ways(event) == text
