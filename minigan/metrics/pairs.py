"""Scores of images that should be certain others: PSNR, SSIM, sharpness, mean error.

Protocol: 8 bits, all channels, no border cut. PSNR is the mean over images of each image's PSNR, not
that of the pooled error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from minigan.data.dataset import Dataset
from minigan.metrics.features.extractor import Extractor
from minigan.metrics.frechet import frechet_distance
from minigan.metrics.msssim import BLOCK, compare
from minigan.metrics.score import Protocol, Score
from minigan.metrics.statistics import Origin, Statistics
from minigan.version import __version__

LARGER_IS_BETTER = ("psnr", "ssim", "reads")


def psnr(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """10 log10(255² / mse) of each pair of uint8 images (N, H, W, C), in dB; infinite where they are equal."""
    _check(a, b)
    d = a.astype(np.float64) - b
    with np.errstate(divide="ignore"):
        return 10 * np.log10(255**2 / (d * d).mean(axis=(1, 2, 3)))


def ssim(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The structural similarity of each pair of uint8 images (N, H, W, C): 1 for equals.

    The mean of luminance · structure over the places of an 11 x 11 Gaussian window inside the image, then over the
    channels: the first scale of MS-SSIM. Source: Wang, Bovik, Sheikh & Simoncelli 2004.
    """
    _check(a, b)
    size = max(1, BLOCK // a[0].size)
    parts = [compare(a[i : i + size], b[i : i + size]) for i in range(0, len(a), size)]
    return np.concatenate(parts)


def sharpness(a: np.ndarray, b: np.ndarray) -> float:
    """The sum of squared differences of neighbouring pixels of a, over that of b: below 1 is blurred, above noise."""

    def edges(x: np.ndarray) -> float:
        x = x.astype(np.float64)
        return float((np.diff(x, axis=1) ** 2).sum() + (np.diff(x, axis=2) ** 2).sum())

    return edges(a) / max(edges(b), 1e-12)


def error(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The mean absolute difference of each pair of uint8 images, in grey levels (N,)."""
    _check(a, b)
    return np.abs(a.astype(np.float64) - b).mean(axis=(1, 2, 3))


def protocol(metric: str, n: int, *, of: str, reference: str, extractor: str = "pixels") -> Protocol:
    """The protocol of a score of n pairs; `of`: which images were compared with the reference."""
    return Protocol(
        metric,
        {"of": of},
        extractor=extractor,
        variant="8 bits, all channels, no border cut",
        reference=reference,
        n_reference=n,
        n_generated=n,
        quantised=True,
        version=__version__,
    )


def enlargement_scores(
    answers: Mapping[str, np.ndarray],
    truth: Dataset,
    small: np.ndarray,
    scale: int,
    judge: Extractor | None,
) -> list[Score]:
    """Scores of enlarged images by the name of what enlarged them, all against the same true images.

    answers  uint8 (N, H, W, C) each
    small    the images that were enlarged
    judge    a classifier: "reads" is the share of images that it puts into the class of the truth, "distance" the
             Fréchet distance of its features to the same true images
    """
    scores, n = [], len(truth)
    real = None if judge is None else judge(truth.images)
    for name, answer in answers.items():
        asked = small.astype(np.float64)
        means = answer.reshape(n, small.shape[1], scale, small.shape[2], scale, -1).mean(axis=(2, 4))
        numbers = {
            "psnr": float(psnr(answer, truth.images).mean()),
            "ssim": float(ssim(answer, truth.images).mean()),
            "sharpness": sharpness(answer, truth.images),
            "consistency": float(np.sqrt(((means - asked) ** 2).mean())),
        }
        for metric, value in numbers.items():
            scores.append(Score(value, protocol(metric, n, of=name, reference=truth.name)))
        if judge is not None and real is not None:
            scores += read_scores(answer, truth, judge, name, Statistics.of(real.features, Origin(judge.id)))
    return scores


def read_scores(
    images: np.ndarray, truth: Dataset, judge: Extractor, name: str, real: Statistics | None = None
) -> Sequence[Score]:
    """ "reads" of images whose true classes are known, and with statistics of real images "distance"."""
    seen, scores = judge(images), []
    if truth.labels is not None:
        value = float((seen.logits.argmax(axis=1) == truth.labels).mean())
        scores.append(Score(value, protocol("reads", len(truth), of=name, reference=truth.name, extractor=judge.id)))
    if real is not None:
        value = frechet_distance(real, Statistics.of(seen.features, Origin(judge.id))).value
        scores.append(Score(value, protocol("distance", len(truth), of=name, reference=truth.name, extractor=judge.id)))
    return scores


def _check(a: np.ndarray, b: np.ndarray) -> None:
    if a.shape != b.shape or a.ndim != 4 or a.dtype != np.uint8 or b.dtype != np.uint8:
        raise ValueError(
            f"pairs must be uint8 images (N, H, W, C) of one shape, got {a.dtype} {a.shape} and {b.dtype} {b.shape}"
        )
