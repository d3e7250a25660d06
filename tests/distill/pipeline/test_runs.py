import pytest
from omegaconf import OmegaConf

from distill.command import config_folder
from distill.errors import UserError
from distill.pipeline.plan import chosen_stage, stage_names, students
from distill.pipeline.runs import RunDirectory, flat, relevant

DISTILL = {
    "method": "progressive",
    "start_steps": 4,
    "end_steps": 1,
    "order": "shrink_first",
    "export_steps": 2,
    "baseline": True,
}
RESIDUAL = {"kwargs": {"prediction": "residual"}}
MODELS = {"teacher": RESIDUAL, "student": RESIDUAL}
CONFIG = MODELS | {
    "run": {"name": "a", "dir": "x"},
    "seed": 0,
    "distill": DISTILL,
    "logger": {"kind": "csv"},
}


def test_the_same_config_may_continue_and_ignored_groups_may_change(tmp_path):
    run = RunDirectory(tmp_path / "r")
    run.begin(CONFIG)
    run.begin(CONFIG)
    run.begin(CONFIG | {"logger": {"kind": "wandb"}})
    assert run.config() == CONFIG


def test_another_config_is_refused_and_names_what_differs(tmp_path):
    run = RunDirectory(tmp_path / "r")
    run.begin(CONFIG)
    with pytest.raises(UserError, match=r"seed: 0 -> 1.*choose another run\.dir"):
        run.begin(CONFIG | {"seed": 1})
    with pytest.raises(UserError, match=r"distill\.end_steps: 1 -> 2"):
        run.begin(CONFIG | {"distill": DISTILL | {"end_steps": 2}})


def test_a_stage_is_complete_only_after_its_manifest(tmp_path):
    stage = RunDirectory(tmp_path).stage("teacher")
    stage.folder.mkdir()
    (stage.folder / "model.safetensors").write_bytes(b"x")
    (stage.folder / "last.ckpt").write_bytes(b"x")
    assert not stage.complete
    stage.finish({"steps": 4})
    assert stage.complete and stage.manifest() == {"steps": 4}
    assert not (stage.folder / "last.ckpt").exists()


def test_a_folder_that_is_no_run_is_a_sentence(tmp_path):
    with pytest.raises(UserError, match="not a run directory"):
        RunDirectory(tmp_path).config()
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="is a file"):
        RunDirectory(tmp_path / "file").begin(CONFIG)


def test_stages_follow_the_method():
    names = stage_names(CONFIG)
    assert names[:4] == ["data", "personalizer", "mean", "teacher"] and names[-1] == "student"
    assert names[4:8] == ["student_mean", "round_00_4to4", "round_01_4to2", "round_02_2to1"]
    assert "regression" in names
    plain = MODELS | {"distill": DISTILL | {"method": "regression", "baseline": False}}
    assert stage_names(plain)[2:] == ["mean", "teacher", "regression", "student"]
    assert "regression" not in stage_names(MODELS | {"distill": DISTILL | {"baseline": False}})


def test_networks_without_a_mean_have_no_stage_for_it():
    other = {"kwargs": {"prediction": "v"}}
    assert not {"mean", "student_mean"} & set(stage_names(CONFIG | {"teacher": other}))
    names = stage_names(CONFIG | {"student": other})
    assert "mean" in names and "student_mean" not in names


@pytest.mark.parametrize("method", ["consistency", "distribution_matching", "flow_map"])
def test_methods_without_halving_shrink_first_and_hand_over_their_own_stage(method):
    config = MODELS | {"distill": DISTILL | {"method": method, "baseline": False}}
    assert stage_names(config)[4:] == ["student_mean", "round_00_4to4", method, "student"]
    assert chosen_stage(config) == method
    rows = ["student-4", "student-2"] + (["student-1"] if method == "flow_map" else [])
    assert [made.row for made in students(config)] == rows


def test_the_handed_over_stage_has_the_exported_steps():
    assert chosen_stage(CONFIG) == "round_01_4to2"
    assert chosen_stage({"distill": DISTILL | {"method": "regression"}}) == "regression"


@pytest.mark.parametrize("name", ["quick", "full"])
def test_methods_get_as_many_network_calls_as_the_rounds_down_to_two_steps(name):
    budget = OmegaConf.load(config_folder() / "budget" / f"{name}.yaml")
    halving = 3 * budget.round_updates * (2 + 1)
    assert budget.consistency_updates * (1 + 2) == halving
    assert budget.distribution_matching_updates * (1 + 2 + (1 + 2) / 2) == halving


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "consistency", "order": "joint"}, "leave distill.order=shrink_first"),
        ({"method": "consistency", "export_steps": 3}, "must divide distill.start_steps=4"),
        ({"method": "distribution_matching", "export_steps": 4}, "for example 1 or 2"),
        (
            {"method": "magic"},
            "not one of progressive, cached, consistency, distribution_matching, flow_map, ",
        ),
        ({"method": "cached"}, "add distill.export_steps=1"),
        ({"export_steps": 8}, "not a step count of this plan"),
        ({"start_steps": 6}, "power of two"),
    ],
)
def test_impossible_plans_are_refused_before_anything_is_trained(change, words):
    with pytest.raises(UserError, match=words):
        stage_names(MODELS | {"distill": DISTILL | change})


def test_flat_and_relevant():
    assert flat({"a": {"b": 1}, "c": [1]}) == {"a.b": 1, "c": [1]}
    assert relevant(CONFIG) == MODELS | {"seed": 0, "distill": DISTILL}
    moved = [{"data": {"name": "a", "cache": place}} for place in ("x", "y")]
    assert relevant(moved[0]) == relevant(moved[1]) == {"data": {"name": "a"}}
