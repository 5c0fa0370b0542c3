"""A local system that takes over its code and settings as they are saved."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from algernon.errors import LocalSystemError, RefusedError, SettingsError, WorkerError
from algernon.local import LocalSystem
from algernon_queue import send_task

from ..waiting import wait_for

pytestmark = pytest.mark.starts

WORKER = """
import os
import time
from pathlib import Path

import boto3
from algernon import PermanentError, TaskRouter, lambda_logged

router = TaskRouter()
VERSION = 1


@router.task
def keep(key):
    boto3.client("s3").put_object(
        Bucket=os.environ["ALGERNON_BUCKET_NAME"], Key=key, Body=f"{VERSION}".encode()
    )


@router.task
def keep_later(key, gate):
    Path(gate, "began").touch()
    while not Path(gate, "open").exists():
        time.sleep(0.02)
    keep(key)


@router.task
def refuse():
    if VERSION == 1:
        raise PermanentError("not in version 1")


handler = lambda_logged(router.handler)
"""
TASKS = ["keep", "keep_later", "refuse"]
MORE = """
@router.task
def mail(key):
    keep(f"mailed/{key}")


handler = lambda_logged(router.handler)
"""

OTHER_WORKER = """
from algernon import TaskRouter, lambda_logged

router = TaskRouter()


@router.task
def sell():
    pass


handler = lambda_logged(router.handler)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a worker."""
    folder = tmp_path_factory.mktemp("project")
    (folder / "worker.py").write_text(WORKER, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def running(folder: Path) -> Iterator[LocalSystem]:
    """A system that runs for all tests here."""
    with LocalSystem("worker:router", directory=folder, timeout=60) as system:
        yield system


@pytest.fixture
def system(running: LocalSystem, folder: Path) -> Iterator[LocalSystem]:
    """The same, with the code that it began with."""
    (folder / "pyproject.toml").unlink(missing_ok=True)
    save(folder, WORKER)
    running.reload()
    with running.as_default():
        yield running


def save(folder: Path, text: str) -> None:
    """Save the worker."""
    (folder / "worker.py").write_text(text, encoding="utf-8")


def of_version(number: int) -> str:
    """Return the worker's code in a version."""
    return WORKER.replace("VERSION = 1", f"VERSION = {number}")


def kept(system: LocalSystem, key: str) -> str:
    """Return what an object of the system's bucket holds."""
    s3 = system._aws.client("s3")
    return str(s3.get_object(Bucket=system.bucket_name, Key=key)["Body"].read().decode())


def queues(system: LocalSystem) -> set[str]:
    """Return the URLs of all queues that there are."""
    return set(system._aws.client("sqs").list_queues()["QueueUrls"])


def topics(system: LocalSystem) -> set[str]:
    """Return the Tasks whose topics are found in the local Parameter Store."""
    prefix = system.environ["ALGERNON_TOPIC_PARAMETER_PREFIX"]
    found = system._aws.client("ssm").get_parameters_by_path(Path=prefix)["Parameters"]
    return {each["Name"].removeprefix(prefix) for each in found}


def keys(system: LocalSystem) -> set[str]:
    """Return the keys of all objects in the system's bucket."""
    objects = system._aws.client("s3").list_objects_v2(Bucket=system.bucket_name)
    return {each["Key"] for each in objects.get("Contents", ())}


def test_saved_code_runs_the_next_message(system: LocalSystem, folder: Path) -> None:
    """With the objects that were there before, and without hoarding the code that was."""
    send_task("keep", {"key": "a"})
    system.run()

    save(folder, of_version(2))
    assert system.reload()
    send_task("keep", {"key": "b"})
    system.run()

    assert (kept(system, "a"), kept(system, "b")) == ("1", "2")
    stored = system._aws.client("s3").list_objects_v2(Bucket="algernon-code")["Contents"]
    assert len(stored) == 2  # the code and the template


def test_what_is_as_it_was_is_no_reload(system: LocalSystem, folder: Path) -> None:
    """However often it is saved."""
    save(folder, WORKER)

    assert not system.reload()


def test_dead_letters_stay_and_are_done_by_mended_code(system: LocalSystem, folder: Path) -> None:
    """Nothing has to be started again."""
    send_task("refuse")
    system.run()
    assert [letter.reason for letter in system.dead_letters] == ["not in version 1"]

    save(folder, of_version(2))
    system.reload()
    assert system.redrive() == 1
    system.run()

    assert system.dead_letters == []


def test_a_batch_that_runs_ends_with_the_code_that_it_began_with(
    system: LocalSystem, folder: Path, tmp_path: Path
) -> None:
    """It is neither broken off nor done again, and new messages don't wait for it."""
    send_task("keep_later", {"key": "slow", "gate": str(tmp_path)})
    wait_for((tmp_path / "began").exists)

    save(folder, of_version(2))
    system.reload()
    send_task("keep", {"key": "fast"})
    wait_for(lambda: "fast" in keys(system))
    (tmp_path / "open").touch()
    system.run()

    assert (kept(system, "slow"), kept(system, "fast")) == ("1", "2")
    lines = [line for line in system.log_lines() if "task_name=keep_later" in line]
    assert ["receive_count=1" in line for line in lines] == [True]


def test_code_that_cant_be_imported_changes_nothing(system: LocalSystem, folder: Path) -> None:
    """Its traceback is told, what ran runs on, and what is mended is taken over."""
    save(folder, of_version(2) + "\n1 / 0\n")
    with pytest.raises(WorkerError) as caught:
        system.reload()
    send_task("keep", {"key": "meanwhile"})
    system.run()

    save(folder, of_version(3))
    assert system.reload()
    send_task("keep", {"key": "mended"})
    system.run()

    assert f'File "{folder}/worker.py", line' in caught.value.traceback
    assert (kept(system, "meanwhile"), kept(system, "mended")) == ("1", "3")


def test_tasks_come_and_go(system: LocalSystem, folder: Path) -> None:
    """One that has no messages leaves no queue behind, and may come again."""
    before = queues(system), topics(system)
    with_mail = WORKER.replace("\nhandler = lambda_logged(router.handler)\n", MORE)

    for text, tasks in (
        (with_mail, [*TASKS, "mail"]),
        (WORKER, TASKS),
        (with_mail, [*TASKS, "mail"]),
    ):
        save(folder, text)
        system.reload()
        assert [*system.tasks] == tasks
        assert topics(system) == set(tasks)

    send_task("mail", {"key": "x"})
    system.run()
    assert kept(system, "mailed/x") == "1"
    save(folder, WORKER)
    system.reload()
    assert (queues(system), topics(system)) == before


def test_a_task_with_messages_doesnt_go(system: LocalSystem, folder: Path) -> None:
    """Nobody would come to these any more; without them it may."""
    send_task("refuse")
    system.run()

    save(folder, WORKER.replace("def refuse()", "def deny()"))
    with pytest.raises(RefusedError, match=r"'refuse' isn't there any more.*\(0 waiting, 1 dead\)"):
        system.reload()
    assert "refuse" in system.tasks

    (letter,) = system.dead_letters
    assert letter.task == "refuse"
    sqs = system._aws.client("sqs")
    sqs.purge_queue(QueueUrl=system.dead_letter_queue_url("refuse"))
    assert system.reload()
    assert system.tasks == ("keep", "keep_later", "deny")


def test_what_a_task_needs_is_taken_over(system: LocalSystem, folder: Path) -> None:
    """Its queue is the same one, and hides messages for as long as it has to now."""
    url = system.queue_url("keep")

    save(folder, WORKER.replace("@router.task\ndef keep(", "@router.task(timeout=20)\ndef keep("))
    system.reload()

    assert system.queue_url("keep") == url
    attributes = system._aws.client("sqs").get_queue_attributes(
        QueueUrl=url, AttributeNames=["VisibilityTimeout"]
    )
    assert attributes["Attributes"]["VisibilityTimeout"] == "120"
    send_task("keep", {"key": "needs"})
    system.run()
    assert kept(system, "needs") == "1"


def test_settings_are_taken_over(system: LocalSystem, folder: Path) -> None:
    """A slip in them changes nothing."""
    save(folder, WORKER.replace("VERSION = 1", 'VERSION = os.environ.get("SHOP")'))
    settings = folder / "pyproject.toml"
    settings.write_text('[tool.algernon.environment]\nSHOP = "tea"\n', encoding="utf-8")
    system.reload()
    send_task("keep", {"key": "tea"})
    system.run()

    settings.write_text("[tool.algernon]\nenvironmnt = {}\n", encoding="utf-8")
    with pytest.raises(SettingsError, match="environmnt"):
        system.reload()
    send_task("keep", {"key": "still tea"})
    system.run()

    assert (kept(system, "tea"), kept(system, "still tea")) == ("tea", "tea")


def test_no_message_meets_a_worker_that_doesnt_know_its_task(tmp_path: Path) -> None:
    """A Task that moves to another worker while messages come is done there or here."""
    for name, tasks in (("buyer", WORKER), ("seller", OTHER_WORKER)):
        (tmp_path / f"{name}.py").write_text(tasks, encoding="utf-8")
    with (
        LocalSystem("buyer:router", "seller:router", directory=tmp_path, timeout=20) as system,
        system.as_default(),
    ):
        for key in range(5):
            send_task("keep", {"key": f"{key}"})
        for name, text in (("seller", WORKER), ("buyer", OTHER_WORKER)):
            (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
        assert system.reload()
        for key in range(5, 10):
            send_task("keep", {"key": f"{key}"})
        system.run()

        assert system.dead_letters == []
        assert keys(system) == {f"{key}" for key in range(10)}


def test_an_ended_local_aws_is_told(tmp_path: Path) -> None:
    """Not as whatever call it was that failed."""
    save(tmp_path, OTHER_WORKER)
    with LocalSystem("worker:router", directory=tmp_path) as system:
        subprocess.run(["kill", "-9", f"{system._aws._process.pid}"], check=True)
        system._aws._process.wait()

        with pytest.raises(LocalSystemError, match="ended with status -9"):
            system.reload()
