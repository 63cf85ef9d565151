"""How well can a GAN learn a density? The error of the best one against the number n of samples (Liang 2017, 2018).

    python examples/theory/densities.py                     40 s of one core
    python examples/theory/densities.py --samples 64        narrower bands

A GAN with the best of all critics minimises d_β(q, data). Densities and critics are those of torus.py, so that the best
critic is known: no network, and no error of the optimization. Three answers, each beside its prediction:

    densities     d_β(p, q) falls like n^-(α + β) / (2α + d), but not faster than n^-1/2, if q is the empirical measure
                  without the frequencies above K = n^(1 / (2α + d)). The samples can choose K as well.
    smoothing     For β < d/2 the empirical measure itself does not get there: critics of more frequencies see more
                  of its noise. So train against smoothed data. For β > d/2 nothing has to be smoothed.
    parameters    G(z) = z + θ, one number, has n^-1/2 whatever α, β and d: G regularises. Both classes matter: a
                  critic of one frequency is as good as one of all, or sees no difference; a wrong G leaves a bias.
"""

import math
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from slide import flags, frame, save
from torus import Distance, Family, Torus, Truth
from tqdm import tqdm

from minigan import Streams
from minigan.plots.palette import BLUE, GREEN, GREY, INK, VERMILLION

SMALLEST, FROM = 8, 12  # n = 2^8 and more are drawn, slopes are fitted from n = 2^12 on
BETAS = {1: (0.0, 0.25, 1.0), 2: (0.0, 0.5)}
STYLES = {0.0: (BLUE, "-", "o"), 0.25: (VERMILLION, "--", "s"), 1.0: (GREEN, "-.", "^")}
WAYS = ("rule", "best", "chosen", "empirical")  # K by the formula, in hindsight, by the samples; no K


@dataclass
class Curve:
    """Errors of one density against one class of critics."""

    distance: Distance
    sizes: list[int]
    errors: dict[str, np.ndarray]  # way -> (sizes, samples)

    def slope(self, way: str) -> tuple[float, float]:
        return slope(self.sizes, self.errors[way])

    def exact_slope(self) -> float:
        """Of the exact risk at the best K: what remains of the prediction at these n, without samples."""
        return slope(self.sizes, np.array([2 * [math.sqrt(self.distance.risk(n).min())] for n in self.sizes]))[0]


def slope(sizes: list[int], errors: np.ndarray) -> tuple[float, float]:
    """The slope of log mean error against log n from n = 2^12 on, and half of its 95 % interval.

    It is a weighted sum of the log means, whose variances follow from the spread of the samples.
    """
    large = np.array(sizes) >= 2**FROM
    x, mean = np.log(np.array(sizes)[large]), errors[large].mean(axis=1)
    weight = (x - x.mean()) / ((x - x.mean()) ** 2).sum()
    samples = errors.shape[1]
    variance = errors[large].var(axis=1, ddof=1) / samples / mean**2
    return float(weight @ np.log(mean)), 1.96 * math.sqrt(weight**2 @ variance)


def torus(d: int) -> Torus:
    return Torus(1, 2**20, 40_000) if d == 1 else Torus(2, 2**10, 300)


def errors(distance: Distance, spectrum: np.ndarray, n: int) -> dict[str, float]:
    """d_β from the truth to what n points make of it in each way."""
    smoothed, chosen = distance.smoothed(spectrum), distance.estimated_risk(spectrum, n).argmin()
    squares = (smoothed[distance.rule(n)], smoothed.min(), smoothed[chosen], distance.seen(spectrum)[-1])
    return {way: math.sqrt(square) for way, square in zip(WAYS, squares, strict=True)}


def learn(truth: Truth, sizes: list[int], samples: int, rng: np.random.Generator) -> list[Curve]:
    """The errors for every n, with the same samples for all classes of critics."""
    shape = (len(sizes), samples)
    curves = [
        Curve(Distance(truth, beta), sizes, {way: np.zeros(shape) for way in WAYS}) for beta in BETAS[truth.torus.d]
    ]
    for i, j in tqdm(list(np.ndindex(shape)), unit="sample", leave=False):
        spectrum = truth.torus.spectrum(truth.draw(sizes[i], rng))
        for curve in curves:
            for way, error in errors(curve.distance, spectrum, sizes[i]).items():
                curve.errors[way][i, j] = error
    return curves


def report(curve: Curve) -> str:
    """A line of the table: slopes, then errors."""
    (best, _), (rule, _), (chosen, band) = (curve.slope(way) for way in ("best", "rule", "chosen"))
    mean = {way: values.mean(axis=1) for way, values in curve.errors.items()}
    d = curve.distance
    return (
        f"{d.torus.d:<3}{d.truth.alpha:<5}{d.beta:<6}{d.predicted():>9.3f}{curve.exact_slope():>9.3f}{rule:>9.3f}"
        f"{best:>9.3f}{chosen:>9.3f} ± {band:.3f}{(mean['chosen'] / mean['best']).mean():>9.2f}"
        f"{mean['best'][0]:>9.3f} →{mean['best'][-1]:>8.5f}{mean['empirical'][0]:>8.2f} →{mean['empirical'][-1]:>7.4f}"
    )


FAMILIES = {
    "β = 0": Family(2, 0.0),
    "β = 1/4": Family(2, 0.25),
    "β = 1": Family(2, 1.0),
    "β = 1, frequency 1 only": Family(2, 1.0, only=1),
    "β = 1, frequency 5 only": Family(2, 1.0, only=5),  # p_5 = 0: to this critic every θ is the same
    "β = 1, wrong class of G": Family(1, 1.0),
}


def fit_all(sizes: list[int], samples: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """`run` of each family for every n, families of one truth with the same samples: (sizes, samples, 3) each."""
    errors = {name: np.zeros((len(sizes), samples, 3)) for name in FAMILIES}
    draws = {family.m: family.draw for family in FAMILIES.values()}
    for i, j in tqdm(list(np.ndindex(len(sizes), samples)), unit="sample", leave=False):
        data = {m: draw(sizes[i], rng) for m, draw in draws.items()}
        for name, family in FAMILIES.items():
            errors[name][i, j] = family.run(data[family.m])
    return errors


def draw_sizes(axes: Axes, curves: list[Curve]) -> None:
    """Errors against n, the middle half of the samples, and the predicted slopes a little below."""
    for curve in curves:
        (color, dashes, marker), n = STYLES[curve.distance.beta], np.array(curve.sizes)
        rows = curve.errors["chosen"]
        axes.fill_between(n, *np.percentile(rows, (25, 75), axis=1), color=color, alpha=0.25, linewidth=0)
        axes.loglog(n, rows.mean(axis=1), dashes, marker=marker, color=color, label=f"β = {curve.distance.beta:g}")
        axes.loglog(n, 0.8 * rows[-1].mean() * (n / n[-1]) ** curve.distance.predicted(), color=INK, linewidth=0.7)
        if curve.distance.beta < 1:
            axes.loglog(n, curve.errors["empirical"].mean(axis=1), ":", marker=marker, fillstyle="none", color=color)
    axes.plot([], [], ":", marker="o", fillstyle="none", color=GREY, label="not smoothed, 40,000 frequencies")
    axes.plot([], [], color=INK, linewidth=0.7, label="predicted slope")
    axes.set_ylim(5e-4, 200)
    axes.legend(frameon=False, ncols=2, loc="upper right")
    frame(axes, "Smoothed samples have the predicted slopes (box)", "number of samples n", "error of the density")


def draw_cutoffs(axes: Axes, distances: list[Distance], n: int, rng: np.random.Generator) -> None:
    """Errors against K: one sample, the exact mean, and the K that this sample chooses."""
    truth = distances[0].truth
    spectrum = truth.torus.spectrum(truth.draw(n, rng))
    for distance in distances:
        color, dashes, marker = STYLES[distance.beta]
        K, one = truth.torus.radius, np.sqrt(distance.smoothed(spectrum))
        chosen = distance.estimated_risk(spectrum, n).argmin()
        axes.loglog(K, one, dashes, color=color, label=f"β = {distance.beta:g}")
        axes.loglog(K, np.sqrt(distance.risk(n)), color=INK, linewidth=0.7)
        axes.plot(K[chosen], one[chosen], marker, color=color, markersize=9, markeredgecolor="white")
    axes.plot([], [], color=INK, linewidth=0.7, label="exact mean")
    axes.plot([], [], "o", color=GREY, label="K chosen by the sample")
    axes.legend(frameon=False, loc="upper center")
    frame(axes, f"A minimum for β < d/2, constant above (box, n = {n:,})", "cut-off K", "error of the density")


def draw_families(axes: Axes, tent: Curve, errors: dict[str, np.ndarray]) -> None:
    """A generator of one number: what the pair of G and critic decides; and the same data without a generator."""
    n, styles = np.array(tent.sizes), ((BLUE, "-", "o"), (GREEN, "-.", "^"), (VERMILLION, "--", "s"), (INK, "-", "v"))
    shown = ("β = 0", *list(errors)[-3:])
    for way, marker, label in (("empirical", "o", "not smoothed"), ("chosen", "s", "smoothed")):
        mean = tent.errors[way].mean(axis=1)
        axes.loglog(n, mean, ":", marker=marker, fillstyle="none", color=GREY, label=f"β = 0, samples {label}")
    for label, (color, dashes, marker) in zip(shown, styles, strict=True):
        rows = errors[label][..., 0]
        axes.fill_between(n, *np.percentile(rows, (25, 75), axis=1), color=color, alpha=0.25, linewidth=0)
        axes.loglog(n, rows.mean(axis=1), dashes, marker=marker, color=color, label=f"G, {label}")
    axes.loglog(n, 0.05 * (n / n[0]) ** -0.5, color=INK, linewidth=0.7, label="slope -1/2")
    axes.set_ylim(2e-4, 2e4)
    axes.legend(frameon=False, ncols=2, loc="upper right")
    frame(axes, "G(z) = z + θ: both classes matter (tent)", "number of samples n", "error of G's density")


def draw_slopes(axes: Axes, curves: list[Curve]) -> None:
    """Slopes of all cases with their 95 % intervals."""
    rows = np.arange(len(curves))
    slopes = np.array([curve.slope("chosen") for curve in curves])
    axes.errorbar(slopes[:, 0], rows, xerr=slopes[:, 1], fmt="o", color=BLUE, capsize=3, label="measured, 95 %")
    axes.plot([c.distance.predicted() for c in curves], rows, "|", color=INK, markersize=18, label="predicted, n → ∞")
    axes.plot([c.exact_slope() for c in curves], rows, "x", color=VERMILLION, label="exact mean at these n")
    names = [f"d = {c.distance.torus.d}, α = {c.distance.truth.alpha:g}, β = {c.distance.beta:g}" for c in curves]
    axes.set_yticks(rows, names)
    axes.invert_yaxis()
    axes.legend(frameon=False, loc="lower left")
    frame(axes, "All slopes, K chosen by the samples", "slope of log error against log n", "")


def main() -> None:
    chosen = flags(__doc__, samples=16, octaves=19)
    if chosen.samples < 2 or chosen.octaves <= FROM:
        raise SystemExit(f"expected --samples of 2 or more and --octaves above {FROM}: slopes need points and a spread")
    sizes = [2**i for i in range(SMALLEST, chosen.octaves + 1)]
    rng = Streams(chosen.seed)("samples")
    print("slopes from n = 4,096 on: predicted, of the exact mean, K by the rule, the best K, K chosen by the samples")
    print(f"{'d':<3}{'α':<5}{'β':<6}{'predicted':>9}{'exact':>9}{'rule':>9}{'best':>9}{'chosen':>9}{'':>8}", end="")
    print(f"{'to best':>9}{'best error':>19}{'not smoothed':>17}")
    curves = []
    for d, m in ((1, 1), (1, 2), (2, 1), (2, 2)):
        curves += learn(Truth(torus(d), m), sizes, chosen.samples, rng)
        print("\n".join(report(curve) for curve in curves[-len(BETAS[d]) :]))
    print(f"{'G(z) = z + θ, critic':<32}{'slope':>7}{'error of G':>26}{'of the data':>20}{'of the bound':>14}")
    errors = fit_all(sizes, 4 * chosen.samples, rng)
    for name, rows in errors.items():
        G, data, share = np.moveaxis(rows, 2, 0)
        slope_, band = slope(sizes, G)
        ends = (G[0].mean(), G[-1].mean(), data[0].mean(), data[-1].mean())
        print(f"{name:<30}{slope_:>9.3f} ± {band:.3f}{ends[0]:>8.4f} →{ends[1]:>8.4f}", end="")
        print(f"{ends[2]:>10.4f} →{ends[3]:>8.4f}{share.max():>14.1%}")
    figure = Figure(figsize=(13, 9.6), layout="constrained")
    panels = figure.subplots(2, 2)
    draw_sizes(panels[0, 0], curves[:3])
    draw_cutoffs(panels[0, 1], [curve.distance for curve in curves[:3]], 2**14, rng)
    draw_families(panels[1, 0], curves[3], errors)
    draw_slopes(panels[1, 1], curves)
    save(figure, chosen.out, "densities.png")


if __name__ == "__main__":
    main()
