"""The plan of a progressive distillation: which rounds, from how many steps to how many."""

from collections.abc import Iterator
from dataclasses import dataclass

from distill.errors import UserError

ORDERS = ("shrink_first", "joint")


@dataclass(frozen=True)
class Round:
    """One round: a teacher at `teacher_steps` is matched by a student at `student_steps`.

    `shrink` marks the round in which the large teacher is replaced by the small student.
    """

    index: int
    teacher_steps: int
    student_steps: int
    shrink: bool = False

    @property
    def name(self) -> str:
        """Directory and run name; sorts in execution order."""
        return f"round_{self.index:02d}_{self.teacher_steps}to{self.student_steps}"


@dataclass(frozen=True)
class HalvingPlan:
    """Halve from `start_steps` to `end_steps`, shrinking the network first or while halving.

    Raises:
        UserError: The ratio is not a power of two, or the order is unknown.
    """

    start_steps: int
    end_steps: int
    order: str = "shrink_first"

    def __post_init__(self) -> None:
        if self.order not in ORDERS:
            raise UserError(f"distill.order={self.order} is not one of {', '.join(ORDERS)}")
        if self.start_steps < 1 or self.end_steps < 1:
            raise UserError(
                f"distill.start_steps={self.start_steps} and distill.end_steps={self.end_steps} "
                "must both be at least 1"
            )
        ratio, rest = divmod(self.start_steps, self.end_steps)
        if rest or ratio < 1 or ratio & (ratio - 1):
            raise UserError(
                f"distill.start_steps={self.start_steps} must be distill.end_steps="
                f"{self.end_steps} times a power of two; for example start_steps=16 end_steps=1"
            )

    def __iter__(self) -> Iterator[Round]:
        index, steps = 0, self.start_steps
        shrink = True
        if self.order == "shrink_first" or self.start_steps == self.end_steps:
            yield Round(index, steps, steps, shrink=True)
            index, shrink = index + 1, False
        while steps > self.end_steps:
            yield Round(index, steps, steps // 2, shrink=shrink)
            index, steps, shrink = index + 1, steps // 2, False
