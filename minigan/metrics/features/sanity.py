"""The sanity battery: distances through a feature network must grow with the damage done to images.

10,000 test images are damaged more and more; their Fréchet distance to other, whole images of the same kind must grow
with every step of noise, of blur, of salt and pepper, and of classes left out. Pictures of something else must be
farther than any damaged ones that the network recognises nearly as well as whole ones, and mirrored ones clearly apart.
A network that fails this must not be used to score samples.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from minigan.metrics.features.extractor import Extractor
from minigan.metrics.frechet import frechet_distance
from minigan.metrics.statistics import Statistics

NOISE = (0.0, 0.05, 0.1, 0.2, 0.4)  # standard deviation, of pixels in [0, 1]
BLUR = (0.0, 0.5, 1.0, 2.0)  # width of the Gaussian, in pixels
SALT = (0.0, 0.01, 0.05, 0.2)  # share of pixels made black or white
DROPPED = (0, 1, 3, 5, 9)  # classes left out, the first ones
STILL = 0.9  # of the share recognised without damage: from here on damaged images are still what they were


@dataclass(frozen=True)
class Row:
    """One line of the battery.

    damage      its kind
    amounts     how much of it, ascending
    distances   from the whole images, for each amount
    recognised  share of the damaged images that the network still puts into their class
    good        are the distances as they must be?
    """

    damage: str
    amounts: tuple[float, ...]
    distances: tuple[float, ...]
    recognised: tuple[float, ...]
    good: bool


class Battery:
    """The battery of one network: images of its data set, damaged, against other images of that set.

    reference, images, foreign: uint8 (N, H, W, C); labels (N,) are those of `images`, `foreign` show something else.
    Without foreign images, as for pictures of any kind, those and mirrored ones are left out: a mirrored photograph is
    a photograph.
    """

    def __init__(
        self,
        extractor: Extractor,
        reference: np.ndarray,
        images: np.ndarray,
        labels: np.ndarray,
        foreign: np.ndarray | None,
    ) -> None:
        self.extractor, self.images, self.labels, self.foreign = extractor, images, labels, foreign
        self.whole = Statistics.of(extractor(reference).features)

    def rows(self, rng: np.random.Generator) -> Iterator[Row]:
        """The rows, one by one: the damages of single images, classes left out, mirrored and foreign images."""
        farthest = 0.0
        for row in self._damages(rng):
            yield row
            still = [
                d for d, share in zip(row.distances, row.recognised, strict=True) if share >= STILL * row.recognised[0]
            ]
            farthest = max(farthest, *still)
        dropped = tuple(count for count in DROPPED if count < len(self.extractor.classes))
        kept = [self.labels >= count for count in dropped]
        results = [self._look(self.images[chosen], self.labels[chosen]) for chosen in kept]
        yield _growing("classes dropped", dropped, results)
        if self.foreign is None:
            return
        clean, mirrored = results[0], self._look(self.images[:, :, ::-1], self.labels)
        yield _row("mirrored", (0, 1), [clean, mirrored], mirrored[0] > 3 * clean[0])
        strange = self._look(self.foreign, self.labels[:0])
        yield _row("foreign images", (0, 1), [clean, strange], strange[0] > farthest)

    def _damages(self, rng: np.random.Generator) -> Iterator[Row]:
        damages: Mapping[str, tuple[tuple[float, ...], Callable[[float], np.ndarray]]] = {
            "noise": (NOISE, lambda sigma: noisy(self.images, sigma, rng)),
            "blur": (BLUR, lambda width: blurred(self.images, width)),
            "salt and pepper": (SALT, lambda share: salted(self.images, share, rng)),
        }
        for name, (amounts, damage) in damages.items():
            yield _growing(name, amounts, [self._look(damage(amount), self.labels) for amount in amounts])

    def _look(self, images: np.ndarray, labels: np.ndarray) -> tuple[float, float]:
        """The distance of images from the whole ones, and the share in the class of their labels (0 without any)."""
        seen = self.extractor(images)
        distance = frechet_distance(self.whole, Statistics.of(seen.features)).value
        return distance, float((seen.logits.argmax(axis=1) == labels).mean()) if len(labels) else 0.0


def _row(damage: str, amounts: tuple[float, ...], results: list[tuple[float, float]], good: bool) -> Row:
    distances, recognised = zip(*results, strict=True)
    return Row(damage, amounts, distances, recognised, bool(good))


def _growing(damage: str, amounts: tuple[float, ...], results: list[tuple[float, float]]) -> Row:
    return _row(damage, amounts, results, all(a[0] < b[0] for a, b in pairwise(results)))


def noisy(images: np.ndarray, sigma: float, rng: np.random.Generator) -> np.ndarray:
    """With Gaussian noise, as 8-bit images."""
    return _as_uint8(images + 255 * sigma * rng.standard_normal(images.shape, np.float32))


def blurred(images: np.ndarray, width: float) -> np.ndarray:
    """Smoothed by a Gaussian of this width along both sides, as 8-bit images; outside, pixels of the border repeat."""
    if width == 0:
        return images
    from scipy.ndimage import gaussian_filter  # here: slow to import, and only this battery smooths

    return _as_uint8(gaussian_filter(images.astype(np.float32), (0, width, width, 0), mode="nearest"))


def salted(images: np.ndarray, share: float, rng: np.random.Generator) -> np.ndarray:
    """With this share of pixels made black or white, both alike."""
    dice = rng.random(images.shape, np.float32)
    salted = np.where(dice < share / 2, 0, images)
    return np.where(dice > 1 - share / 2, 255, salted).astype(np.uint8)


def _as_uint8(pixels: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(pixels), 0, 255).astype(np.uint8)
