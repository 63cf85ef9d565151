"""Where the time of a step goes: a tally of its matrix products."""

from __future__ import annotations

import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any
from unittest import mock

import numpy as np


def flops(a: tuple[int, ...], b: tuple[int, ...]) -> int:
    """2 M N K for each product of matrices (M, K) and (K, N); a and b are shapes that np.matmul takes."""
    a, b = (1, *a) if len(a) == 1 else a, (*b, 1) if len(b) == 1 else b
    pairs = math.prod(np.broadcast_shapes(a[:-2], b[:-2]))
    return 2 * pairs * a[-2] * a[-1] * b[-1]


class Tally:
    """np.matmul that keeps books: operations in all, and seconds of each thread."""

    def __init__(self) -> None:
        self.matmul = np.matmul
        self.calls: list[tuple[int, float, int]] = []  # thread, seconds, operations; appending is safe among threads

    def __call__(self, a: np.ndarray, b: np.ndarray, *more: Any, **options: Any) -> np.ndarray:
        start = time.perf_counter()
        product = self.matmul(a, b, *more, **options)
        self.calls.append((threading.get_ident(), time.perf_counter() - start, flops(a.shape, b.shape)))
        return product

    def flops(self) -> int:
        """Operations of all threads."""
        return sum(call[2] for call in self.calls)

    def seconds(self) -> float:
        """Seconds inside products, of the thread that spent most there."""
        threads: defaultdict[int, float] = defaultdict(float)
        for thread, seconds, _ in self.calls:
            threads[thread] += seconds
        return max(threads.values(), default=0.0)


def tally(step: Callable[[], object], steps: int) -> dict[str, float]:
    """Run so many steps with a wrapped np.matmul: operations of a step, and the share of its time in products."""
    books = Tally()
    with mock.patch.object(np, "matmul", books):
        start = time.perf_counter()
        for _ in range(steps):
            step()
        wall = time.perf_counter() - start
    return {"flops": books.flops() / steps, "share": books.seconds() / wall}
