"""`python -m distill.retarget`: ARKit shapes for your own head, ARKit curves from vertices.

python -m distill.retarget shapes head.obj --out head.glb [--landmarks marks.json]
python -m distill.retarget curves vertices.npy --rig mesh --rig-path head.glb --out clip.csv
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from distill.command import guarded
from distill.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from distill.face.linear import LinearRig
    from distill.face.retarget.shapes import Shapes


def parser() -> argparse.ArgumentParser:
    """Return the command's options."""
    options = argparse.ArgumentParser(
        prog="python -m distill.retarget",
        description="Give your own head ARKit shapes, or turn moving vertices into ARKit curves.",
    )
    jobs = options.add_subparsers(dest="job", required=True)
    shapes = jobs.add_parser("shapes", help="52 ARKit shapes for a mesh by deformation transfer")
    shapes.add_argument("mesh", type=Path, help="OBJ, PLY, GLB or glTF file of a head")
    shapes.add_argument("--out", type=Path, required=True, help=".glb with morph targets, or .npz")
    shapes.add_argument("--landmarks", type=Path, help="JSON, name to vertex or [x, y, z]")
    shapes.add_argument("--rig", default="arkit", help="rig the shapes come from: arkit or ict")
    shapes.add_argument("--rig-path", help="files of that rig, such as ICT-FaceKit")
    shapes.add_argument("--sheet", type=Path, help="png to write, source beside result")
    curves = jobs.add_parser("curves", help="ARKit curves from moving vertices")
    curves.add_argument("vertices", type=Path, help=".npy of positions (frames, vertices, 3)")
    curves.add_argument("--out", type=Path, required=True, help=".csv (Live Link Face) or .npz")
    curves.add_argument("--fps", type=float, required=True, help="frames per second")
    curves.add_argument("--rig", default="mesh", help="rig of the vertices: mesh, arkit or ict")
    curves.add_argument("--rig-path", help="file of `shapes`, or files of the rig")
    curves.add_argument("--smoothness", type=float, default=0.01, help="mm^2; 0 is none")
    curves.add_argument("--symmetric", action="store_true", help="left and right move alike")
    return options


def make_shapes(options: argparse.Namespace) -> None:
    """Write a mesh with ARKit shapes and say how far they can be trusted."""
    from distill.face.retarget import read_landmarks, read_mesh, retarget, source_of
    from distill.face.retarget.store import check_suffix, write_shapes

    check_suffix(options.out)
    mesh = read_mesh(options.mesh)
    marks = read_landmarks(options.landmarks, mesh.points) if options.landmarks else None
    rig = _rig(options)
    made = retarget(source_of(rig), mesh, marks)
    write_shapes(options.out, made.kept())
    if options.sheet:
        _draw(rig, made, options.sheet)
    for line in report_lines(made):
        sys.stdout.write(f"{line}\n")
    sys.stdout.write(f"{options.out}\n")


def report_lines(made: "Shapes") -> list[str]:
    """Return the report in lines for people."""
    report = made.report
    lines = [
        f"placed {report.stands}, {report.place_mm:.1f} mm off; 1 unit is {made.mm_per_unit:g} mm",
        f"face lies {report.fit_mm[0]:.2f} mm off (median), {report.fit_mm[1]:.2f} mm (95 %)",
        f"without counterpart: {100 * report.weak:.0f} % of the moving surface; rims of holes: "
        f"{report.open_edges} edges",
    ]
    lines += [f"parts that move {name}: {count}" for name, count in report.parts.items()]
    return lines + [f"look: {hint}" for hint in report.hints]


def make_curves(options: argparse.Namespace) -> None:
    """Write the curves that fit moving vertices and say how well."""
    from distill.face.files import write_curves
    from distill.face.names import ARKIT_CHANNELS
    from distill.face.retarget.curves import fit_curves

    if not options.fps > 0:
        raise UserError(f"--fps {options.fps:g} must be above 0")
    rig = _rig(options)
    values = _vertices(options)
    found = fit_curves(values, rig, smoothness=options.smoothness, symmetric=options.symmetric)
    write_curves(options.out, found.motion, ARKIT_CHANNELS, fps=options.fps, rig=rig.name)
    worst = int(found.residual_mm.argmax())
    sys.stdout.write(
        f"residual {found.residual_mm.mean():.3f} mm (mean), {found.residual_mm[worst]:.3f} mm "
        f"(frame {worst})\n{options.out}\n"
    )


def _rig(options: argparse.Namespace) -> "LinearRig":
    from distill.face.rigs import load_rig

    if options.rig in ("mesh", "ict") and not options.rig_path:
        raise UserError(f"rig {options.rig!r} needs its file: add --rig-path FILE")
    extra: dict[str, Any] = {"path": options.rig_path} if options.rig_path else {}
    return load_rig(options.rig, **extra)  # type: ignore[return-value]


def _vertices(options: argparse.Namespace) -> "np.ndarray":
    """Read positions; those of the user's own mesh become mm, y up, z forward."""
    import numpy as np

    try:
        values = np.load(options.vertices, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UserError(f"{options.vertices} is not a plain numpy array ({error})") from error
    if values.ndim != 3 or values.shape[-1] != 3:
        raise UserError(f"{options.vertices} has shape {values.shape}; give (frames, vertices, 3)")
    if options.rig != "mesh":
        return values.astype(float)
    from distill.face.retarget.store import read_shapes

    return read_shapes(options.rig_path).to_mm(values.astype(float))


def _draw(rig: "LinearRig", made: "Shapes", path: Path) -> None:
    from PIL import Image

    from distill.face.mesh_rig import rig_of
    from distill.face.sheets import shape_sheet
    from distill.storage import atomic_path

    picture = shape_sheet([rig, rig_of(made.kept())])
    with atomic_path(path) as temporary:
        Image.fromarray(picture).save(temporary, format="png")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit status."""
    options = parser().parse_args(arguments)
    work = make_shapes if options.job == "shapes" else make_curves
    return guarded(lambda: work(options))


if __name__ == "__main__":
    sys.exit(main())
