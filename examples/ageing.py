"""A digit with thinner and thicker strokes, and a test of how far the result can be trusted.

    minigan train ageing --out runs/ageing
    python examples/ageing.py runs/ageing

The thickness of the strokes is the age. For some digits the encoder and the search find the noise from which G makes
them (minigan/systems/latent.py), and G shows the same noise at other ages. The table compares searches. Its judge
is a small network that is trained here: it took part neither in the GAN nor in the search, whose features are those of
another one. Digits are those of the MNIST test set where it is on this machine, else training digits, and the first
line names which. Writes ageing.png into the run: each row is a digit, its reconstruction, and nine ages.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from minigan import Adam, data, plots
from minigan.data import Dataset, ages
from minigan.layers import BatchNorm, Conv2d, Flatten, LeakyReLU, Linear, Network
from minigan.runs.friendly import friendly_errors
from minigan.scoring.ageing import Identity, aged_rows, recogniser
from minigan.scoring.saved_generator import SavedGenerator
from minigan.systems.ageing import AGES, PIXELS, Ageing

# Steps; does the recognition network look, at the known age, and at every age; weight of the pixels.
SEARCHES: dict[str, tuple[int, bool, bool, float]] = {
    "encoder alone": (0, False, False, 0.0),
    "pixels": (80, False, False, PIXELS),
    "identity": (80, True, False, 0.0),
    "both": (80, True, False, PIXELS),
    "identity, every age": (80, True, True, 0.0),
    "both, every age": (80, True, True, PIXELS),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, help="of minigan train ageing, on digits")
    parser.add_argument("-n", type=int, default=200, help="digits in the table (default 200)")
    parser.add_argument("--epochs", type=int, default=3, help="of the judge's training (default 3)")
    flags = parser.parse_args()
    generator = SavedGenerator(flags.run)
    system = generator.system
    if not isinstance(system, Ageing) or generator.config.data not in ("mnist", "mnist-10k"):
        raise ValueError(f"{flags.run} is not a run of minigan train ageing on digits")
    split = "test" if data.here("mnist", "test") else "train"
    digits = data.load("mnist", split="test") if split == "test" else data.load("mnist-10k")
    judge = trained_judge(data.load("mnist-10k"), flags.epochs)
    rows = np.arange(len(digits))[:: len(digits) // flags.n][: flags.n]
    assert digits.labels is not None
    images, labels = digits.images[rows], digits.labels[rows].astype(np.int64)
    right = (classes(judge, images) == labels).mean()
    print(f"{len(rows)} digits of {digits.source}; the judge recognises {right:.1%} of them\n")
    values = ages.measure(system.age, images)
    print(f"{'search':<20} {'seconds':>7} {'class':>6} {'pixels':>6} {'rises':>6} {'kept':>6}  mean age at the knots")
    for name, search in SEARCHES.items():
        print(f"{name:<20} {table_row(system, generator, judge, images, values, labels, search)}", flush=True)
    some = np.array([np.flatnonzero(digits.labels == k)[0] for k in range(10)])
    shown, to = digits.images[some], list(system.age_at(np.linspace(0.05, 0.95, AGES)))
    names = np.arange(10) if system.names else None
    ten = ages.measure(system.age, shown)
    picture = aged_rows(system, generator, shown, ten, names, to, recogniser("mnist"))
    plots.save_grid(flags.run / "ageing.png", picture, AGES + 2, scale=2)
    print(f"\n{flags.run / 'ageing.png'}: a digit, its reconstruction, nine ages")


def table_row(
    system: Ageing,
    generator: SavedGenerator,
    judge: Network,
    images: np.ndarray,
    values: np.ndarray,
    labels: np.ndarray,
    search: tuple[int, bool, bool, float],
) -> str:
    """Seconds of the search, share of reconstructions of the right class, their squared error, share of digits whose
    thickness rises at every knot, share of all ages that keep the class, and the mean thickness at the knots."""
    steps, identity, every_age, pixels = search
    y, started = labels if system.names else None, time.process_time()
    x = images.astype(np.float32) / 127.5 - 1
    known = recogniser("mnist")
    features = Identity(known) if identity and known is not None else None
    z = system.find(x, values, y, features, steps=steps, pixels=pixels, every_age=every_age)
    seconds, draw = time.process_time() - started, generator.draw("ages")
    again = system.samples_of(draw, z, values, y)
    error = ((again / 127.5 - 1 - x) ** 2).mean()
    older = [system.samples_of(draw, z, np.full(len(z), knot), y) for knot in system.knots]
    measured = np.stack([ages.measure(system.age, one) for one in older], axis=1)
    rises = (np.diff(measured, axis=1) > 0).all(axis=1).mean()
    kept = np.mean([(classes(judge, one) == labels).mean() for one in older])
    right = (classes(judge, again) == labels).mean()
    means = " ".join(f"{mean:.2f}" for mean in np.nanmean(measured, axis=0))
    return f"{seconds:7.1f} {right:6.1%} {error:6.3f} {rises:6.1%} {kept:6.1%}  {means}"


def trained_judge(dataset: Dataset, epochs: int) -> Network:
    """A classifier of digits: three layers, cross entropy, and digits that are shifted by up to two pixels."""
    rng = np.random.default_rng(7)
    row = Conv2d(1, 16, 5, 2, 2, rng=rng), BatchNorm(16), LeakyReLU(), Conv2d(16, 32, 5, 2, 2, rng=rng), BatchNorm(32)
    network = Network(*row, LeakyReLU(), Flatten(), Linear(7 * 7 * 32, 10, rng=rng))
    optimizer, batches = Adam(network.named_params(), 2e-3), list(shuffled(dataset, epochs, rng))
    for i, (x, labels) in enumerate(batches):
        logits, cache = network.forward(x)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        shares[np.arange(len(labels)), labels] -= 1
        grads: dict[str, Any] = {}
        network.backward(shares / len(labels), cache, grads, need_dx=False)
        optimizer.lr = 2e-3 * (1 - i / len(batches))
        optimizer.step(grads)
    return network


def shuffled(dataset: Dataset, epochs: int, rng: np.random.Generator) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Batches of 64 shifted digits and their labels."""
    assert dataset.labels is not None
    for _ in range(epochs):
        order = rng.permutation(len(dataset))
        for start in range(0, len(order) - 63, 64):
            rows = order[start : start + 64]
            yield np.roll(dataset.batch(rows), tuple(rng.integers(-2, 3, 2)), (1, 2)), dataset.labels[rows]


def classes(judge: Network, images: np.ndarray) -> np.ndarray:
    """The judge's features of images, uint8 (N, 28, 28, 1)."""
    logits, _ = judge.forward(images.astype(np.float32) / 127.5 - 1, train=False)
    return logits.argmax(axis=1)


if __name__ == "__main__":
    with friendly_errors("ageing"):
        main()
