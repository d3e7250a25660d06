"""A metrics.csv that survives interruption: continued, never restarted, never half written."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lightning_fabric.utilities.rank_zero import rank_zero_only
from pytorch_lightning.loggers import Logger

from distill.storage import write_text

_FLUSH_EVERY_ROWS = 20


class CsvLogger(Logger):
    """Writes a row per logged step to `folder/metrics.csv`; one column per metric.

    Rows of an earlier attempt are kept up to the step where this attempt begins.
    """

    def __init__(self, folder: Path):
        super().__init__()
        self.path = Path(folder) / "metrics.csv"
        self._rows: dict[int, dict[str, str]] = {}
        self._continued = False
        self._unwritten = 0

    @property
    def name(self) -> str:
        """Kind of logger."""
        return "csv"

    @property
    def version(self) -> str:
        """Unused: a run directory has one version."""
        return ""

    def log_hyperparams(self, params: Any, *args: Any, **kwargs: Any) -> None:
        """Ignore them: the resolved configuration is saved with the run."""

    def _continue_before(self, step: int) -> None:
        if not self._continued and self.path.exists():
            with open(self.path, newline="", encoding="utf-8") as file:
                rows = [row for row in csv.DictReader(file) if (row.get("step") or "").isdigit()]
            self._rows = {int(row["step"]): row for row in rows if int(row["step"]) < step}
        self._continued = True

    @rank_zero_only
    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        """Add metrics to the row of `step`."""
        step = int(metrics.get("step", 0)) if step is None else step
        self._continue_before(step)
        new = step not in self._rows
        row = self._rows.setdefault(step, {"step": str(step)})
        row.update({name: repr(float(value)) for name, value in metrics.items() if name != "step"})
        self._unwritten += new
        if self._unwritten >= _FLUSH_EVERY_ROWS:
            self.save()

    @rank_zero_only
    def save(self) -> None:
        """Write the file."""
        if not self._rows:
            return
        columns = list(dict.fromkeys(name for row in self._rows.values() for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self._rows[step] for step in sorted(self._rows))
        write_text(self.path, text.getvalue())
        self._unwritten = 0

    @rank_zero_only
    def finalize(self, status: str) -> None:
        """Write what is left."""
        self.save()
