"""Scores of images through a feature network: the FID and the modes, with the whole protocol."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from minigan.device import CPU, Device
from minigan.metrics.features.extractor import Extractor
from minigan.metrics.frechet import frechet_distance
from minigan.metrics.inception_score import softmax
from minigan.metrics.modes import Modes, class_modes
from minigan.metrics.score import Protocol, Score
from minigan.metrics.statistics import Origin, Statistics
from minigan.version import __version__


class ImageScores(NamedTuple):
    """The FID of images, and which of the extractor's classes they show."""

    fid: Score
    modes: Modes


def score_images(
    extractor: Extractor, reference: Statistics, images: np.ndarray, *, progress: str | None = None
) -> ImageScores:
    """The FID of images against a reference, and the modes among the extractor's classes.

    images: uint8 (N, H, W, C), or floating point in [0, 1]. progress: the name of a progress bar; None: there is none.
    Errors as those of `Extractor`, `frechet_distance` and `class_modes`.
    """
    features, logits = extractor(images, progress=progress)
    quantised = images.dtype == np.uint8
    fid = score_features(extractor, reference, features, quantised=quantised)
    return ImageScores(fid, class_modes(softmax(logits), protocol=fid.protocol))


def score_features(
    extractor: Extractor,
    reference: Statistics,
    features: np.ndarray,
    *,
    quantised: bool = True,
    seed: int | None = None,
    on: Device = CPU,
) -> Score:
    """The FID of features (N, d) that the extractor computed from images; `on` is where the root is taken."""
    generated = Statistics.of(features, Origin(extractor.id, extractor.variant, quantised=quantised))
    return frechet_distance(reference, generated, protocol=protocol_of(extractor, reference, quantised, seed), on=on)


def protocol_of(extractor: Extractor, reference: Statistics, quantised: bool, seed: int | None = None) -> Protocol:
    """The fields that all scores of images through this extractor share; each metric adds its name and its numbers.

    quantised: were the images 8-bit numbers, or rounded to them?
    """
    return Protocol(
        "",
        extractor=extractor.id,
        variant=extractor.variant,
        reference=reference.origin.reference,
        quantised=quantised,
        version=__version__,
        seed=seed,
    )
