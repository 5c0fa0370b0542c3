"""A whole system on a local AWS, for as long as a block lasts."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Self, TypeAlias

from algernon_queue import SentGroup, SentTask
from algernon_queue.dead_letter import DeadLetter

from ..errors import (
    ChainFailedError,
    ChainTimeoutError,
    LocalSystemError,
    RefusedError,
    TemplateError,
    WorkerError,
)
from ..story.chain import check_chain_id
from ..system.code_archive import code_archive, worker_sources
from ..system.letters.reader import read_dead_letters
from ..system.letters.redrive import redrive_all
from ..system.place import Place, leading_to
from ..system.settings.environment import local_settings
from ..system.settings.file import read_settings
from ..system.stack import Stack
from ..system.task_queues import TaskQueues
from ..system.workers import import_packed_workers
from ..template import CACHE_FOLDER, check_limits, logical_id, system_template
from ..worker import split_target
from .aws import LocalAWS
from .backlog import Backlog
from .chain_end import dead_letter_of, messages_of_chain, say_what_failed, say_why
from .kept_folder import check_not_packed, kept_folder
from .place import place_of_local_aws
from .worker_logs import WorkerLogs

logger = logging.getLogger("algernon")

Messages: TypeAlias = Sequence[Mapping[str, Any]]
# What each queue holds, by its URL.
Queues: TypeAlias = Mapping[str, Messages]

# AWS CloudFormation API Reference, CreateStack.
_STACK_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,127}")
_CODE_BUCKET = "algernon-code"
_TEMPLATE = "template.json"
_DEPLOY_SECONDS = 120
# Between two looks at what is left pass so many seconds at least, and so many times as long as
# a look takes.
_LOOK_SECONDS = 0.05
_LOOKS_APART = 10


class LocalSystem:
    """A system of workers on a local AWS of its own, for as long as its `with` block.

    The stack is the template of ``algernon template``, with the settings of the
    project's `pyproject.toml` but for what is on AWS alone: its network, keys, layers,
    bucket, alarms and permissions boundary are left out, and nothing is read from
    AWS Secrets Manager and Parameter Store: whatever value is kept there has to be
    said here. The workers run as processes of this Python, with the packages that are
    installed here, with their own environment variables and nothing of this process's,
    and with made-up credentials; ``DEBUG=true`` here is passed on as the template's
    `Debug`. Their log lines are text: the local Lambda has no JSON format. When the
    block ends, or this process does in any way, so do all of them.

    Args:
        target: ``MODULE:ROUTER``.
        others: The same of further workers. Each is a function of its own, and a
            Task's callback may be any worker's.
        directory: Where the modules are, and the pyproject.toml, or above it; the
            current directory by default.
        timeout: How long one batch may take, in seconds, in place of what the settings
            say for all functions and for those of one worker; what a Task itself needs
            holds all the same.
        memory: The functions' memory, in MB, likewise. Nothing enforces it locally.
        env: Environment variables of all workers, in place of what the settings say.
            Each secret and parameter among these needs a value here.
        customize: Is called with the finished template, to change it as it likes, and
            returns None.
        stack_name: The stack's name; made from the first module's by default.
        persist: A folder in which the system outlives its block: its queues with their
            messages, dead letters, bucket and logs. The next block with the same folder goes on
            with these, and with the code as it is then, whatever its port. A process that is
            killed loses nothing either; if the local AWS itself is, or the machine stops,
            messages are as they were some seconds before. By default nothing is kept.
        port: The port on 127.0.0.1; a free one by default.

    Attributes:
        tasks: The names of all workers' Tasks, in order.
        stack_name: The stack's name.
        bucket_name: The system's bucket.
        log_group: The log group of its workers.
        endpoint_url: Where the local AWS answers.
        environ: The environment variables with which any process, through boto3
            or `send_task`, talks to this system, whatever else its environment holds.

    What it is doing while it starts it logs, at level INFO, by the logger ``algernon``.

    Raises:
        MissingExtraError: The extra isn't installed.
        WorkerError: A target doesn't lead to a router and a handler, two have
            the same module or a Task of the same name, or AWS doesn't admit what
            they are otherwise: what `system_template` raises TemplateError for, such
            as more Tasks than one template holds.
        TemplateError: The timeout or the memory is outside Lambda's limits.
        SettingsError: The pyproject.toml has a setting that means nothing, a variable of `env`
            can't be one, or secrets and parameters have no value; it names all of these.
        LocalSystemError: The local AWS can't start, a module is nowhere, or the code
            is too large; or the folder to persist in has another system, or that of another
            version, or one that runs. When the block ends: what it holds can't be saved there.
        RefusedError: A Task isn't there any more that has messages in the folder.
        DeploymentError: CloudFormation couldn't create the stack, or update it.

    Example:
        >>> with LocalSystem("worker:router", "mailer:router") as system:  # doctest: +SKIP
        ...     with system.as_default():
        ...         send_task("resize", {"width": 640})
        ...     system.run()
    """

    def __init__(
        self,
        target: str,
        *others: str,
        directory: Path | None = None,
        timeout: int | None = None,
        memory: int | None = None,
        stack_name: str | None = None,
        port: int | None = None,
        env: Mapping[str, str] = MappingProxyType({}),
        customize: Callable[[dict[str, Any]], None] | None = None,
        persist: Path | None = None,
    ) -> None:
        self._targets = (target, *others)
        self._modules = [module for module, _ in map(split_target, self._targets)]
        self._directory = (directory or Path.cwd()).resolve()
        check_limits(timeout, memory)
        self._timeout = timeout
        self._memory = memory
        self._env = env
        self._customize = customize
        self._persist = persist and persist.absolute()
        self._read_settings()
        self._env = dict(env)  # it has just been found to be one
        self.stack_name = stack_name or default_stack_name(target)
        _check_stack_name(self.stack_name)
        self._aws = LocalAWS(port=port)
        self._cleanup = ExitStack()
        self.endpoint_url = self._aws.endpoint_url
        self.tasks: tuple[str, ...] = ()
        self.bucket_name = ""
        self.log_group = ""
        self.environ: dict[str, str] = {}

    def __enter__(self) -> Self:
        with ExitStack() as cleanup:
            is_there = False
            if self._persist:
                sources = worker_sources(self._modules, self._directory)
                check_not_packed(self._persist, sources)
                kept = cleanup.enter_context(kept_folder(self._persist, self.stack_name))
                is_there = kept.has_system
                self._aws.keep_in(kept)
            logger.info("Starting a local AWS at %s", self.endpoint_url)
            aws = cleanup.enter_context(self._aws)
            wanted = self._wanted()
            with aws.holding():
                if is_there:
                    self._take_over(self._deployed_template())
                    self._update(wanted)
                else:
                    self._create(wanted)
            self.bucket_name = self._resources["Bucket"]
            self.environ = {
                **aws.environ,
                "ALGERNON_BUCKET_NAME": self.bucket_name,
                "ALGERNON_TOPIC_PREFIX": f"{self.stack_name}-",
                "ALGERNON_TOPIC_PARAMETER_PREFIX": self._put_topic_parameters(),
                "CACHE_FOLDER_NAME": CACHE_FOLDER,
            }
            self.log_group = self._resources["WorkerLogs"]
            self._logs = WorkerLogs(aws.client("logs"), self.log_group)
            if is_there:
                self._logs.skip_written()
            self._cleanup = cleanup.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._cleanup.close()

    @contextmanager
    def as_default(self) -> Iterator[None]:
        """Let this process send to this system, and call its AWS, until the block ends.

        That holds in all of its threads, for whatever sends Tasks, for
        `algernon_storage.aws_client`, and for clients that boto3 makes within the block. When
        it ends, the environment and boto3's default session are as they were before.

        Example:
            >>> with system.as_default():  # doctest: +SKIP
            ...     send_task("resize", {"width": 640})
        """
        with leading_to(self._place):
            yield

    def reload(self) -> bool:
        """Take over the code and the settings as they are saved now, and tell whether they differ.

        Queues and what they hold stay, as do dead letters and the bucket; Tasks may have come, gone
        or changed. A batch that runs ends with the code that it began with. If this raises, the
        system goes on as it was.

        Raises:
            WorkerError: As for the start; its `traceback` has that of a module that can't be
                imported.
            SettingsError: As for the start.
            RefusedError: A Task isn't there any more, and there are messages for it, or dead
                letters of it.
            DeploymentError: CloudFormation couldn't update the stack.
            LocalSystemError: As for the start, or the local AWS has ended.

        Example:
            >>> system.reload()  # doctest: +SKIP
            True
        """
        self._aws.check()
        wanted = self._wanted()
        if wanted == self._running:
            return False
        with self._aws.holding():
            self._update(wanted)
        self._put_topic_parameters()
        return True

    def run(self, *, timeout: float = 60.0) -> None:
        """Wait until nothing is left to do, what is tried again after a while included.

        What is in a dead-letter queue isn't left to do.

        Args:
            timeout: For how many seconds.

        Raises:
            LocalSystemError: Something is left when the time is up; the message says of which
                Tasks. Or the local AWS has ended.

        Example:
            >>> system.run()  # doctest: +SKIP
        """
        for queues in self._looks(timeout):
            backlog = self._backlog(queues)
            if not backlog:
                return
        raise LocalSystemError(
            f"the system {self.stack_name!r} isn't done after {timeout:g} s."
            f" {self._what_is_left(backlog)}"
        )

    def wait(
        self, chain_id: SentTask[object] | SentGroup[object] | str, *, timeout: float = 60.0
    ) -> None:
        """Wait until a chain has come to its end: until no message of it is left to do.

        Its messages are those of its Tasks, and of what these send: where one returns a
        group, also those of the members, and of what gets their results. Of a chain that
        nobody has sent nothing is left either.

        Args:
            chain_id: The chain's id, such as `send_task` returns, or what `send` returned.
                A group that no Task sent is a chain of its own, of the group's id.
            timeout: For how many seconds.

        Raises:
            ChainFailedError: Some of it ended in dead-letter queues; its `dead_letters`
                say why.
            ChainTimeoutError: Something of it is left when the time is up; the message
                says of which Tasks, and how they failed so far.
            ChainError: The id is no UUID.
            LocalSystemError: The local AWS has ended.

        Example:
            >>> system.wait(price.then(bill).send(items=[1]))  # doctest: +SKIP
        """
        own_id = check_chain_id(_id_of(chain_id))
        select = partial(messages_of_chain, own_id)
        for queues in self._looks(timeout):
            backlog = self._backlog(queues, select)
            if not backlog:
                break
        letters = [
            dead_letter_of(message, task)
            for task in self.tasks
            for message in select(queues[self.dead_letter_queue_url(task)])
        ]
        given_up = [say_why(letter) for letter in letters]
        if backlog:
            failed = say_what_failed(self._aws.client("logs"), self.log_group, own_id)
            known = " ".join([*failed, *given_up, self._what_is_left(backlog)])
            raise ChainTimeoutError(
                f"the chain {own_id} hasn't come to its end after {timeout:g} s. {known}"
            )
        if letters:
            raise ChainFailedError(
                f"the chain {own_id} has failed. {' '.join(given_up)} See in log_lines() what"
                " led to it; once that is mended, redrive() has it tried again",
                letters,
            )

    @property
    def dead_letters(self) -> list[DeadLetter]:
        """What is in the dead-letter queues, by Task in the order of `tasks`, left there.

        Example:
            >>> [(letter.task, letter.error) for letter in system.dead_letters]  # doctest: +SKIP
            [('charge', 'ConnectionError')]
        """
        return read_dead_letters(self._place, self._task_queues)

    def redrive(self) -> int:
        """Move what is in the dead-letter queues back to the queues; return how many that were.

        It is what ``algernon dead redrive --yes`` does. What comes back meanwhile stays.

        Example:
            >>> system.redrive()  # doctest: +SKIP
            1
        """
        return redrive_all(self._place, self._task_queues)

    def queue_url(self, task: str) -> str:
        """Return the URL of a Task's queue.

        Raises:
            KeyError: The system has no such Task.
        """
        return self._resources[logical_id("Queue", task)]

    def dead_letter_queue_url(self, task: str) -> str:
        """Return the URL of the queue that a Task's messages end in after its last try.

        That is the fifth, or a later one, where the Task's `retries` ask for it.

        Raises:
            KeyError: The system has no such Task.
        """
        return self._resources[logical_id("DeadLetterQueue", task)]

    def log_lines(self) -> list[str]:
        """Return what the workers logged since the last call, each line once.

        The lines of an invocation come when it has ended. Those of the local AWS
        itself, which has only errors to tell, come between them.

        Raises:
            LocalSystemError: The local AWS has ended.
        """
        return [line for lines in self.invocations() for line in lines]

    def invocations(self) -> list[list[str]]:
        """Return the same as `log_lines`, the lines of each invocation together.

        Those of the local AWS itself are together too.

        Raises:
            LocalSystemError: The local AWS has ended.
        """
        self._aws.check()
        output = self._aws.new_output()
        return [*([output] if output else []), *self._logs.new_invocations()]

    @property
    def _place(self) -> Place:
        return place_of_local_aws(self.environ, log_groups=(self.log_group,))

    @property
    def _task_queues(self) -> list[TaskQueues]:
        return [
            TaskQueues(
                task,
                self._resources[logical_id("Topic", task)],
                self.queue_url(task),
                self.dead_letter_queue_url(task),
            )
            for task in self.tasks
        ]

    def _looks(self, timeout: float) -> Iterator[Queues]:
        """Give what the queues hold, again and again until the time is up."""
        end = time.monotonic() + timeout
        while True:
            began = time.monotonic()
            yield self._aws.queued_messages()
            now = time.monotonic()
            if now >= end:
                return
            # While ministack shows its queues, it does nothing else.
            pause = max(_LOOK_SECONDS, _LOOKS_APART * (now - began))
            time.sleep(min(pause, end - now))

    def _backlog(
        self, queues: Queues, select: Callable[[Messages], Messages] = list
    ) -> dict[str, Backlog]:
        """Return what is left to do, of the Tasks that have something left."""
        left = {task: select(queues[self.queue_url(task)]) for task in self.tasks}
        return {task: Backlog.of(messages) for task, messages in left.items() if messages}

    def _what_is_left(self, backlog: Mapping[str, Backlog]) -> str:
        left = "; ".join(f"{task}: {what}" for task, what in backlog.items())
        hidden = max(self._hidden_seconds[task] for task in backlog)
        return (
            f"Left are, by Task: {left}. Wait longer (timeout=), or see in log_lines() what"
            f" failed: without retries= or backoff= of its own, it comes again after {hidden} s"
        )

    def _read_settings(self) -> None:
        settings = read_settings(self._directory)
        local = local_settings(settings, self._modules, self._env)
        self._is_debug = settings.debug or os.environ.get("DEBUG", "").lower() == "true"
        self._settings = local

    def _wanted(self) -> _Version:
        """Return the system that the files make now."""
        self._read_settings()
        module, *others = self._modules
        logger.info("Packing the code")
        code = code_archive(module, self._directory, others=others)
        return _Version(code, self._template(code), is_debug=self._is_debug)

    def _template(self, code: bytes) -> dict[str, Any]:
        logger.info("Importing %s", ", ".join(self._modules))
        workers = import_packed_workers(
            self._targets,
            code,
            self._directory,
            environ=self._aws.process_environ,
            settings=self._settings,
        )
        try:
            return system_template(
                workers,
                timeout=self._timeout,
                memory=self._memory,
                settings=self._settings,
                customize=self._customize,
            )
        except TemplateError as error:
            raise WorkerError(str(error)) from error

    @property
    def _stack(self) -> Stack:
        return Stack(self._aws.client("cloudformation"), self.stack_name)

    def _deployed_template(self) -> dict[str, Any]:
        cloudformation = self._aws.client("cloudformation")
        body = cloudformation.get_template(StackName=self.stack_name)["TemplateBody"]
        template: dict[str, Any] = json.loads(body) if isinstance(body, str) else dict(body)
        return template

    def _create(self, wanted: _Version) -> None:
        logger.info("Creating the stack %r", self.stack_name)
        with self._aws_at_work():
            self._stack.create(*self._upload(wanted))
            self._stack.wait(_DEPLOY_SECONDS)
        self._take_over(wanted.template)
        self._running = wanted

    def _update(self, wanted: _Version) -> None:
        """Update the stack, unless that would leave messages behind."""
        gone = [queues for queues in self._task_queues if queues.task not in wanted.tasks]
        self._refuse_to_leave_messages(gone)
        logger.info("Updating the stack %r", self.stack_name)
        with self._aws_at_work():
            if self._stack.update(*self._upload(wanted)):
                self._stack.wait(_DEPLOY_SECONDS)
        self._take_over(wanted.template)
        self._running = wanted
        self._tidy_up(wanted.code_key, gone)

    @contextmanager
    def _aws_at_work(self) -> Iterator[None]:
        from botocore.exceptions import BotoCoreError

        try:
            yield
        except BotoCoreError:
            self._aws.check()  # if it has ended, that is why nothing answers
            raise

    def _upload(self, wanted: _Version) -> tuple[str, dict[str, str]]:
        """Put code and template into the local S3; return the template's URL, and parameters."""
        s3 = self._aws.client("s3")
        s3.create_bucket(Bucket=_CODE_BUCKET)
        s3.put_object(Bucket=_CODE_BUCKET, Key=wanted.code_key, Body=wanted.code)
        s3.put_object(Bucket=_CODE_BUCKET, Key=_TEMPLATE, Body=json.dumps(wanted.template))
        parameters = {
            "CodeBucket": _CODE_BUCKET,
            "CodeKey": wanted.code_key,
            "Debug": "true" if wanted.is_debug else "false",
            # ministack tells a worker neither the format nor the level, so that JSON
            # would be claimed and not so.
            "LogFormat": "Text",
        }
        return f"{self.endpoint_url}/{_CODE_BUCKET}/{_TEMPLATE}", parameters

    def _take_over(self, template: Mapping[str, Any]) -> None:
        """Be the system that the stack is, which has this template."""
        tasks = tuple(template["Metadata"]["Algernon"]["Tasks"])
        self._hidden_seconds = {
            task: template["Resources"][logical_id("Queue", task)]["Properties"][
                "VisibilityTimeout"
            ]
            for task in tasks
        }
        self._resources = self._stack.resources()
        self.tasks = tasks

    def _refuse_to_leave_messages(self, gone: Sequence[TaskQueues]) -> None:
        """Raise if Tasks that are gone have messages: nobody would come to these any more."""
        held = self._aws.queued_messages()
        for queues in gone:
            waiting = len(held.get(queues.queue_url, ()))
            dead = len(held.get(self.dead_letter_queue_url(queues.task), ()))
            if waiting or dead:
                raise RefusedError(
                    f"the Task {queues.task!r} isn't there any more, but there are messages for it"
                    f" ({waiting} waiting, {dead} dead), so nothing was changed: put it back, and"
                    " have them done, or discard them (algernon dead discard), before it goes. A"
                    f" function that was renamed keeps them with @router.task(name={queues.task!r})"
                )

    def _tidy_up(self, code_key: str, gone: Sequence[TaskQueues]) -> None:
        """Delete code that nobody needs any more, and the empty queues of Tasks that are gone."""
        s3 = self._aws.client("s3")
        for stored in s3.list_objects_v2(Bucket=_CODE_BUCKET)["Contents"]:
            if stored["Key"] not in (code_key, _TEMPLATE):
                s3.delete_object(Bucket=_CODE_BUCKET, Key=stored["Key"])
        held = self._aws.queued_messages()
        sqs = self._aws.client("sqs")
        ssm = self._aws.client("ssm")
        for queues in gone:
            ssm.delete_parameters(Names=[f"{self._topic_parameters}{queues.task}"])
            urls = [queues.queue_url, *filter(None, [queues.dead_letter_queue_url])]
            if not any(held.get(url) for url in urls):
                for url in urls:
                    sqs.delete_queue(QueueUrl=url)

    @property
    def _topic_parameters(self) -> str:
        return f"/algernon/{self.stack_name}/"

    def _put_topic_parameters(self) -> str:
        """Put the Tasks' topics into the local Parameter Store, and return the names' prefix.

        Where a variable says that topics are looked up there, none can say that they aren't.
        """
        prefix = self._topic_parameters
        ssm = self._aws.client("ssm")
        for task in self.tasks:
            topic = self._resources[logical_id("Topic", task)]
            ssm.put_parameter(Name=f"{prefix}{task}", Value=topic, Type="String", Overwrite=True)
        return prefix


@dataclass(frozen=True, slots=True)
class _Version:
    """What a system is made of, as its files were once."""

    code: bytes
    template: dict[str, Any]
    is_debug: bool

    @property
    def code_key(self) -> str:
        return f"{hashlib.sha256(self.code).hexdigest()}.zip"

    @property
    def tasks(self) -> tuple[str, ...]:
        return tuple(self.template["Metadata"]["Algernon"]["Tasks"])


def default_stack_name(target: str) -> str:
    """Return the name for the stack of a worker, and others, that wasn't given one.

    Example:
        >>> default_stack_name("shop.order_worker:router")
        'shop-order-worker'
    """
    module, _ = split_target(target)
    return re.sub(r"[^A-Za-z0-9]+", "-", module).strip("-")[:128]


def _id_of(sent: SentTask[object] | SentGroup[object] | str) -> str:
    match sent:
        case SentTask():
            return sent.task_id
        case SentGroup():
            return sent.group_id
    return sent


def _check_stack_name(name: str) -> None:
    if not _STACK_NAME.fullmatch(name):
        raise LocalSystemError(
            f"{name!r} can't be a stack's name: 1 to 128 letters, digits and hyphens, a letter"
            " first; choose one with --stack (stack_name=)"
        )
