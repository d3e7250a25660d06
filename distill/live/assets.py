"""What the page shows and plays: the head as a GLB, and clips of synthetic speech.

`python -m distill.live.assets FOLDER` makes them ahead of time, for servers that
lack torch and a synthesizer; `--assets FOLDER` then serves them.
"""

import argparse
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from distill.audio.decode import write_wav
from distill.command import guarded
from distill.errors import UserError
from distill.face.glb import Morphs, build_gltf, write_glb
from distill.storage import cached, read_json, write_json

if TYPE_CHECKING:
    import distill.protocols

SAMPLES = "samples.json"
M_PER_UNIT = {"mm": 1e-3, "m": 1.0}
SPOKEN = (
    ("neutral", 0, "Open models answer after seconds; this face answers while you speak."),
    ("happy", 3, "Wow, what a wonderful view from up here!"),
    ("sad", 5, "It was an unusual pleasure to hear that old song again."),
    ("angry", 8, "Don't push the button until I tell you to!"),
)
"""Emotion, speaker and sentence of each clip."""


@lru_cache(maxsize=2)
def load_face(
    rig: str, path: str | None, channels: tuple[str, ...] | None = None
) -> "distill.protocols.Rig":
    """Load the rig that is shown.

    Raises:
        UserError: It is unknown, lacks its files, has other channels, or torch is not installed.
    """
    try:
        from distill.face.rigs import load_rig
    except ModuleNotFoundError as error:
        raise UserError(
            f"{error.name} is not installed here and shaping a face needs it; ask for csv or npz"
        ) from error
    face = load_rig(rig, **({"path": path} if path else {}))
    if channels is not None and face.channels != channels:
        raise UserError(f"rig {rig!r} does not have the channels of this model; ask for npz")
    return face


def write_head(path: Path, rig: str, rig_path: str | None = None) -> None:
    """Write the face at rest with a morph target per channel that moves vertices, in metres.

    What a player has to know further stands in the mesh's `extras`, in the rig's units: `pivot`
    the head turns about, `view` (middle and height of a portrait), `lip_pairs`, and `capped`
    triples (name, name, share): the first counts only up to `share` times the second.

    Raises:
        UserError: The rig cannot be loaded, or has no displacement fields.
    """
    from distill.face.linear import LinearRig

    face = load_face(rig, rig_path)
    if not isinstance(face, LinearRig):
        raise UserError(f"rig {rig!r} has no morph targets; choose arkit, ict or mesh")
    basis, names = face.basis.numpy(), face.channels
    moving = [i for i in range(len(basis)) if basis[i].any()]
    morphs = Morphs(
        points=face.neutral.numpy(), triangles=face.triangles.numpy(), shapes=basis[moving],
        names=tuple(names[i] for i in moving), colors=face.colors.numpy(),
        extras={
            "pivot": face.pivot.tolist(),
            "view": list(face.view),
            "lip_pairs": face.lip_pairs.tolist(),
            "capped": [[names[i], names[j], share] for i, j, share in face.capped],
        },
    )  # fmt: skip
    write_glb(path, build_gltf(morphs, scale=M_PER_UNIT[face.units]))


def write_samples(folder: Path) -> None:
    """Speak the sample clips and list them in `samples.json`.

    Raises:
        UserError: The synthesizer is not installed.
    """
    from distill.data.synthetic.clip import Job, make_clip
    from distill.data.synthetic.engines import load_engine

    engine, listed = load_engine("espeak"), []
    for number, (emotion, speaker, text) in enumerate(SPOKEN):
        job = Job(text=text, speaker=speaker, unseen=False, emotion=emotion, seed=0, fps=30.0)
        write_wav(folder / f"{number}.wav", make_clip(job, engine).audio / 32768.0)
        listed.append({"name": f"{emotion}: {text}", "url": f"/samples/{number}.wav"})
    write_json(folder / SAMPLES, listed)


def head(folder: Path, rig: str, rig_path: str | None) -> Path:
    """Return the head in a folder, made where it is missing."""
    return cached(folder / f"{rig}.glb", lambda path: write_head(path, rig, rig_path))


def samples(folder: Path) -> list[dict[str, str]]:
    """Return the list of clips in a folder, made where they are missing."""
    if not (folder / SAMPLES).is_file():
        write_samples(folder)
    return read_json(folder / SAMPLES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Make everything in a folder; returns the command's exit status."""
    options = argparse.ArgumentParser(prog="python -m distill.live.assets", description=__doc__)
    options.add_argument("folder", type=Path)
    options.add_argument("--rig", default="arkit")
    options.add_argument("--rig-path")
    given = options.parse_args(arguments)

    def make() -> None:
        head(given.folder, given.rig, given.rig_path)
        samples(given.folder)

    return guarded(make)


if __name__ == "__main__":
    sys.exit(main())
