"""`algernon completion`: print what has a shell complete the command."""

from __future__ import annotations

import argparse

from ..errors import MissingExtraError

HELP = "print the script with which a shell completes this command"
DESCRIPTION = (
    "Print the script with which a shell completes this command's verbs and options. For bash:"
    ' eval "$(algernon completion bash)" in ~/.bashrc. For zsh: algernon completion zsh'
    " > _algernon, in a folder of fpath. For fish: algernon completion fish"
    " > ~/.config/fish/completions/algernon.fish."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the shell."""
    parser.add_argument("shell", choices=("bash", "zsh", "fish"), help="which shell")


def execute(options: argparse.Namespace) -> None:
    """Print the script.

    Raises:
        MissingExtraError: shtab isn't installed.
    """
    try:
        import shtab
    except ImportError as error:
        raise MissingExtraError(
            "shtab isn't installed, which writes the script: install the extra algernon[command]"
        ) from error
    _complete_files(options.whole_parser, shtab.FILE)
    print(shtab.complete(options.whole_parser, options.shell))


def _complete_files(parser: argparse.ArgumentParser, how: object) -> None:
    """Have what names a file be completed by the files there are."""
    for action in parser._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb in action.choices.values():
                _complete_files(verb, how)
        elif action.metavar == "FILE":
            action.complete = how  # type: ignore[attr-defined]
