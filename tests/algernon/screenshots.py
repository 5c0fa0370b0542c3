"""Take pictures of what the commands show at 80 and 120 columns, as SVG files.

Run it as ``python -m tests.algernon.screenshots FOLDER``.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

from .terminals import OnTerminal, algernon

EXAMPLES = Path(__file__).parents[2] / "packages" / "algernon" / "examples"
WIDTHS = (80, 120)
# What is shown without them in a page that may load nothing is the same.
_FONT_FACES = re.compile(r"@font-face \{\{.*?\}\}", re.DOTALL)
ORDER = json.dumps({"customer": "ada", "items": ["tea", "scones"]})
# Beside the example's own: one that sends many, of which some fail.
MANY = """
import logging

from algernon import PermanentError, TaskRouter, lambda_logged, send_tasks, Task

router = TaskRouter()
handler = lambda_logged(router.handler)


@router.task
def split(pages):
    logging.getLogger("pages").info("splitting %d pages", pages)
    send_tasks([Task("resize", {"page": page}, "store") for page in range(pages)])


@router.task
def resize(page):
    if page % 10 == 7:
        raise PermanentError(f"page {page} is no picture")
    print("resized page", page)
    return {"page": page}


@router.task
def store(page):
    logging.getLogger("pages").warning("page %d is stored where there was one", page)
"""


def take_pictures(folder: Path) -> None:
    """Write all pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for columns in WIDTHS:
        with TemporaryDirectory() as state:
            _take_run_and_trace(folder, columns, Path(state))
        demo = [sys.executable, "demo.py"]
        with OnTerminal(demo, folder=EXAMPLES / "standard_library", columns=columns) as shown:
            shown.end()
            save_picture(folder / f"demo-{columns}.svg", "demo.py", shown.shown, columns)


def _take_run_and_trace(folder: Path, columns: int, state: Path) -> None:
    (state / "pages.py").write_text(MANY, encoding="utf-8")
    environ = {"XDG_STATE_HOME": str(state), "PYTHONPATH": str(state)}
    command = algernon("run", "orders:router", "prices:router", "pages:router")
    for module in (EXAMPLES / "two_workers").glob("*.py"):
        (state / module.name).write_bytes(module.read_bytes())
    with OnTerminal(command, folder=state, columns=columns, **environ) as run:
        run.wait_for(lambda text: "Stop it with Ctrl-C" in text)
        chain_ids = [
            _send("take_order", "--kwargs", ORDER, "--callback", "add_up#book", environ=environ),
            _send("split", "--kwargs", '{"pages": 30}', environ=environ),
        ]
        run.wait_for(lambda text: text.count(" store done") == 27 and " book done" in text)
        for number, chain_id in enumerate(chain_ids, 1):
            trace = algernon("trace", chain_id)
            with OnTerminal(trace, folder=state, columns=columns, **environ) as shown:
                shown.end()
                save_picture(
                    folder / f"trace-{number}-{columns}.svg", "trace", shown.shown, columns
                )
        save_picture(folder / f"run-{columns}.svg", "run", run.shown, columns)


def _send(*arguments: str, environ: dict[str, str]) -> str:
    done = subprocess.run(
        algernon("send", *arguments),
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def save_picture(path: Path, title: str, shown: str, columns: int) -> None:
    """Write what a terminal shows as an SVG file."""
    console = Console(record=True, width=columns, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(_last_frames(shown)), soft_wrap=False, overflow="fold")
    picture = console.export_svg(
        title=f"{title}, {columns} columns", code_format=_FONT_FACES.sub("", CONSOLE_SVG_FORMAT)
    )
    path.write_text(picture, encoding="utf-8")


def _last_frames(shown: str) -> str:
    """Return what is left of lines that were drawn anew, as a progress bar's are."""
    rows: list[str] = []
    for line in shown.split("\n"):
        up = line.count("\x1b[1A")
        if up:
            del rows[len(rows) - min(up, len(rows)) :]
        rows.append(line.rpartition("\x1b[2K")[2].rpartition("\r")[2])
    return "\n".join(rows)


if __name__ == "__main__":
    take_pictures(Path(sys.argv[1]))
