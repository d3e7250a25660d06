import json

import numpy as np
import pytest
from safetensors import safe_open

from distill.pipeline.runs import RunDirectory
from distill.storage import read_json
from tests.smoke.runs import finish


def test_every_stage_and_every_row_is_there(finished):
    run = RunDirectory(finished)
    for name in ("data", "personalizer", "teacher", "regression", "student"):
        assert run.stage(name).complete
    rows = [row["name"] for row in read_json(finished / "report" / "results.json")["rows"]]
    assert rows[:4] == ["neutral", "mean", "regression", "teacher-4"]
    assert rows[4:] == ["teacher-2", "teacher-1", "student-4", "student-2", "student-1"]


def test_the_student_folder_is_the_chosen_round_with_card_and_header(finished):
    config = json.loads((finished / "student" / "config.json").read_text())
    assert config["steps"] == 2 and config["provenance"]["parent"]
    assert (finished / "student" / "model.safetensors").read_bytes() == (
        finished / "round_01_4to2" / "model.safetensors"
    ).read_bytes()
    with safe_open(str(finished / "student" / "model.safetensors"), framework="pt") as file:
        header = file.metadata()
    assert header["steps"] == "2" and header["rig"] == "arkit" and header["fps"] == "30"
    card = (finished / "student" / "README.md").read_text()
    assert config["sha256"] in card and config["provenance"]["data_hash"] in card


def test_parents_name_the_weights_they_came_from(finished):
    teacher = json.loads((finished / "teacher" / "config.json").read_text())
    first = json.loads((finished / "round_00_4to4" / "config.json").read_text())
    second = json.loads((finished / "round_01_4to2" / "config.json").read_text())
    assert first["provenance"]["parent"] == teacher["sha256"]
    assert second["provenance"]["parent"] == first["sha256"]


def test_numbers_of_the_card_are_those_of_the_results(finished):
    results = read_json(finished / "report" / "results.json")
    row = next(r for r in results["rows"] if r["name"] == "student-2")
    card = (finished / "student" / "README.md").read_text()
    assert f"| lve | {row['metrics']['lve']['mean']:.4g} |" in card


def test_a_finished_run_is_not_trained_again(finished, cache):
    before = (finished / "student" / "model.safetensors").stat().st_mtime_ns
    wall = read_json(finished / "report" / "wall.json")
    out = finish(finished, cache)
    assert read_json(finished / "report" / "wall.json") == wall
    assert (finished / "student" / "model.safetensors").stat().st_mtime_ns == before
    assert out.count("complete already") >= 6


def test_the_student_generates_from_python(finished):
    from distill import load

    talker = load(finished / "student")
    motion = talker.generate(np.zeros(16_000, np.float32))
    assert motion.values.shape == (30, 55) and talker.params < 1_000_000


@pytest.mark.parametrize("change", ["seed=7", "distill.weights.pc=0.5"])
def test_a_changed_config_is_refused(finished, cache, change):
    from tests.smoke.runs import start

    process = start(finished, cache, change)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 2 and "another config" in err and "Traceback" not in err


def test_personas_are_reported(finished):
    from benchmarks.personas import main

    assert main([f"run={finished}"]) == 0
    found = read_json(finished / "report" / "personas.json")
    assert set(found["effect"]) == {"two voices", "two emotions"}
    for values in found["effect"].values():
        assert values["motion"] > 0 and values["upper"] > 0 and -1 <= values["lip_gap_r"] <= 1
    assert 0 <= found["retrieval"]["test/identity_top1"] <= 1


def test_recordings_are_reported(finished, tmp_path, shared_data):
    from benchmarks.recordings import main

    files = sorted((shared_data / "speech_plain").rglob("*.wav"))[:2]
    words = ["--checkpoint", finished / "student", "--json", tmp_path / "r.json"]
    assert main([*map(str, files), *map(str, words), "--sheet", str(tmp_path / "s.png")]) == 0
    found = read_json(tmp_path / "r.json")
    assert [row["name"] for row in found["recordings"]] == [path.name for path in files]
    assert found["silence"]["widest_gap_mm"] >= 0 and (tmp_path / "s.png").stat().st_size > 5000
