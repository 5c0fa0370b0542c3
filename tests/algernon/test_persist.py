"""A local system that outlives its block, and its process."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest
from algernon.errors import LocalSystemError, RefusedError
from algernon.local import LocalSystem, kept_folder
from algernon_queue import send_task

from ..waiting import wait_for

pytestmark = pytest.mark.starts

WORKER = """
import os

import boto3
from algernon import PermanentError, TaskRouter, lambda_logged

router = TaskRouter()


@router.task
def keep(key):
    boto3.client("s3").put_object(
        Bucket=os.environ["ALGERNON_BUCKET_NAME"], Key=key, Body=b"1"
    )


@router.task
def refuse(key):
    raise PermanentError("not yet")


handler = lambda_logged(router.handler)
"""
MENDED = WORKER.replace('raise PermanentError("not yet")', 'keep(f"{key} mended")').replace(
    "\nhandler =", "\n@router.task\ndef keep_more(key):\n    keep(key)\n\n\nhandler ="
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of a worker."""
    project = tmp_path / "project"
    project.mkdir()
    return save(project, WORKER)


def save(folder: Path, text: str) -> Path:
    """Save the worker, and return its folder."""
    (folder / "worker.py").write_text(text, encoding="utf-8")
    return folder


def keys(system: LocalSystem) -> set[str]:
    """Return the keys of all objects in the system's bucket."""
    objects = system._aws.client("s3").list_objects_v2(Bucket=system.bucket_name)
    return {each["Key"] for each in objects.get("Contents", ())}


def system_of(folder: Path, persist: Path, *, stack: str | None = None) -> LocalSystem:
    """Return the system of a folder."""
    return LocalSystem("worker:router", directory=folder, persist=persist, stack_name=stack)


def test_the_next_run_goes_on(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With messages, dead letters and objects, on another port, and with code that is mended."""
    kept = tmp_path / "kept"
    with system_of(folder, kept) as system, system.as_default():
        send_task("keep", {"key": "before"})
        send_task("refuse", {"key": "dead"})
        system.run()
        sqs = system._aws.client("sqs")
        waiting = {"task_name": "keep", "task_kwargs": {"key": "waiting"}, "task_id": f"{0:032}"}
        sqs.send_message(
            QueueUrl=system.queue_url("keep"), MessageBody=json.dumps(waiting), DelaySeconds=60
        )
        bucket, endpoint = system.bucket_name, system.endpoint_url
        urls = {task: system.queue_url(task).rpartition("/")[2] for task in system.tasks}

    # A Task with messages doesn't go; what the folder holds waits for it to come back.
    save(folder, WORKER.replace("def refuse", "def deny"))
    with pytest.raises(RefusedError, match=r"'refuse' isn't there any more.*0 waiting, 1 dead"):
        system_of(folder, kept).__enter__()

    save(folder, MENDED)
    with system_of(folder, kept) as system, system.as_default():
        assert system.endpoint_url != endpoint
        assert system.bucket_name == bucket
        assert system.tasks == ("keep", "refuse", "keep_more")
        assert (
            urls.items()
            <= {task: system.queue_url(task).rpartition("/")[2] for task in system.tasks}.items()
        )
        assert system.log_lines() == []
        assert keys(system) == {"before"}
        (letter,) = system.dead_letters
        assert (letter.task, letter.reason) == ("refuse", "not yet")

        (message,) = system._aws.queued_messages()[system.queue_url("keep")]
        assert not message["IsVisible"]
        system._aws.client("sqs").purge_queue(QueueUrl=system.queue_url("keep"))
        assert system.redrive() == 1
        send_task("keep_more", {"key": "after"})
        system.run()
        assert keys(system) == {"before", "after", "dead mended"}

        monkeypatch.setattr(kept_folder, "_PATIENCE_SECONDS", 0)
        with pytest.raises(LocalSystemError, match="is that of a local system that runs: stop it"):
            system_of(folder, kept).__enter__()


def is_made(folder: Path) -> bool:
    """Make a folder, and return whether there was none, and no file of its name."""
    try:
        folder.mkdir()
    except FileExistsError:
        return False
    return True


def test_what_is_done_is_saved_while_it_runs(folder: Path, tmp_path: Path) -> None:
    """So that little is lost where the local AWS itself ends, or the machine stops."""
    kept = tmp_path / "kept"
    with system_of(folder, kept) as system, system.as_default():
        send_task("refuse", {"key": "dead"})
        system.run()
        name = system.dead_letter_queue_url("refuse").rpartition("/")[2]
        state = kept / "state" / "sqs.json"
        wait_for(lambda: state.exists() and dead_letters_in(state, name) == 1)
        system._aws._process.kill()

    # As where the disk is full: whoever stops the system is told, and what was saved stays.
    with ExitStack() as ending:
        system = ending.enter_context(system_of(folder, kept))
        assert [letter.reason for letter in system.dead_letters] == ["not yet"]
        # Unless it is being written just then.
        wait_for(lambda: is_made(kept / "state" / "sqs.json.new"))
        before = state.read_text(encoding="utf-8")
        with pytest.raises(LocalSystemError, match=r"couldn't be saved in .*sqs\.json\.new"):
            ending.close()
    assert state.read_text(encoding="utf-8") == before

    # What can't be read isn't begun anew: it would look like a system that has nothing to do.
    state.write_text("{", encoding="utf-8")
    with pytest.raises(LocalSystemError, match=r"sqs\.json can't be read"):
        system_of(folder, kept).__enter__()
    assert state.read_text(encoding="utf-8") == "{"


def dead_letters_in(state: Path, name: str) -> int:
    """Return how many messages a queue has in what was saved."""
    queues = json.loads(state.read_text(encoding="utf-8"))["payload"]["queues"]["data"]
    return sum(len(queue["messages"]) for key, queue in queues.items() if name in key)


def note(folder: Path, **changes: object) -> None:
    """Write what says whose a folder is."""
    text = {"format": 1, "stack": "worker", "ministack": "1.5.0", **changes}
    (folder / "algernon-system.json").write_text(json.dumps(text), encoding="utf-8")


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        (lambda kept: (kept / "notes.txt").touch(), "isn't empty, and isn't a folder of"),
        (lambda kept: note(kept, format=2), "has a system in the format 2"),
        (lambda kept: note(kept, stack="mail"), "has the system 'mail', not 'worker'"),
        (lambda kept: note(kept, ministack="99.1"), "was written with ministack 99.1"),
        (
            lambda kept: (kept / "algernon-system.json").write_text("{"),
            r"algernon-system\.json can't be read",
        ),
    ],
)
def test_what_isnt_this_systems_is_refused(
    folder: Path, tmp_path: Path, prepare: Callable[[Path], object], reason: str
) -> None:
    """With what it is instead, and untouched."""
    kept = tmp_path / "kept"
    kept.mkdir()
    prepare(kept)
    before = {path: path.read_bytes() for path in kept.iterdir()}

    with pytest.raises(LocalSystemError, match=reason):
        system_of(folder, kept).__enter__()

    assert {path: path.read_bytes() for path in kept.iterdir()} == before


def test_a_folder_that_would_be_packed_is_refused(folder: Path) -> None:
    """Its changes would be the code's; a hidden one is no code."""
    with pytest.raises(LocalSystemError, match="would be packed with the workers' code"):
        system_of(folder, folder / "kept").__enter__()

    assert not (folder / "kept").exists()
    kept_folder.check_not_packed(folder / ".kept", [folder])


def test_a_run_that_ended_before_its_system_stood_is_begun_anew(tmp_path: Path) -> None:
    """There is nothing to go on with."""
    for part in ("state", "s3"):
        (tmp_path / "kept" / part / "left").mkdir(parents=True)
    note(tmp_path / "kept")

    with kept_folder.kept_folder(tmp_path / "kept", "worker") as kept:
        assert not kept.has_system
        assert [*kept.state.iterdir(), *kept.objects.iterdir()] == []
