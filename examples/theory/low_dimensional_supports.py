"""Data and samples of G that never touch: a perfect D exists and gives no gradient; a distance does.

    python examples/theory/low_dimensional_supports.py

Data are (0, u), G generates (θ, u), u even in (0, 1): two parallel segments. For every θ but 0 they never meet. Their
JSD is log 2 and does not depend on θ; D* is right everywhere, with no slope in θ. The distance by which earth must be
moved is |θ|, with slope ±1: it lies between the distance along x and what any pairing of samples costs.

A critic with WGAN-GP's penalty finds it, up to the slope s that minimises its loss: sθ - λ(s - 1)² is highest at
s = 1 + θ/2λ, which makes the gap between its means θ + θ²/2λ.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np
from matplotlib.figure import Figure
from slide import flags, frame, save
from tqdm import tqdm

from minigan import Adam, Layer, Objective, Streams, discriminator_step, models, objectives
from minigan.layers import Flatten, Linear
from minigan.plots.palette import BLUE, GREEN, INK, VERMILLION

BATCH, TEST, EVERY, WEIGHT = 256, 4096, 20, 10.0
THETAS = {1.0: (BLUE, "-"), 0.1: (VERMILLION, "--"), 0.01: (GREEN, ":")}
GAPS = (-1.0, -0.5, 0.1, 0.5, 1.0)
Draw = Callable[[int], tuple[np.ndarray, np.ndarray]]  # n -> n real samples, n fakes, (n, d) each


def segments(theta: float, rng: np.random.Generator) -> Draw:
    def at(x: float, n: int) -> np.ndarray:
        return np.stack([np.full(n, x), rng.random(n)], axis=1)

    return lambda n: (at(0.0, n), at(theta, n))


def critic(draw: Draw, seed: int) -> Layer:
    """A D of two hidden layers for such samples; in float64, where a sure D is not quite 1 for longer."""
    D = models.get("points", Streams(seed), sample_shape=draw(1)[0].shape[1:], hidden=64).D
    D.convert(lambda w: w.astype(np.float64))
    return D


def train(D: Layer, game: Objective, draw: Draw, steps: int, **adam: object) -> Iterator[int]:
    """Train D against samples that nothing moves, and stop to be looked at."""
    optimizer, as_it_is = (
        Adam(D.named_params(), **adam),
        Flatten(),
    )  # the fakes are the step's z, and its G does nothing
    for step in range(1, steps + 1):
        discriminator_step(D, as_it_is, game, optimizer, *draw(BATCH))
        if step % EVERY == 0:
            yield step


def judged(D: Layer, game: Objective, draw: Draw) -> tuple[float, float]:
    """Accuracy and loss of D on fresh samples."""
    (a, _), (b, _) = (D.forward(x) for x in draw(TEST))
    return float(((a > 0).mean() + (b < 0).mean()) / 2), float(game.d_loss(a, b)[0])


def slope(D: Layer, theta: float, rng: np.random.Generator) -> float:
    """dL/dθ of the saturating loss: a generator's step without its update; G is linear, weights (0, 1), bias (θ, 0)."""
    G = Linear(1, 2, rng=rng, dtype=np.float64)
    G.weight[...], G.bias[...] = (0, 1), (theta, 0)
    fake, cache_g = G.forward(rng.random((TEST, 1)))
    b, cache_d = D.forward(fake)
    _, db = objectives.get("minimax").g_loss(b)
    return float(G.param_grads(D.input_grad(db, cache_d), cache_g)["bias"][0])


def teach(theta: float, steps: int, seed: int = 0) -> np.ndarray:
    """A classifier's training: rows of step, accuracy, JSD as D sees it, |slope| of G's loss in θ."""
    rng, game = Streams(seed)("segments"), objectives.get("minimax")
    draw = segments(theta, rng)
    D, rows = critic(draw, seed), []
    for step in train(D, game, draw, steps, lr=1e-2):
        accuracy, loss = judged(D, game, draw)
        rows.append((step, accuracy, math.log(2) - loss / 2, abs(slope(D, theta, rng))))
    return np.array(rows)


def gap(theta: float, steps: int, seed: int = 0) -> float:
    """Mean of WGAN-GP's critic on data less that on G's samples, averaged over the last third of its training."""
    rng = Streams(seed)("segments")
    draw, game = segments(theta, rng), objectives.get("wgan-gp", weight=WEIGHT, rng=rng)
    D = critic(draw, seed)
    gaps = [-judged(D, game, draw)[1] for _ in train(D, game, draw, steps, lr=2e-3, betas=(0.5, 0.9))]
    return float(np.mean(gaps[-len(gaps) // 3 :]))


def expected_gap(theta: float) -> float:
    return abs(theta) + theta * theta / (2 * WEIGHT)


def earth(theta: float, n: int = 10_000, seed: int = 0) -> tuple[float, float]:
    """The earth mover's distance of n samples from below, along x alone, and from above, paired in the order of u."""
    real, fake = (x[np.argsort(x[:, 1])] for x in segments(theta, Streams(seed)("earth"))(n))
    return abs(float((fake - real)[:, 0].mean())), float(np.hypot(*(fake - real).T).mean())


def figure_of(ways: dict[float, np.ndarray], gaps: dict[float, float]) -> Figure:
    figure = Figure(figsize=(13, 4.6), layout="constrained")
    seen, slopes, distances = figure.subplots(1, 3)
    for theta, rows in ways.items():
        color, dashes = THETAS[theta]
        seen.plot(rows[:, 0], rows[:, 2], dashes, color=color, label=f"θ = {theta}")
        slopes.semilogy(rows[:, 0], rows[:, 3], dashes, color=color, label=f"θ = {theta}")
    seen.axhline(math.log(2), color=INK, linewidth=0.8)
    seen.text(rows[-1, 0], math.log(2) + 0.01, "log 2", ha="right", color=INK)
    seen.set_ylim(0, 0.75)
    frame(seen, "The JSD is the same, near or far", "step of D", "log 2 - D's loss / 2")
    frame(slopes, "The slope for G vanishes", "step of D", "slope of G's saturating loss in θ")
    seen.legend(frameon=False, loc="lower right")
    line = np.linspace(-1.1, 1.1, 221)
    distances.plot(
        line, np.where(line == 0, np.nan, math.log(2)), "--", color=VERMILLION, label="JSD: flat, 0 at θ = 0"
    )
    distances.plot([0], [0], "o", color=VERMILLION)
    distances.plot(line, np.abs(line), "-", color=BLUE, label="earth mover's distance |θ|")
    distances.plot(list(gaps), list(gaps.values()), "s", color=INK, label="gap of WGAN-GP's critic")
    frame(distances, "The earth mover's distance has a slope", "θ", "distance")
    distances.set_ylim(-0.05, 1.6)
    distances.legend(frameon=False, loc="upper center")
    return figure


def main() -> None:
    chosen = flags(__doc__, steps=800)
    ways = {theta: teach(theta, chosen.steps, chosen.seed) for theta in tqdm(THETAS, unit="D", leave=False)}
    print(f"{'θ':>5}{'D right':>10}{'JSD':>10}{'(log 2)':>10}{'slope, highest':>16}{'slope at the end':>18}")
    for theta, rows in ways.items():
        print(f"{theta:>5}{rows[-1, 1]:>10.2%}{rows[-1, 2]:>10.5f}{math.log(2):>10.5f}", end="")
        print(f"{rows[:, 3].max():>16.2g}{rows[-1, 3]:>18.2g}")
    gaps = {theta: gap(theta, chosen.steps, chosen.seed) for theta in tqdm(GAPS, unit="critic", leave=False)}
    print(f"{'θ':>5}{'earth moved, from below':>26}{'from above':>12}{'critic gap':>14}{'expected':>10}")
    for theta, measured in gaps.items():
        below, above = earth(theta, seed=chosen.seed)
        print(f"{theta:>5}{below:>26.4f}{above:>12.4f}{measured:>14.4f}{expected_gap(theta):>10.4f}")
    save(figure_of(ways, gaps), chosen.out, "low_dimensional_supports.png")


if __name__ == "__main__":
    main()
