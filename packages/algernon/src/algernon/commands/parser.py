"""The parser of the command line, and its help, for whoever reads nothing else."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from typing import IO, Any


class CommandParser(argparse.ArgumentParser):
    """A parser whose help ends with examples, which stand there line by line.

    Help that can't be written, such as to a full disk, is an error; argparse keeps silent.
    """

    def __init__(self, *, description: str = "", examples: str = "", **options: Any) -> None:
        # As wide as argparse itself writes.
        width = shutil.get_terminal_size().columns - 2
        super().__init__(
            description=textwrap.fill(description, width),
            epilog=f"examples:\n{textwrap.indent(examples, '  ')}" if examples else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
            **options,
        )

    def print_help(self, file: IO[str] | None = None) -> None:  # type: ignore[override]
        """Print the help."""
        print(self.format_help(), end="", file=file)
