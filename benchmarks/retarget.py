"""How exact retargeting is: `python -m benchmarks.retarget`.

Carries ARKit shapes from the rigs to heads of other topology and fits curves to moving vertices;
prints a table, and can write JSON and a picture. Heads that are not there are left out.
"""

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.screen import console, rich_table
from benchmarks.tables import Table, number
from distill.command import guarded
from distill.face.ict_names import ict_to_arkit
from distill.face.linear import LinearRig
from distill.face.mesh_rig import rig_of
from distill.face.names import ARKIT_52, ARKIT_CHANNELS
from distill.face.retarget import Mesh, Shapes, retarget, source_of
from distill.face.retarget.curves import fit_curves
from distill.face.rigs import load_rig
from distill.face.sheets import shape_sheet
from distill.face.space import MotionSpace
from distill.pipeline.runs import git_commit
from distill.storage import atomic_path, write_json

KIND = "retarget"
DATA = Path(__file__).parents[2] / "shared" / "data"
ICT, SMALL = "ict_facekit/ict_face_narrow.npz", "ict_facekit/ict_face_lite.npz"
HEAD, CLIP = "meshes/makehuman_head.npz", "facegood/3_15.npz"
FPS, MOST_FRAMES, NOISE_MM = 30.0, 600, 0.5


def rms(values: np.ndarray) -> float:
    """Return the root mean square length of vectors (... 3)."""
    return float(np.sqrt((values**2).sum(-1).mean()))


def carried(source: LinearRig, target: str, mesh: Mesh) -> tuple[dict[str, Any], Shapes]:
    """Retarget a rig to a mesh without landmarks and return what its report says."""
    start = time.process_time()
    made = retarget(source_of(source), mesh)
    report = made.report
    row = {
        "source": source.name,
        "target": target,
        "cpu_s": time.process_time() - start,
        "fit_median_mm": report.fit_mm[0],
        "fit_95_mm": report.fit_mm[1],
        "unmatched_share": report.weak,
        "eyes_left_open_share": max(report.eyes_left_open.values()),
        "folded_shapes": len(report.folded),
        "error_mm": None,
        "motion_mm": None,
        "own_units_explained_share": None,
    }
    return row, made


def to_known(source: LinearRig, data: Path) -> dict[str, Any]:
    """Carry the shapes of a head to itself in a coarser topology, where the truth is known."""
    truth = load_rig("ict", path=data / SMALL)
    assert isinstance(truth, LinearRig)
    mesh = Mesh(points=truth.neutral.double().numpy(), triangles=truth.triangles.numpy())
    row, made = carried(source, "ict, 2,600 triangles", mesh)
    own = truth.basis[:52].double().numpy()
    error = np.linalg.norm(made.shapes - own, axis=-1)
    moving = np.linalg.norm(own, axis=-1) > 0.5
    size = np.linalg.norm(own, axis=-1)[moving]
    return {**row, "error_mm": float(np.sqrt((error[moving] ** 2).mean())),
            "motion_mm": float(np.sqrt((size**2).mean()))}  # fmt: skip


def to_other(source: LinearRig, data: Path) -> tuple[dict[str, Any], LinearRig]:
    """Carry shapes to the MakeHuman head and rebuild that head's own expressions from them."""
    with np.load(data / HEAD) as head:
        mesh = Mesh(points=head["neutral"].astype(float), triangles=head["tris"].astype(int))
        own = head["expression"].astype(float)
    row, made = carried(source, "makehuman", mesh)
    rig = rig_of(made.kept())
    moved = made.kept().to_mm(own)
    fitted = fit_curves(rig.neutral.double().numpy() + moved, rig, smoothness=0.0)
    left, size = (fitted.residual_mm**2).sum(), (moved**2).sum(-1).mean(1).sum()
    return {**row, "own_units_explained_share": float(1 - left / size)}, rig


def recovered(rig: LinearRig, motion: np.ndarray, noise_mm: float) -> dict[str, Any]:
    """Turn curves into vertices, add noise, and fit curves to them."""
    given = torch.tensor(motion).float()
    vertices = rig.to_vertices(given).double().numpy()
    noise = np.random.default_rng(0).normal(0, noise_mm, vertices.shape)
    smoothness = 0.01 if noise_mm else 0.0
    found = fit_curves(vertices + noise, rig, smoothness=smoothness)
    back = rig.to_vertices(torch.tensor(found.motion)).double().numpy()
    wrong = np.abs(found.motion - rig.effective(given).numpy())[:, :52]
    return {
        "rig": rig.name,
        "vertices": len(rig.neutral),
        "frames": len(motion),
        "noise_mm": noise_mm,
        "curve_error_mean": float(wrong.mean()),
        "curve_error_max": float(wrong.max()),
        "vertex_error_mm": rms(back - vertices),
        "residual_mm": float(found.residual_mm.mean()),
    }


def followed(one: LinearRig, other: LinearRig, motion: np.ndarray) -> dict[str, float]:
    """Compare the lip gaps of two heads under one motion."""
    gaps = [
        MotionSpace.identity(rig, FPS).lip_gap_mm(torch.tensor(motion).float()).numpy()
        for rig in (one, other)
    ]
    return {
        "lip_gap_r": float(np.corrcoef(gaps[0], gaps[1])[0, 1]),
        "widest_source_mm": float(np.ptp(gaps[0])),
        "widest_target_mm": float(np.ptp(gaps[1])),
    }


def measure(data: Path, picture: Path | None) -> dict[str, Any]:
    """Measure everything that can be measured with the data there is."""
    arkit, ict = load_rig("arkit"), load_rig("ict", path=data / ICT)
    small = load_rig("ict", path=data / SMALL)
    assert isinstance(arkit, LinearRig)
    assert isinstance(ict, LinearRig)
    assert isinstance(small, LinearRig)
    with np.load(data / CLIP) as clip:
        weights = ict_to_arkit(clip["ict_weights_official"][:MOST_FRAMES])
    motion = np.zeros((len(weights), len(ARKIT_CHANNELS)))
    motion[:, : len(ARKIT_52)] = weights.clip(0, 1)
    first, from_arkit = to_other(arkit, data)
    second, from_ict = to_other(ict, data)
    rigs = (small, from_ict)
    if picture:
        draw([arkit, from_arkit, ict, from_ict], picture)
    return {
        "transfer": [first, second, to_known(ict, data)],
        "curves": [recovered(rig, motion, noise) for rig in rigs for noise in (0.0, NOISE_MM)],
        "followed": followed(ict, from_ict, motion),
    }


def draw(rigs: Sequence[LinearRig], path: Path) -> None:
    """Write a png with a row of shapes per head."""
    from PIL import Image

    with atomic_path(path) as temporary:
        Image.fromarray(shape_sheet(rigs)).save(temporary, format="png")


def retarget_tables(value: Mapping[str, Any]) -> list[Table]:
    """Return what was measured as tables."""
    transfer = Table(
        title="Shapes carried over",
        head=("shapes\nfrom", "to", "CPU s", "fit\nmedian mm", "fit\n95 % mm", "un-\nmatched",
              "eyes left\nopen", "folded\nshapes", "error\nmm", "of motion\nmm",
              "own units\nexplained"),
        body=tuple(tuple(map(_cell, row.values())) for row in value["transfer"]),
    )  # fmt: skip
    curves = Table(
        title="Curves -> vertices -> curves (FACEGOOD)",
        head=("rig", "vertices", "frames", "noise\nmm", "curve error\nmean", "curve error\nmax",
              "vertex error\nmm", "residual\nmm"),
        body=tuple(tuple(map(_cell, row.values())) for row in value["curves"]),
    )  # fmt: skip
    followed = Table(
        title="Lip gaps of ict and makehuman under one motion (FACEGOOD)",
        head=("correlation", "widest of\nict mm", "widest of\nmakehuman mm"),
        body=(tuple(map(_cell, value["followed"].values())),),
    )
    return [transfer, curves, followed]


def _cell(value: Any) -> str:
    return value if isinstance(value, str) else number(value, 3)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.retarget", description=__doc__)
    parser.add_argument("--data", type=Path, default=DATA, help=f"folder of heads ({DATA})")
    parser.add_argument("--json", type=Path, help="file to write the figures to")
    parser.add_argument("--sheet", type=Path, help="png to write, a row of shapes per head")
    given = parser.parse_args(arguments)

    def work() -> None:
        value = measure(given.data, given.sheet)
        screen = console()
        for table in retarget_tables(value):
            screen.print(rich_table(table))
        if given.json:
            command = "python -m benchmarks.retarget"
            head = {"kind": KIND, "command": command, "commit": git_commit()}
            write_json(given.json, {**head, **value})

    return guarded(work)


if __name__ == "__main__":
    sys.exit(main())
