"""Known densities on the circle and the torus, and their distances as critics of a known smoothness see them.

The data are X = w (U₁ + ... + U_m) - m w / 2 mod 1 in each of d coordinates, U uniform: a box for m = 1, a tent for
m = 2. Their Fourier coefficients are exact, p_k = E exp(-2πi k·X) = Π_j sinc(w k_j)^m, and fall so that the density has
the smoothness α = m - 1/2. A critic of smoothness β is any f with Σ |k|^2β |f_k|² <= 1. By Cauchy-Schwarz the best one
is known, and against it

    d_β(p, q)² = Σ_{k ≠ 0} |k|^-2β |p_k - q_k|²

β enters through |k| alone. So everything is summed once over each shell, the k of one length, and the running sums
over the shells hold the error of every cut-off K at once.

Source: Liang 2017, How well can GANs learn densities, arXiv 1712.08244; its later version has the exponent used here.
"""

import math
from dataclasses import dataclass

import numpy as np

WIDTH = 0.4
SHIFT, GRID, SEEN = 0.3, 2**14, 2000  # the true θ, the grid of its search, the frequencies that its critic sees


class Torus:
    """The frequencies 0 < |k| <= top in d dimensions by their length, and what a sample makes of them."""

    def __init__(self, d: int, cells: int, top: int) -> None:
        axes = [np.fft.fftfreq(cells, 1 / cells)] * (d - 1) + [np.arange(cells // 2 + 1)]  # as rfftn returns them
        k = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, d)
        squares = (k * k).sum(axis=1)
        inside = np.flatnonzero((squares > 0) & (squares <= top * top))
        self.places = inside[np.argsort(squares[inside], kind="stable")]
        self.d, self.cells, self.k = d, cells, k[self.places]
        lengths, self.starts = np.unique(squares[self.places], return_index=True)
        self.radius = np.sqrt(lengths)
        self.weight = np.where(self.k[:, -1] > 0, 2.0, 1.0)  # -k, which rfftn leaves out, has the conjugate coefficient
        self.count = self.shells(np.ones(len(self.k)))
        self.centre = np.exp(-1j * math.pi * self.k.sum(axis=1) / cells)

    def shells(self, values: np.ndarray) -> np.ndarray:
        """The sum of `values`, one for each k, over each shell."""
        return np.add.reduceat(self.weight * values, self.starts)

    def spectrum(self, x: np.ndarray) -> np.ndarray:
        """mean exp(-2πi k·x) of a sample x (n, d), each point moved to the centre of its cell; one FFT."""
        cell = (x * self.cells).astype(np.int64) % self.cells
        flat = np.ravel_multi_index(tuple(cell.T), (self.cells,) * self.d)
        counts = np.bincount(flat, minlength=self.cells**self.d).reshape((self.cells,) * self.d)
        return np.fft.rfftn(counts).ravel()[self.places] * self.centre / len(x)


class Truth:
    """A known density of smoothness m - 1/2 on a torus."""

    def __init__(self, torus: Torus, m: int) -> None:
        self.torus, self.m, self.alpha = torus, m, m - 0.5
        self.p = coefficients(torus.k, m)
        self.power = torus.shells(self.p**2)

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """A sample (n, d)."""
        return WIDTH * (rng.random((self.m, n, self.torus.d)).sum(axis=0) - self.m / 2) % 1


class Distance:
    """d_β from a truth, its square always as an array over the cut-offs K = torus.radius."""

    def __init__(self, truth: Truth, beta: float) -> None:
        self.truth, self.torus, self.beta = truth, truth.torus, beta
        self.scale = self.torus.radius ** (-2 * beta)
        terms = self.scale * truth.power
        self.bias = terms.sum() - np.cumsum(terms) + self.rest()  # Σ_{|k| > K} |k|^-2β |p_k|²: what smoothing removes

    def rest(self) -> float:
        """The bias above the largest frequency of the torus, from one quadrant of a larger grid."""
        k = np.arange(2**20 if self.torus.d == 1 else 2**11)
        squares, power = k * k, coefficients(k[:, None], self.truth.m) ** 2 * np.where(k > 0, 2.0, 1.0)
        if self.torus.d == 2:
            squares, power = np.add.outer(squares, squares).ravel(), np.multiply.outer(power, power).ravel()
        above = squares > self.torus.radius[-1] ** 2
        return float((squares[above] ** -self.beta * power[above]).sum())

    def predicted(self) -> float:
        """The exponent of n in the best possible rate."""
        alpha = self.truth.alpha
        return -min((alpha + self.beta) / (2 * alpha + self.torus.d), 0.5)

    def rule(self, n: int) -> int:
        """The index of K = n^(1 / (2α + d)), which balances noise and bias."""
        K = n ** (1 / (2 * self.truth.alpha + self.torus.d))
        return int(np.searchsorted(self.torus.radius, K, "right")) - 1

    def risk(self, n: int) -> np.ndarray:
        """E d_β², exactly, of the smoothed empirical measure of n points."""
        return np.cumsum(self.scale * (self.torus.count - self.truth.power)) / n + self.bias

    def seen(self, spectrum: np.ndarray) -> np.ndarray:
        """d_β² of the empirical measure of one sample, for critics that see |k| <= K."""
        return np.cumsum(self.scale * self.torus.shells(np.abs(spectrum - self.truth.p) ** 2))

    def smoothed(self, spectrum: np.ndarray) -> np.ndarray:
        """d_β² of the empirical measure without the frequencies above K, for critics that see all."""
        return self.seen(spectrum) + self.bias

    def estimated_risk(self, spectrum: np.ndarray, n: int) -> np.ndarray:
        """From the sample alone: without bias `risk` less a constant. Its lowest point chooses K."""
        power = self.torus.shells(np.abs(spectrum) ** 2)
        return np.cumsum(self.scale * (2 * (self.torus.count - power) / (n - 1) - power))


def coefficients(k: np.ndarray, m: int) -> np.ndarray:
    """p_k of frequencies k (..., d)."""
    return np.prod(np.sinc(WIDTH * k), axis=-1) ** m


@dataclass
class Family:
    """Generators G(z) = z + θ, z a tent, for data of Truth(m) moved by 0.3, and a critic that sees some frequencies."""

    m: int
    beta: float
    only: int | None = None  # the one frequency it sees; else 2,000

    def __post_init__(self) -> None:
        self.torus = Torus(1, 2**16, SEEN)
        self.truth, self.k = Truth(self.torus, self.m), self.torus.k[:, 0]
        self.p, self.z = self.moved(self.truth.p, SHIFT), coefficients(self.torus.k, 2)
        self.weight = self.k ** (-2 * self.beta)
        self.critic = self.weight * (self.k == self.only) if self.only else self.weight
        self.best = self.distance(self.p, self.moved(self.z, self.fit(self.p)), self.critic)

    def moved(self, p: np.ndarray, theta: float) -> np.ndarray:
        """The coefficients of x + θ."""
        return p * np.exp(-2j * math.pi * self.k * theta)

    def distance(self, p: np.ndarray, q: np.ndarray, weight: np.ndarray) -> float:
        return math.sqrt(2 * (weight * np.abs(p - q) ** 2).sum())

    def fit(self, target: np.ndarray) -> float:
        """argmin_θ d(p_θ, target) = argmax_θ Re Σ |k|^-2β p_θ conj(target): one FFT, then Newton within its cell."""
        terms = self.critic * self.z * target.conj()
        start = float(np.fft.fft(np.concatenate([[0], terms]), GRID).real.argmax()) / GRID
        theta, rate = start, -2j * math.pi * self.k
        for _ in range(4):
            now = self.moved(terms, theta)
            theta -= (rate * now).real.sum() / (rate**2 * now).real.sum()
            theta = min(max(theta, start - 1 / GRID), start + 1 / GRID)
        return theta

    def draw(self, n: int, rng: np.random.Generator) -> np.ndarray:
        """The spectrum of a sample of n points."""
        return self.torus.spectrum((self.truth.draw(n, rng) + SHIFT) % 1)

    def run(self, data: np.ndarray) -> tuple[float, float, float]:
        """The errors of the fitted G and of the empirical measure, and the share of the oracle bound that G uses.

        The bound: d(p, p_θ) <= min d(p, p_θ) + 2 d(p, data), from the triangle inequality, for the critic's own d.
        """
        G = self.moved(self.z, self.fit(data))
        share = (self.distance(self.p, G, self.critic) - self.best) / (2 * self.distance(self.p, data, self.critic))
        return self.distance(self.p, G, self.weight), self.distance(self.p, data, self.weight), share
