"""The system of a saved run, ready to generate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np

from minigan import device
from minigan.data import NAMES
from minigan.random import Streams
from minigan.runs import checkpoint
from minigan.runs.folder import Run
from minigan.training import build
from minigan.training.draw import Fixed


class SavedGenerator:
    """The system of a run at its newest checkpoint, or at its best one, on a device of one's choice.

    FileNotFoundError: no run, or no such checkpoint; ValueError: a damaged one, or a run that was started with objects.
    """

    def __init__(self, folder: Path | str, *, best: bool = False, on: str | None = None) -> None:
        self.run = Run.open(folder)
        self.path, arrays, numbers = self.run.best() if best else self.run.latest()
        self.step = int(numbers["step"])
        self.device = device.choose(on)
        # As exact as any, whatever the run was trained with: scores are compared.
        self.config = replace(self.run.config, device=str(self.device), precision="float32")
        if "about" not in numbers:  # until version 0.1 a run had one data set, of which only this was kept
            checkpoint.require(self.path, numbers, sample_shape=list)
            numbers["about"] = {"real": {"shape": numbers["sample_shape"]}}
        checkpoint.require(self.path, numbers, about=dict)
        self.about = numbers["about"]
        self.system = build.system(self.config, self.about)
        self.system.restore(self.path, arrays, numbers["counts"])
        self._streams = Streams(self.config.seed)

    def __call__(self, n: int, seed: int = 0, *, progress: str | None = None) -> np.ndarray:
        """n samples: uint8 pixels (n, H, W, C), or points float32 (n, 2); another seed, other samples."""
        return self.system.generate(self.draw("more samples", seed), n, progress=progress)

    def answer(self, n: int, seed: int, words: Mapping[str, str]) -> tuple[np.ndarray, int | None]:
        """n samples of each condition in the words of a command, and how many make a row (System.answer)."""
        return self.system.answer(self.draw("more samples", seed), n, words)

    def keep_out_of_data(self, out: Path) -> None:
        """ValueError where a picture `out` would become one of the pictures that the run is trained on."""
        from minigan.data.finding import is_run  # here: Pillow is slow to import

        for name in filter(None, (self.config.data, self.config.options.get("data_b"))):
            folder, place = Path(name).resolve(), out.resolve()
            if name in NAMES or out.suffix.lower() != ".png" or not (folder.is_dir() and place.is_relative_to(folder)):
                continue
            if not any(is_run(parent) for parent in place.parents if parent != folder):
                raise ValueError(
                    f"--out {out}: it would become one of the pictures of {folder}, which this run is trained on"
                )

    def draw(self, name: str, number: int = 0) -> Fixed:
        """Draws for samples: always the same for one name and number."""
        return Fixed(self._streams.at(name, number), self.device)
