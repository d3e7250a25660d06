"""The page's own arithmetic against Python's, in node."""

import numpy as np

from distill.audio.frames import frames_for
from distill.audio.grid import WindowGrid
from distill.noise import seeded_noise
from tests.distill.live.page.reading import in_node


def node(module: str, expression: str):
    return in_node(f"import * as m from 'PAGE/src/model/{module}.js';", expression)


def test_noise_is_that_of_python():
    frames, start, seeds = 300, 250, [0, 7, 2**40]
    asked = f"{seeds}.map((s) => Array.from(m.seededNoise(s, {start}, {frames}, 55)))"
    made = np.reshape(node("noise", asked), (len(seeds), frames, 55))
    expected = seeded_noise(seeds, frames, 55, start_frame=start)
    np.testing.assert_allclose(made, expected, rtol=0, atol=1e-6)


def test_windows_lie_where_they_do_in_python():
    rates, frames = [24, 25, 29.97, 30, 59.94], [-3, -1, 0, 1, 29, 10_000_000]
    ends = f"{rates}.map((fps) => {frames}.map((k) => new m.WindowGrid(fps, 2).end(k)))"
    samples = [1, 533, 534, 16_000, 576_000_001]
    counts = f"{rates}.map((fps) => {samples}.map((n) => m.framesFor(n, fps)))"
    made = node("grid", f"[{ends}, {counts}]")
    grids = [WindowGrid(fps, 2) for fps in rates]
    assert made[0] == [[grid.end(frame) for frame in frames] for grid in grids]
    assert made[1] == [[frames_for(count, fps) for count in samples] for fps in rates]
