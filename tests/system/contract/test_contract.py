"""What the README of algernon-queue promises, on each AWS that tests run on.

Each scenario is written once, and played by the same workers on the system in memory, on
moto, and on ministack, where they run in processes of their own.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest
from algernon_queue import Task

from .in_memory import in_memory
from .on_ministack import on_ministack
from .on_moto import on_moto
from .system import Letter, Start, System
from .worker.journal import lines_of

SYSTEMS = [
    pytest.param(in_memory, id="memory"),
    pytest.param(on_moto, id="moto", marks=pytest.mark.starts),
    pytest.param(on_ministack, id="ministack", marks=pytest.mark.starts),
]


class Journal:
    """What the Tasks of one scenario did.

    Args:
        path: The file that they append to.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.name = str(path)

    def lines(self, what: str) -> list[dict[str, Any]]:
        """Return the lines of one kind."""
        return [line for line in lines_of(self._path) if line["what"] == what]

    def counts(self) -> dict[str, int]:
        """Return how many lines there are of each kind."""
        kinds = [line["what"] for line in lines_of(self._path)]
        return {kind: kinds.count(kind) for kind in kinds}


@pytest.fixture(scope="module", params=SYSTEMS)
def start(request: pytest.FixtureRequest) -> Iterator[Start]:
    """Workers that are there for one scenario after the other."""
    there: AbstractContextManager[Start] = request.param()
    with there as start:
        yield start


@pytest.fixture
def system(start: Start) -> Iterator[System]:
    """Workers at work."""
    with start() as system:
        yield system


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    """What they do, so far nothing."""
    return Journal(tmp_path / "journal")


def test_a_chain_passes_results_on(system: System, journal: Journal) -> None:
    """Each Task gets what the one before returned, with all its types, in one chain."""
    callback = "step#think#step#finish"
    (task_id,) = system.send(Task("step", {"journal": journal.name, "n": 1}, callback))
    system.run()
    (end,) = journal.lines("finish")
    assert end["got"] == {"n": 6, "trail": [1, 2, 3]}
    assert end["types"] == {"n": "int", "trail": "tuple"}
    assert journal.counts() == {"step": 2, "think": 1, "finish": 1}
    (first, *others) = journal.lines("step") + journal.lines("think") + [end]
    assert first["task_id"] == task_id
    assert {line["chain_id"] for line in [first, *others]} == {task_id}
    assert system.dead_letters() == []


def test_a_result_may_be_larger_than_a_message(system: System, journal: Journal) -> None:
    """What SNS has no room for comes to the callback whole, and so do arguments."""
    size = 400_000
    produce = Task("produce", {"journal": journal.name, "size": size}, "measure")
    system.send(produce, Task("measure", {"journal": journal.name, "text": "x" * (size + 1)}))
    system.run()
    assert sorted(line["size"] for line in journal.lines("measure")) == [size, size + 1]


def test_coroutines_are_awaited(system: System, journal: Journal) -> None:
    """Each of many `async def` Tasks is run once, and its result goes on."""
    system.send(*(Task("think", {"journal": journal.name, "n": n}, "finish") for n in range(12)))
    system.run()
    assert journal.counts() == {"think": 12, "finish": 12}
    assert sorted(line["got"]["n"] for line in journal.lines("finish")) == [*range(1, 13)]


def test_a_task_may_send_others(system: System, journal: Journal) -> None:
    """What a Task sends runs, each under an id of its own, and belongs to its chain."""
    (task_id,) = system.send(Task("spread", {"journal": journal.name, "count": 3}))
    system.run()
    ends = journal.lines("finish")
    assert sorted(end["got"]["n"] for end in ends) == [0, 1, 2]
    assert len({end["task_id"] for end in ends}) == 3
    assert {end["chain_id"] for end in ends} == {task_id}


def test_a_chain_may_end_early(system: System, journal: Journal) -> None:
    """After PipelineTermination nothing goes to the callback, and nothing has failed."""
    system.send(Task("halt", {"journal": journal.name}, "finish"))
    system.run()
    assert journal.counts() == {"halt": 1}
    assert system.dead_letters() == []


def test_a_task_that_is_done_isnt_run_again(system: System, journal: Journal) -> None:
    """Under the ledger, duplicates run once, whether they come together or later."""
    charge = Task("charge", {"journal": journal.name, "order": 7}, "confirm", task_id=str(uuid4()))
    system.send(charge, charge)
    system.run()
    system.send(charge)
    system.run()
    assert journal.counts() == {"charge": 1, "confirm": 1}
    assert system.dead_letters() == []


def test_a_task_that_failed_runs_again_under_the_ledger(system: System, journal: Journal) -> None:
    """Its claim is released, and what it returns in the end goes on, once."""
    arguments = {"journal": journal.name, "order": 7, "failures": 2}
    system.send(Task("reserve", arguments, "confirm"))
    system.run()
    assert journal.counts() == {"reserve": 3, "confirm": 1}
    assert system.dead_letters() == []


def test_an_id_is_one_task_s(system: System, journal: Journal) -> None:
    """A message under the id of a Task of another name becomes a dead letter, and isn't run."""
    task_id = str(uuid4())
    arguments = {"journal": journal.name, "order": 7}
    system.send(Task("charge", arguments, task_id=task_id))
    system.run()
    system.send(Task("confirm", arguments, task_id=task_id))
    system.run()
    assert journal.counts() == {"charge": 1}
    assert [letter[:2] for letter in system.dead_letters()] == [("confirm", "OtherTaskError")]


def test_a_task_is_tried_again(system: System, journal: Journal) -> None:
    """A Task that fails twice runs three times, and only then its callback."""
    system.send(Task("waver", {"journal": journal.name, "failures": 2}, "finish"))
    system.run()
    assert [line["received"] for line in journal.lines("waver")] == [1, 2, 3]
    assert journal.counts()["finish"] == 1
    assert system.dead_letters() == []


def test_tries_come_to_an_end(system: System, journal: Journal) -> None:
    """After its last try a message is in the dead-letter queue, with the Task's own error."""
    system.send(Task("despair", {"journal": journal.name}, "finish"))
    system.run()
    assert [line["received"] for line in journal.lines("despair")] == [1, 2, 3]
    assert journal.counts() == {"despair": 3}
    assert system.dead_letters() == [Letter("despair", "ConnectionError", "nobody answers", 3)]


def test_a_permanent_error_isnt_tried_again(system: System, journal: Journal) -> None:
    """A Task that says so is a dead letter at once."""
    system.send(Task("refuse", {"journal": journal.name, "permit": "none"}))
    system.run()
    assert journal.counts() == {"refuse": 1}
    assert system.dead_letters() == [Letter("refuse", "PermanentError", "there is no permit", 1)]


def test_what_is_no_message_is_a_dead_letter(system: System, journal: Journal) -> None:
    """It is moved at once, with what is wrong, and keeps no other from being done."""
    for text in (
        "no JSON",
        '{"task_kwargs": {}}',
        '{"task_name": "finish", "hops": 1001}',
        '{"task_name": "finish", "callback": {"chain": "finish", "in_years_to_come": true}}',
    ):
        system.send_text("finish", text)
    system.send(Task("finish", {"journal": journal.name}))
    system.run()
    letters = system.dead_letters()
    assert sorted(letter.error for letter in letters) == [
        "MalformedMessageError",
        "MalformedMessageError",
        "MalformedMessageError",
        "TooManyHopsError",
    ]
    assert {letter.receive_count for letter in letters} == {1}
    assert len([letter for letter in letters if "in_years_to_come" in letter.reason]) == 1
    assert journal.counts() == {"finish": 1}


def test_arguments_that_dont_fit_are_permanent(system: System, journal: Journal) -> None:
    """A Task that can't take its arguments isn't run, nor tried again."""
    system.send(Task("measure", {"journal": journal.name, "texts": []}))
    system.run()
    (letter,) = system.dead_letters()
    assert letter[:2] == ("measure", "TaskArgumentsError")
    assert letter.receive_count == 1
    assert journal.counts() == {}


def test_an_unregistered_task_is_tried_five_times(system: System, journal: Journal) -> None:
    """A Task that no worker has becomes a dead letter, once a deployment would be over."""
    system.send_text("finish", f'{{"task_name": "nobody", "task_id": "{uuid4()}"}}')
    system.run()
    (letter,) = system.dead_letters()
    assert letter[:2] == ("nobody", "UnregisteredTaskError")
    assert letter.receive_count == 5


def test_a_result_that_nobody_can_get_is_a_failure(system: System, journal: Journal) -> None:
    """A callback without a listener fails the Task before it, whose letter says so."""
    permit = str(Path(journal.name).parent)
    system.send(Task("refuse", {"journal": journal.name, "permit": permit}, "nowhere"))
    system.run()
    (letter,) = system.dead_letters()
    assert letter[:2] == ("refuse", "UnknownListenerError")
    assert "nowhere" in letter.reason
    assert letter.receive_count == 3


def test_a_callback_that_fails_takes_nothing_back(system: System, journal: Journal) -> None:
    """The Task before it is done; the callback alone is a dead letter, and can be redriven."""
    permit = Path(journal.name).with_name("permit")
    arguments = {"journal": journal.name, "n": 1}
    constants = {1: {"permit": str(permit)}}
    system.send(Task("pass_on", arguments, "pass_on#refuse", constants=constants))
    system.run()
    assert journal.counts() == {"pass_on": 1, "refuse": 1}
    assert [letter[:2] for letter in system.dead_letters()] == [("refuse", "PermanentError")]
    permit.touch()
    assert system.redrive() == 1
    system.run()
    assert journal.counts() == {"pass_on": 1, "refuse": 2}
    assert len({line["task_id"] for line in journal.lines("refuse")}) == 1
    assert system.dead_letters() == []
    assert system.redrive() == 0


def test_a_fifo_queue_keeps_the_order(system: System, journal: Journal) -> None:
    """Each message group is done in the order in which it was sent, by chance of batches or not."""
    places = ("a", "b", "c")
    tasks = [line_up(journal, place, n) for n in range(8) for place in places]
    system.send(*tasks)
    system.run()
    for place in places:
        ns = [line["n"] for line in journal.lines("line_up") if line["place"] == place]
        assert ns == [*range(8)]


def test_a_failure_holds_its_message_group(system: System, journal: Journal) -> None:
    """What stands behind a failure in its group waits until that is done; other groups go on."""
    system.send(
        line_up(journal, "a", 0),
        line_up(journal, "a", 1, failures=2),
        line_up(journal, "a", 2),
        line_up(journal, "b", 0),
    )
    system.run()
    done = journal.lines("line_up")
    assert [line["n"] for line in done if line["place"] == "a"] == [0, 1, 2]
    assert len(journal.lines("stumble")) == 2
    assert len(done) == 4
    assert system.dead_letters() == []


def test_a_group_goes_on_after_a_dead_letter(system: System, journal: Journal) -> None:
    """A message that is given up makes room for those behind it."""
    system.send(*(line_up(journal, "a", n, failures=9 * (n == 0)) for n in range(3)))
    system.run()
    assert [line["n"] for line in journal.lines("line_up")] == [1, 2]
    assert [letter[:2] for letter in system.dead_letters()] == [("line_up", "RuntimeError")]


def test_what_isnt_started_in_time_comes_again(system: System, journal: Journal) -> None:
    """Each of several Tasks that take most of a batch's time is run, once, and none is lost."""
    system.send(*(Task("dawdle", {"journal": journal.name, "n": n}) for n in range(2)))
    system.run()
    assert sorted(line["n"] for line in journal.lines("dawdle")) == [0, 1]
    assert system.dead_letters() == []


def test_a_group_that_a_task_returns_is_joined(system: System, journal: Journal) -> None:
    """Its callback gets all results, in order and once, and the chain goes on."""
    system.send(Task("scatter", {"journal": journal.name, "count": 40}, "scatter#gather#finish"))
    system.run()
    assert journal.counts() == {"scatter": 1, "tell": 40, "gather": 1, "finish": 1}
    (gathered,) = journal.lines("gather")
    assert gathered["numbers"] == [*range(40)]
    assert journal.lines("finish")[0]["got"] == {"n": sum(range(40))}
    assert system.dead_letters() == []


def test_a_member_that_failed_holds_its_group(system: System, journal: Journal) -> None:
    """Its dead letter is all that there is to do: redriven, it completes the join."""
    permit = Path(journal.name).with_name("permit")
    arguments = {"journal": journal.name, "count": 5, "permit": str(permit)}
    system.send(Task("scatter", arguments, "scatter#gather#finish"))
    system.run()
    assert [letter[:2] for letter in system.dead_letters()] == [("tell", "PermanentError")]
    assert "gather" not in journal.counts()
    permit.touch()
    assert system.redrive() == 1
    system.run()
    assert journal.counts() == {"scatter": 1, "tell": 6, "gather": 1, "finish": 1}
    assert journal.lines("gather")[0]["numbers"] == [*range(5)]
    assert system.dead_letters() == []


def test_a_member_may_be_a_group_itself(system: System, journal: Journal) -> None:
    """What its own join returns is its result in the group around it."""
    arguments = {"journal": journal.name, "count": 3, "depth": 1}
    system.send(Task("scatter", arguments, "scatter#gather#finish"))
    system.run()
    assert journal.counts() == {"scatter": 4, "tell": 9, "gather": 4, "finish": 1}
    assert [line["numbers"] for line in journal.lines("gather")] == [[0, 1, 2]] * 3 + [[3] * 3]
    assert system.dead_letters() == []


def test_ids_are_derived(system: System, journal: Journal) -> None:
    """A callback has the same id whenever the Task before it runs, and on every system."""
    given = "4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c11"
    system.send(Task("step", {"journal": journal.name, "n": 1}, "finish", task_id=given))
    system.run()
    (end,) = journal.lines("finish")
    assert (end["chain_id"], end["task_id"]) == (given, str(uuid5(UUID(given), "0#finish")))


def line_up(journal: Journal, place: str, n: int, failures: int = 0) -> Task:
    """Return a Task that stands in a line."""
    kwargs = {"journal": journal.name, "place": place, "n": n, "failures": failures}
    return Task("line_up", kwargs, message_group=f"{place}-{Path(journal.name).parent.name}")
