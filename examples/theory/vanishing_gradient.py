"""Why does the saturating generator loss stall early, and the non-saturating one not?

    python examples/theory/vanishing_gradient.py

Data are N(0, 1), G shifts its noise by θ, and D is D*, the best there is against this G: a linear layer, since
log p(x) - log q(x) = -θx + θ²/2. What G's two losses make of it is known in closed form, with σ(a) = D*(x):

    saturating       mean log(1 - D*)     slope in θ:  θ E σ(a) = θ exp(-θ²/8) E [1 / 2cosh(θu/2)],  u ~ N(0, 1)
    non-saturating   mean -log D*         slope in θ:  θ - the one above

Far from the data, where training starts, the first slope is nothing and the second is θ. Slopes are measured with
minigan's losses and backward passes. What counts for the first is rare noise near -θ/2, at θ = 12 one sample in 10⁹:
so half of all noise is drawn there, and everything is weighted by what it is really worth.
"""

import math
from itertools import product

import numpy as np
from matplotlib.figure import Figure
from slide import flags, frame, save

from minigan import Objective, Streams, objectives
from minigan.layers import Linear
from minigan.plots.palette import BLUE, INK, VERMILLION

THETAS = (0.5, 1.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0)
BATCHES, BATCH = 100, 10_000  # the spread of the batches gives the standard error
STYLES = {"minimax": (VERMILLION, "o", "--"), "nonsaturating": (BLUE, "s", "-")}
WORDS = {"minimax": "saturating: log(1 - D)", "nonsaturating": "non-saturating: -log D"}


def slope(name: str, theta: float) -> float:
    """The closed form, by the trapezoidal rule, which is exact to the last digits for integrands like these."""
    u = np.linspace(-12, 12, 24_001)
    bell = np.exp(-u * u / 2 - theta * theta / 8) / math.sqrt(2 * math.pi) / (2 * np.cosh(theta * u / 2))
    saturating = theta * float(np.trapezoid(bell, u))
    return saturating if name == "minimax" else theta - saturating


def players(theta: float) -> tuple[Linear, Linear]:
    """D* and G for this θ, as layers."""
    D, G = (Linear(1, 1, rng=Streams(0)("overwritten"), dtype=np.float64) for _ in range(2))
    D.weight[...], D.bias[...] = -theta, theta * theta / 2
    G.weight[...], G.bias[...] = 1, theta
    return D, G


def noise(n: int, shift: float, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """z (n, 1), half of it N(0, 1) and half N(shift, 1), and how much more likely each z is under N(0, 1) than so."""
    z = rng.standard_normal((n, 1)) + shift * (np.arange(n)[:, None] % 2)
    return z, 2 / (1 + np.exp(shift * z - shift * shift / 2))


def batch_slope(game: Objective, theta: float, z: np.ndarray, weight: np.ndarray | float = 1.0) -> float:
    """dL/dθ at the noise z (n, 1): a generator's step without its update."""
    D, G = players(theta)
    fake, cache_g = G.forward(z)
    b, cache_d = D.forward(fake)
    _, db = game.g_loss(b)
    return G.param_grads(D.input_grad(db * weight, cache_d), cache_g)["bias"].item()


def measure(name: str, theta: float, seed: int = 0, batches: int = BATCHES) -> tuple[float, float]:
    """Slope and its standard error."""
    game, rng = objectives.get(name), Streams(seed)(name)
    slopes = [batch_slope(game, theta, *noise(BATCH, -theta / 2, rng)) for _ in range(batches)]
    return float(np.mean(slopes)), float(np.std(slopes, ddof=1)) / math.sqrt(batches)


def descend(name: str, start: float, steps: int, rate: float = 0.05, seed: int = 0) -> np.ndarray:
    """θ along a training in which D is D* before every step of G: measured, and in closed form; (2, steps + 1)."""
    game, rng = objectives.get(name), Streams(seed)("descend")
    measured, closed = [start], [start]
    for _ in range(steps):
        measured.append(measured[-1] - rate * batch_slope(game, measured[-1], rng.standard_normal((256, 1))))
        closed.append(closed[-1] - rate * slope(name, closed[-1]))
    return np.array([measured, closed])


def draw(table: dict[str, list[float]], seed: int) -> Figure:
    figure = Figure(figsize=(13.5, 4.6), layout="constrained")
    loss, slopes, descent = figure.subplots(1, 3)
    b = np.linspace(-16, 6, 400)[:, None]
    fine = np.linspace(0.2, 12.3, 200)
    for name, (color, marker, dashes) in STYLES.items():
        game = objectives.get(name)
        loss.plot(b, [game.g_loss(one)[0] for one in b[:, None]], dashes, color=color, label=WORDS[name])
        slopes.plot(fine, [slope(name, theta) for theta in fine], dashes, color=color)
        slopes.plot(THETAS, table[name], marker, color=color, label=WORDS[name])
        measured, closed = descend(name, 5.0, 200, seed=seed)
        descent.plot(closed, dashes, color=color)
        descent.plot(np.arange(0, 201, 10), measured[::10], marker, color=color, markersize=4, label=WORDS[name])
    loss.axvspan(-12, -4, color="0.9", zorder=0)
    loss.text(-8, 15, "most fakes\nat θ = 4", ha="center", va="center", color=INK)
    frame(loss, "Losses: one is flat where the fakes are", "D's score b of a fake", "G's loss")
    frame(slopes, "Slopes: one vanishes like exp(-θ²/8)", "θ, how far G is off", "slope of G's loss in θ")
    slopes.set_yscale("log")
    frame(descent, "Training from θ = 5, against D* at every step", "step of G", "θ")
    slopes.legend(title="points: measured, lines: closed form", frameon=False, loc="lower left")
    return figure


def main() -> None:
    chosen = flags(__doc__)
    table: dict[str, list[float]] = {name: [] for name in STYLES}
    print(f"{'loss':<15}{'θ':>5}{'measured':>16}{'closed form':>15}{'standard errors off':>21}")
    for name, theta in product(STYLES, THETAS):
        mean, error = measure(name, theta, chosen.seed)
        table[name].append(mean)
        exact = slope(name, theta)
        print(f"{name:<15}{theta:>5}{mean:>16.7g}{exact:>15.7g}{(mean - exact) / error:>21.2f}")
    save(draw(table, chosen.seed), chosen.out, "vanishing_gradient.png")


if __name__ == "__main__":
    main()
