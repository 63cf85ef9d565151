"""Which games lose modes when D learns faster than G, and what cures it?

    python examples/theory/mode_collapse.py                                 eight Gaussians on a ring, five seeds
    python examples/theory/mode_collapse.py --grid 1                        25 of them on a grid
    python examples/theory/mode_collapse.py --steps 20000 --seeds 10        the long form

All games are played alike: the same two networks of 64 units, the same first weights, batches of 128, Adam 1e-3 with
betas (0.5, 0.999), five steps of D for each of G. D is nearly as good as it can be then, and the saturating loss leaves
G without a slope wherever D is sure: minimax loses modes. (With one step of D for each of G it finds the whole ring.)
Every game has its recipe's own numbers, and minimax is there once more with a D that sees two samples at a time, to
which a lack of variety shows (PacGAN, Lin et al. 2018).

A mode is found where at least one of 2,500 points lies within three deviations of it, fair where 5 % of its share do.
The animation shows the first seed; brightness is density, thin lines are the data.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from statistics import median

import numpy as np
from matplotlib.figure import Figure
from slide import flags, frame, save
from tqdm import tqdm

from minigan import (
    Adam,
    Layer,
    Network,
    Objective,
    Streams,
    data,
    discriminator_step,
    generator_step,
    models,
    objectives,
    plots,
)
from minigan.data.mixtures import Coverage, Mixture
from minigan.device import Array
from minigan.plots.palette import BLUE, GREY, INK, VERMILLION
from minigan.training import recipes

PACKED = "minimax, pairs"
GAMES = ("minimax", PACKED, "nonsaturating", "lsgan", "wgan", "wgan-gp", "dragan")
BATCH, HIDDEN, RATE, BETAS, D_STEPS = 128, 64, 1e-3, (0.5, 0.999), 5
LOOKS, POINTS, SIZE = 21, 2500, 240  # SIZE: pixels of a density picture
STEP = 32  # between two shades of the animation: a third of the bytes


class Pairs(Layer):
    """Two samples that follow each other as one: x (2N, d) is read as y (N, 2d)."""

    couples = True

    def forward(self, x: Array, train: bool = True) -> tuple[Array, None]:
        return x.reshape(len(x) // 2, -1), None

    def input_grad(self, dy: Array, cache: None) -> Array:
        return dy.reshape(2 * len(dy), -1)


@dataclass
class Look:
    """A training at one moment."""

    step: int
    points: np.ndarray
    found: Coverage
    d_loss: float


def players(name: str, seed: int) -> tuple[Layer, Network, Objective]:
    """D, G and their game; networks and their first weights are the same for all games, but for a D of pairs."""
    streams, objective = Streams(seed), name.removesuffix(", pairs")
    hyper = recipes.choices(objective, points=True).get("hyper", {})
    random = {"rng": streams("penalty")} if "rng" in objectives.hyperparameters(objective) else {}
    model = models.get("points", streams, hidden=HIDDEN)
    D: Layer = model.D
    if name == PACKED:
        D = Network(Pairs(), *models.get("points", Streams(seed), sample_shape=(4,), hidden=HIDDEN).D.layers)
    return D, model.G, objectives.get(objective, **hyper, **random)


def play(name: str, mixture: Mixture, steps: int, seed: int = 0) -> Iterator[Look]:
    """Train, and stop to be looked at: at the start, then at even distances."""
    (D, G, game), streams = players(name, seed), Streams(seed)
    d_optimizer, g_optimizer = (Adam(network.named_params(), RATE, betas=BETAS) for network in (D, G))
    noise = streams("noise")
    fixed = streams("points").standard_normal((POINTS, 2), dtype=np.float32)
    moments, loss = set(np.linspace(0, steps, LOOKS, dtype=int)), np.array(np.nan)
    for step in range(steps + 1):
        if step in moments:
            points = G.forward(fixed, train=False)[0]
            yield Look(step, points, mixture.coverage(points), float(loss))
        for _ in range(D_STEPS):
            z = noise.standard_normal((BATCH, 2), dtype=np.float32)
            loss = discriminator_step(D, G, game, d_optimizer, mixture.sample(BATCH, streams("real")), z).loss
        generator_step(D, G, game, g_optimizer, noise.standard_normal((BATCH, 2), dtype=np.float32))


def frames(ways: dict[str, list[Look]], mixture: Mixture) -> list[np.ndarray]:
    """The same moment of all games side by side, for every moment; the last of the eight pictures are the data."""
    real = mixture.sample(POINTS, Streams(0)("outline"))
    sheets = []
    for moment in range(min(map(len, ways.values()))):
        looks = {name: way[moment] for name, way in ways.items()}
        titles = {name: f"{name}: {look.found.captured} of {look.found.modes}" for name, look in looks.items()}
        pictures = [plots.density_frame(looks[name].points, real=real, title=titles[name], size=SIZE) for name in ways]
        step = next(iter(looks.values())).step
        pictures.append(plots.density_frame(real, real=real, title=f"data; step {step:,}", size=SIZE))
        pictures += [np.zeros_like(pictures[0])] * (-len(pictures) % 4)
        rows = np.pad(pictures, ((0, 0), (0, 4), (0, 4), (0, 0)), constant_values=255)
        sheets.append(np.concatenate([np.concatenate(list(rows[i : i + 4]), axis=1) for i in range(0, len(rows), 4)]))
    return sheets


def draw(last: np.ndarray, ends: dict[str, list[Look]], modes: int) -> Figure:
    figure = Figure(figsize=(12, 9), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=[2, 1])
    above.imshow(last)
    above.set_axis_off()
    above.set_title("Where G's points lie at the end, first seed; thin lines: the data", loc="left", color=INK)
    for place, (name, looks) in enumerate(ends.items()):
        captured, fair = ([getattr(look.found, key) for look in looks] for key in ("captured", "modes_fair"))
        spread = place + np.linspace(-0.2, 0.2, len(captured) + 2)[1:-1]
        color, marker = (VERMILLION, "o") if name == "minimax" else (BLUE, "s")
        below.plot(spread, fair, marker, color=color, markersize=9, markerfacecolor="none")
        below.plot(spread, captured, marker, color=color, markersize=6)
        below.hlines(median(captured), place - 0.35, place + 0.35, color=INK, linewidth=2)
    below.set_xticks(range(len(ends)), ends)
    below.axhline(modes, color=GREY, linewidth=0.8, zorder=0)
    below.set_ylim(-0.05 * modes, 1.1 * modes)
    frame(below, "Modes found, for each seed (open: with a fair share); line: median", "", f"of {modes}")
    return figure


def table(ends: dict[str, list[Look]]) -> str:
    """Medians over the seeds; of the modes found also the least and the most."""
    lines = [f"{'':<15}{'found':>12}{'fair':>7}{'good':>7}{'KL':>7}{'D loss':>9}   seeds"]
    for name, looks in ends.items():
        captured = sorted(look.found.captured for look in looks)
        fair, good, kl = (
            median(getattr(look.found, key) for look in looks) for key in ("modes_fair", "high_quality", "kl")
        )
        modes = f"{median(captured):g} ({captured[0]}-{captured[-1]})"
        loss = median(look.d_loss for look in looks)
        lines.append(f"{name:<15}{modes:>12}{fair:>7g}{good:>7.1%}{kl:>7.2f}{loss:>9.3f}{len(looks):>8}")
    return "\n".join(lines)


def main() -> None:
    chosen = flags(__doc__, steps=2000, seeds=5, grid=0)
    mixture = data.grid() if chosen.grid else data.ring(radius=1.0, sigma=0.01)
    runs = [(name, chosen.seed + k) for k in range(chosen.seeds) for name in GAMES]
    first: dict[str, list[Look]] = {}
    ends: dict[str, list[Look]] = {}
    try:
        with tqdm(total=len(runs) * LOOKS, unit="look", leave=False) as bar:
            for name, seed in runs:
                bar.set_description(f"{name}, seed {seed}")
                way = []
                for look in play(name, mixture, chosen.steps, seed):
                    way.append(look)
                    bar.update()
                first.setdefault(name, way)
                ends.setdefault(name, []).append(way[-1])
    finally:  # after Ctrl-C as well
        if ends:
            print(table(ends))
            sheets = frames(first, mixture)
            save(draw(sheets[-1], ends, len(mixture.centres)), chosen.out, f"mode_collapse_{mixture.name}.png")
            path = chosen.out / f"mode_collapse_{mixture.name}.gif"
            plots.save_animation(path, [sheet // STEP * STEP + STEP // 2 for sheet in sheets])
            print(f"animation: {path}")


if __name__ == "__main__":
    main()
