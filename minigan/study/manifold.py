"""Precision and recall of generated triangles, from the manifold of all triangles itself.

    precision   the share of generated images x with  min over all triangles t of |x - t|² <= δ
    recall      the share of test images x with       min over all noise z of |G(z) - x|² <= δ

Triangles: the nearest of a bank, then Nelder-Mead over the three angles from the best three. Noise: Adam on z from some
starts; dG/dz is what the hand-written backward pass of G returns when it is asked for its input gradient.

Source      Lucic et al. 2018, section 5.2, which took the nearest images of a sample instead.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from minigan.layers import Layer
from minigan.metrics.neighbours import squared_distances
from minigan.study import triangles

BANK = 20_000
ROUNDS = 80  # of Nelder-Mead, each with one or two rasterisations: 160 at most
STARTS = 3
DELTA = 0.75
DELTAS = (0.1, 0.25, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0)
BLOCK = 500
Function = Callable[[np.ndarray, np.ndarray], np.ndarray]


@lru_cache(maxsize=1)
def _bank() -> tuple[np.ndarray, np.ndarray]:
    params = triangles.draw(BANK, np.random.default_rng(7))
    return params, triangles.rasterised(triangles.vertices(params)).reshape(BANK, -1).astype(np.float64)


def distances(images: np.ndarray, rounds: int = ROUNDS) -> np.ndarray:
    """The squared distance from each image (n, 28, 28, 1) in [0, 1] to the nearest triangle that was found: (n,)."""
    parts = [_distances(images[i : i + BLOCK], rounds) for i in range(0, len(images), BLOCK)]
    return np.concatenate(parts)


def _distances(images: np.ndarray, rounds: int) -> np.ndarray:
    params, bank = _bank()
    x = images.reshape(len(images), -1).astype(np.float64)
    squares = squared_distances(x, bank)
    near = np.argpartition(squares, STARTS, axis=1)[:, :STARTS]
    best = squares.min(axis=1)
    target = np.repeat(x, STARTS, axis=0)
    start = params[near.ravel()].copy()
    start[:, :3] += start[:, 3:]  # about the mean, a rotation is a shift of all three angles
    least = minimised(lambda angles, rows: _squares(angles, target[rows]), start[:, :3], rounds)
    return np.minimum(best, least.reshape(len(x), STARTS).min(axis=1))


def _squares(angles: np.ndarray, target: np.ndarray) -> np.ndarray:
    made = triangles.rasterised(triangles.vertices(angles)).reshape(len(angles), -1)
    return ((made - target) ** 2).sum(axis=1)


def minimised(f: Function, start: np.ndarray, rounds: int, size: float = 0.05) -> np.ndarray:
    """The least values that Nelder-Mead finds from each row of `start` (m, d), all rows at the same time: (m,).

    f(points (k, d), rows (k,)) -> (k,) is the function of each of these rows.
    """
    m, d = start.shape
    simplex = np.repeat(start[:, None], d + 1, axis=1)
    simplex[:, 1:] += size * np.eye(d)
    values = np.stack([f(simplex[:, i], np.arange(m)) for i in range(d + 1)], axis=1)
    for _ in range(rounds):
        order = values.argsort(axis=1)
        simplex = np.take_along_axis(simplex, order[..., None], axis=1)
        values = np.take_along_axis(values, order, axis=1)
        active = np.flatnonzero(values[:, 0] > 1e-6)
        if not active.size:
            break
        simplex[active, -1], values[active, -1] = _moved(f, simplex[active], values[active], active)
    return values.min(axis=1)


def _moved(f: Function, simplex: np.ndarray, values: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The new worst corner of each simplex (k, d + 1, d), whose corners are sorted by their values, and its value.

    It is reflected; then, where that is the best or still among the worst, expanded or contracted. Where nothing helps,
    it moves half of the way to the best corner.
    """
    centre, worst = simplex[:, :-1].mean(axis=1), simplex[:, -1]
    reflected = 2 * centre - worst
    fr, fs = f(reflected, rows), np.full(len(rows), np.inf)
    best, poor = fr < values[:, 0], fr >= values[:, -2]
    factor = np.where(best, 2.0, np.where(fr >= values[:, -1], -0.5, 0.5))[:, None]
    second = centre + factor * (centre - worst)
    again = best | poor
    if again.any():
        fs[again] = f(second[again], rows[again])
    use_second = fs < np.minimum(fr, values[:, -1])
    new = np.where(use_second[:, None], second, reflected)
    value = np.where(use_second, fs, fr)
    stuck = np.flatnonzero(poor & ~use_second)
    if stuck.size:
        new[stuck] = (simplex[stuck, 0] + worst[stuck]) / 2
        value[stuck] = f(new[stuck], rows[stuck])
    return new, value


def inverted(
    G: Layer, images: np.ndarray, rng: np.random.Generator, *, starts: int, steps: int, z_dim: int, box: float | None
) -> np.ndarray:
    """min over z of |G(z) - x|² as Adam finds it, for images x (n, ...) in [0, 1]: (n,).

    box: z starts and stays in [-box, box]; None: it starts from N(0, I)
    """
    n, best = len(images), np.full(len(images), np.inf)
    for _ in range(starts):
        z = rng.uniform(-1, 1, (n, z_dim)) if box is not None else rng.standard_normal((n, z_dim))
        best = np.minimum(best, _descended(G, images, z.astype(np.float32), steps, box))
    return best


def _descended(G: Layer, x: np.ndarray, z: np.ndarray, steps: int, box: float | None, lr: float = 0.05) -> np.ndarray:
    """Adam on z; the least |G(z) - x|² on the way."""
    m, v, best = np.zeros_like(z), np.zeros_like(z), np.full(len(z), np.inf)
    for t in range(1, steps + 1):
        y, cache = G.forward(z, train=False)
        r = y - x
        best = np.minimum(best, (r * r).reshape(len(z), -1).sum(axis=1))
        dz = G.input_grad(2 * r, cache)
        m, v = 0.9 * m + 0.1 * dz, 0.999 * v + 0.001 * dz * dz
        z = z - lr * (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        z = (z if box is None else np.clip(z, -box, box)).astype(np.float32)
    return best


def f1(precision: float, recall: float) -> float:
    """2 P R / (P + R), 0 where both are 0."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
