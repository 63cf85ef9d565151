"""Linear separability: how much of a sample's class can be read from its noise, or its style, by a linear map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from minigan.metrics.features import Extractor
from minigan.models.stylegan import StyleGenerator
from minigan.optim import Adam
from minigan.styles.mixing import images_of

SAMPLES, HELD_OUT = 10_000, 2_000
STEPS = 500


@dataclass(frozen=True)
class Separability:
    """The share of held-out samples whose class a linear map of z, or of w, gives; and the entropy of the class that is
    left then, in bits."""

    z: float
    w: float
    z_bits: float
    w_bits: float
    judge: str

    def __str__(self) -> str:
        return (
            f"linear separability by {self.judge}: from z {self.z:.3f} ({self.z_bits:.2f} bits left), "
            f"from w {self.w:.3f} ({self.w_bits:.2f} bits left)"
        )


@threadpool_limits.wrap(limits=1, user_api="blas")  # its products are too small for more
def separability(G: StyleGenerator, judge: Extractor, rng: np.random.Generator, n: int = SAMPLES) -> Separability:
    """Label n samples by `judge`, and fit linear softmax classifiers on standardised z and w to all but a fifth.

    Source      after Karras et al. 2018 (StyleGAN), section 4.2, with classes in place of attributes of faces.
    """
    z = rng.standard_normal((n, G.z_dim), dtype=np.float32)
    w = G.map(z)
    labels = judge(images_of(G, w)).logits.argmax(axis=1)
    (z_right, z_bits), (w_right, w_bits) = (_fitted(x, labels, len(judge.classes)) for x in (z, w))
    return Separability(z_right, w_right, z_bits, w_bits, judge.id)


def _fitted(x: np.ndarray, labels: np.ndarray, classes: int) -> tuple[float, float]:
    """Accuracy, and H(label | prediction) in bits, of the best linear map, on the last fifth."""
    x = (x - x.mean(axis=0)) / (x.std(axis=0) + 1e-8)
    cut = len(x) - len(x) // 5
    W, b = np.zeros((x.shape[1], classes), np.float32), np.zeros(classes, np.float32)
    optimizer, one_hot = Adam([("W", W), ("b", b)], 0.05, betas=(0.9, 0.999)), np.eye(classes, dtype=np.float32)
    for step in range(STEPS):
        optimizer.lr = 0.05 * (1 - step / STEPS)
        p = _softmax(x[:cut] @ W + b)
        d = (p - one_hot[labels[:cut]]) / cut
        optimizer.step({"W": x[:cut].T @ d + 1e-4 * W, "b": d.sum(axis=0)})
    guess, truth = (x[cut:] @ W + b).argmax(axis=1), labels[cut:]
    joint = np.zeros((classes, classes))
    np.add.at(joint, (guess, truth), 1 / len(truth))
    given = joint / np.maximum(joint.sum(axis=1, keepdims=True), 1e-12)
    bits = -(joint * np.log2(np.maximum(given, 1e-12))).sum()
    return float((guess == truth).mean()), float(bits)


def _softmax(logits: np.ndarray) -> np.ndarray:
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)
