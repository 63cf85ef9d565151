"""The generator of a saved run, ready to paint."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from tqdm import tqdm

from minigan import device, parallel
from minigan.runs import checkpoint
from minigan.runs.folder import Run
from minigan.training.state import State

BATCH = 256


class Painter:
    """The generator of a run at its newest checkpoint, or at its best one, on a device of one's choice.

    FileNotFoundError: no run, or no such checkpoint; ValueError: a damaged one.
    """

    def __init__(self, folder: Path, *, best: bool = False, on: str | None = None) -> None:
        self.run = Run.open(folder)
        self.path, arrays, numbers = self.run.best() if best else self.run.latest()
        self.step = int(numbers["step"])
        # not the device that it was trained on, and as exact as any: scores are compared
        config = replace(self.run.config, device=str(device.choose(on)), precision="float32")
        self.state = State(config, tuple(numbers["sample_shape"]))
        checkpoint.restore(self.path, arrays, self.state.arrays())

    def __call__(self, n: int, seed: int = 0, *, progress: str | None = None) -> np.ndarray:
        """n samples: uint8 pixels (n, H, W, C), or points float32 (n, 2); another seed, other samples."""
        z = self.state.noise(n, self.state.streams.at("more samples", seed))
        starts, parts = range(0, n, BATCH), []
        threads = parallel.cores() if self.state.config.device == "cpu" else 1
        with tqdm(total=n, desc=progress, unit="img", disable=progress is None, leave=False) as bar:
            for part in parallel.each(lambda start: self.state.sample(z[start : start + BATCH]), starts, threads):
                parts.append(part)
                bar.update(len(part))
        return np.concatenate(parts)
