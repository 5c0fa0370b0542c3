"""What Lambda runs: which Python, on which system and processor."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass

# AWS Lambda Developer Guide, "Lambda runtimes": Python 3.11 runs on Amazon Linux 2, whose glibc is
# 2.26, and later ones on Amazon Linux 2023.
_LAST_ON_AMAZON_LINUX_2 = (3, 11)
_MACHINES = {"x86_64": "x86_64", "arm64": "aarch64"}


@dataclass(frozen=True, slots=True)
class LambdaPlatform:
    """The platform of a function: this Python's minor version, and a processor.

    Attributes:
        python: The version of Python, such as ``"3.12"``.
        architecture: ``"x86_64"`` or ``"arm64"``.

    Example:
        >>> LambdaPlatform("3.12", "arm64").name
        "Lambda's Python 3.12 on arm64 (Amazon Linux 2023)"
    """

    python: str
    architecture: str

    @property
    def name(self) -> str:
        """What people call it."""
        system = "Amazon Linux 2" if self.is_on_amazon_linux_2 else "Amazon Linux 2023"
        return f"Lambda's Python {self.python} on {self.architecture} ({system})"

    @property
    def uv_name(self) -> str:
        """What uv calls it: the newest of the platforms whose wheels run there."""
        newest = "manylinux2014" if self.is_on_amazon_linux_2 else "manylinux_2_28"
        return f"{_MACHINES[self.architecture]}-{newest}"

    @property
    def uv_options(self) -> tuple[str, ...]:
        """The options by which uv installs for it."""
        return ("--python-version", self.python, "--python-platform", self.uv_name)

    @property
    def is_here(self) -> bool:
        """Whether wheels for it run in this process, too."""
        return (
            sys.platform == "linux"
            and platform.libc_ver()[0] == "glibc"
            and platform.machine() == _MACHINES[self.architecture]
        )

    @property
    def is_on_amazon_linux_2(self) -> bool:
        """Whether it is the older system, which takes fewer wheels."""
        major, minor = self.python.split(".")
        return (int(major), int(minor)) <= _LAST_ON_AMAZON_LINUX_2


def lambda_platform(architecture: str) -> LambdaPlatform:
    """Return the platform on which this Python's minor version runs in Lambda."""
    return LambdaPlatform(f"{sys.version_info.major}.{sys.version_info.minor}", architecture)
