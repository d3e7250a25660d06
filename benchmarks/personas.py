"""What personas do in a finished run: `python -m benchmarks.personas run=<dir>`.

Two personas speak the same test sentences: their motion has to differ while their lips still say
the same.
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.table import Table

from benchmarks.screen import console
from benchmarks.tables import number
from distill.command import guarded
from distill.errors import UserError
from distill.face.space import MotionSpace
from distill.storage import write_json
from distill.talker import Talker

CLIPS = 12


def effect(
    talker: Talker, space: MotionSpace, audios: Sequence[np.ndarray], first: tuple, second: tuple
) -> dict[str, float | None]:
    """Return how two (voice, emotion) personas differ on the same audio and seed.

    Args:
        talker: A model with personas.
        space: Its motion space.
        audios: Recordings (S,).
        first: Names of a voice and an emotion.
        second: The same, for the other persona.

    Returns:
        `motion`, mean distance of all vertices in the rig's unit; `upper`, of eyes and forehead
        where it has any; `lip_gap_r`, mean correlation of the two lip gaps over time.
    """
    upper = space.rig.upper
    motions, uppers, agreement = [], [], []
    for audio in audios:
        a, b = (
            torch.from_numpy(talker.generate(audio, persona=who, emotion=how).values)
            for who, how in (first, second)
        )
        distance = (space.to_vertices(a) - space.to_vertices(b)).norm(dim=-1)
        motions.append(float(distance.mean()))
        uppers.append(float(distance[:, upper].mean()) if len(upper) else 0.0)
        agreement.append(np.corrcoef(space.lip_gap_mm(a), space.lip_gap_mm(b))[0, 1])
    return {
        "motion": float(np.mean(motions)),
        "upper": float(np.mean(uppers)) if len(upper) else None,
        "lip_gap_r": float(np.mean(agreement)),
    }


def measure_personas(run: Path) -> dict[str, Any]:
    """Return retrieval of the run's personalizer and the effect of its personas on the student.

    Raises:
        UserError: The run has no personas or is not finished.
    """
    from distill.pipeline.opened import open_run
    from distill.talker import load

    opened = open_run(run)
    stage = opened.run.stage("personalizer")
    talker = load(run / "student")
    if talker.bank is None or not stage.complete:
        raise UserError(f"{run} has no personas: it was made with personalizer=none or one speaker")
    corpus = opened.corpus()
    clips = [clip for clip in corpus.clips if clip.split == "test"][:CLIPS]
    audios = [corpus.read(clip).audio for clip in clips]
    voices, moods = talker.bank.identities, talker.bank.emotions
    pairs = {
        "two voices": ((voices[0], moods[0]), (voices[-1], moods[0])),
        "two emotions": ((voices[0], moods[0]), (voices[0], moods[-1])),
    }
    return {
        "retrieval": stage.manifest()["retrieval"],
        "clips": len(clips),
        "unit": opened.space.rig.units,
        "effect": {
            name: effect(talker, opened.space, audios, *pair) for name, pair in pairs.items()
        },
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    words = list(sys.argv[1:] if arguments is None else arguments)

    def work() -> None:
        if len(words) != 1 or not words[0].startswith("run=") or words[0] == "run=":
            raise UserError("say run=<dir>, a directory python -m distill.run has made")
        run = Path(words[0].removeprefix("run="))
        found = measure_personas(run)
        write_json(run / "report" / "personas.json", found)
        unit = found["unit"]
        table = Table("same audio, same seed", f"motion {unit}", f"upper face {unit}", "lip gap r")
        for name, values in found["effect"].items():
            table.add_row(name, *(number(value, 3) for value in values.values()))
        console().print(found["retrieval"], table)

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
