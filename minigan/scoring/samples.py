"""Where samples to be scored come from: a run, a file of arrays, a folder of pictures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np

from minigan import arrays
from minigan.metrics import features, references
from minigan.metrics.features.extractor import checked_images
from minigan.scoring.saved_generator import SavedGenerator


@dataclass(frozen=True, eq=False)
class Samples:
    """Generated images, and what they are.

    shape      of one image, (H, W, C)
    make       the images: uint8 (N, H, W, C) or floating point in [0, 1]; a run generates them when it is called
    source     a sentence for people
    reference  what such samples are usually compared with; None where that is not known
    generator  of a run: what makes them
    """

    shape: tuple[int, ...]
    make: Callable[[], np.ndarray]
    source: str
    reference: str | None = None
    generator: SavedGenerator | None = None

    @cached_property
    def images(self) -> np.ndarray:
        """The images, made once."""
        return self.make()


def open_samples(
    path: Path,
    *,
    n: int,
    seed: int = 0,
    best: bool = False,
    on: str | None = None,
    size: int | None = None,
    stacked: bool = False,
) -> Samples:
    """The samples at `path`; nothing is generated yet.

    path   the folder of a run, of which n samples are generated; a .npz with the array "samples", or a .npy: whole
           numbers from 0 to 255 or floating point in [0, 1], (N, H, W) or (N, H, W, C); or a folder of pictures
    size   pictures of a folder are cropped and resized; None: they stay as they are, and must have one size
    stacked  channels are pictures of their own; otherwise images whose channels are equal have one

    FileNotFoundError or ValueError describe what is wrong with it.
    """
    if path.is_dir():
        return _of_run(path, n, seed, best, on) if (path / "config.json").is_file() else _of_folder(path, size)
    if path.suffix.lower() not in (".npz", ".npy"):
        what = "there is no such folder" if not path.exists() else "it is none of these"
        raise FileNotFoundError(f"{path}: expected the folder of a run, .npz, .npy or a folder of pictures, but {what}")
    images = _as_images(_read(path), path)
    images = images if stacked else grey_if_grey(images)
    return Samples(images.shape[1:], lambda: images, f"{len(images):,} samples from {path}")


def collect(
    path: Path, *, n: int, seed: int = 0, best: bool = False, on: str | None = None, quantise: bool = True
) -> Samples:
    """The samples of `open_samples`, made; floating-point ones are rounded to 8 bits if `quantise`."""
    samples = open_samples(path, n=n, seed=seed, best=best, on=on)
    images = quantised(samples.images) if quantise else samples.images
    return replace(samples, make=lambda: images)


def quantised(images: np.ndarray) -> np.ndarray:
    """Images in 8 bits, as the reference images are."""
    if images.dtype == np.uint8:
        return images
    return np.clip(np.rint(255 * images.astype(np.float64)), 0, 255).astype(np.uint8)


def same_channels(images: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both sets with as many channels as the one with more: what is grey is repeated."""
    C = max(images.shape[3], other.shape[3])
    first, second = (x if x.shape[3] == C else np.repeat(x, C, axis=3) for x in (images, other))
    return first, second


def grey_if_grey(images: np.ndarray) -> np.ndarray:
    """Images with three equal channels with one: they show the same, however they are stored."""
    if images.shape[3] == 3 and (images[0, ..., :1] == images[0]).all() and (images[..., :1] == images).all():
        return images[..., :1]
    return images


def _of_run(folder: Path, n: int, seed: int, best: bool, on: str | None) -> Samples:
    generator = SavedGenerator(folder, best=best, on=on)
    shape, data = tuple(next(iter(generator.about.values()))["shape"]), generator.config.data
    shape = generator.system.sample_shape or shape
    if len(shape) != 3:
        raise ValueError(f"{folder} must generate images for these metrics, got points (their modes are in its log)")
    usual = references.for_data(data) if features.for_data(data) else None
    source = f"{n:,} samples from {generator.path}"
    return Samples(shape, lambda: generator(n, seed, progress="generating"), source, usual, generator)


def _of_folder(folder: Path, size: int | None) -> Samples:
    from minigan.data import folder as pictures  # here: Pillow is slow to import

    dataset = pictures.load(folder, size)
    return Samples(dataset.shape, lambda: dataset.images, dataset.source)


def _read(path: Path) -> np.ndarray:
    if path.suffix.lower() == ".npy":
        return arrays.read_one(path, "file of samples")
    content, _ = arrays.read(path, "file of samples", only=("samples",))
    if not content:
        names = ", ".join(arrays.names(path)) or "nothing"
        raise ValueError(f'{path}: not a file of samples: it has no array "samples", only {names}')
    return content["samples"]


def _as_images(samples: np.ndarray, path: Path) -> np.ndarray:
    from minigan.data.arrayfile import as_pictures  # here: Pillow is slow to import

    try:
        if samples.dtype.kind in "iub":
            samples = as_pictures(samples)
        return checked_images(samples[..., np.newaxis] if samples.ndim == 3 else samples)
    except TypeError as error:
        raise ValueError(f"{path}: {error}") from error
    except ValueError as error:
        raise type(error)(f"{path}: {error}") from error
