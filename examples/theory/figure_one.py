"""Figure 1 of the paper of 2014, from a real training: how a GAN moves one density onto another.

    python examples/theory/figure_one.py

Data are N(1, 0.5²), noise is uniform on (-1, 1); G and D are small networks with tanh. Four moments:

    (a)  G is near the data, and D is partly right
    (b)  G stands still and D learns until it is D* = p / (p + q)
    (c)  D stands still and G takes 20 steps: the samples move up D's slope
    (d)  both continue until G generates the data; D is 1/2

G's density is exact, by change of variables: p_z / |G'(z)|, summed over the branches where G folds; G' is what G's
backward pass makes of ones. The distance W1 between G and the data is the area between their quantile functions.
"""

from dataclasses import dataclass

import numpy as np
from line import Bells, mlp
from matplotlib.figure import Figure
from scipy.special import ndtri
from slide import flags, frame, save
from tqdm import tqdm, trange

from minigan import Adam, Layer, Streams, discriminator_step, generator_step, init, objectives
from minigan.objectives.objective import sigmoid
from minigan.plots.palette import BLUE, GREEN, GREY, INK

MEAN, STD, BATCH, N_CRITIC = 1.0, 0.5, 256, 3
X = np.linspace(-1.5, 3.5, 1001)[:, None]
U = (np.arange(4000)[:, None] + 0.5) / 4000  # the middles of 4,000 equal shares of all samples
DATA, Z = MEAN + STD * ndtri(U), 2 * U - 1  # quantiles of the data and of the noise
P = np.exp(Bells((MEAN,), STD).log_density(X))
EDGE = 20  # points of X beside a jump of D*: a tenth
TITLES = {
    "a": "(a) during training",
    "b": "(b) D learns: it is D*",
    "c": "(c) G learns: samples move to higher D",
    "d": "(d) much later: D is near 1/2",
}
CENTRE = np.abs(X - MEAN) < 2.326 * STD  # 98 % of the data


@dataclass(frozen=True)
class Moment:
    """One moment of the figure: D and p_g on X, the samples of 20 z, and how far G is off."""

    D: np.ndarray
    q: np.ndarray
    arrows: np.ndarray
    w1: float

    @property
    def optimum(self) -> np.ndarray:
        return P / (P + self.q)


def density(G: Layer, x: np.ndarray) -> np.ndarray:
    """p_g at x (n, 1)."""
    y, caches = G.forward(Z)
    slope = G.input_grad(np.ones_like(y), caches)
    total = np.zeros_like(x)
    folds = np.flatnonzero(np.diff(np.sign(slope[:, 0]))) + 1
    for ys, slopes in zip(np.split(y[:, 0], folds), np.split(np.abs(slope[:, 0]), folds), strict=True):
        order = np.argsort(ys)
        total += np.interp(x, ys[order], 0.5 / slopes[order], left=0, right=0)
    return total


def w1(G: Layer) -> float:
    return float(np.abs(np.sort(G.forward(Z)[0], axis=0) - DATA).mean())


def look(D: Layer, G: Layer) -> Moment:
    return Moment(sigmoid(D.forward(X)[0]), density(G, X), G.forward(np.linspace(-0.95, 0.95, 20)[:, None])[0], w1(G))


class Players:
    """G, D and their optimizers; the game is r1, whose penalty keeps D smooth enough to be climbed."""

    def __init__(self, seed: int) -> None:
        streams = Streams(seed)
        self.G, self.D = mlp(32, streams("G"), init.uniform_fan_in), mlp(64, streams("D"), init.he_uniform)
        for network in (self.G, self.D):
            network.convert(lambda param: param.astype(np.float64))
        self.rng = streams("batches")
        self.game = objectives.get("r1", gamma=0.1)
        self.d_optimizer = Adam(self.D.named_params(), 2e-3, betas=(0.0, 0.99))
        self.g_optimizer = Adam(self.G.named_params(), 1e-3, betas=(0.0, 0.99))

    def noise(self) -> np.ndarray:
        return self.rng.uniform(-1, 1, (BATCH, 1))

    def play(self, steps: int) -> None:
        for _ in range(steps):
            for _ in range(N_CRITIC):
                real = self.rng.normal(MEAN, STD, (BATCH, 1))
                discriminator_step(self.D, self.G, self.game, self.d_optimizer, real, self.noise())
            self.climb(1, 1e-3)

    def climb(self, steps: int, rate: float) -> None:
        self.g_optimizer.lr = rate
        for _ in range(steps):
            generator_step(self.D, self.G, self.game, self.g_optimizer, self.noise())

    def perfect_d(self, steps: int) -> None:
        """Without penalty, on the quantiles themselves: no noise, so that D arrives where it belongs."""
        game, optimizer = objectives.get("nonsaturating"), Adam(self.D.named_params())
        for step in trange(steps, desc="(b) D to D*", leave=False, mininterval=1):
            optimizer.lr = 3e-3 * (1 - step / steps)
            discriminator_step(self.D, self.G, game, optimizer, DATA[4::8], Z[4::8])


def moments(seed: int = 0, d_steps: int = 2500, most: int = 3000) -> dict[str, Moment]:
    """The four moments; RuntimeError where G does not arrive within `most` steps."""
    players, seen = Players(seed), {}
    while not 0.1 < w1(players.G) < 0.3:
        players.play(5)
    seen["a"] = look(players.D, players.G)
    players.perfect_d(d_steps)
    seen["b"] = look(players.D, players.G)
    players.climb(20, 1e-4)  # with small steps: this D is steep
    seen["c"] = look(players.D, players.G)
    for _ in tqdm(range(0, most, 25), desc="(d) on to the data", leave=False):
        players.play(25)
        seen["d"] = look(players.D, players.G)
        if seen["d"].w1 < 0.05 and unsure(seen["d"]) < 0.05:
            return seen
    raise RuntimeError(f"G is not there after {most:,} steps (W1 {seen['d'].w1:.3f}): try another --seed")


def unsure(moment: Moment) -> float:
    """max |D - 1/2| on the central 98 % of the data."""
    return float(np.abs(moment.D - 0.5)[CENTRE].max())


def off(moment: Moment) -> float:
    """max |D - D*| where data or samples are, but for the edges of G's image, where D* jumps and a smooth D cannot."""
    edge = np.abs(np.gradient(moment.optimum[:, 0]))[:, None] > 0.05
    near = np.convolve(edge[:, 0], np.ones(2 * EDGE + 1), "same")[:, None] > 0
    return float(np.abs(moment.D - moment.optimum)[((P + moment.q) / 2 > 0.01) & ~near].max())


def draw(seen: dict[str, Moment]) -> Figure:
    figure = Figure(figsize=(14, 5), layout="constrained")
    axes = figure.subplots(2, 4, height_ratios=(3, 1), sharex=True)
    for (name, moment), (curves, arrows) in zip(seen.items(), axes.T, strict=True):
        curves.plot(X, P, ":", color=INK, linewidth=2, label="data")
        curves.plot(X, moment.q, color=GREEN, linewidth=2, label="samples of G")
        curves.plot(X, moment.D, "--", color=BLUE, linewidth=2, label="D")
        if name == "b":
            curves.plot(X, moment.optimum, color="0.8", linewidth=6, zorder=0, label="D* = p/(p+q)")
            curves.legend(frameon=False, fontsize=9)
        curves.set_ylim(0, 1.6)
        frame(curves, TITLES[name], "", "")
        places = 1.5 if moment.arrows[0, 0] < moment.arrows[-1, 0] else -1.5  # z runs to the left where G falls
        for z, x in zip(np.linspace(-0.95, 0.95, 20), moment.arrows[:, 0], strict=True):
            arrows.annotate("", (x, 1), (MEAN + places * z, 0), arrowprops={"arrowstyle": "->", "color": GREY})
        for z in (-1, 1):
            arrows.text(MEAN + places * z * 1.15, 0.05, f"{z}", ha="center", color=INK)
        arrows.set(
            yticks=(0, 1),
            yticklabels=("z", "x"),
            ylim=(0, 1),
            xlim=(-1.5, 3.5),
            xlabel=f"x; W1 to the data: {moment.w1:.3f}",
        )
        arrows.spines[["left", "right"]].set_visible(False)
    return figure


def main() -> None:
    chosen = flags(__doc__, d_steps=2500)
    seen = moments(chosen.seed, chosen.d_steps)
    print("W1 to the data at (a) to (d):", *(f"{moment.w1:.3f}" for moment in seen.values()))
    print(f"(b) max |D - D*|, but for the jumps of D*:         {off(seen['b']):.4f}   wanted: 0")
    print(f"(d) max |D - 1/2| on the central 98 % of the data: {unsure(seen['d']):.4f}   wanted: 0")
    save(draw(seen), chosen.out, "figure_one.png")


if __name__ == "__main__":
    main()
