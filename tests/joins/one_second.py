"""Groups whose members all end within a second: how often their join Task is published.

Nothing goes wrong, and each member is a worker's only one, so that as many as can be meet.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Any
from uuid import UUID

from algernon_storage.tally import (
    Await,
    Create,
    Find,
    Place,
    Publish,
    Seen,
    Step,
    Tally,
    join,
)

# The seconds that a call takes, from which one is drawn.
_GET = (0.008, 0.040)
_PUT = (0.015, 0.080)
_PUBLISH = (0.010, 0.050)
_POLL_SECONDS = 0.05


@dataclass
class Store:
    """A store whose calls take time, somewhere within which they have their effect."""

    random: Random
    now: float = 0.0
    kinds: dict[str, str] = field(default_factory=dict)
    published: int = 0
    _events: list[tuple[float, int, Generator[float, None, None]]] = field(default_factory=list)
    _numbers: Any = field(default_factory=count)

    def begin(self, member: Generator[float, None, None]) -> None:
        """Have a member do its work; it gives the seconds that it waits."""
        heappush(self._events, (self.now, next(self._numbers), member))

    def run(self) -> None:
        """Go on until all members are through."""
        while self._events:
            self.now, _, member = heappop(self._events)
            seconds = next(member, None)
            if seconds is not None:
                heappush(self._events, (self.now + seconds, next(self._numbers), member))

    def create(self, name: str, kind: str) -> Generator[float, None, bool]:
        """Write an object unless one is there."""
        before, after = self._parts(_PUT)
        yield before
        is_new = name not in self.kinds
        self.kinds.setdefault(name, kind)
        yield after
        return is_new

    def find(self, names: tuple[str, ...]) -> Generator[float, None, tuple[Seen | None, ...]]:
        """Look for objects, all at once; the slowest one decides."""
        begun = self.now
        parts = [self._parts(_GET) for _ in names]
        found: list[Seen | None] = [None] * len(names)
        for before, index in sorted((before, i) for i, (before, _) in enumerate(parts)):
            yield begun + before - self.now
            kind = self.kinds.get(names[index])
            found[index] = None if kind is None else Seen(kind)
        yield begun + max(map(sum, parts)) - self.now
        return tuple(found)

    def answer(self, request: Any) -> Generator[float, None, Any]:
        """Do what a step asks for."""
        match request:
            case Find(_, names):
                return (yield from self.find(names))
            case Create(_, name, _, kind):
                return (yield from self.create(name, kind))
            case Await(_, name, seconds):
                end = self.now + seconds
                while self.now < end:
                    if (yield from self.find((name,)))[0]:
                        return True
                    yield _POLL_SECONDS
                return False
            case Publish():
                before, after = self._parts(_PUBLISH)
                yield before
                self.published += 1
                yield after
                return None
        raise AssertionError(request)

    def _parts(self, seconds: tuple[float, float]) -> tuple[float, float]:
        """Return how long a call takes until it has its effect, and from then on."""
        whole = self.random.uniform(*seconds)
        before = self.random.uniform(0, whole)
        return before, whole - before


def _member(store: Store, tally: Tally, index: int, *, publishes_at_the_root: bool) -> Any:
    yield store.random.random()
    yield from store.create(tally.leaf_name(index), "done")
    step: Step = join(tally, {index: b"1"})
    answer: Any = None
    while True:
        try:
            request = step.send(answer)
        except StopIteration:
            return
        is_verdict = isinstance(request, Create) and request.name == tally.verdict_name
        if is_verdict and publishes_at_the_root:
            request = Publish(tally)
            step.close()
        answer = yield from store.answer(request)


def published(
    groups: int, size: int, *, seed: int, publishes_at_the_root: bool = False
) -> Counter[int]:
    """Return how many groups published their join Task how often.

    Args:
        groups: How many groups there are.
        size: How many members each has.
        seed: Decides what takes how long.
        publishes_at_the_root: Whether each member that comes to the root publishes, as it
            would be without a verdict.
    """
    random = Random(seed)
    counted: Counter[int] = Counter()
    for _ in range(groups):
        store = Store(random)
        group_id = str(UUID(int=random.getrandbits(128), version=4))
        tally = Tally(group_id, Place("our-bucket", "cache"), size, has_then=True)
        for index in range(size):
            store.begin(_member(store, tally, index, publishes_at_the_root=publishes_at_the_root))
        store.run()
        counted[store.published] += 1
    return counted
