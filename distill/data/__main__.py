"""`python -m distill.data COMMAND ...`: what is done with corpora apart from training."""

import argparse
import sys
from collections.abc import Sequence
from importlib import import_module

from distill.command import guarded
from distill.errors import UserError

COMMANDS = ("basis", "features", "fetch", "make", "pack")
"""Modules of `distill.data.commands`."""


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read a command line; words of a config (`data=vocaset`) may stand anywhere after the command.

    Raises:
        UserError: A word is neither an option nor of a config.
    """
    parser = argparse.ArgumentParser(prog="python -m distill.data", description=__doc__)
    subparsers = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in COMMANDS:
        import_module(f"distill.data.commands.{name}").add(subparsers)
    options, words = parser.parse_known_args(arguments)
    wrong = [word for word in words if word.startswith("-") or "=" not in word]
    if wrong:
        raise UserError(
            f"{wrong[0]!r} is no option of `distill.data {options.command}` and no key=value; "
            f"see `python -m distill.data {options.command} --help`"
        )
    options.words = words
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says."""

    def work() -> None:
        options = parse(sys.argv[1:] if arguments is None else arguments)
        import_module(f"distill.data.commands.{options.command}").run(options)

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
