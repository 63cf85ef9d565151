"""Moves: what the kernels of the optimizers work on."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from minigan.device import Array


class Workers(Protocol):
    """Threads that run a function at the same time: job(0), job(1), ..., job(size - 1)."""

    size: int

    def run(self, job: Callable[[int], Any]) -> Any: ...


@dataclass(frozen=True)
class Moves:
    """The arrays of one step of an optimizer; iteration gives the rows.

    rows           (p, g, *moments) for each parameter p with gradient g
    averages       for each row the moving average of p, which takes in the new p; None where there is none
    decay, count   of the averages: their decay, and the number of this step
    workers        threads that share the work on a CPU; the numbers are the same
    clock          on a GPU: float32 (number of this step, `count`, learning rate). A kernel reads them there instead of
                   its arguments, so that a recorded step continues with new values.
    """

    rows: Sequence[tuple[Array, ...]]
    averages: Sequence[Array | None]
    decay: float = 0.0
    count: int = 0
    workers: Workers | None = None
    clock: Array | None = None

    def __iter__(self) -> Iterator[tuple[Array, ...]]:
        return iter(self.rows)

    @property
    def weight(self) -> float:
        """How much of the new p the averages take in. The decay is capped, so that the start is soon forgotten."""
        return 1 - min(self.decay, (1 + self.count) / (10 + self.count))
