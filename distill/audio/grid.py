"""Where the short windows of audio lie under motion frames, in exact integers and without torch."""

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from distill.audio.frames import exact_fps
from distill.units import SAMPLE_RATE_HZ

WINDOW_SAMPLES = 400
FFT_SAMPLES = 512
HALF_WINDOW_SAMPLES = WINDOW_SAMPLES // 2
"""A window is cut `FFT_SAMPLES` long; what lies beyond this from its centre has no weight."""


@dataclass(frozen=True)
class WindowGrid:
    """`per_frame` windows inside every motion frame.

    Window j of frame k is centred at (k + (j + 0.5) / per_frame) / fps seconds, to the nearest
    sample.
    """

    fps: float | int
    per_frame: int

    @cached_property
    def period(self) -> int:
        """Samples after which the centres repeat."""
        return self._spacing.numerator

    @cached_property
    def first(self) -> tuple[int, ...]:
        """Centres of the windows of the first period."""
        return tuple(self.centre(index) for index in range(self._spacing.denominator))

    def centre(self, index: int) -> int:
        """Return the sample nearest to the centre of window `index`."""
        fps = exact_fps(self.fps)
        step = 2 * self.per_frame * fps.numerator
        return ((2 * index + 1) * SAMPLE_RATE_HZ * fps.denominator + step // 2) // step

    def end(self, frame: int) -> int:
        """Return the sample before which everything that frame's windows weigh lies."""
        return self.centre((frame + 1) * self.per_frame - 1) + HALF_WINDOW_SAMPLES

    def reach_s(self) -> float:
        """Return how long after its own time a frame's windows reach at most, in seconds."""
        late = (
            self.end(k) - k * SAMPLE_RATE_HZ / exact_fps(self.fps) for k in range(len(self.first))
        )
        return float(max(late) / SAMPLE_RATE_HZ)

    @cached_property
    def _spacing(self) -> Fraction:
        return Fraction(SAMPLE_RATE_HZ) / (exact_fps(self.fps) * self.per_frame)
