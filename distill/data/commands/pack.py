"""`python -m distill.data pack data=facegood data.root=PATH --out DIR`: a corpus as shards."""

import argparse
import sys

from distill.data.packed.coding import AUDIO, MOTION


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand's options."""
    options = subparsers.add_parser(
        "pack",
        help="write a corpus as compressed shards that data=packed streams",
        description="Write the corpus that words of a config describe (data=..., data.root=...) as "
        "litdata shards. Train on them with data=packed data.root=DIR rig=...",
    )
    options.add_argument("--out", required=True, help="new folder, or s3://bucket/folder")
    options.add_argument("--audio", choices=sorted(AUDIO), default="flac", help="default flac")
    options.add_argument("--motion", choices=MOTION, default="float16", help="default float16")
    options.add_argument("--shard-mb", type=float, default=64.0, help="default 64")


def run(args: argparse.Namespace) -> None:
    """Pack the corpus and say what that has cost."""
    from distill.data.commands.words import configured
    from distill.data.corpus import open_described
    from distill.data.packed.writing import pack

    corpus = open_described(configured(args.words)["data"])
    made = pack(corpus, args.out, audio=args.audio, motion=args.motion, shard_mb=args.shard_mb)
    sound, motion = made["audio"], made["motion"]
    sys.stdout.write(
        f"{args.out}: {made['clips']:,} clips, {made['bytes'] / 1e6:,.1f} MB; largest error of "
        f"audio {sound['largest_error']:.2g} ({sound['codec']}) and of motion "
        f"{motion['largest_error']:.2g} ({motion['kind']}, units of rig {made['rig']})\n"
    )
