import pytest

from benchmarks.collect import collect, command_of, groups_of, labels_of, main, read_kept
from benchmarks.side_by_side import METRICS, point, rows_named
from distill.command import composed
from distill.errors import UserError
from tests.benchmarks.results_example import LEVELS, example
from tests.benchmarks.runs_example import write_run


@pytest.mark.parametrize(
    "words",
    [
        [],
        ["seed=3"],
        ["student=tiny", "budget=smoke"],
        ["teacher=base", "distill.method=regression", "teacher.training.lr=0.5"],
        ["experiment=no_persona", "distill.weights.pc=0"],
    ],
)
def test_the_command_gives_the_config_it_was_made_from(words):
    config = composed(words)
    command = command_of(config)
    again = composed([w for w in command.split() if "=" in w])
    groups = set(config) - {"run", "logger", "trainer", "benchmark"}
    assert {k: again[k] for k in groups} == {k: config[k] for k in groups}


def test_the_default_command_is_the_bare_one_and_machine_paths_stay_out():
    assert command_of(composed([])) == "python -m distill.run"
    config = composed(["data=facegood", "rig=ict", "data.root=/home/me/data"], strict=False)
    assert "/home" not in command_of(config) and "data.root=..." in command_of(config)


@pytest.mark.parametrize(
    ("variants", "labels"),
    [
        ([[], ["seed=1"]], ["reference", "reference"]),
        ([["student=tiny"], ["student=medium"]], ["student=tiny", "student=medium"]),
        (
            [[], ["distill.method=regression"], ["experiment=no_truth"], ["experiment=joint"]],
            ["reference"]
            + [f"distill.{x}" for x in ("method=regression", "weights.gt=0.0", "order=joint")],
        ),
    ],
)  # fmt: skip
def test_configs_are_named_by_what_differs(variants, labels):
    assert labels_of([composed(words) for words in variants]) == labels


def test_different_configs_never_share_a_name():
    variants = [["student=tiny"], ["student=tiny", "student.kwargs.width=9"], []]
    assert len(set(labels_of([composed(words) for words in variants]))) == 3


def test_what_is_kept_is_what_was_measured(tmp_path):
    runs = [write_run(tmp_path / "a"), write_run(tmp_path / "b", lve=3.0, seed=1)]
    kept = read_kept(collect("set", runs, tmp_path))
    assert [(run.label, run.seed, run.wall_s) for run in kept] == [
        ("reference", 0, 600.0),
        ("reference", 1, 600.0),
    ]
    results = kept[0].results
    assert set(results.rows[0].metrics) == set(METRICS)
    for old, new in zip(example().rows, results.rows, strict=True):
        assert new.metrics == {name: old.metrics[name] for name in new.metrics}
        assert new.speed == old.speed
    assert results.ratios == example().ratios
    floor = example().recorded["test"]
    assert results.recorded == {"test": {name: floor[name] for name in METRICS}}


def test_the_spread_of_several_runs_is_over_runs(tmp_path):
    runs = [write_run(tmp_path / str(k), lve=k, seed=k) for k in (1, 2, 3)]
    (several,) = groups_of(read_kept(collect("set", runs, tmp_path))).values()
    found = point(rows_named(several, "student-2"), "lve")
    assert found is not None
    assert found.mean == pytest.approx(2 * LEVELS["student-2"])
    assert found.std == pytest.approx(LEVELS["student-2"])


def test_mixed_data_is_refused_and_nothing_is_written(tmp_path, capsys):
    runs = [write_run(tmp_path / "a"), write_run(tmp_path / "b", results={"data_hash": "beef"})]
    with pytest.raises(UserError, match="data is da7a in a and beef in b"):
        collect("set", runs, tmp_path)
    assert not (tmp_path / "set.json").exists()
    assert main(["set", str(tmp_path / "absent")]) == 2
    assert "error: " in capsys.readouterr().err


def test_one_config_and_seed_twice_is_no_second_run(tmp_path):
    runs = [write_run(tmp_path / "a"), write_run(tmp_path / "b")]
    with pytest.raises(UserError, match="given twice with seed 0"):
        collect("set", runs, tmp_path)


def test_a_command_adds_what_the_defaults_do_not_have():
    words = ["+student.kwargs.audio.kernel=5"]
    command = command_of(composed(words))
    assert words[0] in command and composed(command.split()[3:]) == composed(words)


def test_a_command_names_what_its_own_words_would_move():
    command = command_of(composed(["seed=1", "data.seed=0"]))
    assert composed(command.split()[3:]) == composed(["seed=1", "data.seed=0"])
    assert "data.seed=0" in command
