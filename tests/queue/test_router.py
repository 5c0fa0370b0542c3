"""Functions are reached by their Task's name, and nothing else is."""

from __future__ import annotations

import subprocess
import sys
from decimal import Decimal
from functools import wraps
from typing import TYPE_CHECKING, Any

import pytest
from algernon_queue import (
    BatchFailedError,
    SettingError,
    TaskArgumentsError,
    TaskNameError,
    TaskRouter,
    UnregisteredTaskError,
)
from algernon_serialize import AlgObject, UnknownClassError, ajson

from .events import ALL_DONE, LambdaContext, event, failed, message, record

if TYPE_CHECKING:
    from collections.abc import Callable

    from .conftest import Listeners


class Invoice(AlgObject):
    """An object that is sent to a Task."""

    def __init__(self, total: Decimal) -> None:
        self.total = total

    @classmethod
    def parse_json(cls, json_dict: Any) -> Invoice:
        """Make one of its attributes."""
        return cls(json_dict["total"])


def run(router: TaskRouter, name: str, /, **kwargs: Any) -> Any:
    """Have a router run one bare message."""
    return router.handler({"task_name": name, "task_kwargs": kwargs}, LambdaContext())


def error_of(router: TaskRouter, body: str) -> Exception:
    """Return the error with which a record fails."""
    with pytest.raises(BatchFailedError) as caught:
        router.handler(event(record(body)), LambdaContext())
    (error,) = caught.value.failures.values()
    return error


def test_functions_are_registered_by_name() -> None:
    """A function is a Task of its own name or of one that it is given, and is called as ever."""
    router = TaskRouter()

    def double(n: int) -> int:
        return 2 * n

    @router.task(name="treble-it")
    def treble(n: int) -> int:
        return 3 * n

    @router.task()
    def negate(n: int) -> int:
        return -n

    assert router.task(double).__wrapped__ is double
    assert dict(router.tasks) == {
        "double": double,
        "treble-it": treble.__wrapped__,
        "negate": negate.__wrapped__,
    }
    assert [run(router, name, n=2) for name in router.tasks] == [6, -2, 4]
    assert treble(1) == 3


def test_registered_functions_cannot_be_changed_from_outside() -> None:
    """The view of the registered functions is read-only."""
    tasks: Any = TaskRouter().tasks
    with pytest.raises(TypeError):
        tasks["new"] = print


def test_a_batch_is_routed_by_task_name() -> None:
    """Each record of a batch goes to the function of its Task."""
    router = TaskRouter()
    ran = []
    for name in ("a", "b"):
        router.task(name=name)(lambda n, name=name: ran.append((name, n)))
    records = [record(message(name, task_kwargs={"n": n})) for n, name in enumerate("abba")]
    assert router.handler(event(*records), LambdaContext()) == ALL_DONE
    assert ran == [("a", 0), ("b", 1), ("b", 2), ("a", 3)]


def test_a_router_may_be_made_to_route_in_its_own_way() -> None:
    """A subclass that overrides `route` gets the messages of batches and bare ones alike."""
    routed = []

    class Noting(TaskRouter):
        def route(self, event: dict[str, Any], context: dict[str, Any]) -> Any:
            routed.append(event["task_kwargs"])
            return super().route(event, context)

    router = Noting()
    router.task(name="work")(lambda n: {"n": n})
    batch = event(record(message("work", task_kwargs={"n": 1})))
    assert router.handler(batch, LambdaContext()) == ALL_DONE
    assert router.handler({"task_name": "work", "task_kwargs": {"n": 2}}, None) == {"n": 2}
    assert routed == [{"n": 1}, {"n": 2}]


@pytest.mark.parametrize("name", ["nobody", "Work", "work ", "wörk", "a" * 256])
def test_an_unregistered_name_is_told_exactly(name: str) -> None:
    """A name without a function raises the documented message."""
    router = TaskRouter()

    @router.task
    def work() -> None:
        """Do nothing."""

    error = error_of(router, message(name))
    assert isinstance(error, UnregisteredTaskError)
    assert str(error) == f"task: {name} is not registered with the system"
    assert error.task_name == name
    with pytest.raises(UnregisteredTaskError):
        run(router, name)


@pytest.mark.parametrize(
    "name",
    [
        "__init__",
        "__class__",
        "__call__",
        "task",
        "tasks",
        "route",
        "handler",
        "_tasks",
        "_handle_batch",
        "print",
        "os.system",
        "algernon_queue.send_task",
        "__main__",
        "self",
    ],
)
def test_only_registered_functions_can_be_reached(name: str) -> None:
    """The router's own attributes, builtins and modules are no Tasks."""
    router = TaskRouter()

    @router.task
    def work() -> None:
        """Do nothing."""

    error = error_of(router, message(name))
    assert isinstance(error, UnregisteredTaskError)


def test_a_taken_name_is_refused() -> None:
    """A second function of the same name is an error that names the first."""
    router = TaskRouter()

    @router.task
    def work() -> None:
        """Do nothing."""

    with pytest.raises(TaskNameError, match=r"'work' is registered already, as .*work"):
        router.task(name="work")(lambda: None)
    assert router.tasks["work"] is work.__wrapped__


@pytest.mark.parametrize(
    "name", ["", "a b", "a#b", "a!b", "a.fifo", "arn:x", "ü", "a" * 257, "a\n"]
)
def test_a_name_that_no_topic_could_have_is_refused(name: str) -> None:
    """A Task's name is that of a topic, so it has no other characters and length."""
    with pytest.raises(TaskNameError, match="can't be a Task's name"):
        TaskRouter().task(name=name)(lambda: None)


@pytest.mark.parametrize("misused", ["work", 7])
def test_a_name_goes_by_name(misused: Any) -> None:
    """A name in the place of the function raises an error that shows how it is written."""
    with pytest.raises(SettingError, match=r'@router.task\(name="resize"\)'):
        TaskRouter().task(misused)


def test_arguments_are_rebuilt() -> None:
    """The function gets its arguments as the objects that were sent."""
    router = TaskRouter()
    got = []

    @router.task
    def bill(invoice: Invoice, *, tags: set[str]) -> None:
        got.append((invoice, tags))

    kwargs = {"invoice": Invoice(Decimal("9.99")), "tags": {"new"}}
    body = ajson.dumps({"task_name": "bill", "task_kwargs": kwargs})
    assert router.handler(event(record(body)), LambdaContext()) == ALL_DONE
    assert got == [(Invoice(Decimal("9.99")), {"new"})]


def test_results_go_to_callbacks(bucket: str, listeners: Listeners) -> None:
    """What a function returns is sent to the callback, listeners= and failures= included."""
    topics = listeners.add("elsewhere")
    router = TaskRouter(failures="report", listeners={"next": topics["elsewhere"]})

    @router.task
    def work(n: int) -> dict[str, int]:
        return {"n": n}

    good = record(message("work", task_kwargs={"n": 1}, callback="next"))
    bad = record(message("nobody"))
    assert router.handler(event(good, bad), LambdaContext()) == failed(bad)
    assert [sent["task_name"] for sent in listeners.messages()] == ["next"]


@pytest.mark.parametrize(
    ("kwargs", "problem"),
    [
        ({}, "missing a required argument: 'a'"),
        ({"a": 1, "c": 2}, "unexpected keyword argument 'c'"),
        ({"b": 1}, "missing a required argument: 'a'"),
        ({"b": 1, "c": 2, "d": 3}, "in all, ['a'] missing, and ['c', 'd'] unknown"),
        ({"a": 1, "_a": 2}, "unexpected keyword argument '_a'"),
        ({"a": 1, "self": 2}, "unexpected keyword argument 'self'"),
    ],
)
def test_arguments_that_do_not_fit_are_told(kwargs: dict[str, Any], problem: str) -> None:
    """Arguments that the function doesn't take raise TaskArgumentsError; it isn't called."""
    router = TaskRouter()

    @router.task
    def work(a: int, b: int = 0) -> None:
        pytest.fail("it was called")

    error = error_of(router, message("work", task_kwargs=kwargs))
    assert isinstance(error, TaskArgumentsError)
    assert problem in str(error)
    assert "it takes (a: int, b: int = 0) -> None" in str(error)
    assert isinstance(error.__cause__, TypeError)


@pytest.mark.parametrize(
    ("kwargs", "kind"),
    [([], "a list"), ([{"a": 1}], "a list"), ("a", "a str"), (5, "an int"), (False, "a bool")],
)
def test_arguments_that_are_no_mapping_are_told(kwargs: Any, kind: str) -> None:
    """Keyword arguments that aren't a JSON object raise TaskArgumentsError with their type."""
    router = TaskRouter()
    router.task(name="work")(lambda **kwargs: pytest.fail("it was called"))
    error = error_of(router, message("work", task_kwargs=kwargs))
    assert isinstance(error, TaskArgumentsError)
    assert f"was sent {kind}:" in str(error)


def test_an_object_is_no_arguments() -> None:
    """An AlgObject in the place of keyword arguments raises TaskArgumentsError."""
    router = TaskRouter()
    router.task(name="work")(lambda **kwargs: pytest.fail("it was called"))
    body = ajson.dumps({"task_name": "work", "task_kwargs": Invoice(Decimal(1))})
    assert "was sent an Invoice:" in str(error_of(router, body))


def test_keys_that_are_no_names_are_told() -> None:
    """Keyword arguments whose keys aren't str raise TaskArgumentsError."""
    router = TaskRouter()
    router.task(name="work")(lambda context, **kwargs: pytest.fail("it was called"))
    body = ajson.dumps({"task_name": "work", "task_kwargs": {1: 2}})
    assert isinstance(error_of(router, body), TaskArgumentsError)


def test_a_type_error_of_the_task_itself_is_its_own() -> None:
    """A TypeError that a Task raises is no sign of bad arguments, and comes out as it is."""
    router = TaskRouter()

    @router.task
    def work(a: int) -> None:
        raise TypeError("missing a required argument: 'a'")

    @router.task
    def call() -> None:
        work()  # type: ignore[call-arg]

    for body in (message("work", task_kwargs={"a": 1}), message("call")):
        error = error_of(router, body)
        assert type(error) is TypeError


def test_a_lookup_error_of_the_task_itself_is_its_own() -> None:
    """A KeyError that a Task raises doesn't look like an unregistered name."""
    router = TaskRouter()
    tasks: dict[str, int] = {}
    router.task(name="work")(lambda: tasks["work"])
    assert type(error_of(router, message("work"))) is KeyError


def test_a_context_parameter_gets_the_worker_s_context() -> None:
    """A function that has a parameter context gets the context dict, wherever it stands."""
    router = TaskRouter()
    got: list[Any] = []

    @router.task
    def first(context: dict[str, Any], n: int) -> None:
        context["kept"] = n
        got.append(context)

    @router.task
    def last(n: int, *, context: dict[str, Any] | None = None) -> None:
        got.append(context)

    lambda_context = LambdaContext()
    for name in ("first", "last"):
        router.handler(event(record(message(name, task_kwargs={"n": 1}))), lambda_context)
    for context, name in zip(got, ("first", "last"), strict=True):
        assert context["kept"] == 1
        assert context["aws"] is lambda_context
        assert context["task"]["task_name"] == name
        assert set(context) == {"aws", "sqs", "task", "kept"}


def test_a_function_without_the_parameter_gets_none() -> None:
    """Arbitrary keyword arguments are no request for the context."""
    router = TaskRouter()
    got = []
    router.task(name="work")(lambda **kwargs: got.append(kwargs))
    router.handler(
        event(
            record(message("work", task_kwargs={"n": 1})),
            record(message("work", task_kwargs={"context": "sent"})),
        ),
        LambdaContext(),
    )
    assert got == [{"n": 1}, {"context": "sent"}]


def test_the_context_cannot_be_sent() -> None:
    """A message can't put anything in the place of the worker's context."""
    router = TaskRouter()
    router.task(name="work")(lambda context: pytest.fail("it was called"))
    error = error_of(router, message("work", task_kwargs={"context": {"aws": None}}))
    assert isinstance(error, TaskArgumentsError)
    assert "give the argument another name" in str(error)


def test_a_decorated_function_is_bound_by_its_own_signature() -> None:
    """A function behind a decorator that keeps its signature takes its own arguments."""

    def logged(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return function(*args, **kwargs)

        return wrapper

    router = TaskRouter()

    @router.task
    @logged
    def work(a: int, context: dict[str, Any]) -> int:
        return a + ("sqs" in context)

    assert run(router, "work", a=1) == 2
    assert isinstance(error_of(router, message("work")), TaskArgumentsError)


def test_a_bare_message_is_run_at_once() -> None:
    """A message that isn't in a batch is run and its result returned; its errors come out."""
    router = TaskRouter(failures="report")
    got = []

    @router.task
    def work(context: dict[str, Any], n: int = 1) -> dict[str, Any]:
        got.append(context["aws"])
        return {"n": n, "sqs": context["sqs"]}

    lambda_context = LambdaContext()
    assert router.handler({"task_name": "work"}, lambda_context) == {
        "n": 1,
        "sqs": {},
    }
    assert got == [lambda_context]
    with pytest.raises(TaskArgumentsError):
        run(router, "work", m=2)


def test_a_bare_message_s_arguments_are_rebuilt() -> None:
    """A message that isn't in a batch has its objects rebuilt, and its result's written."""
    router = TaskRouter()
    router.task(name="work")(lambda pair: (*pair, 2))
    bare = {"task_name": "work", "task_kwargs": {"pair": {"_alg_class": "tuple", "value": [1]}}}
    assert router.handler(bare, None) == {"_alg_class": "tuple", "value": [1, 2]}


def test_a_message_s_class_must_be_imported_already() -> None:
    """Arguments of a class that this worker doesn't know fail with the import that is missing."""
    router = TaskRouter()
    router.task(name="work")(lambda who: pytest.fail("it was called"))
    tag = {"_alg_class": "Customer", "_alg_module": "shop.models", "value": {}}
    error = error_of(router, message("work", task_kwargs={"who": tag}))
    assert isinstance(error, UnknownClassError)
    assert "shop.models:Customer" in str(error)
    assert "import the module" in str(error)


@pytest.mark.starts
def test_a_hostile_message_imports_nothing() -> None:
    """Whatever a message names as class, module or Task, nothing is imported for it."""
    program = (
        "import json, sys\n"
        "from algernon_queue import TaskRouter\n"
        "router = TaskRouter(failures='report')\n"
        "router.task(name='work')(lambda **kwargs: None)\n"
        "router.handler({'task_name': 'work'}, None)\n"
        "tag = {'_alg_class': 'TestCase', '_alg_module': 'unittest', 'value': {}}\n"
        "bodies = [{'task_name': 'work', 'task_kwargs': {'x': tag}},\n"
        "          {'task_name': 'work', 'task_kwargs': tag},\n"
        "          {'task_name': 'unittest.main', 'task_kwargs': {}},\n"
        "          {'task_name': 'unittest:main', 'task_kwargs': {}, 'callback': 'unittest'}]\n"
        "records = [{'messageId': '4f8d8a4e-6f0e-4c0c-9f0e-0d6f6a2b7c1%d' % n,\n"
        "            'body': json.dumps(body)} for n, body in enumerate(bodies)]\n"
        "answer = router.handler({'Records': records}, None)\n"
        "print(len(answer['batchItemFailures']), 'unittest' in sys.modules,\n"
        "      'boto3' in sys.modules)\n"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    assert ran.stdout == "4 False False\n"
