"""The page's own arithmetic against Python's, in node."""

import numpy as np
import pytest
from safetensors.numpy import save_file

from distill.audio.frames import frames_for
from distill.audio.grid import WindowGrid
from distill.noise import MotionNoise
from tests.distill.live.page.reading import in_node


def node(module: str, expression: str):
    return in_node(f"import * as m from 'PAGE/src/model/{module}.js';", expression)


@pytest.mark.parametrize(("taps", "start"), [(1, 250), (128, 0), (128, 250), (300, 500)])
def test_noise_is_that_of_python(tmp_path, taps, start):
    frames, seeds = 40, [0, 7, 2**40]
    filters = np.random.default_rng(taps).standard_normal((taps, 55)).astype(np.float32)
    save_file({"tensor.another": filters[:1], "tensor.noise": filters}, tmp_path / "noise")
    code = f"""
    import {{ readFileSync }} from "node:fs";
    import {{ readTensor }} from "PAGE/src/model/safetensors.js";
    import {{ MotionNoise }} from "PAGE/src/model/noise.js";
    const bytes = new Uint8Array(readFileSync("{tmp_path / "noise"}"));
    const noise = new MotionNoise(readTensor(bytes.buffer, "tensor.noise"), 55);
    """
    asked = f"{seeds}.map((s) => Array.from(noise.draw(s, {start}, {frames})))"
    made = np.reshape(in_node(code, asked), (len(seeds), frames, 55))
    expected = MotionNoise(filters).draw(seeds, frames, start_frame=start)
    np.testing.assert_allclose(made, expected, rtol=0, atol=1e-6 * taps**0.5)


def test_windows_lie_where_they_do_in_python():
    rates, frames = [24, 25, 29.97, 30, 59.94], [-3, -1, 0, 1, 29, 10_000_000]
    ends = f"{rates}.map((fps) => {frames}.map((k) => new m.WindowGrid(fps, 2).end(k)))"
    samples = [1, 533, 534, 16_000, 576_000_001]
    counts = f"{rates}.map((fps) => {samples}.map((n) => m.framesFor(n, fps)))"
    made = node("grid", f"[{ends}, {counts}]")
    grids = [WindowGrid(fps, 2) for fps in rates]
    assert made[0] == [[grid.end(frame) for frame in frames] for grid in grids]
    assert made[1] == [[frames_for(count, fps) for count in samples] for fps in rates]
