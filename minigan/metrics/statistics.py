"""Statistics: what the Fréchet distance keeps of a set of features: how many, their mean and their covariance.

Features come in blocks. A block is summed up about its own mean, and two sets (n, m, M), where M is the sum of centred
outer products, become one by

    n = na + nb        delta = mb - ma
    m = ma + delta nb/n
    M = Ma + Mb + delta delta^T na nb/n        covariance = M/(n - 1)

all in float64, whatever came in. The shorter form sum(x x^T) - n m m^T is not used: it subtracts two numbers that grow
with the square of the mean, and what cancels is the covariance.

Source: Chan, Golub & LeVeque 1983, Algorithms for computing the sample variance.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from minigan import arrays as files
from minigan.atomic import replacing
from minigan.device import Array, to_host
from minigan.metrics.score import UNKNOWN, NonFiniteSamples, ProtocolMismatch
from minigan.metrics.sqrtm.root import covariance as checked_covariance

BLOCK = 4096  # rows made float64 at a time
DDOF = 1
# What a statistics file may hold besides mu and sigma: the kinds of NumPy types, and what to call them.
KINDS = {"n": "iu", "ddof": "iu", "extractor": "U", "variant": "U", "dataset": "U", "sha256": "U", "quantised": "b"}
WORDS = {"iu": "integer", "U": "text", "b": "truth value"}


@dataclass(frozen=True)
class Origin:
    """Where features came from.

    extractor  id and digest of the feature network, as in `Protocol`
    variant    how images were brought to it, as in `Protocol`
    dataset    data set and split, such as "mnist/test"
    sha256     of the images' raw bytes, in hexadecimal
    quantised  were the images 8-bit numbers, or rounded to them? None: unknown
    """

    extractor: str = UNKNOWN
    variant: str = UNKNOWN
    dataset: str = UNKNOWN
    sha256: str = UNKNOWN
    quantised: bool | None = None

    @property
    def reference(self) -> str:
        """The data set with the first 12 digits of its digest, where that is known."""
        return self.dataset if self.sha256 == UNKNOWN else f"{self.dataset}:{self.sha256[:12]}"


class Statistics:
    """Number `n`, mean (d,) and covariance (d, d) of features, with their origin; `update` adds more of them.

    n is None for statistics from a file that does not state it; these can be compared, but not added to.
    """

    def __init__(self, d: int, origin: Origin | None = None) -> None:
        self.n: int | None = 0
        self.mean = np.zeros(d)
        self.origin = origin or Origin()
        self._scatter = np.zeros((d, d))  # M; where n is unknown, the covariance itself

    @classmethod
    def of(cls, features: Array, origin: Origin | None = None) -> Statistics:
        """The statistics of features (N, d)."""
        statistics = cls(checked(features, "features").shape[1], origin)
        statistics.update(features)
        return statistics

    @classmethod
    def of_moments(
        cls, mean: np.ndarray, covariance: np.ndarray, n: int | None = None, origin: Origin | None = None
    ) -> Statistics:
        """Statistics from a mean (d,) and a covariance (d, d) that divides by n - 1.

        ValueError (NonFiniteSamples for a NaN or an infinity) or TypeError: they are not a mean and a covariance. An
        asymmetry as small as float32 leaves it is averaged away.
        """
        if mean.dtype.kind not in "fiu" or mean.ndim != 1 or covariance.shape != 2 * mean.shape:
            raise ValueError(
                f"expected real numbers mu (the mean) of shape (d,) and sigma (the covariance) of shape (d, d), "
                f"got {mean.dtype} {mean.shape} and {covariance.dtype} {covariance.shape}"
            )
        if not np.isfinite(mean).all():
            raise NonFiniteSamples("mu (the mean) holds NaN or infinite values")
        covariance = checked_covariance(covariance, "sigma (the covariance)")
        if covariance.diagonal().min() < 0:
            raise ValueError(f"sigma (the covariance) has a negative variance, {covariance.diagonal().min():.3g}")
        if n is not None and n < 2:
            raise ValueError(f"a covariance takes at least 2 samples, got n = {n}")
        statistics = cls(len(mean), origin)
        statistics.n = n
        statistics.mean = mean.astype(np.float64)
        statistics._scatter = covariance * (1 if n is None else n - DDOF)
        return statistics

    @property
    def d(self) -> int:
        """How many features a sample has."""
        return len(self.mean)

    @property
    def covariance(self) -> np.ndarray:
        """(d, d), divided by n - 1; ValueError below two samples, NonFiniteSamples where float64 overflowed."""
        if self.n is not None and self.n < 2:
            raise ValueError(f"a covariance takes at least 2 samples, these statistics have {self.n}")
        if not np.isfinite(self._scatter).all():
            raise NonFiniteSamples("the covariance is beyond the range of float64: the features are too large")
        return self._scatter / (1 if self.n is None else self.n - DDOF)

    def update(self, features: Array) -> None:
        """Add features (N, d), N >= 1, of any real type; GPU arrays are summed up there. A bad block adds nothing."""
        checked(features, "features", self.d)
        for start in range(0, len(features), BLOCK):
            block = features[start : start + BLOCK].astype(np.float64)
            mean = block.mean(axis=0)
            centred = block - mean
            self._add(len(block), to_host(mean), to_host(centred.T @ centred))

    def merge(self, other: Statistics) -> Statistics:
        """The statistics of both sets together, which stay as they are. Sums may be taken in any order or place.

        ProtocolMismatch: the two are of different origin; ValueError: different d, or an unknown n.
        """
        if self.origin != other.origin:
            raise ProtocolMismatch(f"features of different origin do not add up: {self.origin} and {other.origin}")
        if self.d != other.d:
            raise ValueError(f"expected statistics of {self.d} features to merge, got {other.d}")
        merged = Statistics(self.d, self.origin)
        for part in (self, other):
            merged._add(part._known_n(), part.mean, part._scatter)
        return merged

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write an .npz file, whole or not at all: `mu` and `sigma` as pytorch-fid and TTUR have them, and what else
        is known: `n`, `ddof` and the fields of the origin. Unknown fields are left out."""
        known = {name: value for name, value in asdict(self.origin).items() if value not in (UNKNOWN, None)}
        if self.n is not None:
            known["n"] = self.n
        sigma = self.covariance
        with replacing(path) as file:
            np.savez(file, mu=self.mean, sigma=sigma, ddof=DDOF, **known)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Statistics:
        """Load what `save`, pytorch-fid or TTUR wrote; with `mu` and `sigma` alone, n and origin are unknown.

        FileNotFoundError: no such file. ValueError (NonFiniteSamples for a NaN or an infinity) names the file and
        what is wrong with it. Nothing in the file is ever executed.
        """
        path = Path(path)
        arrays, _ = files.read(path, "statistics file", only=("mu", "sigma", *KINDS))
        numbers, wrong = _single_values(arrays)
        if numbers.pop("ddof", DDOF) != DDOF:
            wrong.append(f"ddof is {arrays['ddof']}, expected {DDOF}: sigma must be divided by n - 1")
        wrong += [f"{name} is missing" for name in ("mu", "sigma") if name not in arrays]
        if wrong:
            raise ValueError(f"{path}: not usable as statistics: {'; '.join(wrong)}")
        n = numbers.pop("n", None)
        try:
            return cls.of_moments(arrays["mu"], arrays["sigma"], n, Origin(**numbers))
        except NonFiniteSamples as error:
            raise NonFiniteSamples(f"{path}: {error}") from error
        except (TypeError, ValueError) as error:
            raise ValueError(f"{path}: not usable as statistics: {error}") from error

    def _known_n(self) -> int:
        if self.n is None:
            raise ValueError("it is unknown how many samples these statistics are of, so nothing can be added to them")
        return self.n

    def _add(self, n: int, mean: np.ndarray, scatter: np.ndarray) -> None:
        before = self._known_n()
        if n == 0:
            return
        delta, total = mean - self.mean, before + n
        self.mean = self.mean + delta * (n / total)
        self._scatter = self._scatter + scatter + np.outer(delta, delta) * (before * n / total)
        self.n = total


def checked(rows: Array, what: str, d: int | None = None) -> Array:
    """The array, if it is (N, d) with N, d >= 1, of real and finite numbers; the errors begin with `what`."""
    dtype = getattr(rows, "dtype", None)
    if dtype is None or dtype.kind not in "fiu":
        raise TypeError(f"{what}: expected an array of real numbers, got {dtype or type(rows).__name__}")
    if rows.ndim != 2 or 0 in rows.shape or d not in (None, rows.shape[1]):
        wanted = "N and d at least 1" if d is None else f"N at least 1 and d = {d}"
        raise ValueError(f"{what}: expected shape (N, d) with {wanted}, got {rows.shape}")
    finite = to_host(np.isfinite(rows).all(axis=1))
    if not finite.all():
        bad, first = (~finite).sum(), finite.argmin()
        raise NonFiniteSamples(f"{what}: {bad} of {len(rows)} rows hold NaN or infinite values, first row {first}")
    return rows


def _single_values(arrays: Mapping[str, np.ndarray]) -> tuple[dict[str, Any], list[str]]:
    """The metadata as Python values, and complaints about those that are not what they should be."""
    values, wrong = {}, []
    for name in KINDS.keys() & arrays.keys():
        array = arrays[name]
        if array.ndim == 0 and array.dtype.kind in KINDS[name]:
            values[name] = array.item()
        else:
            wrong.append(f"{name} is {array.dtype} of shape {array.shape}, expected one {WORDS[KINDS[name]]}")
    return values, sorted(wrong)
