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
    from ...system.letters import Letter

HELP = "tell which letters are dead, by Task and error"
DESCRIPTION = (
    "Tell which messages were given up, by Task and error, in the local system that runs or, given"
    " a region or profile, on AWS. All are read, and none is lost: each is hidden from others while"
    " that lasts, and comes back when it ends, or a minute after it was killed."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take which letters, and how they are told."""
    parser.add_argument("--each", action="store_true", help="tell of each letter by itself")
    parser.add_argument("--json", action="store_true", help="print all of it as one line of JSON")
    add_selection(parser)
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Print them."""
    from ...story.letters import (
        cause_as_json,
        letter_as_json,
        print_causes,
        print_letters,
        reading_as_json,
        tell_reading,
    )
    from ...story.progress import with_progress
    from ...story.terminal import Line, Terminal
    from ...system.letter_reader import LetterReader
    from ...system.letters import group_by_cause
    from ...system.task_queues import find_task_queues

    place = place_of(options)
    tasks = tasks_of(options, find_task_queues(place))
    selection = selection_of(options)
    each: list[Letter] = []
    with LetterReader(place, tasks) as reader:
        letters = (taken.letter for taken in reader)
        shown = with_progress(letters, "Reading dead letters", expected=reader.expected)
        with closing(shown):
            selected = islice(filter(selection.matches, shown), options.limit)
            causes = group_by_cause(_noted(selected, each) if options.each else selected)
    each.sort(key=lambda letter: letter.sent_at)
    number = sum(cause.count for cause in causes)
    if options.json:
        told = reading_as_json(reader, number, is_whole=reader.is_at_end)
        told["causes"] = [*map(cause_as_json, causes)]
        if options.each:
            told["letters"] = [*map(letter_as_json, each)]
        print(json.dumps(told))
        return
    terminal = Terminal.of(sys.stdout)
    if each:
        print_letters(each, terminal)
        print()
    elif causes:
        print_causes(causes, terminal)
        print()
    for line in tell_reading(reader, number, is_whole=reader.is_at_end):
        print(terminal.show(line))
    if causes:
        print(terminal.show(Line("algernon dead show ID tells all that is known of one.", "faint")))


def _noted(letters: Iterable[Letter], noted: list[Letter]) -> Iterator[Letter]:
    for letter in letters:
        noted.append(letter)
        yield letter
