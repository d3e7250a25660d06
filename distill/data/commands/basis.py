"""`python -m distill.data basis data=vocaset data.root=PATH --out FILE`: the rig of a corpus."""

import argparse
import sys
from pathlib import Path

from distill.errors import UserError

COMPONENTS = 64


def add(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Add the subcommand's options."""
    options = subparsers.add_parser(
        "basis",
        help="make the file of rig=vertices from a corpus of vertices",
        description="Fit components on the training motion of a corpus of vertices (data=vocaset "
        "data.root=PATH) and write the file that rig=vertices rig.path=FILE opens.",
    )
    options.add_argument("--out", type=Path, required=True, help="file to write, .safetensors")
    options.add_argument(
        "--components",
        type=int,
        default=COMPONENTS,
        help=f"components to keep, default {COMPONENTS}; 0 moves vertices themselves",
    )
    options.add_argument("--mesh", type=Path, help="mesh or .npy whose triangles are the surface")
    options.add_argument(
        "--lips", help="lip vertices: list as text, .npy, or FLAME_masks.pkl, FILE:region+region"
    )
    options.add_argument("--upper", help="upper-face vertices, in the same forms")


def run(args: argparse.Namespace) -> None:
    """Write the file and say how much of the motion it keeps.

    Raises:
        UserError: The corpus is not of vertices, or a file cannot be used.
    """
    from distill.data.commands.words import configured
    from distill.data.corpus import open_described
    from distill.data.readers.vertices import VertexCorpus
    from distill.data.vertex_rig import model_of
    from distill.face.vertices import write_model

    if args.components < 0:
        raise UserError(f"--components {args.components} is below 0; 0 moves the vertices")
    corpus = open_described(configured(args.words)["data"])
    if not isinstance(corpus, VertexCorpus) or not corpus.raw:
        raise UserError(
            f"corpus {corpus.name!r} moves rig {corpus.rig!r} by {len(corpus.channels)} channels; "
            "name a corpus of vertices (data=vocaset, biwi, multiface) and no rig"
        )
    model = model_of(corpus, args.components, mesh=args.mesh, lips=args.lips, upper=args.upper)
    write_model(args.out, model)
    kept = "all" if model.explained is None else f"{float(model.explained.sum()):.2%}"
    sys.stdout.write(
        f"{args.out}: {len(model.neutral):,} vertices, {len(model.channels):,} channels that keep "
        f"{kept} of the training motion, {len(model.lips)} lip vertices, {len(model.upper)} of "
        f"the upper face, {len(model.lip_pairs)} lip pairs, {len(model.triangles):,} triangles\n"
    )
