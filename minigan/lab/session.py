"""Session: what the page shows: a training with its view and its history, and whether it is under way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from minigan.lab.history import History
from minigan.lab.plane import Plane
from minigan.lab.presets import Preset
from minigan.lab.slow import Film
from minigan.lab.view import View
from minigan.lab.words import summary

Order: TypeAlias = Callable[["Session"], Any]


class Session:
    """The training that the page shows, with its view, its history, and whether it is running.

    number   of the scene: another one where data or networks have become others
    target   the step that it is on its way to, after somebody went back or forth in time
    halted   why it stopped without an order; "" where it did not
    """

    def __init__(self, preset: Preset) -> None:
        self.number, self.playing, self.speed = 0, False, 0.0
        self.target: int | None = None
        self.halted = ""
        self.film: Film | None = None
        self.begin(preset)

    def begin(self, preset: Preset) -> None:
        """Replace the training; what is wrong with a preset is raised before, and the old one continues."""
        plane = Plane(preset)
        view, history = View(plane), History(plane)
        self.preset, self.plane, self.view, self.history = preset, plane, view, history
        self.number += 1
        self.playing, self.target, self.halted, self.film = False, None, "", None

    def train(self) -> None:
        """One step, on the way to `target` or without end."""
        try:
            self.plane.whole()
        except FloatingPointError:
            self.playing, self.target, self.halted = False, None, self.plane.failed
            return
        self.view.learn()
        self.history.note()
        if self.target is not None and self.plane.step >= self.target:
            self.playing, self.target = False, None

    def halt(self, why: str, *, tired: bool = False) -> None:
        """Pause without an order."""
        self.playing, self.target = False, None
        self.halted = f"Paused at step {self.plane.step:,}: {why}."
        if not tired:
            self.halted = f"Stopped at step {self.plane.step:,}: {why}. Go back in time, or begin again."

    def frame(self, *, fine: bool, measure: bool) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """A picture: numbers and arrays."""
        numbers, arrays = self.view.frame(fine=fine, measure=measure)
        what = "Gaussians"
        numbers |= {
            "scene": self.number,
            "playing": self.playing,
            "target": self.target,
            "speed": self.speed,
            "reached": self.history.reach,
            "halted": self.halted,
            "words": summary(numbers, what),
            "lesson_done": bool(self.preset.until) and self.plane.step >= self.preset.until,
        }
        return numbers, arrays
