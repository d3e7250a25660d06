"""The command on a folder made here, with a small network that was never trained."""

import json
import math

import pytest

from benchmarks.real.judge import Judged
from benchmarks.real.summary import as_json, from_json, mean_table, means
from benchmarks.recordings import main
from tests.benchmarks.real.folders import make
from tests.distill.test_talker import save


def row(**given):
    base = {
        "group": "speech_aligned", "name": "x", "language": "en", "validation": True,
        "seconds": 1.0, "sync_r": 0.5, "sync_lag_ms": 0.0, "mismatched_r": 0.0,
    }  # fmt: skip
    return Judged(**(base | given))


def test_one_command_judges_every_recording(tmp_path, capsys):
    data, checkpoint = make(tmp_path / "data"), save(tmp_path / "student")
    out = tmp_path / "figures.json"
    arguments = ["--checkpoint", str(checkpoint), "--data", str(data), "--json", str(out)]
    assert main(arguments) == 0
    figures = json.loads(out.read_text())
    assert len(figures["files"]) == 9
    assert set(figures["means"]) == {"validation", "reported", "all"}
    assert figures["means"]["all"]["bilabials"] == 2
    filmed = [f for f in figures["files"] if f["group"] in ("facegood", "grid_s1")]
    assert all(isinstance(f["recorded_r"], float) for f in filmed)
    assert all(isinstance(f["mismatched_r"], float) for f in figures["files"])
    assert "reported" in capsys.readouterr().out
    assert main([*arguments, "--validation"]) == 0
    chosen = json.loads(out.read_text())["files"]
    assert [f["name"] for f in chosen] == [f["name"] for f in figures["files"] if f["validation"]]


def test_named_files_need_no_folder(tmp_path):
    data, checkpoint = make(tmp_path / "data"), save(tmp_path / "student")
    command = [str(data / "speech_plain"), "--checkpoint", str(checkpoint)]
    assert main([*command, "--data", str(tmp_path / "nowhere")]) == 0


def test_no_recordings_are_one_sentence(tmp_path, capsys):
    checkpoint = save(tmp_path / "student")
    nowhere = ["--checkpoint", str(checkpoint), "--data", str(tmp_path / "nowhere")]
    assert main(nowhere) != 0
    assert "point --data to real recordings" in " ".join(capsys.readouterr().err.split())


def test_shares_count_labels_and_languages_stay_apart():
    rows = [
        row(bilabials=9, closed=3),
        row(bilabials=1, closed=1, validation=False),
        row(language="zh", sync_r=0.1, group="speech_plain"),
        row(sync_r=math.nan),
        row(language="zh", sync_r=0.9, group="facegood", recorded_r=0.8),
    ]
    found = means(rows)
    assert found["all"]["closed"] == pytest.approx(0.4)
    assert found["validation"]["closed"] == pytest.approx(1 / 3)
    assert found["all"]["sync_r en"] == pytest.approx(0.5)
    assert found["all"]["sync_r zh"] == pytest.approx(0.1)
    assert found["all"]["recorded_r facegood"] == pytest.approx(0.8)
    assert math.isnan(found["reported"]["recorded_r facegood"])


def test_rows_come_back_from_json_as_they_were():
    rows = [row(bilabials=9, closed=3), row(sync_r=math.nan)]
    assert repr(from_json(as_json(rows, {}))) == repr(rows)


def test_means_are_held_against_their_targets():
    table = mean_table([row(sync_r=0.8, sync_lag_ms=-60.0, bilabials=10, closed=6)])
    verdicts = {line[0]: line[2] for line in table.body}
    assert verdicts["sync_r en"] == "yes" and verdicts["closed"] == "yes"
    assert verdicts["sync_lag_ms en"] == "no" and verdicts["recorded_r grid_s1"] == ""
