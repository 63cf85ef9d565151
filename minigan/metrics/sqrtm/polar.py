"""The polar factor of a matrix, and with it the sum of its singular values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np

from minigan.device import Array
from minigan.metrics.sqrtm.halley import halley
from minigan.metrics.sqrtm.schulz import schulz

SMALLEST = 1e-12  # singular values from here on, relative to ||B||_F, are lifted to 1
ITERATIONS: Mapping[str, Callable[..., tuple[Array, int, str]]] = MappingProxyType({"halley": halley, "schulz": schulz})


class Polar(NamedTuple):
    """B = U H: the factor U (shape of B), trace = Tr H = Σ U B = Σ singular values of B, and how they were found."""

    U: Array
    trace: float
    iterations: int
    status: str


def polar(B: Array, iteration: str | None = None) -> Polar:
    """U of the polar decomposition B = U H, H = (Bᵀ B)^(1/2), and its trace.

    Iteration   Both start from B / ||B||_F and move every singular value from 1e-12 on to 1, the vectors stay.
                "halley" takes a third of the steps, "schulz" nothing but products; None: Halley's on the CPU, where
                it is about five times as fast, Schulz's on a GPU.
    Null space  A direction with singular value below 1e-12 is unfinished, and what rounding grows there is anything;
                but in Σ U B it meets B, which is as small there. An iteration for the root itself does not have this.
    Trace       Σ U B is the largest over all U with orthonormal columns: an error of U counts by its square.
    Shape       A wide B is transposed.
    """
    peak = float(abs(B).max()) if B.size else 0.0
    if peak == 0:
        return Polar(np.zeros_like(B), 0.0, 0, "zero")
    B = B / peak  # before it is squared: no overflow, no underflow
    tall = B if B.shape[0] >= B.shape[1] else B.T
    run = ITERATIONS[iteration or ("halley" if isinstance(B, np.ndarray) else "schulz")]
    X, steps, status = run(tall / float(np.linalg.norm(B)), SMALLEST)
    U = X if tall is B else X.T
    return Polar(U, peak * float((U * B).sum()), steps, status)
