"""Pictures: samples of always the same noise while a run trains, and the pictures written at its end."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np

from minigan.runs.folder import Run
from minigan.training.draw import Draw
from minigan.training.system import POINTS, System

FRAMES = 120  # of an animation, at most: six seconds of twenty pictures each
SIDE = 56  # pixels of a sample in a picture, at least


class Pictures:
    """The pictures of a system, always from the same draws: the pictures differ by the networks alone.

    The first of a system's pictures goes into samples/, each other into a folder of its own name.
    """

    def __init__(self, run: Run, system: System, draw: Draw) -> None:
        self.run, self.system, self.draw = run, system, draw
        self.real = next(iter(draw.datasets.values())).images

    def add(self, step: int) -> None:
        """Draw the pictures of `step` into the run's folder."""
        from minigan import plots  # here: matplotlib is slow to import
        from minigan.plots.files import save_png

        for i, (name, samples) in enumerate(self.system.pictures(self.draw.at("sample", 0)).items()):
            path = self.run.picture(step, "samples" if i == 0 else name)
            path.parent.mkdir(exist_ok=True)
            if samples.ndim == 5:  # rows of images
                _, n, H, W, C = samples.shape
                labels = self.system.row_labels.get(name, ())
                plots.save_grid(path, samples.reshape(-1, H, W, C), n, scale=max(1, SIDE // H), labels=labels)
            elif samples.ndim == 4:
                plots.save_grid(path, samples, scale=max(1, SIDE // samples.shape[1]))
            else:
                save_png(path, plots.density_frame(samples, real=self.real[:POINTS], title=f"step {step}"))

    def finish(self, title: str) -> dict[str, str]:
        """samples.png, losses.png and training.gif; returns the names of those that could be written, with what they
        show. A warning reports each of the others: none is missing because another one failed."""
        from minigan import plots
        from minigan.plots.files import save_png

        points = self.system.sample_shape is not None and len(self.system.sample_shape) == 1
        frames, run = self._frames(), self.run
        same = "held-out images" if any(name.startswith("held out") for name in self.draw.datasets) else "noise"
        drawn: dict[str, tuple[str, Callable[[Path], object]]] = {
            "samples.png": (
                f"the density of {POINTS:,} samples" if points else "samples of the trained networks",
                lambda path: save_png(path, frames[-1]),
            ),
            "losses.png": (
                "losses and scores of all players",
                lambda path: plots.save_curves(path, run.log(), title=title),
            ),
            "training.gif": (
                f"the same {same} at {len(frames)} moments of training",
                lambda path: plots.save_animation(path, frames),
            ),
        }
        return {name: what for name, (what, draw) in drawn.items() if _drawn(run.folder / name, draw)}

    def try_out(self) -> None:
        """Warn, before anything is trained, where the pictures of the end could not be drawn."""
        from minigan.plots import library

        try:
            library.load()
        except Exception as error:
            kind = f"{type(error).__name__}: {error}"
            warnings.warn(f"losses.png will be missing, matplotlib does not work: {kind}", RuntimeWarning, stacklevel=3)

    def _frames(self) -> list[np.ndarray]:
        """Some of the pictures of samples, the first and the last among them; of those that can be read."""
        from PIL import Image

        pictures, frames = self.run.pictures(), []
        for i in np.unique(np.linspace(0, len(pictures) - 1, min(len(pictures), FRAMES)).round().astype(int)):
            try:
                with Image.open(pictures[i]) as image:
                    frames.append(np.asarray(image))
            except (OSError, ValueError, SyntaxError) as error:
                warnings.warn(f"{pictures[i]} cannot be read: {error}", RuntimeWarning, stacklevel=3)
        return frames


def _drawn(path: Path, draw: Callable[[Path], object]) -> bool:
    """Has it been drawn? A warning reports what failed, whatever it was: a run that is trained is not lost for that."""
    try:
        draw(path)
    except Exception as error:
        warnings.warn(f"{path} is not written: {type(error).__name__}: {error}", RuntimeWarning, stacklevel=4)
        return False
    return True
