"""Cross-entropy: what a classifier minimises."""

from __future__ import annotations

import numpy as np

from minigan.device import Array, like


def cross_entropy(a: Array, labels: np.ndarray) -> tuple[Array, Array]:
    """The mean of -log p(label), p = softmax(a), and its gradient.

    Shapes      a, da (N, K) logits; labels (N,) whole numbers from 0 to K - 1, on the host; L 0-d

    Forward     log p = a - max a - log Σ exp(a - max a)        the maximum keeps exp from overflowing
                L = -mean log p[n, label n]

    Backward    dL/da = (p - onehot(label)) / N

    Source      Bridle 1990, Probabilistic interpretation of feedforward classification network outputs.
    """
    N, K = a.shape
    shifted = a - a.max(axis=1, keepdims=True)
    log_p = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    onehot = like(labels[:, np.newaxis] == np.arange(K), a)
    return -(log_p * onehot).sum() / N, (np.exp(log_p) - onehot) / N
