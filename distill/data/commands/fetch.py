"""`python -m distill.data fetch NAME [--out DIR] [--yes]`: a public corpus, verified."""

import argparse
import sys
from pathlib import Path

from distill.errors import UserError


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand's options."""
    options = subparsers.add_parser(
        "fetch",
        help="download a public corpus or head model; --list shows all",
        description="Show the licence of a public corpus, download it, verify it. A download that "
        "broke off is continued by the same command.",
    )
    options.add_argument("name", nargs="?", help="what to fetch, such as facegood")
    options.add_argument("--out", type=Path, help="folder to write, default data/NAME")
    options.add_argument("--yes", action="store_true", help="accept the licence without a question")
    options.add_argument("--list", action="store_true", help="list what there is and stop")


def run(args: argparse.Namespace) -> None:
    """List the sources, or fetch one.

    Raises:
        UserError: The source is unknown or restricted, its licence is not accepted, or the
            download fails.
    """
    from distill.data.fetch.fetch import fetch
    from distill.data.fetch.manifest import source

    if args.list or args.name is None:
        sys.stdout.write(listing())
        return
    chosen = source(args.name)
    folder = args.out or Path("data") / chosen.name
    sizes = [file.bytes for file in chosen.files]
    known = sum(size or 0 for size in sizes)
    unknown = sizes.count(None)
    size = f"{known / 1e6:,.1f} MB" + (f" and {unknown} files of unknown size" if unknown else "")
    sys.stdout.write(
        f"{chosen.title}\n  from     {chosen.page}\n  licence  {chosen.licence}: {chosen.terms}\n"
        f"           {chosen.licence_url}\n  size     {len(chosen.files)} files, {size}\n"
        f"  to       {folder}\n"
    )
    require_consent(chosen.licence, args.yes)
    fetch(chosen, folder, lambda text: print_line(text))
    print_line(f"next: {chosen.after.format(folder=folder)}")


def require_consent(licence: str, given: bool) -> None:
    """Ask at a terminal; elsewhere the option must have been given.

    Raises:
        UserError: The licence is not accepted.
    """
    if given:
        return
    if not sys.stdin.isatty():
        raise UserError(f"the licence ({licence}) was not accepted; add --yes to accept it")
    if input("Download under this licence? [y/N] ").strip().lower() not in ("y", "yes"):
        raise UserError("the licence was not accepted; nothing was downloaded")


def listing() -> str:
    """Return what can be fetched, and what has to be asked for and where."""
    from distill.data.fetch.manifest import names, restricted, source

    lines = ["To fetch:"]
    lines += [f"  {s.name:<18}{s.title} ({s.licence})" for s in map(source, names())]
    lines += ["", "To ask for:"]
    for entry in restricted():
        lines += [f"  {entry.name:<18}{entry.title} ({entry.licence})", f"{'':20}{entry.ask}"]
    return "\n".join(lines) + "\n"


def print_line(text: str) -> None:
    """Write a line at once."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()
