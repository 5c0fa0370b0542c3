"""`algernon dead import`: put letters of a file back into their dead-letter queues."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from ...errors import LetterFileError
from ...story.printing import warn
from ..arguments import add_place
from ..places import place_of

HELP = "put letters of a file back into the dead-letter queues"
DESCRIPTION = (
    "Put the letters of a file that export or discard wrote back into the dead-letter queues of"
    " their Tasks, with all of their attributes; algernon dead redrive has them tried again. The"
    " whole file is read first, and the plan printed; --yes carries it out. Letters of Tasks whose"
    " ids have one in the queue already are left out, so that what was ended midway is run again."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the file."""
    parser.add_argument("file", metavar="FILE", help="the file; - is standard input")
    parser.add_argument("--yes", action="store_true", help="carry it out")
    parser.add_argument("--json", action="store_true", help="print all of it as one line of JSON")
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Print the plan, and carry it out if that is wanted."""
    from ...story.progress import with_progress
    from ...story.wording import count
    from ...system.letters.files import read_letters
    from ...system.letters.importing import LetterImport
    from ...system.task_queues import find_task_queues

    place = place_of(options)
    importing = LetterImport(place, find_task_queues(place))
    with _opened(options.file) as file:
        plan = importing.plan(read_letters(file, options.file))
        total = plan.counts.total()
        if not options.json:
            for task, number in sorted(plan.counts.items()):
                print(f"{task}: {count(number, 'letter')}")
            if plan.left_out:
                print(f"{count(plan.left_out, 'letter')} left out, which the queues have already")
        if plan.unseen:
            warn(
                f"about {count(plan.unseen, 'letter')} of the queues can't be seen just now, such"
                " as those that a command holds, or held less than a minute ago when it was killed;"
                " what the file has of them would be there twice"
            )
        done = 0
        if options.yes:
            file.seek(0)
            sending = importing.carry_out(plan, read_letters(file, options.file))
            for _ in with_progress(sending, "Importing letters", expected=total):
                done += 1
    if options.json:
        told = {"file": options.file, "planned": dict(plan.counts), "left_out": plan.left_out}
        print(json.dumps({**told, "unseen": plan.unseen, "imported": done}))
    elif options.yes:
        print(f"{count(done, 'letter')} put back: algernon dead list shows them")
    else:
        print("nothing was put back: --yes carries it out")


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    """Open the file, which is read twice: once for the plan, and once to send what is in it."""
    from ...system.letters.files import STANDARD

    if name == STANDARD:
        with _copied(sys.stdin.buffer) as file:
            yield file
        return
    try:
        opened = Path(name).open("rb")  # noqa: SIM115 - it is closed below
    except OSError as error:
        raise LetterFileError(f"{name} can't be read: {error.strerror or error}") from error
    with opened:
        if opened.seekable():
            yield opened
            return
        # Such as a pipe, which a shell's <(…) is.
        with _copied(opened) as file:
            yield file


@contextmanager
def _copied(source: IO[bytes]) -> Iterator[IO[bytes]]:
    with TemporaryFile() as file:
        shutil.copyfileobj(source, file)
        file.seek(0)
        yield file
