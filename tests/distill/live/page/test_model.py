"""The page's own arithmetic against Python's, in node."""

import json
import subprocess

import numpy as np
import pytest

from distill.audio.frames import frames_for
from distill.audio.grid import WindowGrid
from distill.noise import seeded_noise
from tests.distill.live.page.conftest import PAGE


def node(module: str, expression: str):
    code = f"import * as m from '{PAGE}/src/model/{module}.js';"
    code += f"process.stdout.write(JSON.stringify({expression}))"
    made = subprocess.run(
        ["node", "--input-type=module", "-e", code], capture_output=True, check=True, text=True
    )
    return json.loads(made.stdout)


@pytest.mark.parametrize("seed", [0, 7, 2**40])
def test_noise_is_that_of_python(seed):
    frames, start = 600, 250
    made = node("noise", f"Array.from(m.seededNoise({seed}, {start}, {frames}, 55))")
    expected = seeded_noise((seed,), frames, 55, start_frame=start)[0]
    np.testing.assert_allclose(np.reshape(made, (frames, 55)), expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("fps", [24.0, 25.0, 29.97, 30.0, 59.94])
def test_windows_lie_where_they_do_in_python(fps):
    grid, frames = WindowGrid(fps, 2), [-3, -1, 0, 1, 29, 10_000_000]
    ends = node("grid", f"{frames}.map((k) => new m.WindowGrid({fps}, 2).end(k))")
    assert ends == [grid.end(frame) for frame in frames]
    samples = [1, 533, 534, 16_000, 576_000_001]
    counts = node("grid", f"{samples}.map((n) => m.framesFor(n, {fps}))")
    assert counts == [frames_for(count, fps) for count in samples]
