import json
import subprocess
import sys

import pytest
from PIL import Image

from benchmarks.page import main, page_tables
from distill import load
from tests.distill.live.page.conftest import dist

__all__ = ["dist"]


def test_the_page_of_the_shipped_model_is_measured_and_pictured(dist, tmp_path):
    out = tmp_path / "page.json"
    words = ["-m", "benchmarks.page", "--seconds", "1", "--json", str(out)]
    done = subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    value = json.loads(out.read_text())
    delay_ms = 1000 * load("stream", "onnx").stream().delay_s
    assert value["algorithmic_ms"] == pytest.approx(delay_ms)
    assert value["pictures_per_s"] > 0
    assert 0 < value["compute_p50_ms"] <= value["compute_p95_ms"]
    with Image.open(tmp_path / "page.png") as picture:
        assert picture.size == (1280, 800)
    (table,) = page_tables(value)
    assert table.body[0][1] == "70.9" and "stream in a tab" in table.title


def test_too_short_a_time_is_refused(capsys):
    assert main(["--seconds", "0"]) == 2
    assert "--seconds 0 is below 1" in capsys.readouterr().err
