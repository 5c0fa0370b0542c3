"""A first parameter that is annotated `TaskContext` gets the worker's context."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from functools import partial, update_wrapper, wraps
from types import ModuleType
from typing import TYPE_CHECKING, Annotated, Any, Optional, Union

import algernon_queue as queue
import pytest
from algernon_queue import (
    BatchFailedError,
    Sendable,
    SettingError,
    Task,
    TaskArgumentsError,
    TaskContext,
    TaskRouter,
    queued,
    stated,
)
from algernon_queue import TaskContext as Ctx

from .events import ALL_DONE, LambdaContext, event, message, record

if TYPE_CHECKING:
    from algernon_queue import TaskContext as NotThereAtRuntime

Function = Callable[..., Any]

Context = TaskContext


def run(router: TaskRouter, task_name: str = "work", **task_kwargs: Any) -> Any:
    """Run a Task in a batch of its own."""
    one = record(message(task_name, task_kwargs=task_kwargs))
    assert router.handler(event(one), LambdaContext()) == ALL_DONE


def error_of(router: TaskRouter, task_name: str = "work", **task_kwargs: Any) -> Exception:
    """Return what a Task fails with in a batch of its own."""
    one = record(message(task_name, task_kwargs=task_kwargs))
    with pytest.raises(BatchFailedError) as caught:
        router.handler(event(one), LambdaContext())
    (error,) = caught.value.failures.values()
    return error


def by_its_class(ctx: TaskContext, n: int) -> Any:
    """Annotate the usual way."""
    return ctx, n


def by_an_alias(ctx: Ctx, n: int) -> Any:
    """Import under another name."""
    return ctx, n


def by_a_name_of_its_own(ctx: Context, n: int) -> Any:
    """Name the class anew."""
    return ctx, n


def by_its_module(worker: queue.TaskContext, n: int) -> Any:
    """Name the module."""
    return worker, n


def by_position(ctx: TaskContext, /, n: int) -> Any:
    """Take it by position alone."""
    return ctx, n


def by_position_or_not(ctx: TaskContext | None = None, /, n: int = 0) -> Any:
    """Take it by position, or leave it."""
    return ctx, n


def or_nothing(ctx: TaskContext | None = None, n: int = 0) -> Any:
    """Be callable without one."""
    return ctx, n


def or_nothing_as_before_3_10(ctx: Optional[TaskContext] = None, n: int = 0) -> Any:  # noqa: UP045
    """Be callable without one, as it was written once."""
    return ctx, n


def or_another(ctx: Union["TaskContext", str], n: int = 0) -> Any:  # noqa: UP007, UP037
    """Quote it within a union."""
    return ctx, n


def noted(ctx: Annotated[TaskContext, "the worker's"], n: int) -> Any:
    """Say more of it."""
    return ctx, n


def quoted(ctx: "TaskContext", n: int) -> Any:  # noqa: UP037
    """Quote it, where every annotation is a text anyway."""
    return ctx, n


def called_context(context: TaskContext, n: int) -> Any:
    """Call it what it was always called."""
    return context, n


def by_name_alone(*, ctx: TaskContext, n: int) -> Any:
    """Take everything by name."""
    return ctx, n


def with_the_rest(ctx: TaskContext, **others: Any) -> Any:
    """Take whatever is sent."""
    return ctx, others["n"]


async def later(ctx: TaskContext, n: int) -> Any:
    """Give it once awaited."""
    await asyncio.sleep(0)
    return ctx, n


class Shop:
    """An object with a method."""

    def sell(self, ctx: TaskContext, n: int) -> Any:
        """Be called for an object."""
        return ctx, n

    def __call__(self, ctx: TaskContext, n: int) -> Any:
        """Be called itself."""
        return ctx, n


def with_another(shop: str, ctx: TaskContext, n: int) -> Any:
    """Take something before it."""
    assert shop == "shop"
    return ctx, n


FORMS = [
    by_its_class,
    by_an_alias,
    by_a_name_of_its_own,
    by_its_module,
    by_position,
    by_position_or_not,
    or_nothing,
    or_nothing_as_before_3_10,
    or_another,
    noted,
    quoted,
    called_context,
    by_name_alone,
    with_the_rest,
    later,
    Shop().sell,
    Shop(),
    partial(with_another, "shop"),
]


def name_of(function: Any) -> str:
    """Return what a form is called here."""
    return str(getattr(function, "__name__", type(function).__name__))


@pytest.mark.parametrize("function", FORMS, ids=name_of)
def test_it_gets_the_context_whatever_it_is_called(function: Function) -> None:
    """However it is spelt, a Task gets its own record's facts in it, and what was sent beside."""
    router = TaskRouter()
    seen: list[Any] = []
    router.task(name="work")(noting(function, seen))
    run(router, n=7)
    ((context, n),) = seen
    assert n == 7
    assert isinstance(context, TaskContext)
    assert context["task"]["task_name"] == "work"
    assert set(context) == {"aws", "sqs", "task"}


def noting(function: Function, seen: list[Any]) -> Function:
    """Decorate a function so that what it returns is noted, and goes nowhere else."""

    @wraps(function, assigned=(), updated=())
    def inner(*args: Any, **kwargs: Any) -> Any:
        seen.append(function(*args, **kwargs))

    async def inner_later(*args: Any, **kwargs: Any) -> Any:
        seen.append(await function(*args, **kwargs))

    return wraps(function)(inner_later) if function is later else inner


@pytest.mark.parametrize("function", FORMS, ids=name_of)
def test_a_bare_message_s_task_gets_it_too(function: Function) -> None:
    """What Lambda is called with directly has a context without a record."""
    router = TaskRouter()

    @router.task
    @wraps(function, assigned=("__annotations__",), updated=())
    async def work(*args: Any, **kwargs: Any) -> Any:
        given = function(*args, **kwargs)
        context, n = await given if asyncio.iscoroutine(given) else given
        return {"is_context": isinstance(context, TaskContext), "sqs": context["sqs"], "n": n}

    bare = {"task_name": "work", "task_kwargs": {"n": 7}}
    assert router.handler(bare, None) == {"is_context": True, "sqs": {}, "n": 7}


def test_a_plain_function_gets_it_without_any_decorator() -> None:
    """The usual Task, in a batch, called directly, and routed by hand."""
    router = TaskRouter()

    @router.task
    def work(ctx: TaskContext, n: int) -> dict[str, int]:
        ctx["calls"] = ctx.get("calls", 0) + 1
        return {"n": n, "calls": ctx["calls"]}

    @router.task
    def positional(ctx: TaskContext, /, n: int) -> dict[str, int]:
        return {"n": n, "calls": ctx["calls"]}

    run(router, n=1)
    run(router, "positional", n=1)
    bare = {"task_name": "work", "task_kwargs": {"n": 2}}
    assert router.handler(bare, None) == {"n": 2, "calls": 2}
    assert router.route(bare, {}) == {"n": 2, "calls": 1}
    assert router.route({**bare, "task_name": "positional"}, {"calls": 5}) == {"n": 2, "calls": 5}


def test_a_parameter_called_context_gets_it_besides() -> None:
    """Wherever that stands, as ever."""
    router = TaskRouter()

    @router.task
    def work(ctx: TaskContext, n: int, *, context: dict[str, Any] | None = None) -> dict[str, bool]:
        return {"are_one": ctx is context}

    bare = {"task_name": "work", "task_kwargs": {"n": 2}}
    assert router.handler(bare, None) == {"are_one": True}


def test_only_the_first_parameter_is_looked_at() -> None:
    """One that stands later is for who calls it, unless it is called context."""
    router = TaskRouter()

    @router.task
    def work(n: int, ctx: TaskContext) -> None:
        pytest.fail("it was called")

    error = error_of(router, n=1)
    assert isinstance(error, TaskArgumentsError)
    assert "missing a required argument: 'ctx'" in str(error)

    def nothing() -> None:
        """Return nothing."""

    said = "a TaskContext has to be the first parameter, or be called 'context'"
    assert said in str(error)
    sender: Any = work
    with pytest.raises(TaskArgumentsError, match=f"{said}, and 'ctx' is neither"):
        sender.send(n=1)
    with pytest.raises(TaskArgumentsError, match=said):
        router.task(nothing).then(work)


@pytest.mark.parametrize("annotation", [dict, "dict[str, Any]", "Missing", "1 +", None, 7])
def test_what_is_annotated_otherwise_is_sent(annotation: Any) -> None:
    """Only this class stands for the context, whatever else an annotation may be."""
    router = TaskRouter()
    seen: list[Any] = []

    def work(ctx: Any) -> None:
        seen.append(ctx)

    work.__annotations__["ctx"] = annotation
    router.task(work)
    run(router, ctx="sent")
    assert seen == ["sent"]


def test_it_may_be_imported_for_type_checkers_alone() -> None:
    """Where the annotation's text says it, it needn't be there at runtime."""
    router = TaskRouter()
    seen: list[Any] = []
    names: dict[str, Any] = {"router": router, "seen": seen}
    program = (
        "from __future__ import annotations\\n"
        "@router.task\\n"
        "def plain(ctx: TaskContext, n: int): seen.append((ctx, n))\\n"
        "@router.task\\n"
        "def of_module(ctx: algernon_queue.TaskContext, n: int): seen.append((ctx, n))\\n"
        "@router.task\\n"
        "def optional(ctx: TaskContext | None = None, n: int = 0): seen.append((ctx, n))\\n"
    ).replace("\\n", "\n")
    exec(program, names)
    for task_name in router.tasks:
        run(router, task_name, n=1)
    assert [(type(ctx).__mro__[1], n) for ctx, n in seen] == [(TaskContext, 1)] * 3


def test_an_alias_that_is_not_there_at_runtime_is_missed_aloud() -> None:
    """Nobody can tell what it stands for: the message fails, and says what is missing."""
    router = TaskRouter()

    @router.task
    def work(ctx: NotThereAtRuntime, n: int) -> None:
        pytest.fail("it was called")

    error = error_of(router, n=1)
    assert isinstance(error, TaskArgumentsError)
    assert "missing a required argument: 'ctx'" in str(error)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="the statement type is Python 3.12's")
def test_it_may_have_an_alias_by_the_statement_type() -> None:
    """What ``type Context = TaskContext`` names stands for it too."""
    router = TaskRouter()
    names: dict[str, Any] = {"router": router, "TaskContext": TaskContext}
    exec(
        "type Context = TaskContext\n"
        "@router.task\n"
        "def work(ctx: Context, n): return {'n': n, 'keys': sorted(ctx)}\n"
        "type Missing = NotThereAtRuntime\n"
        "@router.task\n"
        "def sent(first: Missing, n): return {'n': n, 'first': first}\n",
        names,
    )
    bare = {"task_name": "work", "task_kwargs": {"n": 2}}
    assert router.handler(bare, None) == {"n": 2, "keys": ["aws", "sqs", "task"]}
    bare = {"task_name": "sent", "task_kwargs": {"n": 2, "first": 1}}
    assert router.handler(bare, None) == {"n": 2, "first": 1}


@pytest.mark.parametrize("name", ["ctx", "context"])
def test_nobody_can_send_it(name: str) -> None:
    """A message can't put anything in the place of the context."""
    router = TaskRouter()

    @router.task
    def work(ctx: TaskContext, context: Any) -> None:
        pytest.fail("it was called")

    error = error_of(router, "work", **{name: {"aws": None}})
    assert isinstance(error, TaskArgumentsError)
    assert f"was sent an argument {name!r}" in str(error)


def test_what_is_sent_under_the_name_of_a_positional_one_is_something_else() -> None:
    """A name that nobody can call is free for what is sent, if the function takes any."""
    router = TaskRouter()
    seen: list[Any] = []

    @router.task
    def open_(ctx: TaskContext, /, **others: Any) -> None:
        seen.append((isinstance(ctx, TaskContext), others))

    @router.task
    def closed(ctx: TaskContext, /, n: int = 0) -> None:
        pytest.fail("it was called")

    run(router, "open_", ctx="sent")
    assert seen == [(True, {"ctx": "sent"})]
    assert isinstance(error_of(router, "closed", ctx="sent"), TaskArgumentsError)


def test_what_is_sent_has_none_of_it() -> None:
    """A Task is sent without its context, and nobody can send one."""
    router = TaskRouter()

    @router.task
    def work(ctx: TaskContext, n: int, *, context: Any = None) -> None: ...

    @router.task
    def positional(ctx: TaskContext, /, n: int) -> None: ...

    # Type checkers know it under its usual name alone.
    sendable: list[Sendable[..., Any]] = [work, positional]
    for task in sendable:
        assert task.request(n=7) == task.request(7) == Task(task.task_name, {"n": 7})
        for name in ("ctx", "context"):
            with pytest.raises(TaskArgumentsError, match=f"unexpected keyword argument '{name}'"):
                task.request(**{name: {}, "n": 7})


def logged(function: Function) -> Function:
    """Hand everything on."""

    @wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return inner


def logged_by_name(function: Function) -> Function:
    """Hand everything on by name."""

    @wraps(function)
    def inner(**kwargs: Any) -> Any:
        return function(**kwargs)

    return inner


def looking_at_it(function: Function) -> Function:
    """Take the context, under a name of the decorator's own, and hand it on by position."""

    @wraps(function)
    def inner(mine: TaskContext, *args: Any, **kwargs: Any) -> Any:
        assert isinstance(mine, TaskContext)
        return function(mine, *args, **kwargs)

    return inner


def looking_at_it_by_position(function: Function) -> Function:
    """Take the context by position alone, as a typed decorator does."""

    @wraps(function)
    def inner(mine: TaskContext, /, *args: Any, **kwargs: Any) -> Any:
        assert isinstance(mine, TaskContext)
        return function(mine, *args, **kwargs)

    return inner


def supplying_it(function: Function) -> Function:
    """Take the context, and supply it to a function that takes it alone."""

    def inner(mine: TaskContext, *args: Any, **kwargs: Any) -> Any:
        return function(mine, *args, **kwargs)

    return inner


class Counting:
    """Hand everything on, as an object of a class of its own."""

    def __init__(self, function: Function) -> None:
        update_wrapper(self, function)
        self._function = function

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function."""
        return self._function(*args, **kwargs)


DECORATORS = [
    Counting,
    logged,
    logged_by_name,
    looking_at_it,
    looking_at_it_by_position,
    supplying_it,
]


@pytest.mark.parametrize("outer", [None, logged], ids=["once", "twice"])
@pytest.mark.parametrize("decorator", DECORATORS, ids=name_of)
@pytest.mark.parametrize("function", [by_its_class, by_position, Shop().sell, later], ids=name_of)
def test_a_decorated_function_gets_it(
    function: Function, decorator: Function, outer: Function | None
) -> None:
    """Behind decorators that hand arguments on, or look at the context on its way."""
    if decorator is logged_by_name and function is by_position:
        pytest.skip("such a decorator calls nothing by position")
    router = TaskRouter()
    seen: list[Any] = []

    @wraps(function)
    def note(*args: Any, **kwargs: Any) -> Any:
        seen.append(function(*args, **kwargs))

    @wraps(function)
    async def note_later(*args: Any, **kwargs: Any) -> Any:
        seen.append(await function(*args, **kwargs))

    decorated = decorator(note_later if function is later else note)
    router.task(name="work")(outer(decorated) if outer else decorated)
    run(router, n=7)
    ((context, n),) = seen
    assert isinstance(context, TaskContext)
    assert n == 7


def test_a_decorated_method_gets_it() -> None:
    """Of an object's method, the object isn't what comes first."""

    class Till:
        @logged
        def pay(self, ctx: TaskContext, n: int) -> dict[str, Any]:
            return {"n": n, "is_context": isinstance(ctx, TaskContext)}

        @looking_at_method
        def give(self, ctx: TaskContext, n: int) -> dict[str, Any]:
            return {"n": n, "is_context": isinstance(ctx, TaskContext)}

    router = TaskRouter()
    till = Till()
    for method in (till.pay, till.give):
        router.task(method)
    for task_name in ("pay", "give"):
        bare = {"task_name": task_name, "task_kwargs": {"n": 2}}
        assert router.handler(bare, None) == {"n": 2, "is_context": True}


def looking_at_method(function: Function) -> Function:
    """Take a method's object and the context under names of the decorator's own."""

    @wraps(function)
    def inner(this: Any, mine: TaskContext, **kwargs: Any) -> Any:
        return function(this, mine, **kwargs)

    return inner


def preset(function: Function) -> Function:
    """Supply a context beforehand."""
    return partial(function, ctx="its own")


def preset_by_position(function: Function) -> Function:
    """Supply a context beforehand, by position."""
    return partial(function, "its own")


def replacing(function: Function) -> Function:
    """Supply a context of the decorator's own."""

    @wraps(function)
    def inner(*args: Any, **kwargs: Any) -> Any:
        return function("its own", *args, **kwargs)

    return inner


def replacing_later(function: Function) -> Function:
    """Supply a context of the decorator's own, once awaited."""

    @wraps(function)
    async def inner(**kwargs: Any) -> Any:
        await asyncio.sleep(0)
        return function(ctx="its own", **kwargs)

    return inner


@pytest.mark.parametrize(
    "decorator", [preset, preset_by_position, replacing, replacing_later], ids=name_of
)
def test_a_decorator_may_supply_its_own(decorator: Function) -> None:
    """What it gives the function stands, and nothing of it can be sent."""
    router = TaskRouter()
    seen: list[Any] = []

    def work(ctx: TaskContext, n: int) -> None:
        seen.append((ctx, n))

    router.task(name="work")(decorator(work))
    for n in range(2):
        run(router, n=n)
    assert seen == [("its own", 0), ("its own", 1)]


@pytest.mark.parametrize("function", [partial(dict, m=2), dict, max], ids=["partial", "class", "C"])
def test_a_decorator_may_stand_before_what_has_no_annotations(function: Function) -> None:
    """Its own first parameter is what is sent, whatever it calls."""
    router = TaskRouter()
    seen: list[Any] = []

    @wraps(function)
    def inner(n: Any, **kwargs: Any) -> None:
        seen.append((n, kwargs))

    inner.__annotations__.clear()
    router.task(name="work")(inner)
    run(router, n=1)
    assert seen == [(1, {})]


def test_the_annotations_of_a_decorated_function_are_those_of_its_module() -> None:
    """A decorator of another module knows nothing of the names there, and needn't."""
    elsewhere = ModuleType("elsewhere")
    exec(
        "from functools import wraps\n"
        "Ctx = int\n"
        "def logged(function):\n"
        "    @wraps(function)\n"
        "    def inner(mine, /, *args, **kwargs):\n"
        "        return function(mine, *args, **kwargs)\n"
        "    return inner\n",
        elsewhere.__dict__,
    )
    router = TaskRouter()
    seen: list[Any] = []

    @router.task
    @elsewhere.logged  # type: ignore[untyped-decorator]
    def work(ctx: Ctx, n: int) -> None:
        seen.append((isinstance(ctx, TaskContext), n))

    run(router, n=1)
    assert seen == [(True, 1)]


def sold_by_position(n: int, /) -> None:
    """Take something that is sent by position alone."""


class Positional:
    """An object that takes something by position alone."""

    def sell(self, n: int, /) -> None:
        """Take it for an object."""

    def __call__(self, ctx: TaskContext, n: int, /, m: int) -> None:
        """Take it behind the context."""


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (sold_by_position, "'n'"),
        (lambda a, b, /, c: None, "'a', 'b'"),
        (lambda a, b=1, /: None, "'a'"),
        (lambda context, /: None, "'context'"),
        (Positional().sell, "'n'"),
        (Positional(), "'n'"),
        (partial(lambda a, b, /: None, 1), "'b'"),
    ],
    ids=range(7),
)
def test_what_nobody_can_send_is_refused(function: Function, name: str) -> None:
    """A parameter that is given by position alone is told when the Task is registered."""
    with pytest.raises(SettingError, match=f"takes {name} by position alone") as caught:
        TaskRouter().task(name="work")(function)
    assert "leave out the /" in str(caught.value)


@pytest.mark.parametrize(
    "function",
    [
        lambda a=1, /, n=0: None,
        partial(lambda a, /, n: None, 1),
        logged(lambda n, /: None),
        lambda *args, n: None,
    ],
    ids=["default", "given", "behind a decorator", "any"],
)
def test_what_need_not_be_sent_is_taken(function: Function) -> None:
    """One that has a default, or is given otherwise, keeps nobody from calling."""
    TaskRouter().task(name="work")(function)


def test_annotations_are_not_looked_at_before_the_first_message() -> None:
    """What a Task is annotated with may come to be after it."""
    router = TaskRouter()
    names: dict[str, Any] = {"router": router}
    exec(
        "from __future__ import annotations\n"
        "@router.task\n"
        "def work(ctx: Later, n): return {'n': n}\n",
        names,
    )
    names["Later"] = TaskContext
    assert router.handler({"task_name": "work", "task_kwargs": {"n": 2}}, None) == {"n": 2}


def test_handlers_of_messages_and_of_states_have_it_for_their_context() -> None:
    """What `@queued` and `@stated` give is one too, in second place as ever."""
    seen: list[Any] = []

    @queued
    def handler(event: dict[str, Any], context: TaskContext) -> None:
        seen.append(context)

    @stated
    def state_handler(event: Any, context: TaskContext) -> None:
        seen.append(context)

    assert handler(event(record(message())), LambdaContext()) == ALL_DONE
    state_handler({}, None)
    assert [isinstance(context, TaskContext) for context in seen] == [True, True]


def test_it_can_be_made_by_hand() -> None:
    """A test that calls a Task's function itself gives it one."""
    context, n = by_its_class(TaskContext(task={"task_id": "1"}), n=1)
    assert (context["task"], n) == ({"task_id": "1"}, 1)
