"""Where samples to be scored come from: a run, a file of arrays, a folder of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from minigan import arrays
from minigan.metrics import references
from minigan.metrics.features.extractor import checked_images
from minigan.scoring.saved_generator import SavedGenerator


@dataclass(frozen=True, eq=False)
class Samples:
    """Generated images, uint8 (N, H, W, C) or floating point in [0, 1], and what they are.

    source     a sentence for people
    reference  what such samples are usually compared with; None where that is not known
    generator  of a run: what made them
    """

    images: np.ndarray
    source: str
    reference: str | None = None
    generator: SavedGenerator | None = None


def collect(
    path: Path, *, n: int, seed: int = 0, best: bool = False, on: str | None = None, quantise: bool = True
) -> Samples:
    """The samples at `path`.

    path      the folder of a run, of which n samples are generated; a .npz with the array "samples", or a .npy:
              uint8 or floating point in [0, 1], (N, H, W) or (N, H, W, C); or a folder of pictures of one size
    quantise  round floating-point samples to 8 bits, as the reference images are

    FileNotFoundError, ValueError or TypeError say what is wrong with it.
    """
    if path.is_dir():
        return _of_run(path, n, seed, best, on) if (path / "config.json").is_file() else _of_folder(path)
    if path.suffix.lower() not in (".npz", ".npy"):
        what = "there is no such folder" if not path.exists() else "it is none of these"
        raise FileNotFoundError(f"{path}: expected the folder of a run, .npz, .npy or a folder of pictures, but {what}")
    images = _as_images(_read(path), path)
    if quantise and images.dtype != np.uint8:
        images = np.clip(np.rint(255 * images.astype(np.float64)), 0, 255).astype(np.uint8)
    return Samples(images, f"{len(images):,} samples from {path}")


def _of_run(folder: Path, n: int, seed: int, best: bool, on: str | None) -> Samples:
    generator = SavedGenerator(folder, best=best, on=on)
    images, data = generator(n, seed, progress="generating"), generator.config.data
    if images.ndim != 4:
        raise ValueError(f"{folder} draws points, and these metrics are about images; its log has the modes it reached")
    return Samples(images, f"{n:,} samples from {generator.path}", references.for_data(data) or data, generator)


def _of_folder(folder: Path) -> Samples:
    from minigan.data import folder as pictures  # here: Pillow is slow to import

    images = pictures.load(folder, None).images
    return Samples(images, f"{len(images):,} pictures from {folder}")


def _read(path: Path) -> np.ndarray:
    if path.suffix.lower() == ".npy":
        return arrays.read_one(path, "file of samples")
    content, _ = arrays.read(path, "file of samples", only=("samples",))
    if not content:
        names = ", ".join(arrays.names(path)) or "nothing"
        raise ValueError(f'{path}: not a file of samples: it has no array "samples", only {names}')
    return content["samples"]


def _as_images(samples: np.ndarray, path: Path) -> np.ndarray:
    try:
        return checked_images(samples[..., np.newaxis] if samples.ndim == 3 else samples)
    except (TypeError, ValueError) as error:
        raise type(error)(f"{path}: {error}") from error
