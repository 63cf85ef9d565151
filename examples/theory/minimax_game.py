"""Why is a GAN a game and not a descent? Both players follow their gradients, and together they move in circles.

    python examples/theory/minimax_game.py

The smallest GAN (Dirac-GAN, Mescheder et al. 2018): all data are the number 0, G generates θ, D(x) = ψx. As a
Wasserstein game it is the bilinear one, max over ψ and min over θ of -ψθ. A round with rate h takes v = (ψ, θ) to Mv,
and one law holds for every matrix M: a round multiplies the area det(v, Mv), a quadratic form of v, by det M.

    both at once          det M = 1 + h²       the form is ψ² + θ²: a spiral outwards, radius times √(1 + h²)
    one after the other   det M = 1            ψ² + θ² - hψθ = const: along an ellipse
    with a penalty        det M = 1 - hγ       a spiral inwards: γ/2 D'(x)² in D's loss is friction

Below, minigan's own games. Near the solution a logistic D is a bilinear game of half the pull. The non-saturating loss
has a friction of its own, which fades: the radius shrinks as 1 / √(t/8) after a time t = h · rounds, with R1 as above.
"""

from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from slide import flags, frame, save

from minigan import SGD, Objective, Streams, discriminator_step, generator_step, objectives
from minigan.layers import Linear
from minigan.plots.palette import BLUE, GREEN, GREY, INK, VERMILLION

RATE, GAMMA, START = 0.2, 0.5, (1.0, 1.0)  # START: ψ and θ
NUMBERS: dict[str, dict[str, Any]] = {"wgan": {"clip": 1.0}, "wgan-gp": {"weight": 0.5}, "r1": {"gamma": GAMMA}}
STYLES = {"minimax": (INK, ":"), "wgan": (VERMILLION, "--"), "nonsaturating": (GREEN, "-."), "r1": (BLUE, "-")}


class Waiting(SGD):
    """An optimizer that keeps its gradients until the other player has looked as well."""

    def step(self, grads: Any) -> None:
        self.grads = grads

    def move(self) -> None:
        super().step(self.grads)


def bilinear(gamma: float = 0.0) -> Objective:
    """The Wasserstein game in a box so large that no weight meets it, and D's penalty on top."""
    game = objectives.get("wgan", clip=1e9)
    game.add_penalty(objectives.get("r1", gamma=gamma))
    return game


def dirac(name: str, seed: int = 0) -> Objective:
    """A game of minigan's own, with numbers that suit a D of one weight."""
    random = {"rng": Streams(seed)("penalty")} if name == "wgan-gp" else {}
    return objectives.get(name, **NUMBERS.get(name, {}), **random)


def play(game: Objective, rounds: int, *, at_once: bool = False, rate: float = RATE, start: Any = START) -> np.ndarray:
    """The way of (ψ, θ), (rounds + 1, 2), played with minigan's layers, steps and optimizers."""
    D, G = (Linear(1, 1, bias=False, rng=Streams(0)("overwritten"), dtype=np.float64) for _ in range(2))
    D.weight[...], G.weight[...] = start
    d_optimizer = (Waiting if at_once else SGD)(D.named_params(), rate)
    g_optimizer, way = SGD(G.named_params(), rate), [start]
    for _ in range(rounds):
        discriminator_step(D, G, game, d_optimizer, np.zeros((1, 1)), np.ones((1, 1)))
        generator_step(D, G, game, g_optimizer, np.ones((1, 1)))
        if isinstance(d_optimizer, Waiting):
            d_optimizer.move()
        way.append((D.weight.item(), G.weight.item()))
    return np.array(way)


def matrix(gamma: float, *, at_once: bool = False, rate: float = RATE, pull: float = 1.0) -> np.ndarray:
    """M of a round; `pull`: the slope of the losses in D's score, 1 for wgan, σ(0) = 1/2 for logistic ones near 0."""
    D = np.array([[1 - rate * gamma, -rate * pull], [0, 1]])
    G = np.array([[1, 0], [rate * pull, 1]])
    return D + G - np.eye(2) if at_once else G @ D


def growth(way: np.ndarray, M: np.ndarray) -> np.ndarray:
    """By what each round multiplies the length of v, measured in its form: √ of the ratio of areas det(v, Mv)."""
    image = way @ M.T
    area = way[:, 0] * image[:, 1] - way[:, 1] * image[:, 0]
    return np.sqrt(area[1:] / area[:-1])


def creeping(rounds: np.ndarray) -> np.ndarray:
    """The radius r of the non-saturating game: r dr/dt = -ψθ tanh(ψθ/2), which a turn averages to -r⁴/16."""
    return 1 / np.sqrt(1 / np.dot(START, START) + RATE * rounds / 8)


def curve(M: np.ndarray, rounds: int) -> np.ndarray:
    """The smooth line M^t · start through all rounds, t real."""
    values, vectors = np.linalg.eig(M)
    powers = values ** np.linspace(0, rounds, 40 * rounds)[:, None]
    return (powers * np.linalg.solve(vectors, START) @ vectors.T).real


def panel(axes: Axes, title: str, way: np.ndarray, field: Objective, closed: np.ndarray | None = None) -> None:
    """The rounds as points, the closed form as a line, and which way each point of the plane is pushed."""
    reach = 1.1 * max(1.5, np.abs(way).max())
    spots = np.stack(np.meshgrid(*2 * [np.linspace(-reach, reach, 12)]), axis=-1).reshape(-1, 2)
    pushed = np.array([play(field, 1, at_once=True, rate=1e-6, start=tuple(v))[1] for v in spots]) - spots
    axes.quiver(*spots.T, *(pushed / np.hypot(*pushed.T)[:, None]).T, color="0.8", pivot="mid", width=0.004, scale=22)
    if closed is not None:
        axes.plot(*closed.T, color=GREY, linewidth=1.2, label="closed form")
    axes.plot(*way.T, ".", color=BLUE, markersize=5, label="minigan's rounds")
    axes.plot(*way[0], "s", color=INK, label="start")
    axes.plot(*way[-1], "D", color=VERMILLION, label="end")
    axes.plot(0, 0, "+", color=INK, markersize=16, label="solution: G generates the data")
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
    frame(axes, title, "D's weight ψ", "G's number θ")


def distances(axes: Axes, rounds: int = 2000) -> None:
    t = np.arange(1, rounds + 1)
    for name, (color, dashes) in STYLES.items():
        axes.loglog(t, np.hypot(*play(dirac(name), rounds)[1:].T), dashes, color=color, linewidth=2, label=name)
    axes.loglog(t, creeping(t), color=GREY, linewidth=5, alpha=0.5, zorder=1, label="nonsaturating, closed form")
    axes.set_ylim(1e-3, 3)
    axes.legend(frameon=False, loc="lower left")
    frame(axes, "Distance to the solution", "round", "distance to the solution")


def draw() -> Figure:
    figure = Figure(figsize=(12.5, 9), layout=ConstrainedLayoutEngine(hspace=0.06))
    (first, second, third), (box, r1, all_games) = figure.subplots(2, 3)
    away = bilinear(), play(bilinear(), 50, at_once=True), curve(matrix(0, at_once=True), 50)
    panel(first, "Both at once: outwards", away[1], away[0], away[2])
    panel(second, "One after the other: in circles", play(bilinear(), 50), bilinear(), curve(matrix(0), 50))
    panel(third, "With a penalty: inwards", play(bilinear(GAMMA), 50), bilinear(GAMMA), curve(matrix(GAMMA), 50))
    panel(box, "wgan, D's weight in a box: in circles", play(dirac("wgan"), 200), dirac("wgan"))
    panel(r1, "r1, a logistic D with penalty: inwards", play(dirac("r1"), 200), dirac("r1"))
    distances(all_games)
    figure.legend(*first.get_legend_handles_labels(), loc="outside lower center", ncols=5, frameon=False)
    return figure


def main() -> None:
    chosen = flags(__doc__)
    print("bilinear game, per round              measured   closed form")
    for at_once, gamma in ((True, 0.0), (False, 0.0), (True, GAMMA), (False, GAMMA)):
        M, way = matrix(gamma, at_once=at_once), play(bilinear(gamma), 50, at_once=at_once)
        label = f"{'at once' if at_once else 'one after the other'}, γ = {gamma}"
        print(f"{label:<36}{growth(way, M).mean():>10.6f}{np.sqrt(np.linalg.det(M)):>14.6f}")
    print("Dirac-GAN: distance to the solution after 0, 100, 1000 rounds, one after the other")
    for name in (*STYLES, "wgan-gp"):
        way = play(dirac(name, chosen.seed), 1000)[[0, 100, 1000]]
        print(f"{name:<36}" + "".join(f"{distance:>10.2g}" for distance in np.hypot(*way.T)))
    save(draw(), chosen.out, "minimax_game.png")


if __name__ == "__main__":
    main()
