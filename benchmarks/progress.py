"""Hands "what, done, in all" reports to the run's progress bars."""

from contextlib import ExitStack
from types import TracebackType

from distill.training.progress import Progress, StageProgress

UNITS = {"speed": "model"}


class Reporter:
    """Opens a bar when a new kind of work is reported and closes it when the work is done."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._stack, self._bar = ExitStack(), ExitStack()
        self._open: tuple[str, StageProgress] | None = None

    def __enter__(self) -> "Reporter":
        self._report = self._stack.enter_context(self.progress.stage("report", 1, unit="report"))
        return self

    def __call__(self, what: str, done: int, total: int) -> None:
        """Show that `done` of `total` units of `what` are finished; 0 opens the bar."""
        if self._open is None or self._open[0] != what:
            self._close()
            unit = UNITS.get(what, "clip")
            self._open = (
                what,
                self._bar.enter_context(self.progress.stage(f"measure {what}", total, unit=unit)),
            )
        stage = self._open[1]
        stage.advance(done - stage.done)
        if done >= total:
            self._close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()
        if error is None:
            self._report.advance()
        self._stack.__exit__(kind, error, trace)

    def _close(self) -> None:
        self._bar.close()
        self._open = None
