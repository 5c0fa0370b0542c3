"""The commands that the README prints are those that `.ci/run` runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

pytestmark = pytest.mark.starts

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text()
ENVIRONMENTS = tomllib.loads((ROOT / "hatch.toml").read_text())["envs"]
FROM_NOTHING = "python3 -m venv .venv && .venv/bin/pip install hatch && .venv/bin/hatch run"
#: What has to pass before a change lands, in the order in which it is run.
JOBS = ["check", "demo", "test", "test-wheels"]

#: Stands for python3, and for what it makes: a pip, and a hatch that takes note of its calls.
PYTHON3 = """#!/bin/sh
[ "$*" = "-m venv .venv" ] || exit 2
mkdir -p .venv/bin
printf '#!/bin/sh\\n[ "$*" = "install hatch" ]' > .venv/bin/pip
cat > .venv/bin/hatch <<'END'
#!/bin/sh
echo "$*" >> calls
echo "the closing line of $*"
[ "$*" != "run $BROKEN" ]
END
chmod +x .venv/bin/*
"""


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A clone with nothing but CI's script, on a machine where `python3` makes stand-ins."""
    (tmp_path / ".ci").mkdir()
    shutil.copy(ROOT / ".ci" / "run", tmp_path / ".ci")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python3").write_text(PYTHON3)
    (tmp_path / "bin" / "python3").chmod(0o700)
    return tmp_path


def run(clone: Path, broken: str = "") -> subprocess.CompletedProcess[str]:
    """Run CI's script, where one job may fail."""
    path = f"{clone / 'bin'}{os.pathsep}{os.environ['PATH']}"
    return subprocess.run(
        [clone / ".ci" / "run"],
        cwd="/",
        env={"PATH": path, "BROKEN": broken},
        capture_output=True,
        text=True,
        check=False,
    )


def jobs(clone: Path) -> list[str]:
    """Return the jobs that were run."""
    calls = (clone / "calls").read_text().splitlines()
    return [call.removeprefix("run ") for call in calls if call.startswith("run ")]


def test_the_readme_begins_with_two_commands_that_need_nothing_but_python() -> None:
    """The demo and the tests are a line each, and come before anything else that is printed."""
    first_block = re.search(r"^```console\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    assert first_block is not None
    assert first_block[1].splitlines() == [
        f"$ {FROM_NOTHING} demo",
        f"$ {FROM_NOTHING} test",
    ]
    assert "```" not in README[: first_block.start()]


def test_ci_runs_the_commands_of_the_readme(clone: Path) -> None:
    """What the README prints at its top is run as it stands there, beside the other jobs."""
    done = run(clone)
    assert (done.returncode, done.stderr) == (0, "")
    assert jobs(clone) == JOBS
    for job in ("demo", "test"):
        assert f"$ {FROM_NOTHING} {job}\n" in done.stdout


@pytest.mark.parametrize("broken", JOBS)
def test_ci_fails_where_a_job_does(clone: Path, broken: str) -> None:
    """The first job that fails ends it, and its closing lines are the last that are printed."""
    done = run(clone, broken)
    assert done.returncode != 0
    assert jobs(clone) == JOBS[: JOBS.index(broken) + 1]
    assert done.stdout.endswith(f"the closing line of run {broken}\n")


def test_ci_makes_its_environment_anew(clone: Path) -> None:
    """Nothing of an environment that is there already is used."""
    (clone / ".venv").mkdir()
    (clone / ".venv" / "old").touch()
    assert run(clone).returncode == 0
    assert not (clone / ".venv" / "old").exists()


def test_every_command_of_the_readme_is_there() -> None:
    """What the README has hatch run is one of the scripts of hatch.toml."""
    scripts = ENVIRONMENTS["default"]["scripts"]
    named = set(re.findall(r"hatch run ([\w-]+)", README))
    assert named >= {"demo", "test", "quick", "check", "test-wheels"}
    assert named <= set(scripts)


def test_every_script_is_in_what_contributors_read() -> None:
    """CONTRIBUTING.md names each script of everyday work, and no script that isn't there."""
    scripts = {
        name if environment == "default" else f"{environment}:{name}"
        for environment, table in ENVIRONMENTS.items()
        for name in table["scripts"]
    }
    everyday = set(ENVIRONMENTS["default"]["scripts"]) - {"bench"}
    assert everyday <= set(re.findall(r"`hatch run ([\w:-]+)", CONTRIBUTING)) <= scripts


def test_the_hooks_before_a_commit_are_what_check_runs() -> None:
    """Each hook is a line of `hatch run check`, in the environment in which that runs it."""
    hooks = (ROOT / ".pre-commit-config.yaml").read_text()
    commands = re.findall(r"^ +entry: hatch run (.*)$", hooks, re.MULTILINE)
    assert commands == ENVIRONMENTS["default"]["scripts"]["check"]
