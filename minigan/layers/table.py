"""Base of layers that turn their condition into a row of numbers for every sample."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan import kernels
from minigan.device import Array
from minigan.layers.conditional import Conditional
from minigan.layers.layer import Grads, whole


class Tabled(Conditional):
    """The base of layers with tables: a row r_n for every sample, from its condition c_n.

    labels     r_n = table[c_n]        dtable = scatter(c, dr)
    vectors    r_n = c_n · table       dtable = cᵀ · dr        dc = dr · tableᵀ
    """

    classes: int | None = None
    vectors: int | None = None

    def _choose(self, classes: int | None, vectors: int | None) -> int:
        """One of the two: the number of labels or of numbers in a vector. The rows of a table."""
        sizes = [size for size in (classes, vectors) if size is not None]
        if len(sizes) != 1 or not whole(*sizes):
            expected = "labels of `classes` classes or vectors of `vectors` numbers, at least 1"
            name = type(self).__name__
            raise ValueError(
                f"{name} takes {expected}, one of the two, got {classes} and {vectors}"
            )
        self.classes, self.vectors = classes, vectors
        return sizes[0]

    def _rows(self, c: Any, table: Array) -> Array:
        return table[c] if self.classes is not None else kernels.matmul(c, table)

    def _table_grad(self, c: Any, dr: Array) -> Array:
        if self.classes is not None:
            return kernels.scatter(c, dr, self.classes)
        return kernels.matmul(c.T, dr)

    def _with_condition(self, grads: Grads, *pairs: tuple[Array, Array]) -> Grads:
        """The gradients with Σ dr · tableᵀ of the pairs (dr, table) as the condition's, where it is
        asked for; labels have none."""
        if self.wanted and self.vectors is not None:
            grads["condition"] = sum(kernels.matmul(dr, table.T) for dr, table in pairs)
        return grads

    def _checked(self, x: Array) -> Any:
        """The condition of x: N labels, or N vectors of the data type of x."""
        c = self.condition_of(x)
        if self.classes is not None:
            return self.labels_of(c)
        return self.vectors_of(c, x, self.vectors)

    def asks_for(self) -> str:
        return "vectors" if self.classes is None else "labels"

    def _kind(self) -> str:
        """For `repr`."""
        return f"vectors={self.vectors}" if self.classes is None else f"classes={self.classes}"


def over_pixels(rows: Array, x: Array) -> Array:
    """rows (N, C) as (N, 1, ..., C), to be spread over the pixels of x (N, ..., C)."""
    return rows.reshape(len(rows), *(1,) * (x.ndim - 2), rows.shape[-1])


def sum_of_pixels(x: Array) -> Array:
    """(N, ..., C) -> (N, C)."""
    return x.reshape(len(x), -1, x.shape[-1]).sum(axis=1)


def ones_of(x: Array) -> Array:
    """(C,) ones, of the data type of x (..., C) and where x is."""
    return np.ones_like(x, shape=x.shape[-1:])
