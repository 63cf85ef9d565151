"""A D that trains to the end, and the gradient it gives to G: figures 1 to 3 of Arjovsky & Bottou 2017, on digits.

    python examples/theory/perfect_discriminators.py
    python examples/theory/perfect_discriminators.py --epochs 1 2 --steps 200          shorter

A GAN is trained for 1, 10 and 25 epochs. Each time its G is frozen, and a new D learns to separate its digits from real
ones. Digits and fakes lie on surfaces of few dimensions: D can become perfect (its loss on digits that it has not seen
goes to 0), and then G's slopes vanish: within 20 iterations after one epoch, far later when G has learned for longer.

    saturating       G minimises mean log(1 - D): the norm of its gradient falls by orders of magnitude
    non-saturating   G minimises mean -log D: the norm grows, and with it how far batches are apart

Gradients are taken in float64, over all of G's parameters, at 8 batches of 64: the line is the norm of their mean, the
band the deviation of single batches. The new D starts almost flat, and both norms near 0. Trained generators are kept
beside the picture, and found there the next time.
"""

import argparse
import copy
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from slide import frame, save
from tqdm import tqdm, trange

from minigan import Adam, Layer, Streams, data, discriminator_step, generator_step, models, objectives, optim
from minigan.data import Batches, Dataset
from minigan.layers.layer import Grads
from minigan.plots.palette import BLUE, GREEN, VERMILLION
from minigan.runs import checkpoint

BATCH, HELD_OUT, WIDTH = 64, 2048, 0.25
EVERY, DENSE = 20, 100  # D is looked at every 20 iterations up to the 100th, then every 100
ADAM = {"lr": 2e-4, "betas": (0.5, 0.999)}
STYLES = ((BLUE, "-", "o"), (VERMILLION, "--", "s"), (GREEN, ":", "^"))
COLUMNS = ("iteration", "loss", "accuracy", "saturating", "its spread", "non-saturating", "its spread")


def players(seed: int, norm: str | None = "batch") -> models.Model:
    return models.get("infogan", Streams(seed), width=WIDTH, critic_norm=norm)


def generators(epochs: list[int], folder: Path, seed: int = 0) -> Iterator[tuple[int, Layer]]:
    """G after so many epochs of the non-saturating game; from its file in `folder`, if it was there already."""
    paths = [folder / f"generator-seed-{seed}-epochs-{count}.npz" for count in epochs]
    if not all(path.is_file() for path in paths):
        train(dict(zip(epochs, paths, strict=True)), seed)
    for count, path in zip(epochs, paths, strict=True):
        G = players(seed).G
        checkpoint.restore(path, checkpoint.load(path)[0], arrays(G))
        yield count, G


def arrays(G: Layer) -> dict[str, np.ndarray]:
    return dict(G.named_params()) | dict(G.named_buffers())


def train(paths: dict[int, Path], seed: int) -> None:
    """Play the game, and write G down after the epochs that are asked for."""
    model, game, noise = players(seed), objectives.get("nonsaturating"), Streams(seed)("noise")
    d_optimizer, g_optimizer = (Adam(network.named_params(), **ADAM) for network in (model.D, model.G))
    real = Batches(data.load("mnist-10k"), BATCH, seed)
    ends = {round(count * real.per_epoch): path for count, path in paths.items()}
    for step in trange(1, max(ends) + 1, desc="the GAN", unit="step", leave=False):
        discriminator_step(model.D, model.G, game, d_optimizer, real(step), normal(noise))
        generator_step(model.D, model.G, game, g_optimizer, normal(noise))
        if step in ends:
            checkpoint.save(ends[step], arrays(model.G), {"step": step})


def normal(rng: np.random.Generator) -> np.ndarray:
    return rng.standard_normal((BATCH, 100), dtype=np.float32)


def gradients(D: Layer, G: Layer, z: np.ndarray) -> list[tuple[float, float]]:
    """Of either game: the norm of G's gradient at all batches z (B, N, 100), and the deviation of single batches'."""
    by_objective: dict[str, list[np.ndarray]] = {"minimax": [], "nonsaturating": []}
    for batch in z:
        fake, cache_g = G.forward(batch)
        b, cache_d = D.forward(fake)
        for name, seen in by_objective.items():
            grads: Grads = {}
            _, db = objectives.get(name).g_loss(b)
            G.backward(D.backward(db, cache_d), cache_g, grads, need_dx=False)
            seen.append(np.concatenate([grad.ravel() for grad in optim.flatten(grads).values()]))
    return [(norm(np.mean(g, axis=0)), float(np.std([norm(one) for one in g]))) for g in by_objective.values()]


def norm(g: np.ndarray) -> float:
    return float(np.sqrt(g @ g))


def teach(G: Layer, iterations: int, seed: int = 0) -> Iterator[tuple[float, ...]]:
    """Train a new D, without batch norm, against this G; rows of COLUMNS, the first before any iteration."""
    D, game, streams = players(seed + 1, norm=None).D, objectives.get("nonsaturating"), Streams(seed + 1)
    optimizer, digits, noise = Adam(D.named_params(), **ADAM), data.load("mnist-10k"), streams("noise")
    real = Batches(Dataset("digits to learn from", digits.images[:-HELD_OUT], None, digits.source), BATCH, seed)
    unseen = digits.batch(np.arange(len(digits) - HELD_OUT, len(digits)))
    z = streams("fixed").standard_normal((8, BATCH, 100))
    precise = doubled(G)
    with G.keeping_buffers():  # frozen: batch norm goes by its batch, as in the GAN's own steps, and learns nothing
        fakes = np.concatenate([G.forward(normal(noise))[0] for _ in range(HELD_OUT // BATCH)])
        for iteration in range(iterations + 1):
            if iteration % EVERY == 0 and (iteration <= DENSE or iteration % DENSE == 0):
                a, b = D.forward(unseen)[0], D.forward(fakes)[0]
                accuracy = ((a > 0).mean() + (b < 0).mean()) / 2
                (mm, mm_spread), (ns, ns_spread) = gradients(doubled(D), precise, z)
                yield iteration, float(game.d_loss(a, b)[0]), float(accuracy), mm, mm_spread, ns, ns_spread
            discriminator_step(D, G, game, optimizer, real(iteration), normal(noise))


def doubled(network: Layer) -> Layer:
    """A copy in float64."""
    twin = copy.deepcopy(network)
    twin.convert(lambda w: w.astype(np.float64))
    return twin


def falls(rows: np.ndarray) -> float:
    """By what factor the saturating gradient falls, from its largest norm to its last."""
    return float(rows[:, 3].max() / rows[-1, 3])


def draw(ways: dict[int, np.ndarray]) -> Figure:
    figure = Figure(figsize=(13.5, 4.8), layout="constrained")
    error, saturating, growing = figure.subplots(1, 3)
    for (color, dashes, marker), (epochs, rows) in zip(STYLES, ways.items(), strict=False):
        look = {"color": color, "linestyle": dashes, "marker": marker, "markersize": 4, "markevery": 3}
        label = f"{epochs} epoch{'s' * (epochs > 1)}"
        error.plot(rows[:, 0], rows[:, 1], **look, label=f"{label}: {rows[-1, 2]:.2%} right at the end")
        for axes, column in ((saturating, 3), (growing, 5)):
            mean, spread = rows[:, column], rows[:, column + 1]
            axes.plot(rows[:, 0], mean, **look, label=label)
            axes.fill_between(rows[:, 0], np.maximum(mean - spread, mean / 3), mean + spread, color=color, alpha=0.15)
    for axes in (error, saturating, growing):
        axes.set_yscale("log")
    error.legend(frameon=False, title="G trained for")
    frame(
        error,
        "D becomes perfect against an early G",
        "iteration of the new D",
        "D's loss on digits it has not seen",
    )
    frame(saturating, "log(1 - D): then G's gradient vanishes", "iteration of the new D", "norm of G's gradient")
    frame(growing, "-log D: it grows, and so does its noise", "iteration of the new D", "norm of G's gradient")
    return figure


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=int, nargs="+", default=[1, 10, 25], help="up to three lengths of training")
    parser.add_argument("--steps", type=int, default=1500, help="iterations of the new D")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/theory"), help="folder for generators and picture")
    chosen = parser.parse_args()
    chosen.out.mkdir(parents=True, exist_ok=True)
    ways: dict[int, np.ndarray] = {}
    for epochs, G in generators(chosen.epochs, chosen.out, chosen.seed):
        rows = tqdm(teach(G, chosen.steps, chosen.seed), desc=f"D against epoch {epochs}", unit="look", leave=False)
        ways[epochs] = np.array(list(rows))
    print(
        f"{'G trained for':<15}{'D right':>9}{'D loss':>11}{'saturating falls by':>21}{'non-saturating grows by':>25}"
    )
    for epochs, rows in ways.items():
        grows = rows[-1, 5] / rows[0, 5]
        print(f"{epochs:>4} epochs    {rows[-1, 2]:>9.2%}{rows[-1, 1]:>11.2e}{falls(rows):>21,.0f}{grows:>25,.1f}")
    print("expected           > 99.9%          0            1,000 or more               1 or more   (1 epoch)")
    save(draw(ways), chosen.out, "perfect_discriminators.png")


if __name__ == "__main__":
    main()
