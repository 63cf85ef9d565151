"""Extractor: a feature network, the eyes through which all scores of images look."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import NamedTuple, Self

import numpy as np

from minigan import parallel
from minigan.device import CPU, Array, Device, to_host
from minigan.layers import Layer
from minigan.metrics.score import NonFiniteSamples

ROUNDING = 1e-6  # how far outside of [0, 1] a pixel may lie and still be rounding


class Seen(NamedTuple):
    """The outputs of an extractor for N images: `features` (N, d), `logits` (N, K) of its K classes, both float64."""

    features: np.ndarray
    logits: np.ndarray


class Extractor:
    """A trained network whose features and classes scores are made of.

    Images      uint8 (N, H, W, C), or floating point in [0, 1] of that shape; C is 1 or 3
    Subclasses  `bring` takes images to the network (resize, channels, intensities), `look` is the network: its features
                and the logits that the Inception Score takes.

    name        of the network and its version; a change of any bit of its weights is a new name
    digest      SHA-256 of the weights, in hexadecimal
    variant     how images are brought to it, as in `Protocol`
    classes     the names of its classes
    d           how many features it has
    batch       images at a time
    threads     that look at batches at the same time, on the CPU; None: as many as there are cores, up to 4
    device      where the weights are, and where every batch goes to be looked at
    """

    name: str
    digest: str
    variant: str
    classes: tuple[str, ...]
    d: int
    batch = 250
    threads: int | None = None
    device: Device = CPU

    @property
    def id(self) -> str:
        """Name and the first 12 digits of the digest: what scores are labelled with."""
        return f"{self.name}:{self.digest[:12]}"

    def networks(self) -> Iterable[Layer]:
        """The networks whose weights `to_device` moves."""
        raise NotImplementedError

    def to_device(self, on: Device) -> Self:
        """Move the weights to this device, where batches of images then follow them; returns the extractor itself."""
        for network in self.networks():
            network.convert(on.asarray)
        self.device = on
        return self

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """ValueError for images (H, W, C) that the network cannot look at."""

    def bring(self, images: np.ndarray) -> Array:
        """Pixels (N, H, W, C) in [0, 255] as float32, to what the network takes, on its device."""
        raise NotImplementedError

    def look(self, x: Array) -> tuple[Array, Array]:
        """Features (N, d) and logits (N, K) of a prepared batch."""
        raise NotImplementedError

    def __call__(self, images: np.ndarray, *, progress: str | None = None) -> Seen:
        """The network's outputs for all images. `progress` names a progress bar; None: there is none.

        TypeError, ValueError: these are not images; NonFiniteSamples: they hold a NaN or an infinity.
        """
        from tqdm import tqdm  # here: slow to import

        images = checked_images(images)
        tick = 0.2 if sys.stderr.isatty() else 10.0  # seconds between two pictures of the bar
        starts, parts, hidden = range(0, len(images), self.batch), [], progress is None
        threads = (self.threads or parallel.cores()) if self.device == CPU else 1

        def see(start: int) -> list[np.ndarray]:
            batch = as_pixels(images[start : start + self.batch])
            return [to_host(a) for a in self.look(self.bring(batch))]

        with tqdm(None, progress, len(images), False, unit="img", mininterval=tick, disable=hidden) as bar:
            for batch in parallel.each(see, starts, threads):
                parts.append(batch)
                bar.update(len(batch[0]))
        features, logits = (np.concatenate(side).astype(np.float64) for side in zip(*parts, strict=True))
        return Seen(features, logits)


def checked_images(images: np.ndarray) -> np.ndarray:
    """The array, if it holds images: at least one, uint8 or floating point in [0, 1], (N, H, W, C) with C 1 or 3."""
    dtype = getattr(images, "dtype", None)
    if dtype is None or (dtype != np.uint8 and dtype.kind != "f"):
        raise TypeError(f"images: expected uint8, or floating point in [0, 1], got {dtype or type(images).__name__}")
    if images.ndim != 4 or images.shape[3] not in (1, 3) or 0 in images.shape:
        raise ValueError(f"images: expected shape (N, H, W, C) with C = 1 or 3 and N, H, W >= 1, got {images.shape}")
    if dtype.kind == "f":
        low, high = float(images.min()), float(images.max())
        if not np.isfinite([low, high]).all():
            raise NonFiniteSamples("images: they hold NaN or infinite pixels")
        if low < -ROUNDING or high > 1 + ROUNDING:
            raise ValueError(
                f"images: floating-point pixels must lie in [0, 1], these lie in [{low:.4g}, {high:.4g}]; "
                f"map the output x of a tanh by (x + 1) / 2"
            )
    return images


def as_pixels(images: np.ndarray) -> np.ndarray:
    """Checked images as float32 in [0, 255]."""
    if images.dtype == np.uint8:
        return images.astype(np.float32)
    return np.clip(images.astype(np.float32), 0, 1) * np.float32(255)
