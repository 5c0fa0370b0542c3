"""`algernon dead run`: run the Task of one dead letter here, and change nothing."""

from __future__ import annotations

import argparse
import json
import logging
import sys
from contextlib import nullcontext, redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...errors import LetterRunError, WorkerError
from ...story.printing import warn
from ..arguments import add_place, worker_target
from ..places import place_with_bucket_if_known
from .arguments import letter_id
from .finding import find_letter

if TYPE_CHECKING:
    from algernon_queue import Task
    from algernon_queue.testing.rehearsal import Rehearsal

    from ...system.letters.letter import Letter
    from ...system.letters.rehearsal import RehearsedFunction
    from ...system.place import Place

HELP = "run the Task of one letter here, with its real arguments"
DESCRIPTION = (
    "Run the Task of one dead letter in this process, with its real arguments and the worker's"
    " code from the current directory, and change nothing: what it sends is shown and not sent,"
    " the letter stays where it is, and no result, outcome or claim is written. What the Task"
    " does by other ways than Algernon's, such as a call of a bank, it does. It ends with 0 if the"
    " Task comes to its end, and with 1 if it fails."
)
EXAMPLES = """\
algernon dead run 4f8d8a4e worker:router
algernon dead run 4f8d8a4e worker:router --pdb\
"""

_LONGEST_SHOWN = 200


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the letter, and the worker."""
    parser.add_argument(
        "id", metavar="ID", type=letter_id, help="the letter's id, or what it begins with"
    )
    parser.add_argument(
        "targets",
        metavar="MODULE:ROUTER",
        type=worker_target,
        nargs="*",
        help="the worker that has the Task (the module that the deployed function has); the"
        " function's environment variables are set as far as they aren't here",
    )
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--pdb", action="store_true", help="open Python's debugger at the Task's line that fails"
    )
    how.add_argument(
        "--json", action="store_true", help="print all that came of it as one line of JSON"
    )
    add_place(parser)


def execute(options: argparse.Namespace) -> None:
    """Run it, and print what came of it."""
    from ...system.letters.rehearsal import load_router, run_letter, with_variables
    from ...system.place import leading_to
    from ...system.task_queues import find_task_queues

    # The function's variables may name another bucket, or one that isn't known yet.
    place = place_with_bucket_if_known(options)
    taken = find_letter(place, find_task_queues(place), options.id)
    letter, targets = taken.letter, options.targets
    if letter.dead.task_id is None:
        raise LetterRunError(
            f"the letter {letter.id} is no message of a Task: see algernon dead show"
        )
    if (function := _function_of(place, letter, is_needed=not targets)) is not None:
        place = with_variables(place, function)
        if not targets:
            targets = [function.module]
            warn(
                f"the worker is {function.module}, as the function {function.name} has it, from"
                f" here ({Path.cwd()})"
            )
        if unread := [name for name in function.secrets if name not in place.environ]:
            warn(
                f"its secrets aren't read here: set {', '.join(unread)} where you run this, as far"
                " as the Task needs them"
            )
    _show_log_lines()
    with leading_to(place):
        with redirect_stdout(sys.stderr) if options.json else nullcontext():
            router = load_router(letter.dead.task, targets, Path.cwd())
            found = run_letter(taken, router)
        if options.json:
            print(json.dumps(_as_json(letter, found)))
        elif found.error is None:
            _show_result(found)
        if found.sent and not options.json:
            _show_sent(found)
    if found.error is not None:
        _fail(letter, found.error, is_debugged=options.pdb)


def _function_of(place: Place, letter: Letter, *, is_needed: bool) -> RehearsedFunction | None:
    """Return the function that works off the letter's queue, which may say which worker that is.

    Where the worker is named, its environment variables are all that is missed without it.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    from ...system.letters.rehearsal import find_function

    try:
        return find_function(place, letter.queues)
    except WorkerError:
        if is_needed:
            raise
    except (ClientError, BotoCoreError) as error:
        if is_needed:
            raise
        warn(f"the Task runs without the environment variables of its function: {error}")
    return None


def _show_log_lines() -> None:
    """Show the lines that the worker logs, on standard error."""
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    for library in ("boto3", "botocore", "urllib3"):
        logging.getLogger(library).setLevel(logging.WARNING)


def _fail(letter: Letter, error: BaseException, *, is_debugged: bool) -> None:
    from ...story.terminal import Terminal
    from ...story.tracebacks import lines_of_error
    from ...system.letters.post_mortem import debug

    terminal = Terminal.of(sys.stderr)
    for line in lines_of_error(error):
        print(terminal.show(line), file=sys.stderr)
    if is_debugged and not debug(error, Path.cwd()):
        warn("there is no line of your own code to stop at: it didn't come to that")
    what = f"{type(error).__name__}: {error}"
    told = f"the Task {letter.dead.task!r} fails here too, with {what}"
    if letter.dead.error not in (None, type(error).__name__):
        told = f"the Task {letter.dead.task!r} fails here otherwise than before, with {what}"
    raise LetterRunError(told) from error


def _show_result(found: Rehearsal) -> None:
    from ...story.json_text import shown_json

    print(f"result: {shown_json(_result(found))}")


def _show_sent(found: Rehearsal) -> None:
    from algernon_serialize import ajson

    from ...story.json_text import printable_json

    print("not sent, but caught:")
    for task in found.sent:
        kwargs = printable_json(ajson.dumps(task.task_kwargs))
        if len(kwargs) > _LONGEST_SHOWN:
            kwargs = f"{kwargs[:_LONGEST_SHOWN]}… ({len(kwargs)} characters)"
        then = f" then {task.callback}" if task.callback else ""
        print(f"  {task.task_name} {kwargs}{then}")


def _result(found: Rehearsal) -> str:
    """Return what the Task returned as JSON text, as its callback would get it."""
    from algernon_queue import Group
    from algernon_serialize import UnserializableError, ajson
    from algernon_storage import uploads_put_off

    if isinstance(found.returned, Group):
        warn("the Task returned a group, whose members are among what was caught")
        return "null"
    try:
        with uploads_put_off():
            return ajson.dumps(found.returned)
    except UnserializableError as error:
        # Nobody gets it, or that would be why the Task fails.
        warn(f"what the Task returned can't be shown as JSON: {error}")
        return "null"


def _as_json(letter: Letter, found: Rehearsal) -> dict[str, Any]:
    error = found.error
    return {
        "task": letter.dead.task,
        "task_id": letter.dead.task_id,
        "state": "done" if error is None else "failed",
        "result": None if error is not None else json.loads(_result(found)),
        "error": None if error is None else type(error).__name__,
        "reason": None if error is None else str(error),
        "sent": [_sent_as_json(task) for task in found.sent],
    }


def _sent_as_json(task: Task) -> dict[str, Any]:
    from algernon_serialize import ajson

    return {
        "task": task.task_name,
        "task_id": task.task_id,
        "kwargs": json.loads(ajson.dumps(task.task_kwargs)),
        "callback": task.callback,
        "message_group": task.message_group,
    }
