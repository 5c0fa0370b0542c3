"""`algernon dead discard`: delete dead letters, once they are in a file."""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from ..arguments import add_place
from ..consent import can_ask, says_yes
from ..places import place_of
from .arguments import add_selection, selection_of, tasks_of
from .export import file_as_json, tell_file

if TYPE_CHECKING:
    from ...story.terminal import Line
    from ...system.letters.files import LetterFile
    from ...system.letters.letter import Letter, LettersOfCause, Selection
    from ...system.letters.reader import LetterReader, Taken

HELP = "delete letters, once they are in a file"
DESCRIPTION = (
    "Delete dead letters. The plan is printed, and what it means for groups; on a terminal you are"
    " asked, and elsewhere --yes carries it out. All that is deleted is written to a file before,"
    " from which import puts it back."
)

# Of groups that a plan names.
_MOST_GROUPS = 10


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take which letters, and the file that they go to."""
    parser.add_argument("--all", action="store_true", help="all of them")
    parser.add_argument(
        "--export", metavar="FILE", help="the file that they go to (dead-letters-TIME.jsonl)"
    )
    parser.add_argument("--yes", action="store_true", help="carry it out, and don't ask")
    parser.add_argument("--json", action="store_true", help="print all of it as one line of JSON")
    add_selection(parser)
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Print the plan, ask, write the file, and only then delete."""
    from ...story.progress import with_progress
    from ...story.tables import console_of
    from ...story.terminal import Terminal
    from ...system.letters.files import STANDARD, LetterFile
    from ...system.letters.letter import group_by_cause
    from ...system.letters.reader import LetterReader
    from ...system.task_queues import find_task_queues

    selection = selection_of(options)
    if options.all != (selection.is_of_all and options.limit is None):
        options.usage_error(
            "say which letters are meant, such as by --error and --task, or --all of them"
        )
    if options.export == STANDARD:
        options.usage_error("--export needs a file: what is on standard output may get lost")
    name = options.export or f"dead-letters-{datetime.now(UTC):%Y%m%dT%H%M%SZ}.jsonl"
    asks = not options.yes and not options.json and can_ask()
    if not options.json:
        console_of(Terminal.of(sys.stdout))  # what it lacks is said before anything is read
    place = place_of(options)
    tasks = tasks_of(options, find_task_queues(place))
    meant: list[Taken] = []
    with (
        LetterFile(name) if options.yes or asks else nullcontext() as file,
        LetterReader(place, tasks) as reader,
    ):
        with closing(with_progress(reader, "Reading letters", expected=reader.expected)) as letters:
            chosen = islice(_chosen(letters, selection, file, meant), options.limit)
            causes = group_by_cause(chosen)
        selection.check_ids(taken.letter for taken in meant)
        groups = Counter(
            taken.letter.dead.group_id for taken in meant if taken.letter.dead.group_id is not None
        )
        if not options.json:
            _print_plan(reader, causes, groups, len(meant))
        is_wanted = bool(meant) and (options.yes or (asks and _ask(len(meant), name)))
        if is_wanted and file is not None:
            file.keep()
            reader.delete_all(meant)
    if options.json:
        told = _as_json(reader, causes, groups, meant, is_discarded=is_wanted)
        print(json.dumps(told | (file_as_json(name, file) if is_wanted and file else {})))
    elif is_wanted and file is not None:
        for line in tell_file(name, file):
            print(Terminal.of(sys.stdout).show(line))
        print(f"discarded: algernon dead import {name} puts them back")
    elif meant:
        print("nothing was discarded" + ("" if asks else ": --yes carries it out"))


def _chosen(
    letters: Iterator[Taken], selection: Selection, file: LetterFile | None, meant: list[Taken]
) -> Iterator[Letter]:
    """Give the letters that are meant, written to the file, and note what deletes them."""
    from ...system.letters.reader import Taken

    for taken in letters:
        if selection.matches(taken.letter):
            if file is not None:
                file.write(taken)
            # Without what is large of them.
            letter = replace(taken.letter, dead=replace(taken.letter.dead, reason=None))
            meant.append(Taken(letter, {"ReceiptHandle": taken.receipt}))
            yield taken.letter


def _print_plan(
    reader: LetterReader, causes: list[LettersOfCause], groups: Counter[str], number: int
) -> None:
    from ...story.letters import print_causes, tell_reading
    from ...story.terminal import Terminal

    terminal = Terminal.of(sys.stdout)
    if causes:
        print_causes(causes, terminal)
        print()
    for line in tell_reading(reader, number, is_whole=reader.is_at_end):
        print(terminal.show(line))
    for line in _tell_groups(groups):
        print(terminal.show(line))


def _tell_groups(groups: Counter[str]) -> Iterator[Line]:
    """Give lines that say which groups would wait in vain, if there are any."""
    from ...story.terminal import Line
    from ...story.wording import count

    if not groups:
        return
    number = count(len(groups), "group")
    yield Line(f"{number} would wait for ever for members that are discarded:", "open")
    for group, members in groups.most_common(_MOST_GROUPS):
        yield Line(f"  {group} ({count(members, 'member')})")
    if len(groups) > _MOST_GROUPS:
        yield Line(f"  and {count(len(groups) - _MOST_GROUPS, 'group')} more")
    yield Line("algernon group ID tells how far one is, and algernon cancel ID ends it.")


def _ask(number: int, name: str) -> bool:
    from ...story.wording import count

    return says_yes(f"Export {count(number, 'letter')} to {name} and delete them?")


def _as_json(
    reader: LetterReader,
    causes: list[LettersOfCause],
    groups: Counter[str],
    meant: list[Taken],
    *,
    is_discarded: bool,
) -> dict[str, object]:
    from ...story.letters import cause_as_json, reading_as_json

    return {
        **reading_as_json(reader, len(meant), is_whole=reader.is_at_end),
        "causes": [*map(cause_as_json, causes)],
        "groups": dict(groups),
        "discarded": len(meant) if is_discarded else 0,
    }
