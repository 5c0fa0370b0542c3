"""Within a block, the AWS clients of the process are those that somebody gives."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, Any

import algernon_storage
import pytest
from algernon_storage import aws_client, aws_clients_from
from algernon_storage.clients import learnt

if TYPE_CHECKING:
    from ..conftest import LocalAWS


def test_a_client_is_the_one_that_is_given() -> None:
    """Within the block the client is what the function returns, without any setting of AWS."""
    with aws_clients_from(lambda service: f"my {service}"):
        assert aws_client("s3") == "my s3"
        assert aws_client("no-service-of-aws") == "my no-service-of-aws"


def test_the_function_is_asked_each_time() -> None:
    """Who gives clients decides anew at each call, so that they may be others later on."""
    answers = iter(["first", "second"])
    with aws_clients_from(lambda service: next(answers)):
        assert [aws_client("s3"), aws_client("s3")] == ["first", "second"]


def test_all_threads_get_them() -> None:
    """Threads get what is given, those that ran before the block too."""
    begin = Event()

    def ask() -> Any:
        begin.wait()
        return aws_client("s3")

    with ThreadPoolExecutor(2) as threads:
        before = threads.submit(ask)
        with aws_clients_from(lambda service: f"my {service}"):
            begin.set()
            assert [before.result(), threads.submit(ask).result()] == ["my s3"] * 2


def test_a_service_that_is_not_given_is_as_ever(aws: LocalAWS) -> None:
    """Where None is given, the client is the process's own."""
    own = aws_client("sqs")
    with aws_clients_from({"s3": "my s3"}.get):
        assert aws_client("s3") == "my s3"
        assert aws_client("sqs") is own


def test_blocks_lie_within_one_another() -> None:
    """The innermost block is asked first, and when it is left the one around it is back."""
    with aws_clients_from({"s3": "outer s3", "sns": "outer sns"}.get):
        with aws_clients_from({"s3": "inner s3"}.get):
            assert [aws_client("s3"), aws_client("sns")] == ["inner s3", "outer sns"]
        assert aws_client("s3") == "outer s3"


def test_blocks_of_two_threads_may_overlap(aws: LocalAWS) -> None:
    """Where the block that began first is left first, none of them stays behind."""
    own = aws_client("s3")
    first, second = aws_clients_from({"s3": "first"}.get), aws_clients_from({"s3": "second"}.get)
    with first:
        second.__enter__()
    assert aws_client("s3") == "second"
    second.__exit__(None, None, None)
    assert aws_client("s3") is own


def test_an_error_leaves_nothing_behind(aws: LocalAWS) -> None:
    """What leaves the block as an error leaves the process's own clients."""
    own = aws_client("s3")
    with pytest.raises(ZeroDivisionError), aws_clients_from({"s3": "my s3"}.get):
        raise ZeroDivisionError
    assert aws_client("s3") is own


def test_an_error_of_the_function_comes_out() -> None:
    """Who has no client to give may say so."""

    def refuse(service: str) -> Any:
        raise LookupError(service)

    with aws_clients_from(refuse), pytest.raises(LookupError, match="s3"):
        aws_client("s3")


def test_what_is_learnt_by_given_clients_is_forgotten_with_them() -> None:
    """What clients tell is known as long as they are asked, and what was known before stays."""
    algernon_storage.reset()
    learnt()["of"] = "the process's own"
    with aws_clients_from({"s3": "my s3"}.get):
        assert learnt() == {}
        learnt()["of"] = "the given ones"
        assert learnt() == {"of": "the given ones"}
    assert learnt() == {"of": "the process's own"}
    with aws_clients_from({"s3": "my s3"}.get):
        assert learnt() == {}


def test_a_reset_forgets_what_given_clients_told_too() -> None:
    """A reset within a block forgets what was learnt within it and around it."""
    learnt()["of"] = "the process's own"
    with aws_clients_from({"s3": "my s3"}.get):
        learnt()["of"] = "the given ones"
        algernon_storage.reset()
        assert learnt() == {}
        assert aws_client("s3") == "my s3"
    assert learnt() == {}
