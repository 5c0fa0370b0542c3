"""What a project may be called."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import cache
from importlib.metadata import distributions, packages_distributions
from keyword import iskeyword

from ...errors import ProjectError

# A distribution's name, a Python package's and a CloudFormation stack's, all in one.
_NAME = re.compile(r"[A-Za-z]([A-Za-z0-9]|[-_](?=[A-Za-z0-9]))*")
# What AWS makes of a stack's name and a Task's is cut off at 64 characters for functions
# (AWS Lambda Developer Guide, "CreateFunction") and at 80 for queues.
_LONGEST = 40
# Folders of a project beside its package; and Python's own tests, which its list of modules lacks.
_FOLDERS = frozenset({"test", "tests", "wheels"})


@dataclass(frozen=True, slots=True)
class ProjectName:
    """The name of a project in its three forms.

    Attributes:
        name: As it was given: the folder's and the distribution's, such as ``"my-shop"``.
        package: The Python package's: ``"my_shop"``.
        stack: That of its stack on AWS: ``"my-shop"``.
    """

    name: str
    package: str
    stack: str


def project_name(text: str) -> ProjectName:
    """Read the name of a project that can be made here.

    Raises:
        ProjectError: Nothing can have the name, or something here has it already, which Python
            would find in place of the project's package.

    Example:
        >>> project_name("my-shop")
        ProjectName(name='my-shop', package='my_shop', stack='my-shop')
    """
    if not _NAME.fullmatch(text):
        raise ProjectError(
            f"{text!r} can't be a project's name, which is that of a folder here, a Python package"
            " and a stack: take letters of ASCII, digits, and single hyphens or underscores between"
            " them, beginning with a letter, such as my-shop"
        )
    if len(text) > _LONGEST:
        raise ProjectError(
            f"{text!r} has {len(text)} characters, and a project's name {_LONGEST} at most: it"
            " begins the names of all that the stack has on AWS"
        )
    package = text.lower().replace("-", "_")
    if owner := _owner_of(package):
        raise ProjectError(
            f"a project can't be called {text!r}, since its package {package!r} would have the name"
            f" of {owner}: take another, such as {text}-tasks"
        )
    return ProjectName(text, package, text.replace("_", "-"))


def _owner_of(package: str) -> str | None:
    """Return, in words, what has the name already."""
    if iskeyword(package):
        return "a keyword of Python"
    if package in sys.stdlib_module_names:
        return "a module of Python's standard library"
    if package in _FOLDERS:
        return "a folder of tests or wheels"
    if package in _installed_packages() or package.replace("_", "-") in _distributions():
        return "an installed package"
    return None


@cache
def _installed_packages() -> frozenset[str]:
    return frozenset(packages_distributions())


@cache
def _distributions() -> frozenset[str]:
    """Return the names of what is installed, as indexes compare them."""
    return frozenset(re.sub(r"[-_.]+", "-", each.name).lower() for each in distributions())
