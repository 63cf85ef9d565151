"""How long does the square root of a product of covariances take? minigan's beside other routes and SciPy's.

    python examples/benchmark_sqrtm.py                   2048 features, as of the Inception network: minutes
    python examples/benchmark_sqrtm.py --dim 256         seconds
    python examples/benchmark_sqrtm.py --samples 1000    fewer samples than features: singular covariances

The routes take turns, and a ratio compares neighbours in one round, so that whatever else the machine does hits both.
Printed are medians, with the least and the greatest value in brackets. Ratios below 1: the default is faster. Beside
them stands how far the trace is from the default's, relative. SciPy takes the root of the product, as the usual tools
for the Fréchet distance do.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import threadpoolctl
from roots.routes import root_by

from minigan.metrics.sqrtm import sqrtm_product

DEFAULT = "minigan, default"
OTHERS = {"polar, Halley": "polar-halley", "polar, Newton-Schulz": "polar-schulz", "spectral": "spectral"}
Route = Callable[[np.ndarray, np.ndarray], float]


def default(S1: np.ndarray, S2: np.ndarray) -> float:
    """As the Fréchet distance computes it, without its check."""
    return sqrtm_product(S1, S2, check=False).trace


def by(method: str, S1: np.ndarray, S2: np.ndarray) -> float:
    """By one of the other routes."""
    return root_by(method, S1, S2).trace


def scipy_sqrtm(S1: np.ndarray, S2: np.ndarray) -> float:
    """The trace of SciPy's root of the product."""
    import scipy.linalg

    return float(np.trace(scipy.linalg.sqrtm(S1 @ S2)).real)


def covariance(d: int, n: int, rng: np.random.Generator) -> np.ndarray:
    """Of n samples whose variances fall as i^-1.2, as those of image features do, in directions of their own."""
    Q, _ = np.linalg.qr(rng.standard_normal((d, d)))
    x = rng.standard_normal((n, d)) * np.arange(1, d + 1) ** -0.6
    return Q @ np.cov(x, rowvar=False).reshape(d, d) @ Q.T


def seconds(route: Route, S1: np.ndarray, S2: np.ndarray) -> tuple[float, float]:
    """How long the route takes, and the trace it finds."""
    start = time.perf_counter()
    trace = route(S1, S2)
    return time.perf_counter() - start, trace


def spread(values: Sequence[float]) -> str:
    """Median, least and greatest, as text."""
    return f"{statistics.median(values):8.3f} [{min(values):.3f} .. {max(values):.3f}]"


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dim", type=int, default=2048, help="features (default 2048)")
    parser.add_argument("--samples", type=int, help="of each covariance (default 5 for each feature)")
    parser.add_argument("--rounds", type=int, default=3, help="turns of every route (default 3)")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--no-scipy", action="store_true", help="leave SciPy out: it is slow at 2048 features")
    options = parser.parse_args(arguments)
    n = 5 * options.dim if options.samples is None else options.samples
    if min(options.dim, options.rounds, options.threads) < 1 or n < 2:
        parser.error("--dim, --rounds and --threads must be at least 1, --samples at least 2")
    routes: dict[str, Route] = {DEFAULT: default, **{title: partial(by, method) for title, method in OTHERS.items()}}
    if not options.no_scipy:
        routes["scipy.linalg.sqrtm"] = scipy_sqrtm
    rng = np.random.default_rng(0)
    with threadpoolctl.threadpool_limits(options.threads):
        for route in routes.values():
            route(np.eye(2), np.eye(2))  # imports, and the library's first call
        S1, S2 = covariance(options.dim, n, rng), covariance(options.dim, n, rng)
        rounds = [{name: seconds(route, S1, S2) for name, route in routes.items()} for _ in range(options.rounds)]
    ours, trace = [turn[DEFAULT][0] for turn in rounds], rounds[0][DEFAULT][1]
    print(f"{options.dim} features, {n} samples, {options.threads} thread(s), {options.rounds} round(s)\n")
    print(f"{'route':26s}{'seconds':33s}{'default / route':33s}difference")
    for name in routes:
        times = [turn[name][0] for turn in rounds]
        ratios = [a / b for a, b in zip(ours, times, strict=True)]
        print(f"{name:26s}{spread(times):33s}{spread(ratios):33s}{abs(rounds[0][name][1] - trace) / trace:.0e}")


if __name__ == "__main__":
    main()
