"""`algernon dead export`: write dead letters to a file, and leave them where they are."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import TYPE_CHECKING, Any

from ..arguments import add_place
from ..places import place_of
from .arguments import add_selection, selection_of, tasks_of

if TYPE_CHECKING:
    from ...story.terminal import Line
    from ...system.letters.files import LetterFile
    from ...system.letters.letter import Letter

HELP = "write letters to a file, from which import puts them back"
DESCRIPTION = (
    "Write dead letters to a file, each as a line of JSON with its body and all attributes, and"
    " leave them where they are. The file is there once it is whole and on the disk. Large"
    " arguments lie in S3, which keeps them for the system's CacheDays, and aren't in the file."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the file, and which letters."""
    parser.add_argument("file", metavar="FILE", help="the file; - is standard output")
    parser.add_argument(
        "--overwrite", action="store_true", help="take the place of a file that is there"
    )
    parser.add_argument("--json", action="store_true", help="print what was done as JSON")
    add_selection(parser)
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Write them."""
    from ...story.letters import reading_as_json, tell_reading
    from ...story.progress import with_progress
    from ...story.terminal import Terminal
    from ...system.letters.files import STANDARD, LetterFile
    from ...system.letters.reader import LetterReader
    from ...system.task_queues import find_task_queues

    if options.json and options.file == STANDARD:
        options.usage_error("--json tells what was done on standard output, where the letters go")
    place = place_of(options)
    tasks = tasks_of(options, find_task_queues(place))
    selection = selection_of(options)
    named: list[Letter] = []
    with (
        LetterFile(options.file, overwrites=options.overwrite) as file,
        LetterReader(place, tasks) as reader,
        closing(with_progress(reader, "Exporting letters", expected=reader.expected)) as letters,
    ):
        meant = (taken for taken in letters if selection.matches(taken.letter))
        for taken in islice(meant, options.limit):
            file.write(taken)
            if selection.ids:
                named.append(taken.letter)
        selection.check_ids(named)
        file.keep()
    if options.json:
        told = reading_as_json(reader, file.count, is_whole=reader.is_at_end)
        print(json.dumps(told | file_as_json(options.file, file)))
        return
    # The letters themselves may be on standard output.
    stream = sys.stderr if options.file == STANDARD else sys.stdout
    terminal = Terminal.of(stream)
    for line in tell_reading(reader, file.count, is_whole=reader.is_at_end):
        print(terminal.show(line), file=stream)
    for line in tell_file(options.file, file):
        print(terminal.show(line), file=stream)


def tell_file(name: str, file: LetterFile) -> Iterator[Line]:
    """Give lines that say what is in a file that was written."""
    from ...story.terminal import Line
    from ...story.wording import count, size

    yield Line(f"{name} has {count(file.count, 'letter')} ({size(file.bytes)}).", "bold")
    if file.stored:
        verb = "leads" if file.stored == 1 else "lead"
        yield Line(
            f"{count(file.stored, 'letter')} of these {verb} to arguments in S3, which are kept"
            " there for CacheDays days from when they were sent, and not in the file.",
            "open",
        )


def file_as_json(name: str, file: LetterFile) -> dict[str, Any]:
    """Return the same as plain JSON."""
    return {"file": name, "bytes": file.bytes, "stored": file.stored}
