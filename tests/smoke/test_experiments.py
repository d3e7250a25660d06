"""Every experiment YAML runs."""

from pathlib import Path

import numpy as np
import pytest
from omegaconf import OmegaConf

from distill.storage import read_json
from tests.smoke.runs import finish

CONFIGS = Path(__file__).parents[2] / "configs"
SYNTHETIC = sorted(
    path.stem
    for path in (CONFIGS / "experiment").glob("*.yaml")
    if "/data:" not in path.read_text()
)
MORE = {"pretrained": ("data.clips=72", "distill.export_steps=2")}
"""What an experiment cannot do without: a clip for each of its speakers, the steps it ends with."""
SHORT = ("distill.start_steps=2", "distill.export_steps=1", "distill.baseline=false")


@pytest.mark.parametrize("name", SYNTHETIC)
def test_experiment_runs(name, tmp_path, cache):
    finish(tmp_path / "run", cache, f"experiment={name}", *SHORT, *MORE.get(name, ()))
    assert (tmp_path / "run" / "report" / "results.json").is_file()


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_both_precisions_train_every_stage_on_any_machine(precision, tmp_path, cache):
    finish(tmp_path / "run", cache, f"trainer.precision={precision}", *SHORT)
    assert (tmp_path / "run" / "report" / "results.json").is_file()


def test_real_recordings_on_the_ict_head(tmp_path, cache, shared_data):
    finish(
        tmp_path / "run",
        cache,
        "experiment=facegood_ict",
        *SHORT,
        f"data.root={shared_data / 'facegood' / 'upstream'}",
        f"rig.path={shared_data / 'ict_facekit' / 'ict_face_lite.npz'}",
    )
    assert (tmp_path / "run" / "report" / "results.json").is_file()


def test_tensorboard_records_every_stage(tmp_path, cache):
    finish(tmp_path / "run", cache, "logger=tensorboard", *SHORT)
    assert len(list(tmp_path.glob("**/events.out.tfevents*"))) >= 3


def test_wandb_records_every_stage_and_the_comparison_without_a_key(tmp_path, cache):
    finish(tmp_path / "run", cache, "logger=wandb", *SHORT)
    stages = {p.parents[2].name for p in tmp_path.glob("run/*/wandb/*/*.wandb")}
    assert {"personalizer", "teacher", "round_00_2to2", "round_01_2to1", "report"} <= stages
    media = tmp_path / "run" / "report" / "wandb"
    assert list(media.glob("**/pareto_plot_*.png"))
    table = read_json(next(media.glob("**/comparison_*.table.json")))
    row = dict(zip(table["columns"], table["data"][0], strict=True))
    assert row["audio"] == "Audio" and row["lve_mm2"] > 0
    assert row["teacher"] == row["student"] == "Video"


def test_a_teacher_with_a_frozen_encoder_of_its_own(tmp_path, cache):
    import torch
    from transformers import HubertConfig, HubertModel

    from distill import load

    torch.manual_seed(0)
    shape = {"hidden_size": 24, "num_hidden_layers": 1, "num_attention_heads": 2}
    shape |= {"intermediate_size": 24, "conv_dim": (8,) * 7}
    shape |= {"num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2}
    HubertModel(HubertConfig(**shape)).save_pretrained(tmp_path / "hubert")
    path = f"audio.path={tmp_path / 'hubert'}"
    finish(tmp_path / "run", cache, "audio=hubert", path, *SHORT)
    (tmp_path / "hubert").rename(tmp_path / "gone")
    assert load(tmp_path / "run" / "teacher").generate(np.zeros(1600, np.float32)).fps == 30


def test_regression_alone(tmp_path, cache):
    finish(tmp_path / "run", cache, "distill.method=regression")
    assert (tmp_path / "run" / "student" / "model.safetensors").is_file()


def test_methods_side_by_side_count_their_calls(tmp_path, cache):
    methods = "distill.method=consistency,distribution_matching"
    budget = OmegaConf.load(CONFIGS / "budget" / "smoke.yaml")
    finish(tmp_path / "runs", cache, "--multirun", "experiment=methods", methods)
    for method, student_calls in (("consistency", 2), ("distribution_matching", 4)):
        run = tmp_path / "runs" / f"distill.method={method}"
        stage = read_json(run / method / "stage.json")
        updates = stage["calls"]["teacher"]
        assert updates == budget[f"{method}_updates"]
        assert updates < stage["calls"]["student"] <= student_calls * updates
        shrink = read_json(run / "round_00_4to4" / "stage.json")["calls"]
        rows = {row["name"]: row for row in read_json(run / "report" / "results.json")["rows"]}
        assert list(rows)[2:5] == ["teacher-4", "teacher-2", "teacher-1"]
        assert list(rows)[5:] == ["student-4", "student-2"]
        both = {role: count + shrink[role] for role, count in stage["calls"].items()}
        assert rows["student-2"]["calls"] == both
        assert (run / "student" / "model.safetensors").read_bytes() == (
            run / method / "model.safetensors"
        ).read_bytes()
        card = (run / "student" / "README.md").read_text()
        assert method.replace("_", " ") in card and f"{both['student']:,} of the student" in card


def test_sweeps_write_one_run_each(tmp_path, cache):
    finish(tmp_path / "sweep", cache, "--multirun", "distill.weights.pc=0,0.02", *SHORT)
    assert len(list(tmp_path.glob("sweep/*/report/results.json"))) == 2
    assert (tmp_path / "sweep" / "multirun.yaml").is_file()  # nothing where it was started from
