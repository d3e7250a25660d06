import json

import pytest
import torch

from benchmarks.flops import count_flops
from benchmarks.training import growth, main, measured, points, training_tables
from benchmarks.training_update import STAGES, build_stage, made_up_batch, update_of
from distill.methods.progressive.round import DistillationRound
from distill.training.denoising import DenoisingTraining

TINY = ("teacher=tiny", "student=tiny")


def test_operations_of_a_product_are_two_per_multiplication():
    a, b = torch.randn(3, 4), torch.randn(4, 5)
    assert count_flops(lambda: a @ b) == 2 * 3 * 4 * 5


def test_the_stages_are_those_that_the_pipeline_trains():
    teacher, context = build_stage("teacher", TINY)
    round_, _ = build_stage("round", TINY)
    assert isinstance(teacher, DenoisingTraining)
    assert isinstance(round_, DistillationRound)
    assert context.config["teacher"]["name"] == "tiny"
    learning = {n.partition(".")[0] for n, p in teacher.model.named_parameters() if p.requires_grad}
    assert "blocks" in learning and not {"mean", "encoder"} & learning
    assert not any(p.requires_grad for p in round_.teacher.parameters())


@pytest.mark.parametrize("stage", STAGES)
def test_an_update_changes_what_learns_and_nothing_else(stage):
    module, context = build_stage(stage, TINY)
    before = {name: p.detach().clone() for name, p in module.named_parameters()}
    update = update_of(module, made_up_batch(context, 2, 12), device="cpu", bf16=False)
    update()
    learning = {id(p) for p in module.learning().parameters()}
    for name, p in module.named_parameters():
        if id(p) not in learning:
            assert torch.equal(p, before[name])
    assert not torch.equal(module.model.out.weight, before["model.out.weight"])


@pytest.mark.parametrize("stage", STAGES)
def test_the_operations_of_an_update_grow_linearly_with_frames(stage):
    module, context = build_stage(stage, TINY)

    def flops(frames):
        return count_flops(
            update_of(module, made_up_batch(context, 1, frames), device="cpu", bf16=False)
        )

    grown = flops(960) - flops(640), flops(640) - flops(320)  # the optimizer's are there anyway
    assert grown[0] == pytest.approx(grown[1], rel=0.01)


def point(seconds, update_s, batch_size=1):
    made = {"stage": "teacher", "variant": "fp32", "batch_size": batch_size, "seconds": seconds}
    return made | {"update_s": update_s, "gflop": seconds, "peak_mb": 1.0, "peak_gflops": 10.0}


def test_rates_follow_from_the_time_of_an_update():
    found = measured(point(2.0, 0.5, batch_size=4))
    assert found["updates_per_s"] == 2
    assert found["samples_per_s"] == 8
    assert found["frames_per_s"] == 480
    assert found["gflops"] == 4
    assert found["peak_share"] == pytest.approx(0.4)


def test_growth_compares_the_cost_of_a_frame_at_both_ends():
    rows = [measured(p) for p in (point(60.0, 30.0), point(4.0, 1.0), point(2.4, 9.0, 8))]
    (found,) = growth(rows)
    assert (found["from_s"], found["to_s"]) == (4.0, 60.0)
    assert found["ms_per_frame"] == pytest.approx(2.0)
    assert found["gflop_per_frame"] == pytest.approx(1.0)


def test_every_point_has_every_stage_and_variant_once():
    wanted = points(["teacher", "round"], [1, 2], [4.0], "cuda")
    keys = {tuple(p.values()) for p in wanted}
    assert len(keys) == len(wanted) == 2 * 3 * 3


def test_the_command_measures_in_processes_and_writes_file_plot_and_table(tmp_path, capsys):
    out = tmp_path / "training.json"
    words = ["--options", *TINY, "--stages", "teacher", "--batches", "--lengths", "0.5"]
    assert main([*words, "--limit-s", "0", "--device", "cpu", "--json", str(out)]) == 0
    value = json.loads(out.read_text())
    assert [p["seconds"] for p in value["points"]] == [0.5]
    assert all(p["peak_mb"] > 0 and p["gflop"] > 0 for p in value["points"])
    assert (tmp_path / "training-plot.png").read_bytes().startswith(b"\x89PNG")
    assert "Growth of the cost of a frame" in capsys.readouterr().out
    for table in training_tables(value):
        assert {len(line) for line in table.body} == {len(table.head)}


@pytest.mark.parametrize("words", [["--batches", "0"], ["--lengths", "-1"], ["--threads", "0"]])
def test_sizes_that_cannot_be_are_refused(words, capsys):
    assert main(words) == 2
    assert "positive" in capsys.readouterr().err
