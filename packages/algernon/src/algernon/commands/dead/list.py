"""`algernon dead list`: tell which letters are dead, by their causes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING

from ..arguments import add_place
from ..places import place_of
from .arguments import add_selection, selection_of, tasks_of

if TYPE_CHECKING:
    from ...story.terminal import Terminal
    from ...system.letters.letter import Letter, LettersOfCause
    from ...system.letters.reader import LetterReader

HELP = "tell which letters are dead, by Task and error"
DESCRIPTION = (
    "Tell which messages were given up, by Task and error, in the local system that runs or, given"
    " a region or profile, on AWS. All are read, and none is lost: each is hidden from others while"
    " that lasts, and comes back when it ends, or a minute after it was killed."
)
EXAMPLES = """\
algernon dead list
algernon dead list --error ValueError --each
algernon dead list --stack shop --region eu-west-1\
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take which letters, and how they are told."""
    parser.add_argument("--each", action="store_true", help="tell of each letter by itself")
    parser.add_argument("--json", action="store_true", help="print all of it as one line of JSON")
    add_selection(parser)
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Print them."""
    from ...story.progress import with_progress
    from ...story.tables import console_of
    from ...story.terminal import Terminal
    from ...system.letters.letter import group_by_cause
    from ...system.letters.reader import LetterReader
    from ...system.task_queues import find_task_queues

    terminal = Terminal.of(sys.stdout)
    if not options.json:
        console_of(terminal)  # what it lacks is said before anything is read
    place = place_of(options)
    tasks = tasks_of(options, find_task_queues(place))
    selection = selection_of(options)
    each: list[Letter] = []
    with LetterReader(place, tasks) as reader:
        letters = (taken.letter for taken in reader)
        shown = with_progress(letters, "Reading letters", expected=reader.expected)
        with closing(shown):
            selected = islice(filter(selection.matches, shown), options.limit)
            causes = group_by_cause(_noted(selected, each) if options.each else selected)
    each.sort(key=lambda letter: letter.sent_at)
    if options.json:
        _print_json(reader, causes, each if options.each else None)
    else:
        _print_tables(reader, causes, each, terminal)


def _print_json(
    reader: LetterReader, causes: list[LettersOfCause], each: list[Letter] | None
) -> None:
    from ...story.letters import cause_as_json, letter_as_json, reading_as_json

    told = reading_as_json(reader, _number_of(causes), is_whole=reader.is_at_end)
    told["causes"] = [*map(cause_as_json, causes)]
    if each is not None:
        told["letters"] = [*map(letter_as_json, each)]
    print(json.dumps(told))


def _print_tables(
    reader: LetterReader, causes: list[LettersOfCause], each: list[Letter], terminal: Terminal
) -> None:
    from ...story.letters import print_causes, print_letters, tell_reading
    from ...story.terminal import Line

    if each:
        print_letters(each, terminal)
        print()
    elif causes:
        print_causes(causes, terminal)
        print()
    for line in tell_reading(reader, _number_of(causes), is_whole=reader.is_at_end):
        print(terminal.show(line))
    if causes:
        print(terminal.show(Line("algernon dead show ID tells all that is known of one.", "faint")))


def _number_of(causes: Iterable[LettersOfCause]) -> int:
    return sum(cause.count for cause in causes)


def _noted(letters: Iterable[Letter], noted: list[Letter]) -> Iterator[Letter]:
    for letter in letters:
        noted.append(letter)
        yield letter
