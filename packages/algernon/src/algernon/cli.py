"""The command `algernon`: a system's template, a local system, sending and tracing Tasks."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from io import TextIOWrapper
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Any

from .errors import AlgernonError, ArgumentsError, ChainError, UnknownTaskError, WorkerError
from .printing import printing, reading_has_ended

if TYPE_CHECKING:
    from .local import LocalSystem
    from .running import RunningSystem

_LOG_SECONDS = 0.2
# As shells tell that a process was ended by SIGINT.
_INTERRUPTED = 128 + signal.SIGINT


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command, and return its exit status.

    Args:
        arguments: The command line after the command's name; that of the process
            by default.

    Returns:
        0 when all went well, or nobody reads on; 1 when it didn't, and 130 when it was
        interrupted, after one line on standard error that says why. Wrong usage ends
        the process with 2, as argparse does.

    Example:
        ``main(["template", "worker:router", "--timeout", "60"])``
    """
    if isinstance(sys.stdout, TextIOWrapper):
        # Lines and names may hold characters that the terminal's encoding lacks.
        sys.stdout.reconfigure(errors="backslashreplace")
    with printing():
        return _status(arguments)
    return 0  # whoever reads has read enough


def _status(arguments: Sequence[str] | None) -> int:
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], None] = options.command
    try:
        try:
            command(options)
        finally:
            sys.stdout.flush()
    except KeyboardInterrupt:
        _warn("interrupted")
        return _INTERRUPTED
    except Exception as error:  # whatever it is, one line is promised
        if isinstance(error, BrokenPipeError) and reading_has_ended():
            raise
        _warn(_reason(error))
        return 1
    return 0


def _warn(text: str) -> None:
    with suppress(BrokenPipeError):  # nobody may read that either
        print("algernon:", " ".join(text.split()), file=sys.stderr)


def _reason(error: Exception) -> str:
    from algernon_queue import QueueError
    from algernon_serialize import SerializeError
    from algernon_storage import StorageError
    from botocore.exceptions import BotoCoreError, ClientError

    ours = (AlgernonError, QueueError, SerializeError, StorageError)
    if isinstance(error, (*ours, BotoCoreError, ClientError, OSError)):
        return str(error)
    # It may be a fault of this package's: what and where it is has to be told, too.
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {error} ({place.filename}, line {place.lineno})"


def _template(options: argparse.Namespace) -> None:
    from .import_process import import_workers
    from .template import system_template

    workers = import_workers(options.targets, Path.cwd())
    template = system_template(workers, timeout=options.timeout, memory=options.memory)
    print(json.dumps(template, indent=2))


def _run(options: argparse.Namespace) -> None:
    from .local import LocalSystem
    from .running import RunningSystem, reserve_entry

    system = LocalSystem(
        *options.targets,
        timeout=options.timeout,
        memory=options.memory,
        stack_name=options.stack,
        port=options.port,
    )
    show_logs = _show_logs if options.verbose or not sys.stdout.isatty() else _show_digest
    # A list, since a handler that waits for a lock may wait for the code that it interrupts.
    stops: list[int] = []

    def interrupt(number: int, _frame: FrameType | None) -> None:
        # What is raised may get lost in code that nobody can stop, such as a finalizer's.
        stops.append(number)
        # A second one could interrupt the tidying up.
        _on_stop_signals(signal.SIG_IGN)
        raise KeyboardInterrupt

    _tell_steps()
    try:
        _on_stop_signals(interrupt)
        with reserve_entry(system.stack_name) as entry, system:
            _on_stop_signals(lambda number, _frame: stops.append(number))
            entry.announce(RunningSystem(system.tasks, system.environ, system.log_group))
            print(_how_to_use(options.targets, system), flush=True)
            while not stops:
                time.sleep(_LOG_SECONDS)
                show_logs(system)
            show_logs(system)
    except KeyboardInterrupt:
        pass
    print("Stopped.", flush=True)


def _on_stop_signals(handler: Callable[[int, FrameType | None], object] | signal.Handlers) -> None:
    signal.signal(signal.SIGINT, handler)
    signal.signal(signal.SIGTERM, handler)
    # Under nohup the command is to outlive its terminal.
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        signal.signal(signal.SIGHUP, handler)


def _how_to_use(targets: Sequence[str], system: LocalSystem) -> str:
    return "\n".join(
        (
            f"The system of {', '.join(targets)} runs as the stack {system.stack_name!r}.",
            f"Local AWS: {system.endpoint_url}",
            f"Bucket: {system.bucket_name}",
            f"Tasks: {', '.join(system.tasks)}",
            f"Send one from another terminal: algernon send {system.tasks[0]} --kwargs JSON",
            "Stop it with Ctrl-C. Log lines follow.",
        )
    )


def _tell_steps() -> None:
    """Tell people what the command is doing while it starts."""
    from .terminal import Terminal

    if sys.stderr.isatty():
        # A worker may have a module of this name, which comes first before `main` is called.
        import logging

        faint = Terminal.of(sys.stderr).paint("%(message)s", "faint")
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter(faint))
        logger = logging.getLogger("algernon")
        logger.addHandler(handler)
        logger.setLevel(logging.INFO)


def _show_logs(system: LocalSystem) -> None:
    for line in system.log_lines():
        print(line, flush=True)


def _show_digest(system: LocalSystem) -> None:
    from .digest import digest
    from .terminal import Terminal

    terminal = Terminal.of(sys.stdout)
    for invocation in system.invocations():
        for line in digest(invocation, terminal):
            print(line, flush=True)


def _send(options: argparse.Namespace) -> None:
    from .named_aws import check_topic_is_of_stack, use_named_aws

    kwargs = _keyword_arguments(options.kwargs)
    if options.region or options.profile:
        if options.stack is None:
            options.usage_error("--stack is needed too: the name of the stack on AWS to send to")
        use_named_aws(options.profile, options.region)
        check_topic_is_of_stack(options.task, options.stack)
        os.environ.pop("ALGERNON_TOPIC_PARAMETER_PREFIX", None)
        os.environ["ALGERNON_TOPIC_PREFIX"] = f"{options.stack}-"
    else:
        _check_tasks(options, _turn_to_local_system(options))
    from algernon_queue import send_task

    print(send_task(options.task, kwargs, options.callback))


def _trace(options: argparse.Namespace) -> None:
    from .chain import check_chain_id, read_chain
    from .named_aws import use_named_aws
    from .story import tell_chain
    from .terminal import Terminal

    chain_id = check_chain_id(options.chain_id)
    groups = options.log_group or []
    if options.region or options.profile:
        use_named_aws(options.profile, options.region)
        if options.stack is not None:
            groups = [_log_group(options.stack), *groups]
        elif not groups:
            options.usage_error(
                "--stack or --log-group is needed too: where the workers' lines are"
            )
    else:
        system = _turn_to_local_system(options)
        groups = [system.log_group, *groups]
    groups = list(dict.fromkeys(groups))
    chain = read_chain(chain_id, _lines_of(chain_id, groups, options.hours))
    if not chain.tasks:
        raise ChainError(
            f"no line of the last {options.hours} hours in {', '.join(groups)} tells of the chain"
            f" {chain_id}: its first Task may still be waiting or running, or its process was"
            " killed; or its worker isn't decorated with @lambda_logged, or doesn't log from INFO"
            " on"
        )
    print(tell_chain(chain, Terminal.of(sys.stdout)))


def _log_group(stack: str) -> str:
    import boto3

    resource = boto3.client("cloudformation").describe_stack_resource(
        StackName=stack, LogicalResourceId="WorkerLogs"
    )
    return str(resource["StackResourceDetail"]["PhysicalResourceId"])


def _lines_of(chain_id: str, groups: Sequence[str], hours: int) -> Iterator[str]:
    """Give the lines of the log groups that can be read, and say which can't.

    Raises:
        ChainError: None can be.
    """
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    from .worker_logs import find_events

    client = boto3.client("logs")
    since = datetime.now(UTC) - timedelta(hours=hours)
    unread: dict[str, Exception] = {}
    for group in groups:
        try:
            yield from find_events(client, group, chain_id, since)
        except (BotoCoreError, ClientError) as error:
            unread[group] = error
    if len(unread) == len(groups):
        raise ChainError(
            f"no lines can be read from {', '.join(map(repr, groups))}: {unread[groups[0]]}"
        ) from unread[groups[0]]
    for group, reason in unread.items():
        _warn(f"the log group {group!r} is left out, since it can't be read: {reason}")


def _keyword_arguments(text: str) -> dict[str, Any]:
    from algernon_serialize import SerializeError, ajson

    try:
        kwargs = ajson.loads(text)
    except SerializeError as error:
        raise ArgumentsError(f"--kwargs: {error}") from error
    if not isinstance(kwargs, dict):
        raise ArgumentsError(
            f"--kwargs holds {_with_article(type(kwargs).__name__)}, but a Task takes keyword"
            " arguments: write a JSON object, such as '{\"width\": 640}'"
        )
    return kwargs


def _with_article(noun: str) -> str:
    return f"an {noun}" if noun[0] in "AEIOaeiou" else f"a {noun}"


def _turn_to_local_system(options: argparse.Namespace) -> RunningSystem:
    """Let the environment of this process lead to a local system, and nowhere else."""
    from .running import choose_system, read_entries

    entries = read_entries()
    for name in entries.left_behind:
        _warn(f"the local system {name!r} has ended without tidying up, and is forgotten")
    system = choose_system(entries, options.stack)
    for name in [name for name in os.environ if name.startswith(("ALGERNON_", "AWS_"))]:
        del os.environ[name]
    os.environ.update(system.environ)
    return system


def _check_tasks(options: argparse.Namespace, system: RunningSystem) -> None:
    chain = [options.task, *(options.callback.split("#") if options.callback else ())]
    for name in chain:
        if name not in system.tasks:
            raise UnknownTaskError(
                f"the system has no Task {name!r}; its Tasks are {', '.join(system.tasks)}"
            )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="algernon", description="Distributed, serverless Tasks on AWS, and on this machine."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_template(commands.add_parser("template", help="write a system's CloudFormation template"))
    _add_run(commands.add_parser("run", help="run a system of workers on this machine"))
    _add_send(commands.add_parser("send", help="send a Task, and print its task_id"))
    _add_trace(commands.add_parser("trace", help="tell the story of a chain of Tasks"))
    return parser


def _add_template(parser: argparse.ArgumentParser) -> None:
    parser.description = "Write the CloudFormation template of a system, as JSON."
    _add_workers(parser)
    parser.set_defaults(command=_template)


def _add_run(parser: argparse.ArgumentParser) -> None:
    parser.description = "Run a system on a local AWS, and show what its workers log."
    _add_workers(parser)
    parser.add_argument("--port", type=_number(range(1, 65_536)), help="port on 127.0.0.1 (free)")
    parser.add_argument("--stack", metavar="NAME", help="name of the stack (the first module's)")
    parser.add_argument(
        "--verbose", action="store_true", help="show the workers' lines whole on a terminal too"
    )
    parser.set_defaults(command=_run)


def _add_send(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Send a Task to the local system that runs or, given a region or profile, to AWS."
    )
    parser.add_argument("task", metavar="TASK", help="the Task's name")
    parser.add_argument(
        "--kwargs", metavar="JSON", default="{}", help="keyword arguments, a JSON object ({})"
    )
    parser.add_argument("--callback", metavar="a#b", help="Tasks that the result goes on to")
    _add_place(parser)
    parser.set_defaults(command=_send)


def _add_trace(parser: argparse.ArgumentParser) -> None:
    parser.description = (
        "Tell the story of a chain of Tasks, out of what its workers logged in the local system"
        " that runs or, given a region or profile, on AWS."
    )
    parser.add_argument("chain_id", metavar="CHAIN_ID", help="the chain's id, as send printed it")
    parser.add_argument(
        "--hours", metavar="N", type=_number(range(1, 24 * 366)), default=24, help="look back (24)"
    )
    parser.add_argument(
        "--log-group",
        metavar="NAME",
        action="append",
        help="look for lines there too, such as those of another stack; may be repeated",
    )
    _add_place(parser)
    parser.set_defaults(command=_trace)


def _add_place(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--stack", metavar="NAME", type=_name, help="the stack, where several are running"
    )
    parser.add_argument("--region", type=_name, help="on AWS, in this region")
    parser.add_argument("--profile", type=_name, help="on AWS, with this profile")
    parser.set_defaults(usage_error=parser.error)


def _add_workers(parser: argparse.ArgumentParser) -> None:
    from .template import MEMORIES, TIMEOUTS

    parser.add_argument(
        "targets",
        metavar="MODULE:ROUTER",
        type=_target,
        nargs="+",
        help="a worker's module and TaskRouter; each worker is a function of its own",
    )
    parser.add_argument(
        "--timeout",
        metavar="SECONDS",
        type=_number(TIMEOUTS),
        default=30,
        help="how long one batch of ten may take (%(default)s)",
    )
    parser.add_argument(
        "--memory",
        metavar="MB",
        type=_number(MEMORIES),
        default=256,
        help="each function's memory (%(default)s)",
    )


def _target(text: str) -> str:
    from .worker import split_target

    try:
        split_target(text)
    except WorkerError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return text


def _name(text: str) -> str:
    if not text:
        raise argparse.ArgumentTypeError("it is empty: name one, or leave the option out")
    return text


def _number(allowed: range) -> Callable[[str], int]:
    def number(text: str) -> int:
        if not text.isdecimal() or int(text) not in allowed:
            raise argparse.ArgumentTypeError(
                f"{text!r} isn't a number from {allowed[0]} to {allowed[-1]}"
            )
        return int(text)

    return number


if __name__ == "__main__":
    if not sys.flags.safe_path:
        # python -m puts the current directory first, whose modules are the workers' alone.
        del sys.path[0]
    sys.exit(main())
