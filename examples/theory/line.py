"""Densities on the line that are known exactly, and a network that is smooth on it."""

import math
from dataclasses import dataclass

import numpy as np

from minigan import Network, init
from minigan.layers import Linear, Tanh
from minigan.objectives.objective import sigmoid


@dataclass(frozen=True)
class Bells:
    """An equal mixture of normal distributions of one deviation s."""

    means: tuple[float, ...]
    s: float

    def sample(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """n points, float32 (n, 1)."""
        middles = rng.choice(np.array(self.means, np.float32), (n, 1))
        return middles + np.float32(self.s) * rng.standard_normal((n, 1), np.float32)

    def log_density(self, x: np.ndarray) -> np.ndarray:
        t = (x[..., None] - np.array(self.means)) / self.s
        return np.logaddexp.reduce(-t * t / 2, axis=-1) - math.log(len(self.means) * self.s * math.sqrt(2 * math.pi))


def optimum(x: np.ndarray, p: Bells, q: Bells) -> np.ndarray:
    """D*(x) = p / (p + q)."""
    return sigmoid(p.log_density(x) - q.log_density(x))


def closed_form(p: Bells, q: Bells) -> tuple[float, float]:
    """C(G), the value of the game against D*, and the accuracy of D*, by the trapezoidal rule."""
    x = np.linspace(-30, 30, 600_001)
    log_p, log_q = p.log_density(x), q.log_density(x)
    both = np.logaddexp(log_p, log_q)
    value = np.exp(log_p) * (log_p - both) + np.exp(log_q) * (log_q - both)
    return float(np.trapezoid(value, x)), float(np.trapezoid(np.exp(np.maximum(log_p, log_q)) / 2, x))


def mlp(hidden: int, rng: np.random.Generator, start: init.Initializer = init.uniform_fan_in) -> Network:
    """1-hidden-hidden-1 with tanh."""
    a, b, c = (Linear(i, o, rng=rng, init=start) for i, o in ((1, hidden), (hidden, hidden), (hidden, 1)))
    return Network(a, Tanh(), b, Tanh(), c)
