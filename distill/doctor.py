"""Says what is wrong: `python -m distill.doctor data=<corpus> [root=PATH] [clips=N] [out=PAGE]`.

With a corpus it opens a sample of clips (`clips=200`, the same ones every time), prints what it
finds, and writes a page (`out=doctor.html`). `root=PATH` is short for `data.root=PATH`; any other
word of `distill.run` may follow, and the rig is the corpus's own unless `rig=` names one. Without
a corpus it describes this installation.

Exit status: 0 when there is no error (warnings and notes may be there), 1 when the data has an
error, 2 when it cannot be examined.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from distill.command import guarded
from distill.errors import UserError

CLIPS, PAGE = 200, "doctor.html"
DISEASED = 1
TONES = {"error": "bold red", "warning": "yellow", "note": "cyan"}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if {"-h", "--help"} & set(words):
        sys.stdout.write(f"{__doc__}\n")
        return 0
    worst: list[bool] = []

    def work() -> None:
        if words:
            worst.append(examine_corpus(words))
        else:
            show_installation()

    return guarded(work) or (DISEASED if any(worst) else 0)


def show_installation() -> None:
    """Print versions, device, extras and cache."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    from distill.installation import describe

    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold", no_wrap=True)
    for name, value in describe():
        table.add_row(name, escape(value))
    Console(highlight=False).print(table)


def examine_corpus(words: Sequence[str]) -> bool:
    """Examine the corpus that `words` describe; return whether it has an error.

    Raises:
        UserError: A word is unknown, or the corpus cannot be opened.
    """
    own, rest = own_words(words)
    from distill.data.commands.words import configured
    from distill.data.doctor import Severity, examine
    from distill.data.doctor.page import page
    from distill.storage import write_text

    config = configured(rest)
    corpus, remarks = opened(config)
    if not any(word.startswith("rig=") for word in rest) and corpus.rig != config["rig"]["name"]:
        config = configured([*rest, f"rig={corpus.rig}"])
    rig, more = rig_or_stand_in(config)
    report = examine(corpus, rig, clips=own["clips"], root=root_of(config))
    report.findings.extend([*remarks, *more])
    command = " ".join(["python -m distill.doctor", *words])
    write_text(own["out"], page(report, command))
    show(report, own["out"])
    return report.severity == Severity.ERROR


def own_words(words: Sequence[str]) -> tuple[dict[str, Any], list[str]]:
    """Take `clips=`, `out=` and `root=` out of a command line; return them and the config's words.

    Raises:
        UserError: A word is no `key=value`, or a value is impossible.
    """
    own: dict[str, Any] = {"clips": CLIPS, "out": Path(PAGE)}
    rest = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or word.startswith("-"):
            raise UserError(f"{word!r} is not of the form key=value; see --help")
        if key == "clips":
            if not value.isdigit() or int(value) < 1:
                raise UserError(f"clips={value} is not a number above 0, such as clips={CLIPS}")
            own["clips"] = int(value)
        elif key == "out":
            own["out"] = Path(value)
        else:
            rest.append(f"data.{word}" if key == "root" else word)
    return own, rest


def opened(config: dict[str, Any]) -> tuple[Any, list[Any]]:
    """Open the corpus; what its reader warns of becomes notes."""
    import warnings

    from distill.data.corpus import open_described
    from distill.data.doctor.finding import note

    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("always", UserWarning)
        corpus = open_described(config["data"])
    hint = "see the page of the reader's module for what it leaves out"
    said = [str(w.message) for w in heard if issubclass(w.category, UserWarning)]
    return corpus, [note("reader", "whole corpus", text, hint) for text in said]


def rig_or_stand_in(config: dict[str, Any]) -> tuple[Any, list[Any]]:
    """Return the rig, or one with the same channels and a note where its own files are missing."""
    from distill.data.doctor.finding import note
    from distill.face.names import ARKIT_CHANNELS
    from distill.face.rigs import load_rig
    from distill.pipeline.build import build_rig

    try:
        return build_rig(config), []
    except UserError as error:
        if config["rig"]["name"] != "ict":
            raise
        rig = load_rig("arkit")
        assert rig.channels == ARKIT_CHANNELS
        message = f"the rig could not be opened ({error}), so `arkit` stands in for it"
        hint = "name its files to see lengths of the real one"
        return rig, [note("rig_stands_in", "rig ict", message, hint)]


def root_of(config: dict[str, Any]) -> Path | None:
    """Return the folder of the corpus's files, if it has one."""
    root = config["data"].get("root")
    return None if root is None else Path(root)


def show(report: Any, where: Path) -> None:
    """Print facts and findings."""
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    screen = Console(highlight=False)
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="bold", no_wrap=True)
    for name, value in report.facts.items():
        facts.add_row(name, escape(value))
    screen.print(facts)
    for finding in report.findings:
        tone = TONES[finding.severity.word]
        title = f"[{tone}]{finding.severity.word}[/] [bold]{finding.name}[/]"
        screen.print(f"\n{title}: {escape(finding.message)}")
        screen.print(f"  where: {escape(finding.shown)}\n  hint: {escape(finding.hint)}")
    counts = [sum(f.severity.word == word for f in report.findings) for word in TONES]
    total = ", ".join(f"{n} {w}{'' if n == 1 else 's'}" for n, w in zip(counts, TONES, strict=True))
    screen.print(f"\n{total}; page: {escape(str(where))}")


if __name__ == "__main__":
    sys.exit(main())
