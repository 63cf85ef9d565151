"""Functions that the commands share: open a saved run, read seeds, refuse wrong sizes and names."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minigan.models.stylegan import StyleGenerator
from minigan.scoring.saved_generator import SavedGenerator
from minigan.systems.stylegan import StyleGAN

CELLS = 1000  # images in a picture, at most


def saved_stylegan(folder: Path, best: bool = False, out: Path | None = None) -> tuple[SavedGenerator, StyleGAN]:
    """The run in `folder`, and its system; ValueError where that is not a StyleGAN, or where the picture `out` would
    become one of the pictures that it is trained on."""
    saved = SavedGenerator(folder, best=best, on="cpu")
    if not isinstance(saved.system, StyleGAN):
        raise ValueError(f"{folder} contains a run of {saved.config.system}: styles need minigan train stylegan")
    if out is not None:
        saved.keep_out_of_data(out)
    return saved, saved.system


def noise_of(saved: SavedGenerator, G: StyleGenerator, seeds: list[int]) -> np.ndarray:
    """z of the first sample that `minigan sample --seed` shows, for each seed."""
    return np.concatenate([saved.draw("more samples", seed).noise(1, G.z_dim) for seed in seeds])


def seeds_of(text: str, flag: str) -> list[int]:
    """Numbers such as 1,2,5-8; ValueError names the part that is none."""
    seeds: list[int] = []
    for item in text.split(","):
        first, dash, last = item.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()) or (dash and int(last) < int(first)):
            raise ValueError(f"{flag} {text}: {item.strip()!r} must be a seed, or a range of seeds such as 5-8")
        if dash and int(last) - int(first) > CELLS:
            raise ValueError(f"{flag} {text}: ask for {CELLS} samples or fewer")
        seeds += range(int(first), int(last if dash else first) + 1)
    return seeds


def check_cells(cells: int) -> None:
    """ValueError where a picture of so many images is too large."""
    if cells > CELLS:
        raise ValueError(f"a picture of {cells:,} images is too large; ask for {CELLS:,} or fewer")


def suffix_of(out: Path, *suffixes: str) -> str:
    """The suffix of a file's name; ValueError where it is none of these."""
    if out.suffix.lower() not in suffixes:
        raise ValueError(f"--out {out}: the name must end in {' or '.join(suffixes)}")
    return out.suffix.lower()
