"""The perfect discriminator is D* = p / (p + q), and its value is the distance of G from the data.

    python examples/theory/optimal_discriminator.py                    two to five minutes
    python examples/theory/optimal_discriminator.py --steps 2000       a tenth of that, less exact

Goodfellow et al. 2014, proposition 1 and theorem 1: against a fixed G the best D is D* = p / (p + q), and the value of
the game is then C(G) = -log 4 + 2 JSD(p, q), smallest where q = p. Three trainings of D while G stands still:

    a table          four states, one logit each, gradient descent on all of the data: D must arrive at D* exactly
    a network        p two narrow bells, q = N(0, 4), both known; D* is not even monotonic
    a family of G    q = N(m, s²) against p = N(0, 1): each trained D measures the distance of its G

The value of the game is minus D's loss in minigan's `minimax`.
"""

import math

import numpy as np
from line import Bells, closed_form, mlp, optimum
from matplotlib.figure import Figure
from slide import flags, frame, save
from tqdm import trange

from minigan import SGD, Adam, Layer, Network, Streams, discriminator_step, objectives
from minigan.layers import Linear
from minigan.objectives.objective import sigmoid
from minigan.plots.palette import BLUE, GREEN, GREY, INK, VERMILLION

BATCH, RATE, SHORT = 1024, 1e-3, 1500  # SHORT: steps of D for each G of the family
GAME = objectives.get("minimax")
COUNTS = np.array([[5, 3, 2, 0], [1, 2, 3, 4]])  # p and q of the table, in tenths
FAMILY = [(m, s) for s in (0.5, 1.0, 2.0) for m in (0.0, 1.0, 2.0, 4.0)]  # m, s


P, Q, UNIT = Bells((-2.0, 2.0), 0.5), Bells((0.0,), 2.0), Bells((0.0,), 1.0)


def generator(q: Bells) -> Linear:
    """z ~ N(0, 1) becomes a sample of q, a single bell."""
    G = Linear(1, 1, rng=Streams(0)("overwritten"))
    G.weight[...], G.bias[...] = q.s, q.means
    return G


def train_table(steps: int = 5000, rate: float = 5.0) -> tuple[np.ndarray, float]:
    """D of each state after every step, (steps + 1, 4), and the value of the game at the end."""
    rng = Streams(0)("overwritten")
    D, G = (Linear(4, n, bias=False, rng=rng, dtype=np.float64) for n in (1, 4))
    D.weight[...], G.weight[...] = 0, np.eye(4)
    real, fake = (np.repeat(np.eye(4), tenths, axis=0) for tenths in COUNTS)
    optimizer, way, loss = SGD(D.named_params(), rate), [D.weight[:, 0].copy()], 0.0
    for _ in range(steps):
        loss = discriminator_step(D, G, GAME, optimizer, real, fake).loss
        way.append(D.weight[:, 0].copy())
    return sigmoid(np.array(way)), -float(loss)


def train(p: Bells, q: Bells, steps: int, seed: int = 0, hidden: int = 64) -> Network:
    """A D that has seen `steps` batches of p and of G, its rate falling to zero in the second half."""
    streams = Streams(seed)
    D, G, rng = mlp(hidden, streams("D")), generator(q), streams("batches")
    optimizer = Adam(D.named_params(), RATE)
    for step in trange(steps, desc=f"D against {q}", leave=False, mininterval=1):
        optimizer.lr = RATE * min(1, 2 - 2 * step / steps)
        discriminator_step(D, G, GAME, optimizer, p.sample(BATCH, rng), rng.standard_normal((BATCH, 1), np.float32))
    return D


def measure(D: Layer, p: Bells, q: Bells, n: int = 10**6, seed: int = 1) -> tuple[float, float, float]:
    """On n fresh samples of each kind: the value, the accuracy, and mean |D - D*| under (p + q) / 2."""
    rng, rows = Streams(seed)("fresh"), []
    for _ in range(n // 10_000):
        x, y = p.sample(10_000, rng), q.sample(10_000, rng)
        (a, _), (b, _) = D.forward(x), D.forward(y)
        off = [np.abs(sigmoid(score) - optimum(at, p, q)).mean() for score, at in ((a, x), (b, y))]
        rows.append((-GAME.d_loss(a, b)[0], ((a > 0).mean() + (b < 0).mean()) / 2, np.mean(off)))
    value, right, distance = np.mean(rows, axis=0)
    return float(value), float(right), float(distance)


def draw(way: np.ndarray, D: Layer, family: list[tuple[float, float, float]]) -> Figure:
    figure = Figure(figsize=(14, 4.8), layout="constrained")
    table, network, values = figure.subplots(1, 3)
    for state, (line, dashes) in enumerate(zip((BLUE, VERMILLION, GREEN, INK), ("-", "--", "-.", ":"), strict=True)):
        real, fake = COUNTS[:, state] / 10
        table.axhline(real / (real + fake), color="0.8", linewidth=6, zorder=0)
        table.semilogx(np.arange(1, len(way)), way[1:, state], dashes, color=line, linewidth=2)
        table.text(5000, real / (real + fake) + 0.015, f"p = {real}, q = {fake}", ha="right", va="bottom", color=line)
    frame(table, "A table: every state finds p/(p+q) (grey)", "step", "D")
    x = np.linspace(-6, 6, 601)
    network.plot(x, optimum(x, P, Q), color="0.8", linewidth=6, label="D* = p/(p+q)")
    network.plot(x, sigmoid(D.forward(x[:, None].astype(np.float32))[0]), color=BLUE, linewidth=1.8, label="D, trained")
    network.plot(x, np.exp(P.log_density(x)), ":", color=INK, label="p, data")
    network.plot(x, np.exp(Q.log_density(x)), "--", color=GREEN, label="q, of G")
    network.legend(frameon=False, fontsize=9, loc="upper center", bbox_to_anchor=(0.5, 0.98))
    network.set_ylim(-0.02, 1.35)
    frame(network, "A network: the same, between the samples as well", "x", "D, and the densities")
    fine = np.linspace(0, 4.4, 23)
    for s, color, marker in ((0.5, VERMILLION, "^"), (1.0, BLUE, "o"), (2.0, GREEN, "s")):
        values.plot(fine, [closed_form(UNIT, Bells((m,), s))[0] for m in fine], color=color)
        dots = [(m, value) for m, deviation, value in family if deviation == s]
        values.plot(*zip(*dots, strict=True), marker, color=color, label=f"s = {s}")
    for level, m, label in ((-0.06, 0.0, "0: nothing in common"), (-math.log(4) + 0.02, 3.3, "-log 4: q = p")):
        values.text(m, level, label, color=INK)
    values.hlines([0, -math.log(4)], 0, 4.4, color=GREY, linestyle=":")
    values.legend(frameon=False, title="q = N(m, s²), p = N(0, 1)\ndots: trained D", loc=(0.56, 0.12))
    frame(values, "Its value measures G: C = -log 4 + 2 JSD (lines)", "m", "value of the game")
    return figure


def main() -> None:
    chosen = flags(__doc__, steps=20_000)
    print(f"{'':<42}{'measured':>12}{'closed form':>14}")

    def show(label: str, measured: float, exact: float) -> None:
        print(f"{label:<42}{measured:>12.6f}{exact:>14.6f}")

    way, value = train_table()
    p, q = COUNTS / 10
    for state in range(4):
        show(f"table: D of state {state + 1}", way[-1, state], p[state] / (p + q)[state])
    show("table: value", value, -0.943348391)
    D = train(P, Q, chosen.steps, chosen.seed)
    (value, right, distance), (exact, best) = measure(D, P, Q), closed_form(P, Q)
    show("network: value", value, exact)
    show("network: accuracy", right, best)
    show("network: mean |D - D*|", distance, 0)
    family = []
    for m, s in FAMILY:
        G = Bells((m,), s)
        value = measure(train(UNIT, G, SHORT, chosen.seed, hidden=32), UNIT, G, 10**5)[0]
        show(f"N({m:g}, {s:g}²): value", value, closed_form(UNIT, G)[0])
        family.append((m, s, value))
    save(draw(way, D, family), chosen.out, "optimal_discriminator.png")


if __name__ == "__main__":
    main()
