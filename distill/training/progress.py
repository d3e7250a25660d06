"""Progress over stages and rounds: bars on a terminal, plain lines anywhere else."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress


def duration(seconds: float) -> str:
    """Write a time span as m:ss or h:mm:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def speed(per_s: float, unit: str) -> str:
    """Write a rate so that it stays readable when it is slow."""
    if 0 < per_s < 1:
        return f"{1 / per_s:.1f} s/{unit}"
    return f"{per_s:.1f} {unit}/s"


class StageProgress:
    """How far one stage is; made by `Progress.stage`.

    Attributes:
        name: Shown in front.
        total: Units of work in all.
        done: Units finished, those of earlier attempts included.
        fields: Latest values, such as the loss.
    """

    def __init__(self, reporter: "Progress", name: str, total: int, unit: str, done: int):
        self.name = name
        self.total = total
        self.unit = unit
        self.done = done
        self.fields: dict[str, Any] = {}
        self.started_s = reporter.clock()
        self._reporter = reporter
        self._first = done

    def advance(self, count: int = 1, **fields: Any) -> None:
        """Count finished work and show values beside the bar."""
        self.fields.update(fields)
        self.done += count
        self._reporter._changed(self)

    def resume_at(self, done: int) -> None:
        """Say that `done` units were finished by an earlier attempt."""
        self.done = self._first = done
        self.started_s = self._reporter.clock()

    @property
    def elapsed_s(self) -> float:
        """Seconds since the stage began."""
        return self._reporter.clock() - self.started_s

    @property
    def per_s(self) -> float:
        """Units of work per second, this attempt's only."""
        return (self.done - self._first) / max(self.elapsed_s, 1e-9)

    def text(self) -> str:
        """Write the values and the speed."""
        values = [
            f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
            for name, value in self.fields.items()
        ]
        return "  ".join([*values, speed(self.per_s, self.unit)])

    def line(self) -> str:
        """Write everything in one plain line."""
        left_s = (self.total - self.done) / self.per_s if self.per_s > 0 else 0.0
        ends = f"ETA {duration(left_s)}" if self.done < self.total else duration(self.elapsed_s)
        percent = f"{self.done / max(self.total, 1):.0%}"
        return f"{self.name}  {self.done}/{self.total} ({percent})  {self.text()}  {ends}"


class Progress:
    """Reports stages one after another (or inside one another).

    Args:
        stages: Names of all stages to come, for the bar over stages; may be empty.
        console: Where to write; standard error by default.
        every_s: Without a terminal, a line is written after so many seconds ...
        every_share: ... or after this share of the stage, whichever is rarer.
        silent: Write nothing (other processes of a distributed run).
        clock: Seconds from any origin; replaced in tests.
    """

    def __init__(
        self,
        stages: Sequence[str] = (),
        *,
        console: Console | None = None,
        every_s: float = 10.0,
        every_share: float = 0.1,
        silent: bool = False,
        clock: Any = time.monotonic,
    ):
        self.stages = tuple(stages)
        self.console = console or Console(stderr=True, quiet=silent)
        self.clock = clock
        self._every_s = every_s
        self._every_share = every_share
        self._bars: RichProgress | None = None
        self._tasks: dict[int, TaskID] = {}
        self._last: dict[int, tuple[float, int]] = {}
        self._depth = 0
        self._finished = 0

    @contextmanager
    def stage(
        self, name: str, total: int, *, unit: str = "it", done: int = 0
    ) -> Iterator[StageProgress]:
        """Show a stage of `total` units while the block runs.

        Args:
            name: Such as `teacher` or `round 1: 16 to 8`.
            total: Units of work.
            unit: Name of a unit, for the speed.
            done: Units an earlier attempt finished.
        """
        stage = StageProgress(self, name, total, unit, done)
        self._open(stage)
        try:
            yield stage
        finally:
            self._close(stage)

    def skip(self, name: str, why: str = "complete already") -> None:
        """Say that a stage has nothing left to do here."""
        self._finished += 1
        self.say(f"{name}  {why}")

    def say(self, line: str) -> None:
        """Print a line as it is."""
        self.console.print(line, highlight=False, markup=False, soft_wrap=True)

    def _open(self, stage: StageProgress) -> None:
        self._depth += 1
        self._last[id(stage)] = (self.clock(), stage.done)
        if not self.console.is_terminal:
            self.say(f"{self._position()}{stage.name}  started")
            return
        bars = self._bars or self._start_bars()
        self._tasks[id(stage)] = bars.add_task(
            stage.name, total=stage.total, completed=stage.done, text=""
        )

    def _start_bars(self) -> RichProgress:
        self._bars = bars = _bars(self.console)
        bars.start()
        if self.stages:
            self._tasks[0] = bars.add_task(
                "stages", total=len(self.stages), completed=self._finished, text=""
            )
        return bars

    def _close(self, stage: StageProgress) -> None:
        self._depth -= 1
        self._last.pop(id(stage), None)
        if self._depth == 0:
            self._finished += 1
        if self._bars is not None:
            self._bars.remove_task(self._tasks.pop(id(stage)))
            if self._depth == 0:
                self._bars.stop()
                self._bars = None
                self._tasks.clear()
        self.say(stage.line())

    def _changed(self, stage: StageProgress) -> None:
        if self._bars is not None:
            self._bars.update(self._tasks[id(stage)], completed=stage.done, text=stage.text())
            return
        said_s, said = self._last[id(stage)]
        late = self.clock() - said_s >= self._every_s
        if late and stage.done - said >= 1 and stage.done < stage.total:
            self._last[id(stage)] = (self.clock(), stage.done)
            self.say(self._position() + stage.line())

    def _position(self) -> str:
        return f"[{self._finished + 1}/{len(self.stages)}] " if self.stages else ""


def _bars(console: Console) -> RichProgress:
    return RichProgress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[text]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
    )
