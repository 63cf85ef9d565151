"""Scores of translations between two domains, with and without a hidden truth."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy.spatial.distance import cdist

from minigan.data.dataset import Dataset
from minigan.data.domains import hue, hue_error
from minigan.device import like
from minigan.metrics.features.extractor import Extractor
from minigan.metrics.pairs import error, protocol, psnr, read_scores
from minigan.metrics.score import Score

WAYS = (("A", "B"), ("B", "A"))
COLOURFUL = 30.0  # degrees between hues on average, from which on they are worth comparing
BLOCK = 32  # images whose distances to all truths are computed at a time
SUMMED = 16  # pixels whose sum stands for them where a truth is far away


def translation_scores(system: Any, held: Mapping[str, Dataset], judge: Extractor | None) -> list[Score]:
    """Scores of held-out images, "AB" and "BA" there, "ABA" and "BAB" back again.

    system  a CycleGAN; where it is `paired`, image i of both sides is the same
    judge   a classifier of the grey side: "reads" is the share of images that it puts into the true class

    Metrics of all: "error" of the ways back, "moved" (mean distance of a translation to its source, where both have
    as many channels). With a truth: "error" and "psnr" of translations, "nearest" (the share whose nearest of all
    truths is their own), "gap" (error back from a true image minus that from a fake: what a fake contains that a true
    image does not), "hue" in degrees where the way back is in colour.
    """
    scores: list[Score] = []
    some = next(system.players["G_AB"].network.named_params())[1]

    def add(metric: str, of: str, value: float, n: int, reference: str) -> None:
        scores.append(Score(value, protocol(metric, n, of=of, reference=reference)))

    for side, to in WAYS:
        source = held[side]
        n, x = len(source), like(source.batch(np.arange(len(source))), some)
        fake, again = system.pixels(x, to), system.pixels(x, to, side)
        there, back = f"{side}{to}", f"{side}{to}{side}"
        add("error", back, float(error(again, source.images).mean()), n, source.name)
        if fake.shape == source.images.shape:
            add("moved", there, float(error(fake, source.images).mean()), n, source.name)
        if not system.paired:
            continue
        truth = held[to]
        add("error", there, float(error(fake, truth.images).mean()), n, truth.name)
        add("psnr", there, float(psnr(fake, truth.images).mean()), n, truth.name)
        add("nearest", there, nearest(fake, truth.images), n, truth.name)
        honest = system.pixels(like(truth.batch(np.arange(n)), some), side)
        difference = float(error(honest, source.images).mean() - error(again, source.images).mean())
        add("gap", back, difference, n, source.name)
        if source.shape[2] == 3 and hue_error(hue(source.images), hue(source.images[::-1])).mean() > COLOURFUL:
            add("hue", back, float(hue_error(hue(again), hue(source.images)).mean()), n, source.name)
        if judge is not None:
            grey = {there: fake, back: again}
            for name, images in grey.items():
                if images.shape[3] == 1:
                    scores += read_scores(images, source, judge, name)
    return scores


def mean_picture_error(truth: Dataset) -> float:
    """The error of an answer that is always the mean of all true images: what a translation must beat."""
    mean = np.rint(truth.images.mean(axis=0, keepdims=True)).astype(np.uint8)
    return float(error(np.repeat(mean, len(truth), axis=0), truth.images).mean())


def nearest(images: np.ndarray, truth: np.ndarray) -> float:
    """The share of images (N, ...) whose nearest truth, in mean absolute difference, is their own."""
    flat, rows = (x.reshape(len(x), -1).astype(np.int64) for x in (truth, images))
    each = min(SUMMED, rows.shape[1])
    whole = rows.shape[1] // each * each
    coarse, coarse_rows = (x[:, :whole].reshape(len(x), -1, each).sum(axis=2) for x in (flat, rows))
    right = 0
    for start in range(0, len(rows), BLOCK):
        block = slice(start, start + BLOCK)
        # |Σ a - Σ b| <= Σ |a - b|: a truth that is farther by its sums than the image's own truth is farther.
        bounds = cdist(coarse_rows[block], coarse, "cityblock")
        for i, (row, bound) in enumerate(zip(rows[block], bounds, strict=True), start):
            near = np.flatnonzero(bound <= np.abs(flat[i] - row).sum())
            right += int(near[np.abs(flat[near] - row).sum(axis=1).argmin()] == i)
    return right / len(rows)
