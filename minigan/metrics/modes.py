"""Modes of images: which classes, and which stacks of three digits, a generator reaches, as a classifier sees them.

Modes of mixtures in the plane, whose centres are known, are counted by `minigan.data.Mixture.coverage`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np

from minigan.device import Array, to_host
from minigan.metrics.score import NonFiniteSamples, Protocol, Score


@dataclass(frozen=True, eq=False)
class Modes:
    """A histogram over K modes, int64 (K,), and what follows from it.

    captured  how many modes hold at least one sample. Details: `modes`, K; `fair`, how many hold at least 5 % of their
              fair share, 1 / (20 K) of all samples; `expected`, the mean for n samples of a fair generator
    entropy   of the shares of the modes, in nats; log K, the most there can be, for a fair spread
    kl        KL(shares || uniform) = log K - entropy, in nats. Details: `expected`, about (K - 1) / 2n for n samples of
              a fair generator, when n is well above K
    """

    counts: np.ndarray = field(repr=False)
    captured: Score
    entropy: Score
    kl: Score


def class_modes(probabilities: Array, *, protocol: Protocol | None = None) -> Modes:
    """Modes of single images: the K classes of a classifier, from its probabilities (n, K) for the n images.

    A sample belongs to its most probable class. Raises ValueError unless the rows are probabilities, NonFiniteSamples.
    """
    labels, classes = _decisions(probabilities, 2, "(n, K)")
    return _modes(labels, classes, protocol or Protocol("classes"), "classes")


def stacked_modes(probabilities: Array, *, protocol: Protocol | None = None) -> Modes:
    """Modes of stacked digits: the K³ triples of classes, from the probabilities (n, 3, K) of the three channels.

    With K = 10 digits there are 1,000 modes; the usual n is 26,000, at which a perfect generator has a KL of 0.0192.
    The classifier's errors add modes: the protocol's `extractor` must say which one it was. Its input is one channel
    at a time, on the scale it was trained with.
    Raises ValueError unless the rows are probabilities, NonFiniteSamples.
    Source: Metz et al. 2017 (unrolled GAN); Srivastava et al. 2017 (VEEGAN); Lin et al. 2018 (PacGAN).
    """
    labels, classes = _decisions(probabilities, 3, "(n, 3, K)")
    if labels.shape[1] != 3:
        raise ValueError(f"expected probabilities (n, 3, K), got {labels.shape[1]} channels")
    return _modes(labels @ classes ** np.array([2, 1, 0]), classes**3, protocol or Protocol("stacked"), "stacked")


def _modes(labels: np.ndarray, modes: int, protocol: Protocol, name: str) -> Modes:
    n, counts = len(labels), np.bincount(labels, minlength=modes)
    shares = counts[counts > 0] / n
    kl = float(shares @ np.log(shares * modes))

    def score(metric: str, value: float, **details: float) -> Score:
        counted = replace(protocol, metric=f"{name}_{metric}", reference="", n_reference=None, n_generated=n, seed=None)
        return Score(value, replace(counted, parameters={**protocol.parameters, "modes": modes}), details)

    fair = int((20 * modes * counts >= n).sum())
    expected = modes * (1 - (1 - 1 / modes) ** n)
    return Modes(
        counts,
        captured=score("captured", float(len(shares)), modes=modes, fair=fair, expected=expected),
        entropy=score("entropy", math.log(modes) - kl),
        kl=score("kl", kl, expected=(modes - 1) / (2 * n)),
    )


def _decisions(probabilities: Array, dimensions: int, shape: str) -> tuple[np.ndarray, int]:
    """The most probable classes, without the last axis, and how many classes there are."""
    x = to_host(probabilities)
    if x.ndim != dimensions or 0 in x.shape or x.dtype.kind != "f":
        raise ValueError(f"expected probabilities, floats of shape {shape}, got {x.dtype} of shape {x.shape}")
    if not np.isfinite(x).all():
        raise NonFiniteSamples(f"{np.count_nonzero(~np.isfinite(x))} of {x.size} probabilities are NaN or infinite")
    off = np.abs(x.sum(axis=-1, dtype=np.float64) - 1).max()
    if (x < 0).any() or off > 1e-3:
        raise ValueError(
            f"expected probabilities ≥ 0 with sum 1, got a smallest of {x.min():.3g} and sums up to {off:.3g} off; "
            "logits need a softmax first"
        )
    return x.argmax(axis=-1), x.shape[-1]
