"""What is shown of a worker's module that can't be imported."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from algernon.errors import WorkerError
from algernon.system.code_archive import code_archive
from algernon.system.loading import load_module
from algernon.system.settings.settings import Settings
from algernon.system.workers import import_packed_workers, import_workers

pytestmark = pytest.mark.starts

Command = Callable[..., subprocess.CompletedProcess[str]]

PRICES = """
def price_of(item):
    return PRICES[item]

PRICES = {}
"""
WORKER = """
from shop.prices import price_of

START = price_of("tea")
"""


def write_shop(folder: Path, worker: str = WORKER, prices: str = PRICES) -> Path:
    """Write a package of two modules, and return its folder."""
    shop = folder / "shop"
    shop.mkdir(exist_ok=True)
    (shop / "__init__.py").touch()
    (shop / "worker.py").write_text(worker, encoding="utf-8")
    (shop / "prices.py").write_text(prices, encoding="utf-8")
    return shop


def own_lines(text: str) -> list[str]:
    """Return the lines of a traceback without the marks below the code, which Python chooses."""
    return [line for line in text.splitlines() if set(line.strip()) - set("^~")]


def test_the_traceback_of_ones_own_code_comes_before_the_line(
    command: Command, tmp_path: Path
) -> None:
    """From the worker's module on, with nothing of Python's import system or of Algernon."""
    shop = write_shop(tmp_path)

    done = command("template", "shop.worker:router")

    assert done.returncode == 1
    assert own_lines(done.stderr) == [
        "Traceback (most recent call last):",
        f'  File "{shop}/worker.py", line 4, in <module>',
        '    START = price_of("tea")',
        f'  File "{shop}/prices.py", line 3, in price_of',
        "    return PRICES[item]",
        "KeyError: 'tea'",
        (
            "algernon: the module shop.worker can't be imported: KeyError: 'tea'"
            f" ({shop}/prices.py, line 3)"
        ),
    ]


def test_a_text_that_isnt_python_is_shown_where_it_isnt(command: Command, tmp_path: Path) -> None:
    """With the line itself, and without a heading that nothing follows."""
    shop = write_shop(tmp_path, prices="def price_of(item:\n")

    done = command("template", "shop.worker:router")

    shown = own_lines(done.stderr)
    assert f'  File "{shop}/prices.py", line 1' in shown
    assert "    def price_of(item:" in shown
    assert "SyntaxError: '(' was never closed" in shown
    assert shown[-1].endswith(f" SyntaxError: '(' was never closed ({shop}/prices.py, line 1)")
    assert [line for line in shown if "importlib" in line or "/algernon/" in line] == []


def test_a_module_that_isnt_there_has_no_traceback(command: Command) -> None:
    """It isn't any code's fault."""
    done = command("template", "nowhere.worker:router")

    assert len(done.stderr.splitlines()) == 1


def test_a_slip_that_algernon_refuses_is_told_by_the_line_that_made_it(tmp_path: Path) -> None:
    """Not by where in Algernon it was noticed."""
    slip = "from algernon import TaskRouter\nrouter = TaskRouter()\nrouter.task(retries=-1)(print)"
    shop = write_shop(tmp_path, worker=slip)

    with pytest.raises(WorkerError) as caught:
        import_workers(["shop.worker:router"], tmp_path)

    _, first, *_ = caught.value.traceback.splitlines()
    assert first == f'  File "{shop}/worker.py", line 3, in <module>'
    assert "algernon_queue/" not in caught.value.traceback


def test_all_that_led_to_an_error_is_shown(tmp_path: Path) -> None:
    """As Python does, with what an error was raised from."""
    worker = (
        "try:\n    import shop.not_there\nexcept ImportError as error:\n"
        "    raise RuntimeError('no prices') from error"
    )
    shop = write_shop(tmp_path, worker=worker)

    with pytest.raises(WorkerError) as caught:
        import_workers(["shop.worker:router"], tmp_path)

    assert own_lines(caught.value.traceback) == [
        "Traceback (most recent call last):",
        f'  File "{shop}/worker.py", line 2, in <module>',
        "    import shop.not_there",
        "ModuleNotFoundError: No module named 'shop.not_there'",
        "The above exception was the direct cause of the following exception:",
        "Traceback (most recent call last):",
        f'  File "{shop}/worker.py", line 4, in <module>',
        "    raise RuntimeError('no prices') from error",
        "RuntimeError: no prices",
    ]


def test_what_ends_an_import_by_force_is_shown(tmp_path: Path) -> None:
    """An exception that isn't an Exception is one all the same."""
    shop = write_shop(tmp_path, worker="raise KeyboardInterrupt('no')")

    with pytest.raises(WorkerError) as caught:
        import_workers(["shop.worker:router"], tmp_path)

    assert own_lines(caught.value.traceback) == [
        "Traceback (most recent call last):",
        f'  File "{shop}/worker.py", line 1, in <module>',
        "    raise KeyboardInterrupt('no')",
        "KeyboardInterrupt: no",
    ]


def test_the_packed_copy_is_told_as_ones_own_files(tmp_path: Path) -> None:
    """It is gone before anybody could look into it."""
    project = tmp_path / "project"
    project.mkdir()
    shop = write_shop(project)
    code = code_archive("shop.worker", project)
    environ = {**os.environ, "TMPDIR": str(tmp_path)}

    with pytest.raises(WorkerError) as caught:
        import_packed_workers(
            ["shop.worker:router"], code, project, environ=environ, settings=Settings()
        )

    assert f'  File "{shop}/worker.py", line 4' in caught.value.traceback
    assert f"({shop}/prices.py, line 3)" in str(caught.value)
    assert "code-" not in caught.value.traceback


def test_a_module_that_is_loaded_here_has_a_traceback_too(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As a Task of a dead letter is run in this process."""
    monkeypatch.setattr("sys.path", [*sys.path])
    (tmp_path / "only_here.py").write_text("1 / 0\n", encoding="utf-8")

    with pytest.raises(WorkerError) as caught:
        load_module("only_here", tmp_path)

    assert own_lines(caught.value.traceback) == [
        "Traceback (most recent call last):",
        f'  File "{tmp_path}/only_here.py", line 1, in <module>',
        "    1 / 0",
        "ZeroDivisionError: division by zero",
    ]
