import itertools

import numpy as np
import pytest

from distill.windowing import crossfade, spans


@pytest.mark.parametrize("frames", [1, 9, 10, 11, 17, 18, 100, 1000])
def test_spans_cover_every_frame_and_overlap_as_said(frames):
    cover = list(spans(frames, 10, 3))
    assert cover[0].start == 0 and cover[-1].stop == frames and cover[0].overlap == 0
    for before, after in itertools.pairwise(cover):
        assert after.start == before.stop - 3 and 0 < after.overlap <= 3
        assert after.stop > before.stop
    assert all(span.stop - span.start <= 10 for span in cover)


def test_crossfade_of_equal_streams_changes_nothing_and_else_moves_steadily():
    a, b = np.zeros((1, 4, 2)), np.ones((1, 4, 2))
    assert np.array_equal(crossfade(b, b), b)
    np.testing.assert_allclose(crossfade(a, b)[0, :, 0], [0.2, 0.4, 0.6, 0.8])
