import io

import pytest
from rich.console import Console

from benchmarks.progress import Reporter
from distill.training.progress import Progress


def report(*calls):
    text = io.StringIO()
    with Reporter(Progress(console=Console(file=text, width=200))) as reporter:
        for call in calls:
            reporter(*call)
    return text.getvalue()


def test_each_kind_of_work_is_a_stage_inside_the_report():
    text = report(("test", 0, 2), ("test", 1, 2), ("test", 2, 2), ("speed", 0, 1), ("speed", 1, 1))
    order = ["report  started", "measure test  started", "measure test  2/2"]
    order += ["measure speed  started", "measure speed  1/1", "report  1/1"]
    positions = [text.index(words) for words in order]
    assert positions == sorted(positions)


def test_a_failure_closes_the_open_stage():
    text = io.StringIO()
    progress = Progress(console=Console(file=text, width=200))
    with pytest.raises(ValueError, match="broken"), Reporter(progress) as reporter:
        reporter("test", 1, 2)
        raise ValueError("broken")
    assert "measure test  1/2" in text.getvalue()
