"""A deployment: from a template and the code to a system whose Tasks are run by it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from ...errors import CommandError, DeploymentError, RefusedError
from ..place import Place
from ..queue_facts import read_queue_facts
from ..stack import Stack
from ..task_queues import TaskQueues, find_task_queues
from .change_set import UNDER_REVIEW, ChangeSet, create_change_set
from .code_bucket import CodeBucket, code_bucket
from .deployed import deployed_template
from .draining import (
    interim_template,
    paused_tasks,
    resumed_template,
    wait_until_drained,
    with_mappings_active,
)
from .execution import execute
from .feeding import are_paused, pause, tasks_paused_by_hand, wait_until_fed
from .leftovers import Leftover, delete_leftovers, find_leftovers
from .plan import Count, Plan, make_plan
from .safety import check_others, check_plan, check_replacements
from .stack_events import StackEvent
from .stack_state import ready
from .template_tasks import tasks_in

# As long as CloudFormation may take for a large system, and more.
_SECONDS = 3600
# Nothing is left of a stack that is so, and the next deployment makes it anew.
_NOTHING_THERE = (UNDER_REVIEW, "ROLLBACK_COMPLETE", "DELETE_IN_PROGRESS")


class Code(Protocol):
    """The code of a system's workers, as `algernon.system.build` gives it."""

    @property
    def archive(self) -> bytes:
        """The zip."""

    @property
    def key(self) -> str:
        """A name that no other zip has."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a deployment has done besides what was planned.

    Attributes:
        deleted: The queues that it deleted of Tasks that are gone.
        left: Those that stay, since they hold messages.
        paused: The Tasks that somebody paused, and that still are.
        resumed: Those that were, and aren't any more.
    """

    deleted: tuple[Leftover, ...]
    left: tuple[Leftover, ...]
    paused: tuple[str, ...]
    resumed: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Basis:
    """What a stack is, as far as a plan rests on it; of a stack that isn't there, nothing."""

    template: Mapping[str, Any] | None
    parameters: Mapping[str, str]


class _ChangedError(RefusedError):
    """The stack isn't what it was when the plan was made."""


class Deployment:
    """The deployment of a system to a stack, which is there or isn't yet.

    It may be broken off at any moment, in whatever way: the next one goes on.

    Args:
        place: Where, with the name of the stack.
        template: The template that the stack is to have.
        drop: The names of the Tasks that may go with what their queues hold.
        is_code_only: Whether the stack is to keep its template, and get other code alone.
        is_dry: Whether it is only to be planned, so that nothing is changed.
        bucket: The bucket that code and templates go through; one that is made for all systems of
            the account and region by default.
        tell: What is said of what it does goes there, in sentences without a full stop.
        progress: Is called with what CloudFormation does, as it comes.

    Raises:
        RefusedError: Something would be lost, as `check_plan` says; or the code alone doesn't do,
            since the template's Tasks aren't the deployed ones.
        UnknownTaskError: What may go stays, or isn't there.
        NotASystemError: The stack isn't Algernon's.
        DeploymentError: The stack can't be changed, as `ready` says.
        botocore.exceptions.ClientError: AWS refused a call.

    Example:
        >>> deployment = Deployment(place, template, tell=print)  # doctest: +SKIP
        >>> plan = deployment.plan(code)  # doctest: +SKIP
        >>> [(change.kind, change.task) for change in plan.tasks]  # doctest: +SKIP
        [('add', 'price')]
        >>> deployment.carry_out(plan, code)  # doctest: +SKIP
    """

    def __init__(
        self,
        place: Place,
        template: Mapping[str, Any],
        *,
        drop: Collection[str] = (),
        is_code_only: bool = False,
        is_dry: bool = False,
        bucket: str | None = None,
        tell: Callable[[str], object] = lambda _: None,
        progress: Callable[[StackEvent], object] = lambda _: None,
    ) -> None:
        self._place = place
        self._drop = drop
        self._is_code_only = is_code_only
        self._bucket_name = bucket
        self._tell = tell
        self._progress = progress
        self._cloudformation = place.client("cloudformation")
        self._stack = Stack(self._cloudformation, str(place.stack_name))
        if bucket is not None:
            # One of somebody's own may not be there, which is best known before all else.
            self._bucket()
        self._basis = self._find(is_dry=is_dry)
        self._deployed = self._basis.template
        self._template = with_mappings_active(template, self._deployed)
        self._plan = self._checked(is_dry=is_dry)

    def plan(self, code: Code) -> Plan:
        """Return what it changes.

        Args:
            code: The workers' code.
        """
        is_other = self._basis.parameters.get("CodeKey") != code.key
        return replace(self._plan, code_changes=is_other)

    def carry_out(self, plan: Plan, code: Code) -> Outcome:
        """Carry it out, and return when the Tasks' messages are taken to their workers.

        Args:
            plan: What `plan` returned.
            code: The workers' code.

        Raises:
            RefusedError: Something would be lost that couldn't be known before: CloudFormation
                would replace what holds something, messages came for a Task that goes, or somebody
                else changed the stack meanwhile.
            DeploymentError: CloudFormation couldn't do it, and has taken it back; or messages
                aren't taken to their workers in time.
            botocore.exceptions.ClientError: AWS refused a call.
        """
        by_hand: set[str] = set()
        if self._deployed is not None:
            before = find_task_queues(self._place)
            by_hand = tasks_paused_by_hand(self._place, before, self._deployed)
        if not plan.is_empty:
            bucket = self._bucket()
            bucket.put(code.key, code.archive)
            self._change(plan, {"CodeBucket": bucket.name, "CodeKey": code.key}, bucket, by_hand)
        return self._tidied_up(by_hand)

    def _find(self, *, is_dry: bool) -> _Basis:
        """Return what the stack is, which is brought to where it can be changed before."""
        if is_dry:
            facts = self._stack.find()
            is_there = facts is not None and facts.status not in _NOTHING_THERE
            if facts is not None and is_there and facts.status.endswith("_IN_PROGRESS"):
                self._tell(f"the stack {self._stack.name!r} is being changed ({facts.status})")
        else:
            name = self._stack.name
            state = ready(self._cloudformation, name, tell=self._tell, timeout=_SECONDS)
            is_there = state == "there"
        return self._read() if is_there else _Basis(None, {})

    def _read(self) -> _Basis:
        """Return what the stack is now."""
        template = deployed_template(self._place)
        return _Basis(template, {} if template is None else self._stack.facts().parameters)

    def _check_basis(self) -> None:
        """Refuse what was planned for a stack that is another by now.

        It is looked for once there is a change set: CloudFormation itself refuses that one, if the
        stack is changed after it was made.

        Raises:
            RefusedError: The stack is another.
        """
        if self._read() != self._basis:
            raise _ChangedError(
                f"somebody else has changed the stack {self._stack.name!r} since the plan was made,"
                " and that is left as it is: run this again, and look at what it plans then"
            )

    def _checked(self, *, is_dry: bool) -> Plan:
        """Return the plan, as far as the templates tell it, if nothing is lost by it."""
        plan = make_plan(self._deployed, self._template, code_changes=True)
        if self._is_code_only:
            return self._of_code_alone(plan)
        try:
            return self._safe(plan)
        except RefusedError:
            if not is_dry:
                self._restore()
            raise

    def _of_code_alone(self, plan: Plan) -> Plan:
        """Return the plan without what the template changes.

        Raises:
            RefusedError: That is more than settings.
        """
        if plan.is_new:
            raise RefusedError(
                f"--code-only is for a system that is there, but the stack {self._stack.name!r}"
                " isn't: deploy it without"
            )
        if plan.changed:
            tasks = ", ".join(each.task for each in plan.changed)
            raise RefusedError(
                f"--code-only leaves all but the code as it is deployed, but with this code it has"
                f" to change for {tasks}: deploy without, and --plan shows how"
            )
        if plan.others:
            self._tell(f"--code-only leaves as it is deployed: {', '.join(plan.others)}")
        return replace(plan, others=(), template_changes=False)

    def _safe(self, plan: Plan) -> Plan:
        """Return the plan with how many messages the Tasks have that go.

        Raises:
            RefusedError, UnknownTaskError: As of `check_plan`.
        """
        if self._deployed is not None:
            check_others(self._deployed, self._template)
        left: list[str] = []
        if self._deployed is not None and (plan.removed or self._drop):
            queues = {each.task: each for each in find_task_queues(self._place)}
            gone = [queues[task] for task in plan.removed]
            plan = plan.with_counts({each.task: self._count(each) for each in gone})
            leftovers = find_leftovers(self._place, self._stack)
            left = [task for task in self._drop if any(each.is_of([task]) for each in leftovers)]
        check_plan(plan, self._drop, left=left)
        return plan

    def _count(self, queues: TaskQueues) -> Count:
        sqs = self._place.client("sqs")
        waiting = read_queue_facts(sqs, queues.queue_url).messages
        letters = queues.dead_letter_queue_url
        return Count(waiting, 0 if letters is None else read_queue_facts(sqs, letters).messages)

    def _change(
        self, plan: Plan, code: Mapping[str, str], bucket: CodeBucket, by_hand: Collection[str]
    ) -> None:
        """Have CloudFormation make the stack what it is to be."""
        # What it would do is known before the first Task is paused for it.
        change_set = self._change_set(code, bucket)
        if plan.paused and not change_set.is_empty:
            change_set.delete()
            try:
                self._drain(plan, bucket, by_hand)
                change_set = self._change_set(code, bucket)
                self._execute(change_set)
            except _ChangedError:
                # Whoever changed it decides what is paused.
                raise
            except DeploymentError:
                self._restore()
                raise
            except BaseException:
                self._tell(
                    f"the messages of {', '.join(plan.paused)} may wait until the next deployment,"
                    " which goes on with this one"
                )
                raise
        else:
            self._execute(change_set)

    def _change_set(self, code: Mapping[str, str], bucket: CodeBucket) -> ChangeSet:
        """Return the change set of the template and the code.

        Raises:
            RefusedError: It would replace what holds something, or somebody else has changed the
                stack.
        """
        template = self._deployed if self._is_code_only else self._template
        url = None if self._is_code_only else bucket.put_template(self._template)
        change_set = create_change_set(
            self._cloudformation,
            self._stack.name,
            template_url=url,
            parameters={**self._previous(template or {}), **code},
        )
        try:
            self._check_basis()
            check_replacements(change_set.changes)
        except CommandError:
            change_set.delete()
            raise
        return change_set

    def _previous(self, template: Mapping[str, Any]) -> dict[str, str | None]:
        """Return the parameters of a template that the stack has values for, which it keeps."""
        facts = self._stack.find()
        known = {} if facts is None else facts.parameters
        return {name: None for name in template.get("Parameters", {}) if name in known}

    def _bucket(self) -> CodeBucket:
        return code_bucket(self._place, self._bucket_name, tell=self._tell)

    def _drain(self, plan: Plan, bucket: CodeBucket, by_hand: Collection[str]) -> None:
        """Let the workers finish what they have of the Tasks that have to wait.

        Raises:
            RefusedError: Messages came meanwhile for a Task that goes.
        """
        deployed = self._deployed or {}
        before, after = tasks_in(deployed), tasks_in(self._template)
        # Such a one stays paused, whose mapping stays the one that it is.
        pausing = [
            task
            for task in plan.paused
            if task not in by_hand
            or task not in after
            or after[task].mapping != before[task].mapping
        ]
        self._tell(f"pausing {', '.join(plan.paused)}, until the change is made")
        interim = interim_template(deployed, pausing, plan.removed)
        self._deploy_as_it_is(interim, bucket)
        self._basis = self._read()
        self._template = with_mappings_active(self._template, interim)
        waiting = [each for each in find_task_queues(self._place) if each.task in plan.paused]
        longest = max(before[task].function.get("Timeout", 0) for task in plan.paused)
        urls = {each.task: each.queue_url for each in waiting}
        is_drained = False
        while not is_drained:
            pause(self._place, waiting)
            wait_until_drained(self._place, urls, longest=longest, tell=self._tell)
            # Somebody may have resumed them meanwhile.
            is_drained = are_paused(self._place, waiting)
        self._safe(plan)

    def _deploy_as_it_is(self, template: Mapping[str, Any], bucket: CodeBucket) -> None:
        """Give the stack a template that differs from its own in how it feeds workers."""
        change_set = create_change_set(
            self._cloudformation,
            self._stack.name,
            template_url=bucket.put_template(template),
            parameters=self._previous(template),
        )
        try:
            self._check_basis()
        except CommandError:
            change_set.delete()
            raise
        self._execute(change_set)

    def _restore(self) -> None:
        """Resume what is paused by the stack's template, since the deployment doesn't go on."""
        from botocore.exceptions import BotoCoreError, ClientError

        if self._deployed is None:
            return
        try:
            self._basis = self._read()
            if (now := self._basis.template) is not None and (paused := paused_tasks(now)):
                self._tell(f"resuming {', '.join(paused)}")
                self._deploy_as_it_is(resumed_template(now), self._bucket())
        except (CommandError, BotoCoreError, ClientError) as error:
            # Why the deployment ends says more, and is told after it.
            self._tell(
                "what is paused couldn't be resumed, and waits until the next deployment, or"
                f" algernon resume: {error}"
            )

    def _execute(self, change_set: ChangeSet) -> None:
        if not change_set.is_empty:
            self._tell(f"CloudFormation changes the stack {self._stack.name!r}")
            execute(change_set, tell=self._tell, progress=self._progress)

    def _tidied_up(self, by_hand: Collection[str]) -> Outcome:
        """Delete what nobody needs any more, and wait until all that stays is at work."""
        leftovers = find_leftovers(self._place, self._stack)
        deleted, left = delete_leftovers(self._place, leftovers, drop=self._drop)
        tasks: Sequence[TaskQueues] = find_task_queues(self._place)
        paused = wait_until_fed(self._place, tasks, paused=by_hand)
        names = {each.task for each in tasks}
        resumed = sorted((set(by_hand) & names) - set(paused))
        return Outcome(tuple(deleted), tuple(left), paused, tuple(resumed))
