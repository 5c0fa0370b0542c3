"""The join of a group: what its steps ask of S3, and what they make of the answers."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4, uuid5

import pytest
from algernon_storage import LedgerError, MalformedObjectError
from algernon_storage.tally import (
    SMALL_BYTES,
    Await,
    Create,
    Find,
    Outer,
    Place,
    Publish,
    Seen,
    Tally,
    cancel,
    conclude,
    fail,
    join,
)

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable

PLACE = Place("our-bucket", "cache")
ELSEWHERE = Place("their-bucket", "cache")
RESULTS = b'{"_alg_class": "Results", "value": {}}'


class Store:
    """A store whose objects are written once, which answers what steps ask for."""

    def __init__(self) -> None:
        self.objects: dict[tuple[Place, str], Create] = {}
        self.finds: list[tuple[str, ...]] = []
        self.published: list[Tally] = []
        self.waits = 0

    def run(self, step: Generator[Any, Any, Any]) -> Any:
        """Do all that a step asks for, and return what it returns."""
        answer = None
        try:
            while True:
                answer = self.answer(step.send(answer))
        except StopIteration as stop:
            return stop.value

    def answer(self, request: Any) -> Any:
        """Do what one request asks for."""
        match request:
            case Find(place, names, most):
                self.finds.append(names)
                return tuple(self.seen(place, name, most) for name in names)
            case Create(place, name):
                return self.objects.setdefault((place, name), request) is request
            case Await(place, name):
                self.waits += 1
                return (place, name) in self.objects
            case Publish(tally):
                return self.published.append(tally)
        raise AssertionError(request)

    def seen(self, place: Place, name: str, most: int) -> Seen | None:
        """Return what a GET of an object says."""
        found = self.objects.get((place, name))
        if found is None:
            return None
        return Seen(found.kind, found.body if len(found.body) <= most else None)

    def write(self, place: Place, name: str, body: bytes = b"{}", kind: str = "done") -> None:
        """Write an object, as somebody else would."""
        assert self.answer(Create(place, name, body, kind)), name

    def write_header(self, tally: Tally) -> None:
        """Write the header of a group."""
        text = json.dumps({"tally": tally.as_json(), "blocks": []}).encode()
        self.write(tally.place, f"{tally.group_id}!header", text)

    def finish(self, tally: Tally, index: int, body: bytes = b"1") -> None:
        """Write a member's leaf, and do its join step."""
        self.write(tally.place, tally.leaf_name(index), body)
        self.run(join(tally, {index: body}))

    def kind(self, place: Place, name: str) -> str | None:
        """Return of what kind an object is, or None where there is none."""
        found = self.objects.get((place, name))
        return None if found is None else found.kind

    def verdict(self, tally: Tally) -> str | None:
        """Return what came of a group."""
        return self.kind(tally.place, f"{tally.group_id}!done")


@pytest.fixture
def store() -> Store:
    """An empty store."""
    return Store()


def group(size: int, *, family: int = 32, then: bool = True, outer: Outer | None = None) -> Tally:
    """Return the tally of a new group."""
    return Tally(str(uuid4()), PLACE, size, family, then, outer)


def member_of(tally: Tally, index: int) -> Outer:
    """Return what waits for a group that a member of another group returned."""
    result_id = tally.leaf_name(index).removesuffix("!done")
    return Outer(result_id, tally.place, tally.group_id, index, RESULTS)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 8, 9, 27, 32])
@pytest.mark.parametrize("family", [2, 3, 32])
def test_the_last_member_joins(store: Store, size: int, family: int) -> None:
    """The join Task is published once, by whichever member is done last, and not before."""
    tally = group(size, family=family)
    for index in range(size):
        assert store.published == []
        store.finish(tally, index)
    assert store.published == [tally]
    assert store.verdict(tally) == "joined"
    assert store.kind(PLACE, f"{tally.group_id}!sent") == "done"


def test_a_group_without_members_joins_at_once(store: Store) -> None:
    """There is nothing to wait for."""
    tally = group(0)
    store.run(join(tally, {}))
    assert store.published == [tally]


def test_a_member_looks_for_the_rest_of_its_family_from_its_end(store: Store) -> None:
    """Members are sent in order, so the last one is missing longest: most need one request."""
    tally = group(32)
    for index in range(31):
        store.finish(tally, index)
    last = tally.leaf_name(31)
    assert store.finds == [(last,)] * 31


def test_a_family_is_looked_for_in_windows_that_double(store: Store) -> None:
    """Few are asked for while one is likely to be missing, and many while none is."""
    tally = group(32)
    for index in range(32):
        store.finish(tally, index)
    assert [len(names) for names in store.finds[-5:]] == [1, 2, 4, 8, 16]


def test_a_join_asks_s3_for_little_whatever_its_size(store: Store) -> None:
    """Where members end in any order, a member needs 5.2 GET and 0.03 PUT on average."""
    members = 10_000
    tally = group(members)
    order = [*range(members)]
    Random(1).shuffle(order)
    for index in order:
        store.finish(tally, index)
    assert store.published == [tally]
    found = sum(len(names) for names in store.finds)
    # Each member's own leaf is what its Task leaves anyway.
    written = len(store.objects) - members
    assert 5 < found / members < 5.3
    assert 0.03 < written / members < 0.033


def test_a_join_in_the_order_in_which_members_were_sent_asks_for_less(store: Store) -> None:
    """The last one of a family is missing until all others are there."""
    tally = group(1024)
    for index in range(1024):
        store.finish(tally, index)
    assert sum(len(names) for names in store.finds) < 2.1 * 1024


def test_members_of_one_family_join_by_one_step(store: Store) -> None:
    """What a batch has finished together is looked for by none of them."""
    tally = group(3)
    for index in range(3):
        store.write(PLACE, tally.leaf_name(index))
    store.run(join(tally, {0: b"1", 2: None}))
    assert store.published == [tally]
    assert store.finds == [(tally.leaf_name(1),)]


def test_a_node_that_is_there_already_stops_nobody(store: Store) -> None:
    """Whoever wrote it may have died, so the next one goes on in its place."""
    tally = group(2)
    for index in range(2):
        store.write(PLACE, tally.leaf_name(index))
    store.write(PLACE, f"{tally.group_id}!node1-0")
    store.run(join(tally, {0: b"1"}))
    assert store.published == [tally]


@pytest.mark.parametrize("kind", ["cancelled", "expired", "failed"])
def test_only_what_is_done_counts(store: Store, kind: str) -> None:
    """A member that was cancelled, expired or failed isn't joined."""
    tally = group(2)
    store.write(PLACE, tally.leaf_name(1), kind=kind)
    store.finish(tally, 0)
    assert store.verdict(tally) is None


def test_the_first_node_has_the_small_results(store: Store) -> None:
    """It carries each result that is small, as long as all of them are."""
    tally = group(26, family=30)
    large = b'"%b"' % (b"x" * SMALL_BYTES)
    small = b'"%b"' % (b"x" * 4000)
    for index in range(26):
        store.finish(tally, index, large if index == 3 else small)
    node = json.loads(store.objects[PLACE, f"{tally.group_id}!node1-0"].body)
    # Sixteen of them fill 64 KiB.
    assert node == {"results": {str(i): "x" * 4000 for i in range(17) if i != 3}}


def test_a_published_join_is_not_published_again(store: Store) -> None:
    """Who finds the group joined waits for the word that its join Task is published."""
    tally = group(2)
    store.finish(tally, 0)
    store.finish(tally, 1)
    store.run(join(tally, {1: b"1"}))
    store.run(conclude(tally))
    assert len(store.published) == 1
    assert store.waits == 2


def test_a_join_that_nobody_published_is_published_by_who_finds_it(store: Store) -> None:
    """Who joined it may have died before."""
    tally = group(1)
    store.write(PLACE, tally.leaf_name(0))
    store.write(PLACE, f"{tally.group_id}!done", kind="joined")
    store.run(join(tally, {0: b"1"}))
    assert store.published == [tally]
    assert store.waits == 1


def test_a_cancelled_group_is_never_joined(store: Store) -> None:
    """A cancel is in time as long as the group has no verdict, and says so."""
    tally = group(1)
    assert store.run(cancel(tally)) is True
    assert store.run(cancel(tally)) is False
    store.finish(tally, 0)
    store.run(conclude(tally))
    assert store.verdict(tally) == "cancelled"
    assert store.published == []


def test_a_joined_group_cannot_be_cancelled(store: Store) -> None:
    """It is too late, and the canceller doesn't publish anything."""
    tally = group(1)
    store.write(PLACE, f"{tally.group_id}!done", kind="joined")
    assert store.run(cancel(tally)) is False
    assert store.published == []


def test_a_failed_group_says_why(store: Store) -> None:
    """The verdict has the failure in the form of a Task's."""
    tally = group(2)
    store.run(fail(tally))
    failure = json.loads(store.objects[PLACE, f"{tally.group_id}!done"].body)
    assert store.verdict(tally) == "failed"
    assert set(failure) == {"error", "reason", "task_id", "attempts", "task_name"}
    assert failure["task_id"] == tally.group_id


def test_a_chain_that_waits_for_a_group_gets_its_results(store: Store) -> None:
    """Without a Task that follows, what waits for the group has its results as its own."""
    tally = group(1, then=False, outer=Outer("the-chain", ELSEWHERE, results=RESULTS))
    store.finish(tally, 0)
    assert store.objects[ELSEWHERE, "the-chain!done"] == Create(
        ELSEWHERE, "the-chain!done", RESULTS, "done", is_kept=True
    )
    assert store.published == []


@pytest.mark.parametrize("then", [False, True])
def test_a_chain_that_waits_for_a_group_ends_with_it(store: Store, then: bool) -> None:
    """Where the group fails or is cancelled, so does what waits for it."""
    for step, kind in ((fail, "failed"), (cancel, "cancelled")):
        tally = group(2, then=then, outer=Outer(kind, ELSEWHERE))
        store.run(step(tally))
        assert store.kind(ELSEWHERE, f"{kind}!done") == kind


def test_a_task_that_follows_has_the_word(store: Store) -> None:
    """A joined group with a Task that gets its results leaves what waits to that one."""
    tally = group(1, outer=Outer("the-chain", ELSEWHERE))
    store.finish(tally, 0)
    assert store.kind(ELSEWHERE, "the-chain!done") is None


def test_groups_within_groups_join_outward(store: Store) -> None:
    """A member that returned a group is done when that one is, and may be the last."""
    outermost = group(2)
    middle = group(2, then=False, outer=member_of(outermost, 1))
    inner = group(1, then=False, outer=member_of(middle, 0))
    for tally in (outermost, middle):
        store.write_header(tally)
    store.finish(outermost, 0)
    store.finish(inner, 0)
    assert store.verdict(inner) == "joined"
    assert store.verdict(middle) is None
    store.finish(middle, 1)
    assert store.published == [outermost]
    assert store.objects[PLACE, outermost.leaf_name(1)].body == RESULTS


@pytest.mark.parametrize("step", [fail, cancel])
def test_groups_within_groups_fail_outward(store: Store, step: Any) -> None:
    """Where one fails or is cancelled, those around it fail."""
    outermost = group(2)
    middle = group(2, then=True, outer=member_of(outermost, 1))
    inner = group(2, then=False, outer=member_of(middle, 0))
    for tally in (outermost, middle):
        store.write_header(tally)
    store.run(step(inner))
    assert store.verdict(middle) == "failed"
    assert store.verdict(outermost) == "failed"
    assert store.published == []


def test_a_member_that_was_cancelled_before_its_group_ended_stays_so(store: Store) -> None:
    """The outcome that is there first decides what becomes of the group around."""
    outer = group(1)
    inner = group(1, then=False, outer=member_of(outer, 0))
    store.write_header(outer)
    store.write(PLACE, outer.leaf_name(0), kind="cancelled")
    store.finish(inner, 0)
    assert store.verdict(inner) == "joined"
    assert store.verdict(outer) == "failed"


def test_a_leaf_is_where_its_member_has_its_id() -> None:
    """Its name is made of the group's id and the member's index alone."""
    tally = group(2)
    assert tally.leaf_name(1) == f"{uuid5(UUID(tally.group_id), '1')}!done"


@pytest.mark.parametrize(
    "tally",
    [
        Tally("g", PLACE, 0),
        Tally("g", PLACE, 7, 2, True, Outer("r", ELSEWHERE)),
        Tally("g", PLACE, 7, 2, False, Outer("r", ELSEWHERE, "h", 3, RESULTS)),
    ],
)
def test_a_header_says_what_its_tally_is(tally: Tally) -> None:
    """What is written of a tally is read as the same one."""
    noted = json.loads(json.dumps(tally.as_json()))
    assert Tally.of(tally.group_id, tally.place, noted) == tally


@pytest.mark.parametrize(
    "noted",
    [
        None,
        {},
        {"size": -1, "family": 32, "then": True, "outer": None},
        {"size": 1, "family": 1, "then": True, "outer": None},
        {"size": "1", "family": 32, "then": True, "outer": None},
        {"size": 1, "family": 32, "then": True, "outer": {"result_id": "r"}},
    ],
)
def test_what_is_no_tally_is_refused(noted: Any) -> None:
    """The error names the group, and what stands there."""
    with pytest.raises(MalformedObjectError, match=r"the header of the group g"):
        Tally.of("g", PLACE, noted)


@pytest.mark.parametrize("indices", [[], [2], [-1], [0, 7]])
def test_a_member_that_the_group_does_not_have_joins_nothing(
    store: Store, indices: Iterable[int]
) -> None:
    """A made-up index is of a family that nobody is in, which would be complete."""
    tally = group(2)
    with pytest.raises(LedgerError, match="has 2 members"):
        store.run(join(tally, dict.fromkeys(indices)))
    assert store.objects == {}


def test_members_of_two_families_are_no_step(store: Store) -> None:
    """Each family is looked for by itself."""
    with pytest.raises(LedgerError, match="aren't of one family"):
        store.run(join(group(4, family=2), {1: None, 2: None}))


@pytest.mark.parametrize("header", [None, b"{", b"7", b'{"tally": 7}'])
def test_a_group_around_whose_header_is_gone_or_spoilt_fails_the_step(
    store: Store, header: bytes | None
) -> None:
    """A member isn't acknowledged as if nothing waited for it."""
    outer = group(1)
    inner = group(1, then=False, outer=member_of(outer, 0))
    if header is not None:
        store.write(PLACE, f"{outer.group_id}!header", header)
    store.write(PLACE, inner.leaf_name(0))
    with pytest.raises((LedgerError, MalformedObjectError), match=outer.group_id):
        store.run(join(inner, {0: b"1"}))


def test_a_group_that_waits_for_itself_ends_in_an_error(store: Store) -> None:
    """A circle, which only a made-up membership can close, is walked once."""
    tally = group(1, then=False)
    tally = Tally(tally.group_id, PLACE, 1, outer=member_of(tally, 0))
    store.write_header(tally)
    store.write(PLACE, tally.leaf_name(0))
    with pytest.raises(MalformedObjectError, match="waits for itself"):
        store.run(join(tally, {0: b"1"}))


def test_a_verdict_that_is_none_is_refused(store: Store) -> None:
    """What else was written in its place is named, and nothing follows from it."""
    tally = group(1)
    store.write(PLACE, f"{tally.group_id}!done", kind="done")
    with pytest.raises(LedgerError, match="of the kind 'done'"):
        store.run(conclude(tally))


class Forgetful(Store):
    """A store that says of each object that it is there when it is written, and gone else."""

    def answer(self, request: Any) -> Any:
        """Do what one request asks for."""
        return False if isinstance(request, Create) else (None,)


def test_a_verdict_that_vanishes_fails_the_step() -> None:
    """An object that is there when it is written, and gone when it is looked at, is told of."""
    with pytest.raises(LedgerError, match="is gone"):
        Forgetful().run(fail(group(1)))
    with pytest.raises(LedgerError, match="is gone"):
        Forgetful().run(conclude(group(1)))
