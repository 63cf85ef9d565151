"""The suite: any of the metrics, by name, on one set of generated images, with everything that they share made once."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any

import numpy as np

from minigan.metrics.features.extractor import Extractor, Seen, as_pixels
from minigan.metrics.frechet import fid_infinity
from minigan.metrics.images import protocol_of, score_features
from minigan.metrics.inception_score import inception_score, softmax
from minigan.metrics.kid import kid
from minigan.metrics.modes import class_modes, stacked_modes
from minigan.metrics.msssim import diversity
from minigan.metrics.nearest import nearest_images
from minigan.metrics.neighbours import prdc
from minigan.metrics.parzen import parzen
from minigan.metrics.prd import prd
from minigan.metrics.references import Reference
from minigan.metrics.score import Protocol, Score
from minigan.metrics.statistics import Origin, Statistics
from minigan.metrics.swd import swd
from minigan.random import Streams
from minigan.version import __version__

NO_NETWORK = "it needs a feature network"
NO_IMAGES = "it needs the images of {}, and only their statistics are here (MINIGAN_DATA names the folder of data sets)"


class Exhibit:
    """Generated images beside their reference, as one extractor sees both; what is seen is seen once. Without an
    extractor there are the metrics of `PIXELS` alone.

    Features are copied from the extractor's device to the host; what is large about FID and KID is computed there too.

    images     the generated ones: uint8 (N, H, W, C), or floating point in [0, 1] where they are not to be rounded
    reference  with its own images, for the metrics that compare sample by sample; without, for the others
    seed       of all random choices of the metrics; each metric draws from a stream of its own
    """

    def __init__(self, extractor: Extractor | None, images: np.ndarray, reference: Reference, seed: int = 0) -> None:
        self.network, self.images, self.reference, self.seed = extractor, images, reference, seed

    @property
    def extractor(self) -> Extractor:
        """The feature network; ValueError where there is none."""
        if self.network is None:
            raise ValueError(NO_NETWORK)
        return self.network

    @property
    def statistics(self) -> Statistics:
        """Those of the reference; ValueError where there is no feature network to make them."""
        if self.reference.statistics is None:
            raise ValueError(NO_NETWORK)
        return self.reference.statistics

    @property
    def compared(self) -> np.ndarray:
        """The reference images themselves; ValueError where they are not here."""
        if self.reference.images is None:
            raise ValueError(NO_IMAGES.format(self.reference.origin.dataset))
        return self.reference.images

    @cached_property
    def seen(self) -> Seen:
        """The generated images."""
        return self.extractor(self.images, progress="looking at the samples")

    @cached_property
    def probabilities(self) -> np.ndarray:
        """The classes of the generated images, (N, K)."""
        return softmax(self.seen.logits)

    @cached_property
    def real(self) -> np.ndarray:
        """Features of the reference images, as many at random as there are generated ones, all if there are fewer."""
        images, n = self.compared, len(self.images)
        chosen = np.sort(self.rng("reference").permutation(len(images))[:n])
        return self.extractor(images[chosen], progress="looking at the reference").features

    @property
    def quantised(self) -> bool:
        """Are the generated images 8-bit numbers?"""
        return self.images.dtype == np.uint8

    @property
    def protocol(self) -> Protocol:
        """The fields that all scores of this sample set share."""
        if self.network is not None and self.reference.statistics is not None:
            return protocol_of(self.network, self.reference.statistics, self.quantised, self.seed)
        settings: dict[str, Any] = {"quantised": self.quantised, "version": __version__, "seed": self.seed}
        return Protocol("", extractor="pixels", variant="pixels", reference=self.reference.origin.reference, **settings)

    def rng(self, metric: str) -> np.random.Generator:
        return Streams(self.seed).at(metric, 0)


def _fid(x: Exhibit) -> list[Score]:
    score = score_features(
        x.extractor,
        x.statistics,
        x.seen.features,
        quantised=x.quantised,
        seed=x.seed,
        on=x.extractor.device,
    )
    return [score]


def _fid_infinity(x: Exhibit) -> list[Score]:
    score = fid_infinity(
        x.statistics,
        x.seen.features,
        rng=x.rng("fid-infinity"),
        origin=Origin(x.extractor.id, x.extractor.variant, quantised=x.quantised),
        protocol=x.protocol,
        on=x.extractor.device,
    )
    return [score]


def _kid(x: Exhibit) -> list[Score]:
    real, generated = (x.extractor.device.asarray(features) for features in (x.real, x.seen.features))
    return [kid(real, generated, rng=x.rng("kid"), protocol=x.protocol)]


def _is(x: Exhibit) -> list[Score]:
    return [inception_score(x.probabilities, rng=x.rng("is"), protocol=x.protocol)]


def _pr(x: Exhibit) -> list[Score]:
    near = prdc(x.real, x.seen.features, protocol=x.protocol)
    return [near.precision, near.recall, near.f_score, near.density, near.coverage]


def _prd(x: Exhibit) -> list[Score]:
    n = min(len(x.real), len(x.seen.features))
    curve = prd(x.real[:n], x.seen.features[:n], rng=x.rng("prd"), protocol=x.protocol)
    return [curve.recall_heavy, curve.precision_heavy]


def _modes(x: Exhibit) -> list[Score]:
    modes = class_modes(x.probabilities, protocol=x.protocol)
    n, K = len(x.images), len(x.extractor.classes)
    rare = [name for name, count in zip(x.extractor.classes, modes.counts, strict=True) if 20 * K * count < n]
    captured = replace(modes.captured, details={**modes.captured.details, "rare": rare})
    return [captured, modes.entropy, modes.kl]


def _stacked(x: Exhibit) -> list[Score]:
    if x.images.shape[3] != 3:
        raise ValueError("it needs three digits in the three channels of an image")
    channels = [x.extractor(x.images[..., c : c + 1]).logits for c in range(3)]
    modes = stacked_modes(np.stack([softmax(logits) for logits in channels], axis=1), protocol=x.protocol)
    return [modes.captured, modes.kl]


def _ms_ssim(x: Exhibit) -> list[Score]:
    """Of the samples; beside it, where pixels are all there is to compare, of as many reference images."""
    n = len(x.images)
    score = diversity(x.images, rng=x.rng("ms-ssim"), pairs=_pairs(n), protocol=x.protocol)
    if x.network is not None or x.reference.images is None or len(x.reference.images) < 2:
        return [score]
    rng = x.rng("ms-ssim of real images")
    real = x.reference.images[np.sort(rng.permutation(len(x.reference.images))[:n])]
    beside = diversity(real, rng=rng, pairs=_pairs(len(real)))
    return [replace(score, details={**score.details, "real": beside.value})]


def _pairs(n: int) -> int:
    return min(10_000, n * (n - 1) // 2)


def _swd(x: Exhibit) -> list[Score]:
    return swd(x.compared, x.images, rng=x.rng("swd"), protocol=x.protocol, progress="comparing patches")


def _nearest(x: Exhibit) -> list[Score]:
    return nearest_images(x.compared, x.images, rng=x.rng("nearest"), protocol=x.protocol)


def _parzen(x: Exhibit) -> list[Score]:
    generated, real = ((as_pixels(images) / 255).reshape(len(images), -1) for images in (x.images, x.compared))
    if generated.shape[1] != real.shape[1]:
        raise ValueError("it compares pixels, and the images of the reference have another shape")
    held = max(1, len(real) // 11)  # 1,000 for the width and 10,000 to measure, as in the 2014 paper
    return [parzen(generated, real[:held], real[held:], protocol=x.protocol)]


METRICS: Mapping[str, Callable[[Exhibit], list[Score]]] = {
    "fid": _fid,
    "fid-infinity": _fid_infinity,
    "kid": _kid,
    "is": _is,
    "pr": _pr,
    "prd": _prd,
    "modes": _modes,
    "stacked": _stacked,
    "ms-ssim": _ms_ssim,
    "parzen": _parzen,
    "swd": _swd,
    "nearest": _nearest,
}
USUAL = ("fid", "kid", "is", "pr", "prd", "modes", "ms-ssim")
PIXELS = ("swd", "ms-ssim", "nearest")  # without a feature network
OF_PIXELS = (*PIXELS, "parzen")
COMPARED = ("swd", "nearest", "parzen")  # pixel by pixel: both sets have one shape


def measure(exhibit: Exhibit, metric: str) -> list[Score]:
    """The scores of one metric; ValueError for a name that is none of `METRICS`, and the metric's own errors."""
    if metric not in METRICS:
        raise ValueError(f"unknown metric {metric!r}: expected one of {', '.join(METRICS)}")
    return METRICS[metric](exhibit)
