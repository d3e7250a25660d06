"""`python -m distill.data features data=... audio=hubert [--part 3/16]`: features beforehand."""

import argparse
import sys


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand's options."""
    options = subparsers.add_parser(
        "features",
        help="compute what a frozen audio encoder hears, by any number of processes",
        description="Fill the cache (data.cache=PATH) with the features that training with "
        "teacher.kwargs.audio.name=... asks for. Files are named by content, so that processes "
        "may work at once and again: --part N/COUNT for each.",
    )
    options.add_argument("--part", default="1/1", help="such as 3/16: every 16th clip")


def run(args: argparse.Namespace) -> None:
    """Compute the features of the part.

    Raises:
        UserError: The teacher's audio encoder is not a frozen one, or the part is none.
    """
    from pathlib import Path

    from distill.audio.backbones import BACKBONES
    from distill.audio.cache import FeatureCache
    from distill.data.commands.words import configured
    from distill.data.corpus import open_described
    from distill.data.parts import Part
    from distill.errors import UserError

    config = configured(args.words)
    encoder = {k: v for k, v in config["teacher"]["kwargs"]["audio"].items() if v is not None}
    if encoder["name"] not in BACKBONES:
        raise UserError(
            f"audio encoder {encoder['name']!r} learns and has no features to keep; choose one of "
            f"{', '.join(BACKBONES)}"
        )
    part = Part.parse(args.part)
    corpus = open_described(config["data"])
    cache = FeatureCache.of(Path(config["data"]["cache"]) / "features", encoder)
    clips = part.of(corpus.clips)
    for clip in clips:
        cache.features(corpus.read(clip).audio, corpus.fps)
    sys.stdout.write(f"features of {len(clips):,} clips lie in {cache.folder}\n")
