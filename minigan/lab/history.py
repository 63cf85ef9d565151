"""History: copies of a session's state, so that one can go back in time, and forward again to the last bit."""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.lab.plane import Plane

EVERY = 50  # steps between copies at first
ROOM = 32 * 2**20  # bytes that all copies may take
MOST, FEWEST = 64, 8  # copies


class History:
    """Copies of the state at every so many steps. Where there are too many, every second one goes.

    reach   the last step that was reached; one can go forward as far as that, too
    """

    def __init__(self, plane: Plane) -> None:
        self.plane, self.every, self.reach = plane, EVERY, 0
        size = sum(array.nbytes for array in plane.system.arrays().values())
        self.most = int(np.clip(ROOM // max(size, 1), FEWEST, MOST))
        self.copies: dict[int, dict[str, Any]] = {}
        self.note()

    def note(self) -> None:
        """After a turn: keep a copy if this is a step that has one."""
        plane = self.plane
        self.reach = max(self.reach, plane.step)
        if plane.part or plane.step % self.every or plane.step in self.copies:
            return
        self.copies[plane.step] = plane.copy()
        if len(self.copies) > self.most:
            self.every *= 2
            self.copies = {step: state for step, state in self.copies.items() if step % self.every == 0}

    def cut(self) -> None:
        """Forget what was after the present place, because it will be different now."""
        self.reach = self.plane.step
        self.copies = {step: state for step, state in self.copies.items() if step <= self.plane.step}

    @property
    def has_future(self) -> bool:
        """Has somebody gone back?"""
        return self.plane.step < self.reach

    def back(self, step: int) -> None:
        """Restore the nearest copy at or before a step; the rest of the way is to be trained again."""
        if not 0 <= step <= self.reach:
            raise ValueError(f"go to a step from 0 to {self.reach:,}, got {step:,}")
        nearest = max(known for known in self.copies if known <= step)
        if self.plane.failed or not nearest <= self.plane.step <= step or self.plane.part:
            self.plane.restore(self.copies[nearest])
