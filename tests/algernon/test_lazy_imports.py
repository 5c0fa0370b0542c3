"""`import algernon` gives every name, and loads only what is used."""

from __future__ import annotations

import subprocess
import sys

import algernon
import pytest
from algernon import errors

pytestmark = pytest.mark.starts


def modules_after(code: str) -> set[str]:
    """Return the top-level modules that a new Python has loaded after it ran some code."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.partition(".")[0] for name in done.stdout.split()}


def test_serializing_loads_nothing_of_aws() -> None:
    """The names ajson and AlgObject come without boto3, botocore or the X-Ray SDK."""
    loaded = modules_after("from algernon import ajson, AlgObject")

    assert "algernon_serialize" in loaded
    assert not loaded & {"boto3", "botocore", "aws_xray_sdk", "algernon_queue", "ministack"}


def test_the_package_alone_loads_none_of_the_others() -> None:
    """Importing algernon, and listing what it has, imports no other package."""
    loaded = modules_after("import algernon; dir(algernon)")

    assert not {name for name in loaded if name.startswith("algernon_")}


def test_the_command_is_not_loaded_with_the_package() -> None:
    """Using every public name loads neither the command nor the local AWS."""
    done = subprocess.run(
        [sys.executable, "-c", "from algernon import *; import sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    rooms = ("commands", "local", "story", "system", "template", "worker")
    commands = {*(f"algernon.{room}" for room in rooms), "ministack"}

    assert not commands & set(done.stdout.split())


def test_a_worker_with_secrets_starts_without_the_command() -> None:
    """What reads secrets in Lambda loads nothing of the command, and no boto3 before it asks."""
    done = subprocess.run(
        [sys.executable, "-c", "import algernon.secrets, sys; print(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(done.stdout.split())
    rooms = ("commands", "local", "settings", "story", "system", "template", "worker")
    unwanted = {*(f"algernon.{room}" for room in rooms), "boto3", "botocore", "algernon_queue"}

    assert not unwanted & loaded


def test_each_public_name_is_the_one_of_its_package() -> None:
    """Every name in __all__ can be had, and comes from its own package."""
    import algernon_logging
    import algernon_queue
    import algernon_serialize
    import algernon_storage

    packages = (algernon_logging, algernon_queue, algernon_serialize, algernon_storage)
    for name in algernon.__all__:
        value = getattr(algernon, name)
        homes = [package for package in packages if hasattr(package, name)]
        assert all(getattr(home, name) is value for home in homes)
        assert homes or name == "CommandError"


def test_the_command_starts_without_what_a_system_is_made_of() -> None:
    """Whoever sends a Task, or presses Tab, waits for neither the template nor the settings."""
    code = "from algernon.commands.main import main\ntry: main(['--help'])\nexcept SystemExit: pass"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = {*done.stdout.split()}

    assert "algernon.commands.template" in loaded
    assert not loaded & {"algernon.template", "algernon.settings", "boto3"}
    assert not {name for name in loaded if name.startswith("algernon.system.template.document")}
    assert "algernon.system.settings.settings" not in loaded


def test_the_old_name_of_the_root_of_the_commands_errors_warns() -> None:
    """`AlgernonError` is still to be had, in both places, and says what it is called now."""
    for module in (algernon, errors):
        with pytest.warns(DeprecationWarning, match="is called CommandError now") as warned:
            assert module.AlgernonError is algernon.CommandError
        assert warned[0].filename == __file__
    assert issubclass(errors.WorkerError, algernon.CommandError)


def test_public_names_are_listed_in_order() -> None:
    """__all__ is sorted, and dir() has all of it."""
    assert list(algernon.__all__) == sorted(algernon.__all__)
    assert set(algernon.__all__) <= set(dir(algernon))


def test_an_unknown_name_is_an_attribute_error() -> None:
    """A name that the package doesn't have is refused as any module would."""
    with pytest.raises(AttributeError, match="module 'algernon' has no attribute 'nonsense'"):
        algernon.nonsense  # type: ignore[attr-defined]  # noqa: B018
