"""The first part of an exported encoder, written as ONNX: a waveform cut into windows.

It is written by hand because lengths are rounded up and divided, which tracing cannot follow.
"""

import onnx
from onnx import ModelProto, compose, parser

from distill.audio.mel import FFT_SAMPLES, LogMel
from distill.units import SAMPLE_RATE_HZ

OPSET, IR_VERSION = 20, 10
"""The first operator set with Gelu as one operator, and the file version that goes with it."""


def framing(mel: LogMel) -> ModelProto:
    """Return the graph of `LogMel.windows`: `waveform` (1 S) to `windows` (1 N L).

    N covers the ceil(S fps / 16000) motion frames that `distill.audio.frames.frames_for` counts.
    """
    per_s, whole_s = mel.fps.numerator, SAMPLE_RATE_HZ * mel.fps.denominator
    spread = -(-(mel.grid.first[-1] + FFT_SAMPLES) // mel.grid.period)
    numbers = {
        "zero": 0, "one": 1, "two": 2, "per_s": per_s, "whole_s": whole_s, "up": whole_s - 1,
        "per_frame": mel.per_frame, "period": mel.grid.period, "beyond": spread - 1,
        "together": len(mel.grid.first), "most": len(mel.grid.first) - 1,
        **{f"row_{i}": i for i in range(spread)},
        **{f"start_{i}": start for i, start in enumerate(mel.grid.first)},
        **{f"stop_{i}": start + FFT_SAMPLES for i, start in enumerate(mel.grid.first)},
    }  # fmt: skip
    constants = [f"{name} = Constant <value_ints=[{n}]> ()" for name, n in numbers.items()]
    rows, windows = range(spread), range(len(mel.grid.first))
    lines = [
        *constants,
        f"before = Constant <value_ints=[0, {FFT_SAMPLES // 2}, 0]> ()",
        f"as_rows = Constant <value_ints=[1, -1, {mel.grid.period}]> ()",
        f"as_windows = Constant <value_ints=[1, -1, {FFT_SAMPLES}]> ()",
        "samples = Shape <start=1> (waveform)",
        "long = Mul (samples, per_s)",
        "rounded = Add (long, up)",
        "frames = Div (rounded, whole_s)",
        "count = Mul (frames, per_frame)",
        "more = Add (count, most)",
        "groups = Div (more, together)",
        "height = Add (groups, beyond)",
        "length = Mul (height, period)",
        "pads = Concat <axis=0> (before, length)",
        "padded = Pad (waveform, pads)",
        "needed = Slice (padded, zero, length, one)",
        "rows = Reshape (needed, as_rows)",
        *(f"end_{i} = Add (groups, row_{i})" for i in rows),
        *(f"part_{i} = Slice (rows, row_{i}, end_{i}, one)" for i in rows),
        f"joined = Concat <axis=2> ({', '.join(f'part_{i}' for i in rows)})",
        *(f"window_{i} = Slice (joined, start_{i}, stop_{i}, two)" for i in windows),
        f"all = Concat <axis=2> ({', '.join(f'window_{i}' for i in windows)})",
        "flat = Reshape (all, as_windows)",
        "windows = Slice (flat, zero, count, one)",
    ]
    head = f'<ir_version: {IR_VERSION}, opset_import: ["" : {OPSET}]>'
    interface = f"(float[1,samples] waveform) => (float[1,N,{FFT_SAMPLES}] windows)"
    body = "\n".join(lines)
    model = parser.parse_model(f"{head} framing {interface} {{ {body} }}")
    onnx.checker.check_model(model)
    return model


def chain(first: ModelProto, second: ModelProto, joint: str) -> ModelProto:
    """Return `second` after `first`, joined at the value called `joint`."""
    return compose.merge_models(
        compose.add_prefix(first, "a/", rename_inputs=False, rename_outputs=False),
        compose.add_prefix(second, "b/", rename_inputs=False, rename_outputs=False),
        io_map=[(joint, joint)],
    )
