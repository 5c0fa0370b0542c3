"""`algernon dead redrive`: move dead letters back to the queues of their Tasks."""

from __future__ import annotations

import argparse
import json
import re
import sys
from typing import TYPE_CHECKING

from ...errors import CanaryFailedError, RedriveError
from ...story.printing import warn
from ..arguments import add_place
from ..places import place_with_bucket_if_known
from .arguments import add_selection, selection_of, tasks_of

if TYPE_CHECKING:
    from ...system.letters.reader import Taken
    from ...system.letters.redrive import Redrive, Redriven, RedrivePlan
    from ...system.place import Place

HELP = "move dead letters back to the queues of their Tasks"
DESCRIPTION = (
    "Move dead letters back to the queues of their Tasks, in the local system that runs or, given a"
    " region or profile, on AWS: all, or those that the options name. It tells what it would move,"
    " and moves it with --yes. Each letter is sent with the id that it had before it is deleted, so"
    " that none is lost, and a Task under a ledger is run once even if its letter goes twice. A"
    " redriven letter doesn't expire. It ends with 1 where a letter that had to go didn't, such as"
    " after a --canary that failed again."
)
EXAMPLES = """\
algernon dead redrive --error ValueError
algernon dead redrive --error ValueError --canary --yes
algernon dead redrive --id 4f8d8a4e --edit --yes\
"""

# So long can a letter be held: Amazon SQS Developer Guide, "Amazon SQS visibility timeout".
_LONGEST_WAIT = 11 * 3600

_STAYS = "not taken by the queue, and still dead"
_IS_IN_BOTH = "moved, but not deleted, to go once more the next time under the same id"

_RATE = re.compile(r"(\d{1,6}(?:\.\d{1,3})?)(?:/s)?")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take which letters are meant, and how they go."""
    add_selection(parser)
    parser.add_argument(
        "--rate", metavar="N/s", type=_rate, help="move so many a second at most (no limit)"
    )
    parser.add_argument(
        "--canary",
        action="store_true",
        help="move one letter of each cause first, and the rest only if it did well",
    )
    parser.add_argument(
        "--within",
        metavar="SECONDS",
        type=_within,
        help="with --canary: wait so long for what comes of it (as long as the queue takes to give"
        " a message up)",
    )
    parser.add_argument(
        "--edit",
        action="store_true",
        help="with --yes: open the keyword arguments of the one letter in your editor first",
    )
    parser.add_argument("--yes", action="store_true", help="carry the plan out")
    parser.add_argument("--json", action="store_true", help="print all of it as one line of JSON")
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Print the plan, carry it out if that is wanted, and say what was done."""
    from ...story.tables import console_of
    from ...story.terminal import Terminal
    from ...system.letters.letter import check_is_one
    from ...system.letters.redrive import Redrive
    from ...system.place import leading_to
    from ...system.task_queues import find_task_queues

    if options.within is not None and not options.canary:
        options.usage_error("--within is for --canary: how long to wait for what comes of it")
    if options.edit and options.canary:
        options.usage_error("--edit and --canary exclude each other: --edit is for one letter")
    if not options.json:
        console_of(Terminal.of(sys.stdout))  # what it lacks is said before anything is read
    place = place_with_bucket_if_known(options)
    with leading_to(place):
        redrive = Redrive(
            place,
            tasks_of(options, find_task_queues(place)),
            selection_of(options),
            limit=options.limit,
            rate=options.rate,
        )
        plan = redrive.plan()
        if options.ids and not plan.letters:
            check_is_one(options.ids[0], ())
        if options.edit and len(plan.letters) != 1:
            raise RedriveError(
                f"--edit is for one letter, and {len(plan.letters)} are meant: name it by --id"
            )
        _tell_plan(plan, options)
        done = redrive.done if options.yes and plan.letters else None
        try:
            if done is not None:
                _carry_out(redrive, place, plan, options)
        finally:
            # Whatever breaks it off, what went until then is told.
            _tell_done(plan, done, options)
    if done is not None:
        _check(done)


def _tell_plan(plan: RedrivePlan, options: argparse.Namespace) -> None:
    from ...story.redrive import print_plan
    from ...story.terminal import Terminal

    if options.json:
        return
    print_plan(plan, Terminal.of(sys.stdout))
    if not plan.letters:
        print("no dead letter is meant: algernon dead list tells which there are")
    elif not options.yes:
        print("nothing was moved: --yes carries it out")
    sys.stdout.flush()


def _carry_out(
    redrive: Redrive, place: Place, plan: RedrivePlan, options: argparse.Namespace
) -> None:
    if options.canary:
        from ...system.letters.canary import longest_until_back

        within = options.within
        if within is None:
            within = longest_until_back(place, plan.tasks)
        warn(f"waiting up to {within:g} s for what comes of the letters that go first")
        redrive.carry_out_after_canaries(plan, within=within)
    else:
        redrive.carry_out(plan, edit=_edit if options.edit else None)


def _edit(taken: Taken) -> str | None:
    """Return other keyword arguments for a letter, or None where its user left them as they are."""
    from ...system.letters.kwargs_editing import edited_kwargs, kwargs_to_edit
    from .editor import edit

    before = kwargs_to_edit(taken)
    name = f"{taken.letter.id}.json"
    after = edit(before, name, lambda text: edited_kwargs(taken, before, text))
    if after is None:
        warn(f"the keyword arguments of {taken.letter.id} are as they were, and it stays")
    return after


def _tell_done(plan: RedrivePlan, done: Redriven | None, options: argparse.Namespace) -> None:
    from ...story.redrive import print_done, redrive_as_json
    from ...story.terminal import Terminal

    if options.json:
        print(json.dumps(redrive_as_json(plan, done)))
    elif done is not None:
        print_done(done, Terminal.of(sys.stdout))


def _check(done: Redriven) -> None:
    """Raise if a letter that had to go didn't.

    Raises:
        CanaryFailedError: One that went first didn't do well.
        RedriveError: A queue didn't take some, or SQS didn't delete them.
    """
    from ...story.wording import count

    if failed := [verdict for verdict in done.verdicts if not verdict.is_good]:
        causes = "; ".join(
            f"{verdict.letter.cause.task}, {verdict.letter.cause.title}: {verdict.reason}"
            for verdict in failed
        )
        raise CanaryFailedError(
            f"of {count(len(done.verdicts), 'letter')} that went first {len(failed)} didn't do"
            f" well, and those like them stay ({causes})"
        )
    for went, what in ((False, _STAYS), (True, _IS_IN_BOTH)):
        if refused := [each for each in done.refused if each.went == went]:
            raise RedriveError(
                f"{count(len(refused), 'letter')} {what}, such as {refused[0].letter.id}:"
                f" {refused[0].reason}"
            ) from refused[0].cause


def _rate(text: str) -> float:
    found = _RATE.fullmatch(text)
    if not found or float(found[1]) == 0:
        raise argparse.ArgumentTypeError(
            f"{text!r} isn't a number of letters a second, such as 50/s or 0.5/s"
        )
    return float(found[1])


def _within(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1
    # NaN isn't between anything.
    if not 0 < seconds <= _LONGEST_WAIT:
        raise argparse.ArgumentTypeError(
            f"{text!r} isn't a number of seconds above 0, up to {_LONGEST_WAIT}"
        )
    return seconds
