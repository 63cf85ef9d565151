"""Curve: the losses of a session, thinned out so that they stay few."""

from __future__ import annotations

import copy

import numpy as np

MOST = 400


class Curve:
    """Rows (step, D's loss, G's loss) at every `gap`-th step; the gap doubles where there are MOST of them."""

    def __init__(self) -> None:
        self.gap = 1
        self.rows: list[tuple[int, float, float]] = []

    def add(self, step: int, d_loss: float, g_loss: float) -> None:
        """The losses of a step, if it is one that is kept."""
        if step % self.gap:
            return
        self.rows.append((step, d_loss, g_loss))
        if len(self.rows) >= MOST:
            self.gap *= 2
            self.rows = [row for row in self.rows if row[0] % self.gap == 0]

    def array(self) -> np.ndarray:
        """float32 (n, 3)."""
        return np.array(self.rows, np.float32).reshape(-1, 3)

    def copy(self) -> Curve:
        """One that changes independently."""
        other = copy.copy(self)
        other.rows = list(self.rows)
        return other
