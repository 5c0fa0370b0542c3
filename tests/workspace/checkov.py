"""Compare what checkov finds in templates with what `docs/template.md` says of it.

Each finding has a row in that page's table, with what the settings make of it; a row that checkov
finds no more, or a finding without a row, is an error.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from algernon.settings import Settings
from algernon.template import system_template
from algernon.worker import Worker

from ..algernon.every_setting import all_on

PAGE = Path(__file__).parents[2] / "packages/algernon/docs/template.md"
WORKERS = [
    Worker("shop.handler", ("order", "pay"), {}),
    Worker("shop.mail.handler", ("mail",), {}),
]
#: A check's id, and whether it finds something with the settings off, or on.
Finding = tuple[str, str]


def main() -> int:
    """Say where the page and checkov differ, and return whether they do."""
    found, answered = set(findings()), set(answers(PAGE.read_text(encoding="utf-8")))
    for check, settings in sorted(found - answered):
        print(f"{check}, settings {settings}: found, but {PAGE.name} has no answer")
    for check, settings in sorted(answered - found):
        print(f"{check}, settings {settings}: {PAGE.name} has an answer, but nothing is found")
    print(f"{len(found & answered)} findings, each answered in {PAGE.name}")
    return int(found != answered)


def findings() -> Iterator[Finding]:
    """Give what checkov finds."""
    with TemporaryDirectory() as folder:
        (Path(folder) / "tasks").mkdir()
        for name, settings in (("off", Settings()), ("on", all_on())):
            whole = system_template(WORKERS, settings=settings)
            tasks = system_template(WORKERS, settings=settings, part="tasks")
            (Path(folder) / f"{name}.json").write_text(json.dumps(whole))
            (Path(folder) / f"tasks/{name}.json").write_text(json.dumps(tasks))
        checkov = [str(Path(sys.executable).with_name("checkov")), "--directory", folder]
        options = ["--framework", "cloudformation", "--skip-download", "--output", "json"]
        # Whether it finds something is its return code.
        done = subprocess.run([*checkov, *options], capture_output=True, check=False)
        try:
            failed = json.loads(done.stdout)["results"]["failed_checks"]
        except (ValueError, KeyError, TypeError):
            sys.exit(f"checkov doesn't work: {done.stdout.decode()}{done.stderr.decode()}")
        for check in failed:
            yield check["check_id"], Path(check["file_path"]).stem


def answers(page: str) -> Iterator[Finding]:
    """Give what a page has answers to: rows such as ``| `CKV_AWS_18` … | off, on | … |``."""
    for check, settings in re.findall(r"^\| `(\w+)`[^|]*\| ([^|]+) \|", page, re.MULTILINE):
        for each in settings.split(", "):
            yield check, each


if __name__ == "__main__":
    sys.exit(main())
