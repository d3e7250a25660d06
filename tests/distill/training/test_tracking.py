import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from PIL import Image

from distill.training.loggers import finish_wandb, start_wandb
from distill.training.tracking import log_checkpoint_artifact, log_comparison_table, log_pareto


@pytest.fixture(scope="module")
def logged(tmp_path_factory) -> tuple[Path, list[dict]]:
    """Log everything once, offline; return the run's files and its records read back."""
    folder = tmp_path_factory.mktemp("run")
    patch = pytest.MonkeyPatch()
    patch.setenv("WANDB_DATA_DIR", str(folder))
    soundfile.write(folder / "a.wav", np.zeros(160, np.float32), 16_000)
    for name, shade in [("t", 10), ("s", 200)]:
        Image.new("RGB", (8, 8), (shade, 0, 0)).save(folder / f"{name}.gif")
    Image.new("RGB", (8, 8)).save(folder / "pareto.png")
    for name in ("teacher", "student"):
        (folder / name).mkdir()
        (folder / name / "model.safetensors").write_text(name)
    run = start_wandb(folder=folder, run_name="r", stage="report", config={}, mode="offline")
    row = {"clip": "c1", "audio": folder / "a.wav", "lve_mm": 1.5, "latency_ms": 20.0}
    videos = {"teacher": folder / "t.gif", "student": folder / "s.gif", "steps": 2}
    log_comparison_table(run, [row | videos, {"clip": "c2"}])
    points = [{"name": "teacher-16", "lve_mm": 1.0}, {"name": "student-2", "latency_ms": 3.0}]
    log_pareto(run, points, image=folder / "pareto.png")
    teacher = ("r-teacher", folder / "teacher")
    log_checkpoint_artifact(run, folder / "student", "r-student", parent=teacher)
    finish_wandb()
    patch.undo()
    written = next((folder / "wandb").glob("offline-run-*"))
    return written, _read_back(written)


def _read_back(folder: Path) -> list[dict]:
    wandb = shutil.which("wandb", path=str(Path(sys.executable).parent))
    assert wandb is not None
    command = [wandb, "leet", "inspect", "--json", str(folder)]
    lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return [json.loads(line) for line in lines.splitlines() if line.startswith("{")]


def _table(folder: Path, key: str) -> dict:
    return json.loads(next(folder.glob(f"files/media/table/{key}_*.table.json")).read_text())


def _comparison(records: list[dict]) -> tuple[dict, dict[str, str]]:
    """Return the table's content and where each of its files lies."""
    artifacts = [r["artifact"] for r in records if "artifact" in r]
    artifact = next(a for a in artifacts if a["name"].endswith("-comparison"))
    files = {entry["path"]: entry["local_path"] for entry in artifact["manifest"]["contents"]}
    return json.loads(Path(files["comparison.table.json"]).read_text()), files


def test_the_comparison_has_a_row_per_clip_with_sound_and_both_videos(logged):
    _, records = logged
    table, files = _comparison(records)
    assert table["columns"] == [
        "clip",
        "audio",
        "teacher",
        "student",
        "lve_mm",
        "latency_ms",
        "steps",
    ]
    full, empty = table["data"]
    kinds = [cell["_type"] for cell in full[1:4]]
    assert kinds == ["audio-file", "video-file", "video-file"]
    assert all(Path(files[cell["path"]]).stat().st_size > 0 for cell in full[1:4])
    assert full[0] == "c1" and full[4:] == [1.5, 20.0, 2]
    assert empty == ["c2", None, None, None, None, None, None]


def test_the_pareto_table_keeps_every_point_and_the_plot(logged):
    folder, _ = logged
    table = _table(folder, "pareto")
    assert table["columns"] == ["name", "lve_mm", "latency_ms"]
    assert table["data"] == [["teacher-16", 1.0, None], ["student-2", None, 3.0]]
    assert list(folder.glob("files/media/images/pareto_plot_*.png"))


def test_the_teacher_is_an_input_and_the_student_an_output_even_offline(logged):
    _, records = logged
    artifacts = {r["artifact"]["name"]: r["artifact"] for r in records if "artifact" in r}
    teacher, student = artifacts["r-teacher"], artifacts["r-student"]
    assert teacher.get("use_after_commit") is True and not student.get("use_after_commit")
    metadata = json.loads(student["metadata"])
    assert metadata["parent"] == "r-teacher"
    assert metadata["parent_digest"] == teacher["digest"]
