"""What corpora of vertices share: a folder of arrays, one of sound, a table of faces at rest.

    <root>/vertices_npy/<subject>_<sentence>.npy    (T, V * 3) or (T, V, 3), in a unit of length
    <root>/wav/<subject>_<sentence>.wav
    <root>/templates.pkl                            {subject: (V, 3)}, pickled by Python 2

Motion is the displacement from the subject's own face at rest, in mm: all coordinates, or how much
of each component of a `vertices` rig. Arrays are mapped, not loaded.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from distill.audio.decode import load_audio
from distill.audio.frames import sample_at
from distill.data.readers.folder import (
    FolderCorpus,
    at_rate,
    checked_folder,
    fingerprint,
    frames_at_rate,
    frames_of_both,
    heard_samples,
    together,
)
from distill.data.readers.vertex_files import (
    frames_in,
    mapped,
    mm_per_unit,
    owner,
    paired,
    read_templates,
)
from distill.errors import UserError
from distill.face.vertices import raw_channels, read_model
from distill.types import Clip, Recording

PARTS = ("vertices_npy", "wav", "templates.pkl")
FARTHEST_MM = 100.0
"""No vertex of a talking face is farther from where it is at rest."""
RATE_TOLERANCE = 0.08

Place = Callable[[str, str], tuple[str, str] | None]
"""(subject, sentence) -> (split, emotion); None leaves the sequence out."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Sequences:
    """Opens a clip of such a corpus.

    Attributes:
        root: Its folder.
        templates: Subject -> face at rest in mm.
        mm_per_unit: Unit of the arrays.
        recorded_fps: Frames per second of the arrays.
        fps: Frames per second of the motion.
        projector: Displacements to coefficients (K, V * 3); None leaves displacements as they are.
    """

    root: Path
    templates: Mapping[str, Float[np.ndarray, "V 3"]]
    mm_per_unit: float
    recorded_fps: float
    fps: float
    projector: Float[np.ndarray, "K N"] | None

    def files(self, stem: str) -> tuple[Path, Path]:
        """Return the files of motion and sound of a sequence."""
        return self.root / "vertices_npy" / f"{stem}.npy", self.root / "wav" / f"{stem}.wav"

    def __call__(self, clip: Clip) -> Recording:
        """Return sound and motion of a clip.

        Raises:
            UserError: A file is damaged, or not of the topology, unit or place of its template.
        """
        path, sound = self.files(clip.id)
        values = at_rate(mapped(path), self.recorded_fps, self.fps)
        moved = np.asarray(values, np.float32) * self.mm_per_unit
        moved -= self.templates[clip.speaker].reshape(-1)
        farthest = float(np.abs(moved).max(initial=0.0))
        if not farthest <= FARTHEST_MM:
            raise UserError(
                f"{path} moves a vertex {farthest:.4g} mm away from its template; templates.pkl "
                "and vertices_npy must be of one topology, one unit (data.units) and one place"
            )
        motion = moved if self.projector is None else moved @ self.projector.T
        return together(load_audio(sound), motion, self.fps)


@dataclass(frozen=True, kw_only=True)
class VertexCorpus(FolderCorpus):
    """A corpus that knows every subject's face at rest.

    Attributes:
        templates: Subject -> face at rest (V 3) in mm.
        raw: Whether its motion is displacements of vertices.
    """

    templates: Mapping[str, Float[np.ndarray, "V 3"]]
    raw: bool


def open_vertices(
    root: str | Path,
    *,
    name: str,
    source: str,
    place: Place,
    recorded_fps: float,
    fps: float,
    units: str | float | int,
    basis: str | Path | None,
) -> VertexCorpus:
    """Open a corpus of vertices; sequences without sound or motion are left out, with a warning.

    Args:
        root: Its folder.
        name: Its name.
        source: Where to get it, for errors.
        place: Split and emotion of a sequence.
        recorded_fps: Frames per second of the arrays.
        fps: Frames per second wanted.
        units: Unit of the arrays: m, cm, mm, or how many mm one unit is.
        basis: File of a `vertices` rig, or None for displacements.

    Raises:
        UserError: A part is missing, or files do not fit each other, the unit or the rate.
    """
    folder = checked_folder(root, PARTS, name, source)
    scale = mm_per_unit(units)
    templates = read_templates(folder / "templates.pkl", scale, units)
    count = len(next(iter(templates.values())))
    channels, projector = _space(basis, count, name)
    opener = Sequences(
        root=folder,
        templates=templates,
        mm_per_unit=scale,
        recorded_fps=recorded_fps,
        fps=fps,
        projector=projector,
    )
    clips, rates = [], []
    for stem in paired(folder):
        subject = owner(stem, templates, folder)
        if (found := place(subject, stem[len(subject) + 1 :])) is not None:
            clip, rate = _clip(opener, stem, subject, *found)
            clips.append(clip)
            rates.append(rate)
    if not clips:
        raise UserError(f"data.root={root} holds no sequence of the splits of {name}; {source}")
    _check_rate(rates, recorded_fps, folder)
    files = [path for clip in clips for path in opener.files(clip.id)]
    return VertexCorpus(
        name=name,
        rig="vertices",
        channels=channels,
        fps=fps,
        clips=clips,
        content_hash=fingerprint([folder / "templates.pkl", *files]),
        templates=templates,
        raw=projector is None,
        opener=opener,
    )


def _clip(
    opener: Sequences, stem: str, subject: str, split: str, emotion: str
) -> tuple[Clip, float]:
    """Describe a sequence by the headers of its files; also its frames per second of sound."""
    motion, sound = opener.files(stem)
    length = frames_in(motion, len(opener.templates[subject]))
    frames = frames_at_rate(length, opener.recorded_fps, opener.fps)
    frames = frames_of_both(frames, sound, opener.fps)
    clip = Clip(
        id=stem,
        split=split,
        speaker=subject,
        emotion=emotion,
        frames=frames,
        samples=sample_at(frames, opener.fps),
    )
    return clip, length * 16_000 / max(heard_samples(sound), 1)


def _check_rate(rates: Sequence[float], recorded_fps: float, folder: Path) -> None:
    rate = float(np.median(rates))
    if abs(rate / recorded_fps - 1.0) > RATE_TOLERANCE:
        raise UserError(
            f"{folder} has {rate:.3g} frames for a second of sound, not {recorded_fps:g}; set "
            "data.recorded_fps to the rate of its arrays"
        )


def _space(
    basis: str | Path | None, count: int, name: str
) -> tuple[tuple[str, ...], Float[np.ndarray, "K N"] | None]:
    """Return channel names, and the least-squares projection on the components of a rig."""
    if basis is None:
        return raw_channels(count), None
    model = read_model(basis)
    if len(model.neutral) != count:
        raise UserError(
            f"rig.path={basis} has {len(model.neutral):,} vertices and {name} {count:,}; make the "
            "rig of this corpus with `python -m distill.data basis`"
        )
    if model.basis is None:
        return model.channels, None
    rows = model.basis.reshape(len(model.basis), -1).astype(np.float64)
    return model.channels, np.linalg.solve(rows @ rows.T, rows).astype(np.float32)
