"""Captions as numbers where a run computes: right ones, wrong ones, and any."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from minigan.data.dataset import Dataset
from minigan.data.vocabulary import Vocabulary
from minigan.device import Array, Device

CANDIDATES = 128  # captions of which the most similar one is chosen as a wrong one


class Draws(Protocol):
    """The sources of a turn's draws."""

    def labels(self, n: int, classes: int, name: str = "labels") -> Array:
        """n integers in [0, classes), all equally likely."""


class Captions:
    """The captions of a data set by the numbers of its samples.

    Two samples mean the same if their first captions are the same.
    """

    def __init__(self, dataset: Dataset, vocabulary: Vocabulary, device: Device) -> None:
        if dataset.captions is None:
            raise ValueError(f"{dataset.name} has no captions: stackgan needs a caption for every picture")
        self.variants = max(map(len, dataset.captions))
        texts = [row[v % len(row)] for row in dataset.captions for v in range(self.variants)]
        tokens = vocabulary.tokens(texts).reshape(len(dataset), self.variants, vocabulary.length)
        meanings, first = np.unique(tokens[:, 0], axis=0, return_inverse=True)
        if len(meanings) < 2:
            raise ValueError(f"all captions of {dataset.name} are the same: captions must differ to be learned")
        present = np.zeros((len(meanings), len(vocabulary) + 1), np.uint8)
        present[np.arange(len(meanings))[:, np.newaxis], meanings] = 1
        self.tokens, self.present = device.asarray(tokens), device.asarray(present)
        self.meaning = device.asarray(first.reshape(-1).astype(np.int64))

    def words(self, draw: Draws, rows: Array) -> Array:
        """A caption of each sample, (B, T)."""
        return self.tokens[rows, draw.labels(len(rows), self.variants, "phrasing")]

    def any(self, draw: Draws, n: int) -> Array:
        """Captions of n samples of the data, (n, T): as frequent as there."""
        return self.words(draw, draw.labels(n, len(self.tokens), "captions"))

    def wrong(self, draw: Draws, rows: Array) -> Array:
        """Captions (B, T) that do not describe these samples.

        One half are those of other samples. The other half are as similar as possible: of 128 captions, those with the
        most words in common. A caption of the same meaning is never taken.
        """
        B, N = len(rows), len(self.tokens)
        others, near = draw.labels(B, N, "wrong captions"), draw.labels(CANDIDATES, N, "similar captions")
        right, meant = self.meaning[rows], self.meaning[near]
        a, b = (self.present[number].astype(np.float32) for number in (right, meant))
        apart = a.sum(axis=1, keepdims=True) + b.sum(axis=1) - 2 * (a @ b.T)  # words in one of the two alone
        same = (right[:, np.newaxis] == meant).astype(np.float32)
        similar = near[(apart + len(self.present[0]) * 2 * same).argmin(axis=1)]
        first_half = np.ones_like(rows).cumsum() <= B // 2
        chosen = np.where(first_half | (self.meaning[others] == right), similar, others)
        return self.words(draw, chosen)
