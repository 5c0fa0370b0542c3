"""`algernon deploy` and `algernon destroy`, as they are used."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from algernon.local.aws import LocalAWS

from .conftest import Command
from .terminals import OnTerminal

WORKER = """
from algernon import TaskRouter

router = TaskRouter()


@router.task
def price(items: list[int]) -> int:
    return sum(items)


handler = router.handler
"""
PROJECT = """
[project]
name = "shop"
version = "1"

[tool.algernon]
log_format = "Text"
"""


@pytest.fixture(scope="module")
def aws() -> Iterator[LocalAWS]:
    """A local AWS."""
    with LocalAWS() as aws:
        yield aws


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """The folder of a project with one worker."""
    tmp_path.joinpath("shop.py").write_text(WORKER, encoding="utf-8")
    tmp_path.joinpath("pyproject.toml").write_text(PROJECT, encoding="utf-8")
    return tmp_path


@pytest.mark.starts
def test_a_project_is_deployed_used_and_destroyed(
    project: Path, command: Command, aws: LocalAWS
) -> None:
    """Each step says what it does, and nothing is done without --yes where nobody can be asked.

    It builds a zip with all of Algernon, which takes its seconds.
    """

    def algernon(*arguments: str) -> tuple[int, str, str]:
        run = command(*arguments, "--stack", "shop", directory=project, **aws.environ)
        return run.returncode, run.stdout, run.stderr.splitlines()[-1] if run.stderr else ""

    status, told, why = algernon("deploy", "shop:router", "--yes")
    assert status == 0, why
    assert told == "shop, which is new:\n+ price\nshop is deployed, and runs 1 Task\n"
    price = ("price", "--kwargs", '{"items": [1, 2]}', "--region", "us-east-1")
    assert algernon("send", *price, "--wait")[:2] == (0, "3\n")
    status, told, why = algernon("destroy")
    assert (status, told.splitlines()[:2]) == (1, ["shop:", "- price"])
    assert "there is no terminal to ask on, so say --yes" in why
    status, told, why = algernon("destroy", "--yes")
    assert (status, told.splitlines()[-1]) == (0, "shop is deleted"), why
    assert algernon("destroy", "--yes")[2].startswith("algernon: there is no stack 'shop'")


def test_what_aws_needs_first_is_said_before_anything_is_built(
    project: Path, command: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is a region, and credentials."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    nothing = str(project / "nothing")
    nobody = {
        "AWS_CONFIG_FILE": nothing,
        "AWS_SHARED_CREDENTIALS_FILE": nothing,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    deploy = ("deploy", "shop:router", "--stack", "shop")

    region = command(*deploy, directory=project, **nobody)
    credentials = command(*deploy, "--region", "eu-west-1", directory=project, **nobody)

    assert (region.returncode, credentials.returncode) == (1, 1)
    assert region.stderr.startswith("algernon: no region of AWS is named: name it by --region")
    assert credentials.stderr.startswith("algernon: there are no credentials for AWS")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("deploy", "shop:router"), "--stack"),
        (("deploy", "shop:router", "--stack", "shop", "--plan", "--yes"), "not allowed with"),
        (
            ("deploy", "shop:router", "--stack", "s", "--code-only", "--drop", "mail"),
            "--drop is for",
        ),
        (("destroy",), "--stack"),
        (("destroy", "--stack", ""), "it is empty"),
    ],
)
def test_wrong_usage_is_told(arguments: tuple[str, ...], told: str, command: Command) -> None:
    """It ends with 2, before AWS is asked for anything."""
    run = command(*arguments)

    assert run.returncode == 2
    assert told in run.stderr


ASKING = """
from argparse import Namespace
from algernon.commands.consent import check_consent
from algernon.commands.deploying import Watch
from algernon.errors import RefusedError
from algernon.system.deployment.stack_events import StackEvent

watch = Watch("[/shop]", ["[bold]"])
with watch.showing():
    watch(StackEvent("1", "2", "[/bold]", "", "", "CREATE_IN_PROGRESS", ""))
try:
    check_consent(Namespace(yes=False), "Deploy it?")
except (RefusedError, KeyboardInterrupt) as error:
    print(type(error).__name__)
"""


@pytest.mark.starts
@pytest.mark.parametrize("answer", ["n\n", "\x04", None])
def test_whoever_is_asked_may_also_leave(answer: str | None, tmp_path: Path) -> None:
    """By the end of the input or an interrupt, after which each line stands for itself.

    And what has brackets in its name is shown as it is.
    """
    command = [sys.executable, "-c", ASKING]
    with OnTerminal(command, folder=tmp_path, columns=80) as terminal:
        terminal.wait_for(lambda text: "Deploy it? [y/N] " in text)
        if answer is None:
            terminal.process.send_signal(signal.SIGINT)
        else:
            terminal.type(answer)
        assert terminal.end() == 0
        lines = terminal.text.splitlines()

    *_, before, last = lines
    assert last == ("KeyboardInterrupt" if answer is None else "RefusedError")
    assert answer is not None or before == "algernon: nothing was changed"
