"""A store, queues and workers in which what happens next is chosen from outside.

A state is a value: whoever tries all orders goes on from each one in every way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal, NamedTuple, TypeAlias

from algernon_storage.tally import Await, Create, Find, Publish, Seen, Tally

from .scenario import Cancel, Job, Scenario
from .worker import Acknowledge, Claim, Count, Program, Run, Send, Settle, Worker

#: What a queue knows of a message: it isn't sent, waits for its first delivery or for another
#: one, is deleted, or lies in the dead-letter queue.
Message: TypeAlias = Literal["unsent", "new", "again", "acknowledged", "dead"]
MAX_COUNTED = 3


class Point:
    """How far a delivery got: what it was answered until now, and what it asks for next.

    Args:
        start: Begins the delivery's program anew.
        numbers: Gives each point a number.
        actors: The numbers of its messages, or of its canceller.
        answers: What it was answered.
        program: The program, which has been sent them.
    """

    __slots__ = (
        "_next",
        "_numbers",
        "_program",
        "_start",
        "actors",
        "answers",
        "endings",
        "number",
        "request",
    )

    def __init__(
        self,
        start: Callable[[], Program],
        numbers: Iterator[int],
        actors: tuple[int, ...],
        answers: tuple[Any, ...] = (),
        program: Program | None = None,
    ) -> None:
        self._start = start
        self._numbers = numbers
        self._next: dict[Any, Point] = {}
        self.number = next(numbers)
        self.actors = actors
        self.answers = answers
        self.request: Any = None
        self.endings: Sequence[str] | None = None
        *before, last = (None, *answers)
        if program is None:
            program = start()
            for answer in before:
                program.send(answer)
        self._program: Program | None = program
        try:
            self.request = program.send(last)
        except StopIteration as stop:
            self.endings = stop.value
            self._program = None

    def after(self, answer: Any) -> Point:
        """Return the point that an answer leads to."""
        point = self._next.get(answer)
        if point is None:
            program, self._program = self._program, None
            answers = (*self.answers, answer)
            point = Point(self._start, self._numbers, self.actors, answers, program)
            self._next[answer] = point
        return point


class Delivery(NamedTuple):
    """A delivery that is being worked on.

    Attributes:
        point: How far it got.
        found: What was found of what it looks for at once.
        claims: The claims that it holds, as bits.
    """

    point: Point
    found: tuple[Seen | None, ...] = ()
    claims: int = 0


class State(NamedTuple):
    """All that there is at a moment.

    Attributes:
        objects: Those that are in the store, as bits.
        held: The claims of the ledger that somebody holds, as bits.
        lapsed: Those that nobody holds any more.
        messages: What the queues know of each message.
        cancels_left: The cancellers that may still come.
        deliveries: Those that are being worked on, whichever began first.
        published: How often the join Task of each group was published.
        crashes_left: How many workers may still die; None for any number of them.
        duplicates_left: How many deliveries too many there may still be.
        failures_left: How many Tasks may still fail.
        lost_left: How many answers may still get lost.
        counters: What counters say.
    """

    objects: int
    held: int
    lapsed: int
    messages: tuple[Message, ...]
    cancels_left: tuple[int, ...]
    deliveries: tuple[Delivery, ...]
    published: tuple[int, ...]
    crashes_left: int | None
    duplicates_left: int
    failures_left: int
    lost_left: int
    counters: tuple[int, ...]


#: A move: what happens, to which delivery or batch.
Move: TypeAlias = tuple[str, Any]


@dataclass
class Findings:
    """What was found wrong.

    Attributes:
        early: Joins before all members were done, or after another verdict.
        lost: Ends at which something waits, and no message is left that could end that.
    """

    early: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return bool(self.early or self.lost)


class World:
    """Where a scenario takes place.

    Args:
        scenario: The scenario.
        worker: Who works on its messages.
    """

    def __init__(self, scenario: Scenario, worker: Worker) -> None:
        self.scenario = scenario
        self.findings = Findings()
        self._worker = worker
        self._jobs: list[Job] = list(scenario.jobs.values())
        self._numbers = {job.name: number for number, job in enumerate(self._jobs)}
        self._groups = list(scenario.groups.values())
        self._group_numbers = {tally.group_id: i for i, tally in enumerate(self._groups)}
        self._starts: dict[tuple[Any, ...], Point] = {}
        self._point_numbers = count()
        # Each object is a bit, which stands for its name and kind.
        self._bits: dict[tuple[Any, ...], dict[str, int]] = {}
        self._bodies: dict[int, bytes] = {}
        self._claims: dict[str, int] = {}
        self._leaves = {
            tally.group_id: [tally.leaf_name(index) for index in range(tally.size)]
            for tally in self._groups
        }
        self.batches = [
            tuple(self._numbers[name] for name in names)
            for names in [*([name] for name in scenario.jobs), *scenario.batches]
        ]

    def begin(self) -> State:
        """Return the state in which everything begins."""
        scenario = self.scenario
        objects = 0
        returned = {job.returns.group_id for job in self._jobs if job.returns}
        for tally in self._groups:
            if tally.group_id not in returned:
                header = self._worker.header(tally)
                objects |= self._bit(header.place, header.name, header.kind, header.body)
        sent = set(scenario.sent)
        return State(
            objects=objects,
            held=0,
            lapsed=0,
            messages=tuple("new" if job.name in sent else "unsent" for job in self._jobs),
            cancels_left=tuple(range(len(scenario.cancels))),
            deliveries=(),
            published=(0,) * len(self._groups),
            crashes_left=scenario.crashes,
            duplicates_left=scenario.duplicates,
            failures_left=scenario.failures,
            lost_left=scenario.lost_answers,
            counters=(0,) * len(self._groups),
        )

    def moves(self, state: State) -> Iterator[Move]:
        """Give all that can happen next."""
        yield from (("deliver", batch) for batch in self.batches if self.may_start(state, batch))
        yield from (("redrive", n) for n, known in enumerate(state.messages) if known == "dead")
        yield from (("cancel", number) for number in self.cancels(state))
        for delivery in set(state.deliveries):
            yield "step", delivery
            if state.crashes_left != 0:
                yield "crash", delivery
            request = delivery.point.request
            if isinstance(request, Run) and state.failures_left:
                yield "fail", delivery
            if isinstance(request, Create) and state.lost_left:
                yield "lose answer", delivery

    def cancels(self, state: State) -> list[int]:
        """Return the cancellers that may come now: nobody knows of a group that isn't begun."""
        return [
            number
            for number in state.cancels_left
            if self._is_begun(state, self.scenario.cancels[number].group)
        ]

    def waiting(self, state: State) -> list[int]:
        """Return the messages that may be delivered, other than once more."""
        busy = {actor for delivery in state.deliveries for actor in delivery.point.actors}
        return [
            number
            for number, known in enumerate(state.messages)
            if known in ("new", "again") and number not in busy
        ]

    def may_start(self, state: State, batch: tuple[int, ...]) -> bool:
        """Tell whether the messages of a batch may be delivered now."""
        busy = {actor for delivery in state.deliveries for actor in delivery.point.actors}
        for number in batch:
            known = state.messages[number]
            if known not in ("new", "again") or number in busy:
                # Only a message that was delivered once is delivered once more.
                may_come_again = known in ("again", "acknowledged")
                if not (may_come_again and state.duplicates_left and len(batch) == 1):
                    return False
        return True

    def after(self, state: State, move: Move) -> State:
        """Return the state that a move leads to, up to where it matters what happens next.

        What is there stays there, so whether somebody looks for it now or later changes nothing,
        for nobody: that is done at once.
        """
        state = self._after(state, move)
        while True:
            for delivery in state.deliveries:
                if self._is_certain(state, delivery.point.request, len(delivery.found)):
                    state = self._step(state, delivery)
                    break
            else:
                return state

    def _is_certain(self, state: State, request: Any, found: int) -> bool:
        match request:
            case Find(place, names):
                return self._kind(state, place, names[found]) is not None
            case Create(place, name) | Await(place, name):
                return self._kind(state, place, name) is not None
            case Run():
                return not state.failures_left
        return False

    def _after(self, state: State, move: Move) -> State:
        what, which = move
        match what:
            case "deliver":
                return self._deliver(state, which)
            case "redrive":
                return state._replace(messages=_with(state.messages, which, "new"))
            case "cancel":
                left = tuple(number for number in state.cancels_left if number != which)
                start = Delivery(self._start_of_cancel(which))
                return self._begun(state._replace(cancels_left=left), start)
            case "crash":
                crashes = state.crashes_left
                return self._without(state, which)._replace(
                    crashes_left=None if crashes is None else crashes - 1
                )
            case "fail":
                return self._answered(
                    state._replace(failures_left=state.failures_left - 1), which, False
                )
            case "lose answer":
                request = which.point.request
                self._check_create(state, request)
                bit = self._bit(request.place, request.name, request.kind, request.body)
                state = state._replace(objects=state.objects | bit, lost_left=state.lost_left - 1)
                return self._answered(state, which, False)
            case "step":
                return self._step(state, which)
        raise AssertionError(move)

    def is_quiet(self, state: State) -> bool:
        """Tell whether no queue has a message that is still to come, or to come again."""
        return not {"new", "again"} & set(state.messages)

    def check_end(self, state: State) -> None:
        """Where no message is left, look for what waits for ever without a dead letter."""
        if not self.is_quiet(state) or "dead" in state.messages:
            return
        for number, tally in enumerate(self._groups):
            if self._is_begun(state, tally):
                self._check_group(state, tally, state.published[number])

    def _is_begun(self, state: State, tally: Tally) -> bool:
        return self._kind(state, tally.place, f"{tally.group_id}!header") is not None

    def _check_group(self, state: State, tally: Tally, published: int) -> None:
        """Look whether a group that was begun has ended, and what waits for it with it."""
        lost, verdict = self.findings.lost, self.verdict(state, tally)
        if verdict is not None and verdict != "joined" and not self.scenario.cancels:
            lost.append(f"{tally.group_id} is {verdict} by nobody")
        if verdict == "joined" and tally.has_then and not published:
            lost.append(f"{tally.group_id} is joined, and not published")
        outer = tally.outer
        around = outer and outer.group_id and self.scenario.groups[outer.group_id]
        if around and self.verdict(state, around) in ("failed", "cancelled"):
            # Nobody waits for a member of a group that is given up, which may have been dropped.
            return
        if verdict is None:
            lost.append(f"{tally.group_id} has no verdict")
        if outer and self._kind(state, outer.place, f"{outer.result_id}!done") is None:
            lost.append(f"nothing came of what waits for {tally.group_id}")

    def verdict(self, state: State, tally: Tally) -> str | None:
        """Return what came of a group."""
        return self._kind(state, tally.place, tally.verdict_name)

    def _deliver(self, state: State, batch: tuple[int, ...]) -> State:
        busy = {actor for delivery in state.deliveries for actor in delivery.point.actors}
        known = [state.messages[number] for number in batch]
        is_extra = any(number in busy for number in batch) or "acknowledged" in known
        point = self._start_of(batch, tuple(one != "new" for one in known))
        messages = state.messages
        for number in batch:
            if messages[number] == "new":
                messages = _with(messages, number, "again")
        state = state._replace(messages=messages, duplicates_left=state.duplicates_left - is_extra)
        return self._begun(state, Delivery(point))

    def _begun(self, state: State, start: Delivery) -> State:
        """Add a delivery, which has asked for the first thing already."""
        state = state._replace(deliveries=_sorted(*state.deliveries, start))
        return self._step(state, start)

    def _start_of(self, batch: tuple[int, ...], is_again: tuple[bool, ...]) -> Point:
        key = (batch, is_again)
        if key not in self._starts:
            jobs = [self._jobs[number] for number in batch]
            self._starts[key] = Point(
                lambda: self._worker.deliver(jobs, is_again), self._point_numbers, batch
            )
        return self._starts[key]

    def _start_of_cancel(self, number: int) -> Point:
        if (number,) not in self._starts:
            cancel: Cancel = self.scenario.cancels[number]
            self._starts[number,] = Point(
                lambda: self._worker.cancel(cancel), self._point_numbers, (-1 - number,)
            )
        return self._starts[number,]

    def _step(self, state: State, delivery: Delivery) -> State:
        request = delivery.point.request
        match request:
            case None:
                return self._end(state, delivery)
            case Find(place, names, most):
                # They are looked for at once, and each is found, or not, at a time of its own.
                found = (
                    *delivery.found,
                    self._seen(state, place, names[len(delivery.found)], most),
                )
                if len(found) == len(names):
                    return self._answered(state, delivery, found)
                return _replaced(state, delivery, delivery._replace(found=found))
            case Create(place, name, body, kind):
                if self._kind(state, place, name) is not None:
                    return self._answered(state, delivery, False)
                self._check_create(state, request)
                bit = self._bit(place, name, kind, body)
                return self._answered(state._replace(objects=state.objects | bit), delivery, True)
            case Await(place, name):
                return self._answered(state, delivery, self._kind(state, place, name) is not None)
            case Publish(tally):
                return self._answered(self._publish(state, tally), delivery, None)
            case Send(name):
                return self._answered(self._sent(state, name), delivery, None)
            case Run():
                return self._answered(state, delivery, True)
            case Claim(name):
                return self._claim(state, delivery, name)
            case Settle(name):
                bit = self._claim_bit(name)
                if not (state.held | state.lapsed) & bit:
                    state = state._replace(lapsed=state.lapsed | bit)
                return self._answered(state, delivery, None)
            case Acknowledge():
                for number in delivery.point.actors:
                    state = self._ended(state, number, "acknowledged")
                return self._answered(state, delivery, None)
            case Count(name):
                number = self._group_numbers[name]
                # More than there are members is as much as more can be.
                counted = min(state.counters[number], self._groups[number].size) + 1
                state = state._replace(counters=_with(state.counters, number, counted))
                return self._answered(state, delivery, counted)
        raise AssertionError(request)

    def _claim(self, state: State, delivery: Delivery, name: str) -> State:
        bit = self._claim_bit(name)
        if state.held & bit:
            return self._answered(state, delivery, "busy")
        answer = "lapsed" if state.lapsed & bit else "new"
        holding = delivery._replace(claims=delivery.claims | bit)
        state = _replaced(state, delivery, holding)
        state = state._replace(held=state.held | bit, lapsed=state.lapsed & ~bit)
        return self._answered(state, holding, answer)

    def _publish(self, state: State, tally: Tally) -> State:
        if self.verdict(state, tally) != "joined" or not self._are_all_done(state, tally):
            self.findings.early.append(f"{tally.group_id} is published")
        number = self._group_numbers[tally.group_id]
        count = min(state.published[number] + 1, MAX_COUNTED)
        state = state._replace(published=_with(state.published, number, count))
        return state if tally.outer is None else self._sent(state, f"join {tally.group_id}")

    def _check_create(self, state: State, create: Create) -> None:
        """Look whether a group is joined before it may be."""
        for tally in self._groups:
            is_joined = create.kind == "joined" and create.name == tally.verdict_name
            if is_joined and not self._are_all_done(state, tally):
                self.findings.early.append(f"{tally.group_id} is joined")

    def _are_all_done(self, state: State, tally: Tally) -> bool:
        names = self._leaves[tally.group_id]
        return all(self._kind(state, tally.place, name) == "done" for name in names)

    def _sent(self, state: State, name: str) -> State:
        number = self._numbers[name]
        # A second copy of a message that waits is as one that is delivered twice.
        if state.messages[number] == "again":
            return state
        return state._replace(messages=_with(state.messages, number, "new"))

    def _answered(self, state: State, delivery: Delivery, answer: Any) -> State:
        point = delivery.point.after(answer)
        return _replaced(state, delivery, Delivery(point, (), delivery.claims))

    def _end(self, state: State, delivery: Delivery) -> State:
        """Have the queues hear what becomes of the messages of a delivery."""
        point = delivery.point
        assert point.endings is not None
        state = self._without(state, delivery)
        if point.actors[0] >= 0:
            for number, ending in zip(point.actors, point.endings, strict=True):
                state = self._ended(state, number, ending)
        return state

    def _ended(self, state: State, number: int, ending: str) -> State:
        known = state.messages[number]
        match ending:
            case "acknowledged" if known in ("new", "again"):
                return state._replace(messages=_with(state.messages, number, "acknowledged"))
            case "dead":
                return state._replace(messages=_with(state.messages, number, "dead"))
        return state

    def _without(self, state: State, delivery: Delivery) -> State:
        """Return a state without a delivery, whose claims lapse."""
        return _replaced(state, delivery, None)._replace(
            held=state.held & ~delivery.claims, lapsed=state.lapsed | delivery.claims
        )

    def _bit(self, place: Any, name: str, kind: str, body: bytes) -> int:
        kinds = self._bits.setdefault((place, name), {})
        if kind not in kinds:
            kinds[kind] = 1 << len(self._bodies)
            self._bodies[kinds[kind]] = body
        return kinds[kind]

    def _claim_bit(self, name: str) -> int:
        return self._claims.setdefault(name, 1 << len(self._claims))

    def _kind(self, state: State, place: Any, name: str) -> str | None:
        for kind, bit in self._bits.get((place, name), {}).items():
            if state.objects & bit:
                return kind
        return None

    def _seen(self, state: State, place: Any, name: str, most: int) -> Seen | None:
        kind = self._kind(state, place, name)
        if kind is None:
            return None
        body = self._bodies[self._bits[place, name][kind]]
        return Seen(kind, body if len(body) <= most else None)


def _with(values: tuple[Any, ...], index: int, value: Any) -> tuple[Any, ...]:
    return (*values[:index], value, *values[index + 1 :])


def _replaced(state: State, delivery: Delivery, by: Delivery | None) -> State:
    deliveries = list(state.deliveries)
    deliveries.remove(delivery)
    if by is not None:
        deliveries.append(by)
    return state._replace(deliveries=_sorted(*deliveries))


def _sorted(*deliveries: Delivery) -> tuple[Delivery, ...]:
    return tuple(sorted(deliveries, key=lambda one: (one.point.number, len(one.found), one.claims)))
