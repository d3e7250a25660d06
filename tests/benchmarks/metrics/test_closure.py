import numpy as np
import pytest

from benchmarks.metrics.closure import Closure
from distill.types import Interval

FPS = 10.0


def phone(label, start_s, end_s):
    return Interval(label=label, start_s=start_s, end_s=end_s)


def share(gap, *phones, gap_range=(0.0, 10.0)):
    metric = Closure(FPS)
    metric.update(np.array(gap, np.float64), phones, gap_range)
    return float(metric.compute())


def test_closure_counts_bilabials_that_close():
    gap = [5.0] * 20
    gap[3], gap[12] = 0.5, 0.0
    phones = phone("b", 0.2, 0.4), phone("m", 0.7, 0.8), phone("aa", 1.1, 1.3)
    assert share(gap, *phones) == 0.5


@pytest.mark.parametrize(("gap", "closed"), [(2.9, 1.0), (3.1, 0.0)])
def test_the_limit_is_a_tenth_of_the_speakers_range(gap, closed):
    assert share([gap] * 5, phone("p", 0.1, 0.2), gap_range=(2.0, 12.0)) == closed


def test_phones_past_the_end_do_not_count():
    gap = [0.0] * 5
    assert np.isnan(share(gap, phone("p", 2.0, 2.1)))
    assert share(gap, phone("p", 2.0, 2.1), phone("b", 0.1, 0.2)) == 1.0
