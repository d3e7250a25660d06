from pathlib import Path

import pytest
import yaml
from wandb.sdk.launch.sweeps.utils import create_sweep_command, create_sweep_command_args

import benchmarks
from benchmarks.dashboard import SWEPT, dashboard, main, offline_runs
from benchmarks.publish import figures
from distill.command import composed
from tests.benchmarks.results_example import example

SWEEP = yaml.safe_load((Path(benchmarks.__path__[0]) / "sweep.yaml").read_text())


@pytest.fixture
def no_key(monkeypatch, tmp_path):
    for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE", "WANDB_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))


def test_figures_are_the_means_of_models():
    found = figures(example())
    assert found["student-2/lve"] == found["student/lve"] == 16.1
    assert found["teacher/lve"] == found["teacher-16/lve"] == 15.0
    assert found["teacher-16/latency"] == pytest.approx(8 + 180 * 16)
    assert found["student-2/size"] == pytest.approx(5.2)
    assert not any(name.startswith(("neutral", "mean")) for name in found)


def test_every_figure_the_dashboard_draws_is_one_that_runs_publish():
    grids = [block for block in dashboard("me", "p").blocks if hasattr(block, "panels")]
    panels = [panel for grid in grids for panel in grid.panels]
    bars = [metric.name for panel in panels for metric in getattr(panel, "metrics", [])]
    points = [panel for panel in panels if type(panel).__name__ == "ScatterPlot"]
    used = {*bars, *(axis.name for panel in points for axis in (panel.x, panel.y))}
    assert used and used <= set(figures(example()))
    tables = {panel.table_name for panel in panels if hasattr(panel, "table_name")}
    assert tables == {"comparison", "pareto"}
    assert {runset.project for grid in grids for runset in grid.runsets} == {"p"}


def test_without_a_key_one_sentence_names_what_waits(no_key, tmp_path, capsys):
    waiting = tmp_path / "a" / "report" / "wandb" / "offline-run-1-x"
    done = tmp_path / "a" / "teacher" / "wandb" / "offline-run-2-y"
    for folder in (waiting, done):
        folder.mkdir(parents=True)
    (done / "run-y.wandb.synced").touch()
    assert offline_runs(tmp_path) == [waiting]
    assert main(["--runs", str(tmp_path)]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "no W&B key" in error and f"wandb sync {waiting}" in error


def test_every_combination_of_the_sweep_is_a_config_with_a_folder_of_its_own(monkeypatch):
    monkeypatch.setenv("WANDB_RUN_ID", "abc123")
    swept = SWEEP["parameters"]
    for pick in (0, -1):
        values = {key: {"value": entry["values"][pick]} for key, entry in swept.items()}
        replaced = create_sweep_command_args({"args": values})
        replaced |= {"program": [SWEEP["program"]], "env": [], "interpreter": ["python"]}
        words = []
        for word in create_sweep_command(SWEEP["command"]):
            whole = word.startswith("${") and word.endswith("}")
            words += replaced[word[2:-1]] if whole else [word]
        assert words[:3] == ["python", "-m", "distill.run"]
        config = composed(words[3:])
        assert config["run"]["dir"] == "runs/sweep/abc123"
        assert config["student"]["name"] == swept["student"]["values"][pick]
        assert config["distill"]["weights"]["gt"] == swept["distill.weights.gt"]["values"][pick]


def test_the_sweep_looks_at_a_published_figure_and_the_dashboard_at_what_it_sweeps():
    assert SWEEP["metric"]["name"] in figures(example())
    assert set(SWEPT) == set(SWEEP["parameters"])
