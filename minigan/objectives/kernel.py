"""Kernels of the MMD family: functions κ of the squared distance s, with κ' and κ''."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from minigan import kernels
from minigan.device import Array


class Kernel(Protocol):
    """A radial kernel k(x, y) = κ(s), s = ‖x - y‖²: elementwise on arrays of squared distances."""

    def value(self, s: Array) -> Array:
        """κ(s)."""

    def slope(self, s: Array) -> Array:
        """κ'(s)."""

    def curvature(self, s: Array) -> Array:
        """κ''(s)."""


@dataclass(frozen=True)
class RBF:
    """A sum of Gaussians of the distance, κ(s) = Σ_q w_q exp(-r_q s), with r_q = 1 / (2 σ_q^power).

        κ' = -Σ w r exp(-r s)        κ'' = Σ w r² exp(-r s)

    With power 2 a bandwidth σ is a length, as in the MMD GAN's paper; with power 1 it is a squared
    length, as in the code of GMMN. No weights: all are 1.
    """

    sigmas: Sequence[float]
    weights: Sequence[float] = ()
    power: int = 2

    def __post_init__(self) -> None:
        _check_positive("sigmas", self.sigmas)
        if self.weights:
            _check_positive("weights", self.weights)
            if len(self.weights) != len(self.sigmas):
                raise ValueError(
                    f"rbf has {len(self.sigmas)} bandwidths and {len(self.weights)} weights"
                )
        if self.power not in (1, 2):
            raise ValueError(
                "power of the bandwidths must be 1 (squared lengths) or 2 (lengths), got "
                f"{self.power}"
            )

    def value(self, s: Array) -> Array:
        return sum(w * np.exp(-r * s) for w, r in self._terms())

    def slope(self, s: Array) -> Array:
        return sum(-w * r * np.exp(-r * s) for w, r in self._terms())

    def curvature(self, s: Array) -> Array:
        return sum(w * r * r * np.exp(-r * s) for w, r in self._terms())

    def _terms(self) -> Iterable[tuple[float, float]]:
        weights = self.weights or (1.0,) * len(self.sigmas)
        return ((w, 0.5 / sigma**self.power) for w, sigma in zip(weights, self.sigmas, strict=True))


@dataclass(frozen=True)
class RationalQuadratic:
    """Kernels with heavy tails: κ(s) = Σ_α t^-α, with t = 1 + s / (2 α).

        κ' = -½ Σ t^-(α + 1)        κ'' = Σ (α + 1) / (4 α) t^-(α + 2)

    Its tails are heavy: batches that lie far apart still feel each other.
    """

    alphas: Sequence[float]

    def __post_init__(self) -> None:
        _check_positive("alphas", self.alphas)

    def value(self, s: Array) -> Array:
        return sum((1 + s / (2 * alpha)) ** -alpha for alpha in self.alphas)

    def slope(self, s: Array) -> Array:
        return sum(-0.5 * (1 + s / (2 * alpha)) ** (-alpha - 1) for alpha in self.alphas)

    def curvature(self, s: Array) -> Array:
        return sum(
            (alpha + 1) / (4 * alpha) * (1 + s / (2 * alpha)) ** (-alpha - 2)
            for alpha in self.alphas
        )


KERNELS = {"rbf": RBF, "rational-quadratic": RationalQuadratic}


def radial_kernel(name: str, bandwidths: Sequence[float]) -> Kernel:
    """The kernel called `name` with these bandwidths; ValueError lists the known names."""
    if name not in KERNELS:
        raise ValueError(f"unknown kernel {name!r}; known are {', '.join(KERNELS)}")
    return KERNELS[name](bandwidths)


def centred(*sets: Array) -> tuple[Array, ...]:
    """The rows of all sets minus one row, the mean of the first set.

    Differences of rows stay the same; where all rows are far from zero, products of float32 would
    lose them: ‖x‖² is rounded to a multiple of 0.06 at ‖x‖ = 1000.
    """
    row = sets[0].mean(axis=0)
    return tuple(rows - row for rows in sets)


def squared_distances(x: Array, y: Array) -> Array:
    """s_ij = ‖x_i - y_j‖² of rows x (m, d) and y (n, d), (m, n)."""
    return squares(*centred(x, y))


def squares(x: Array, y: Array) -> Array:
    """s_ij = max(‖x_i‖² + ‖y_j‖² - 2 <x_i, y_j>, 0), of rows that are centred."""
    s = (x * x).sum(axis=1, keepdims=True) + (y * y).sum(axis=1) - 2 * kernels.matmul(x, y.T)
    return np.maximum(s, 0)  # rounding would make the distance of a point to itself negative


def _check_positive(what: str, numbers: Sequence[float]) -> None:
    if not numbers or not all(number > 0 and math.isfinite(number) for number in numbers):
        raise ValueError(
            f"{what} of a kernel must be positive, finite numbers, at least one, got {numbers}"
        )
