"""`python -m distill.data make data=synthetic [--part 3/16]`: a corpus, or a part of it."""

import argparse
import sys

from distill.errors import UserError


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand's options."""
    options = subparsers.add_parser(
        "make",
        help="make the synthetic corpus of a run beforehand, by any number of machines",
        description="Make the corpus that words of a config describe (budget=full data.speakers=64 "
        "...) with all cores. Machines that share the cache (data.cache=PATH) make parts of it: "
        '--part N/COUNT, in a SLURM array --part "$SLURM_ARRAY_TASK_ID/$SLURM_ARRAY_TASK_COUNT" '
        "(--array=1-COUNT). The same command without --part, or the run itself, joins them; parts "
        "that are missing or were interrupted are made then.",
    )
    options.add_argument("--part", help="such as 3/16: every 16th clip, from the third")


def run(args: argparse.Namespace) -> None:
    """Make the corpus or the part and say how many clips it has.

    Raises:
        UserError: The corpus is one that is read, or the part is none.
    """
    from pathlib import Path

    from distill.data.commands.words import configured
    from distill.data.corpus import NOT_OF_READERS, open_described
    from distill.data.parts import Part
    from distill.data.synthetic.corpus import build_part

    data = configured(args.words)["data"]
    if data["_target_"] != "distill.data.synthetic.build_corpus":
        raise UserError(f"data={data['name']} is read, not made; only data=synthetic can be made")
    if args.part is None:
        made, what = len(open_described(data).clips), "the corpus"
    else:
        part = Part.parse(args.part)
        asked = {key: data[key] for key in data.keys() - {*NOT_OF_READERS, "cache"}}
        made, what = build_part(Path(data["cache"]), part, **asked), f"part {args.part}"
    sys.stdout.write(f"{what} has {made:,} clips in {data['cache']}\n")
