"""Distances: how far the generated points are from the data, from the densities of both on a lattice of cells."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr

from minigan.data import Mixture

BINS = 24  # cells along a side of the window
POINTS = 4000  # samples that a histogram is made of
SPARE = 1e-4  # added to each cell for KL, which is infinite where q has an empty cell that p has not


def histogram(points: np.ndarray, window: float, bins: int = BINS) -> np.ndarray:
    """The share of points (n, 2) in each cell of [-window, window]², and in a last cell all that is outside."""
    counts = np.histogram2d(points[:, 0], points[:, 1], bins=bins, range=[[-window, window]] * 2)[0]
    inside = counts.ravel() / max(len(points), 1)
    return np.append(inside, max(0.0, 1 - inside.sum()))


def mixture_cells(mixture: Mixture, window: float, bins: int = BINS) -> np.ndarray:
    """The same of a mixture itself: the exact probability of each cell."""
    edges = np.linspace(-window, window, bins + 1)
    below = ndtr((edges - mixture.centres[:, :, np.newaxis]) / mixture.sigma)  # (K, 2, bins + 1)
    sides = np.diff(below, axis=2)
    inside = np.einsum("kx,ky->xy", sides[:, 0], sides[:, 1]).ravel() / len(mixture.centres)
    return np.append(inside, max(0.0, 1 - inside.sum()))


def kl(p: np.ndarray, q: np.ndarray) -> float:
    """Σ p log₂(p / q) in bits, with SPARE added to each cell of both."""
    p, q = ((share + SPARE) / (share.sum() + SPARE * share.size) for share in (p, q))
    return float((p * np.log2(p / q)).sum())


def js(p: np.ndarray, q: np.ndarray) -> float:
    """The Jensen-Shannon divergence in bits: 0 where p = q, 1 where they share no cell."""
    middle = (p + q) / 2
    some = [(share, (share > 0) & (middle > 0)) for share in (p, q)]  # the half of the smallest number is 0
    parts = [share[on] * np.log2(share[on] / middle[on]) for share, on in some]
    return float(sum(part.sum() for part in parts) / 2)


def floor(p: np.ndarray, rng: np.random.Generator, draws: int = 20, points: int = POINTS) -> float:
    """The mean of `js` for points drawn from p itself: a generator cannot be expected to get lower."""
    exact = p / p.sum()
    return float(np.mean([js(exact, rng.multinomial(points, exact) / points) for _ in range(draws)]))


def js_by_loss(loss: float) -> float:
    """The lower bound of JS in bits that D's loss L = -mean log D(x) - mean log(1 - D(G(z))) proves: the best D has
    L = log 4 - 2 JS, in nats, and no other has less. Source: Goodfellow et al. 2014, theorem 1."""
    return (np.log(4) - loss) / (2 * np.log(2))


def smoothed(counts: np.ndarray, width: float) -> np.ndarray:
    """A lattice (n, n) blurred by a Gaussian of `width` cells."""
    places = np.arange(len(counts))
    kernel = np.exp(-0.5 * ((places[:, np.newaxis] - places) / width) ** 2)
    kernel /= kernel.sum(axis=0)
    return kernel @ counts @ kernel.T
