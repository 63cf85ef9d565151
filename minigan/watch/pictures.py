"""The pictures of a run: samples of a fixed noise while it trains, and what is left on the table at its end."""

from __future__ import annotations

import numpy as np

from minigan import plots
from minigan.device import Array
from minigan.plots.files import save_png
from minigan.runs.folder import Run
from minigan.training.state import State

IMAGES = 64
POINTS = 2000
FRAMES = 120  # of an animation, at most: six seconds of twenty pictures each


class Album:
    """Paints the same noise again and again, so that the pictures show the generator's progress and nothing else."""

    def __init__(self, run: Run, state: State, real: np.ndarray) -> None:
        self.run, self.state, self.real = run, state, real
        self.is_image = len(state.model.sample_shape) == 3
        self._fixed: Array = state.noise(IMAGES if self.is_image else POINTS, state.streams.at("sample", 0))

    def add(self, step: int) -> None:
        """Paint the samples of `step` into the run's folder."""
        samples = self.state.sample(self._fixed)
        if self.is_image:
            plots.save_grid(self.run.picture(step), samples, scale=_scale(samples))
        else:
            save_png(self.run.picture(step), self._density(samples, step))

    def _density(self, points: np.ndarray, step: int) -> np.ndarray:
        return plots.density_frame(points, real=self.real[:POINTS], title=f"step {step}")

    def finish(self) -> dict[str, str]:
        """samples.png, losses.png and training.gif; returns their names with what they show."""
        from PIL import Image

        folder, pictures = self.run.folder, self.run.pictures()
        shown = np.unique(np.linspace(0, len(pictures) - 1, min(len(pictures), FRAMES)).round().astype(int))
        frames = [np.asarray(Image.open(pictures[i])) for i in shown]
        save_png(folder / "samples.png", frames[-1])
        plots.save_curves(folder / "losses.png", self.run.log(), title=_title(self.run))
        plots.save_animation(folder / "training.gif", frames)
        count = f"{IMAGES} samples" if self.is_image else f"the density of {POINTS:,} samples"
        return {
            "samples.png": f"{count} of the trained generator",
            "losses.png": "losses and scores of both players",
            "training.gif": f"the same noise at {len(frames)} moments of training",
        }


def _scale(samples: np.ndarray) -> int:
    return max(1, 56 // samples.shape[1])


def _title(run: Run) -> str:
    return f"{run.config.model}, {run.config.objective}, {run.config.data}"
