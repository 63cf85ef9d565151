"""Which recipe paints the best digits in the same time? The table behind the default of mnist_gan.py.

    python examples/compare_recipes.py                    every recipe, 100 seconds of one core each
    python examples/compare_recipes.py --only wide lsgan  some of them

Every recipe differs from the base in one choice. Each gets the same processor time: its steps are timed first, then
as many as fit are run. A small classifier, trained here on the real digits, judges 2,000 samples: a sample counts as
recognised when the classifier is more than 90 % sure of its class. Look at the grids as well: they are written beside
the table, and a classifier is easily pleased.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

from minigan import Adam, Config, Network, Streams, Trainer, data, plots
from minigan.layers import Conv2d, Flatten, LeakyReLU, Linear
from minigan.training.command import mended

BASE = Config(model="infogan", objective="nonsaturating", width=0.5, d_lr=1e-3, g_lr=1e-3)
RECIPES = {
    "base": {},
    "paper rate": {"d_lr": 2e-4, "g_lr": 2e-4},
    "D slower": {"d_lr": 5e-4},
    "G slower": {"g_lr": 5e-4},
    "wide": {"width": 1.0},
    "narrow": {"width": 0.25},
    "small hidden": {"hidden": 256},
    "z 32": {"z_dim": 32},
    "batch 32": {"batch_size": 32},
    "batch 128": {"batch_size": 128},
    "decay": {"decay": 0.5},
    "average": {"average": 0.99},
    "decay and average": {"decay": 0.5, "average": 0.99},
    "smoothed": {"real_label": 0.9},
    "lsgan": {"objective": "lsgan"},
    "hinge": {"objective": "hinge"},
    "dcgan": {"model": "dcgan", "width": 1.0},
    "dcgan half": {"model": "dcgan"},
}
SAMPLES = 2000
CONFIDENT = 0.9


def recipe(name: str, seed: int) -> Config:
    """The base with one recipe's choices; their training numbers stay the base's, whatever a paper says."""
    return Config(**{**vars(BASE), **RECIPES[name], "seed": seed, "epochs": 1})


def seconds_per_step(config: Config, folder: Path) -> float:
    """Processor time of one step: the fastest of a few, behind a warm-up."""
    times: list[float] = []

    def clock(trainer: Trainer) -> None:
        times.append(time.process_time())
        trainer.total = min(trainer.total, 15)

    Trainer.start(config, folder, hooks=[clock], quiet=True).train()
    return float(np.diff(times)[3:-1].min())


def run(name: str, seconds: float, seed: int, folder: Path) -> tuple[Trainer, float]:
    """Train one recipe for this much processor time; returns its trainer and the time it really took."""
    config = recipe(name, seed)
    steps = max(1, round(seconds / seconds_per_step(config, folder / "timing")))
    epochs = steps * config.batch_size / 10_000
    trainer = Trainer.start(Config(**{**vars(config), "epochs": epochs}), folder / "run", quiet=True)
    started = time.process_time()
    trainer.train()
    return trainer, time.process_time() - started


def train_classifier(digits: data.Dataset, epochs: int = 6) -> tuple[Network, float]:
    """A small convolutional classifier, and its accuracy on the tenth of the digits that it has not seen."""
    streams, n = Streams(0), len(digits) * 9 // 10
    rng = streams("init")
    network = Network(
        Conv2d(1, 16, 5, 2, 2, rng=rng),
        LeakyReLU(),
        Conv2d(16, 32, 5, 2, 2, rng=rng),
        LeakyReLU(),
        Flatten(),
        Linear(32 * 7 * 7, 128, rng=rng),
        LeakyReLU(),
        Linear(128, 10, rng=rng),
    )
    optimizer = Adam(network.named_params(), 1e-3)
    for epoch in range(epochs):
        order = streams.at("order", epoch).permutation(n)
        for rows in np.array_split(order, n // 64):
            scores, cache = network.forward(digits.batch(rows))
            dscores = probabilities(scores)
            dscores[np.arange(len(rows)), digits.labels[rows]] -= 1  # of the mean cross entropy, but for 1 / N
            grads: dict = {}
            network.backward(dscores / len(rows), cache, grads, need_dx=False)
            optimizer.step(grads)
    held_out = np.arange(n, len(digits))
    right = classify(network, digits.batch(held_out)).argmax(axis=1) == digits.labels[held_out]
    return network, float(right.mean())


def probabilities(scores: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def classify(network: Network, x: np.ndarray) -> np.ndarray:
    """Class probabilities (N, 10), some samples at a time."""
    return np.concatenate(
        [probabilities(network.forward(x[i : i + 500], train=False)[0]) for i in range(0, len(x), 500)]
    )


def judge(trainer: Trainer, classifier: Network) -> dict[str, float]:
    """Share of recognised samples, classes with at least half their fair share, exp(entropy) of the classes."""
    pixels = trainer.state.sample(trainer.state.noise(SAMPLES, Streams(1)("judge")))
    p = classify(classifier, pixels.astype(np.float32) / 127.5 - 1)
    share = np.bincount(p.argmax(axis=1), minlength=10) / SAMPLES
    entropy = -(share[share > 0] * np.log(share[share > 0])).sum()
    return {
        "recognised": float((p.max(axis=1) > CONFIDENT).mean()),
        "classes": int((share >= 0.05).sum()),
        "effective classes": float(np.exp(entropy)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=100, help="processor time for each recipe")
    parser.add_argument("--only", nargs="+", choices=list(RECIPES), default=list(RECIPES), help="some recipes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/recipes"), help="folder for runs, grids and table")
    flags = parser.parse_args()
    classifier, accuracy = train_classifier(data.load("mnist-10k"))
    print(f"classifier: {accuracy:.1%} right on digits it has not seen\n")
    print(f"{'recipe':<20}{'recognised':>11}{'classes':>9}{'effective':>11}{'steps':>8}{'ms/step':>9}{'seconds':>9}")
    rows = []
    for name in flags.only:
        folder = flags.out / f"{name.replace(' ', '-')}-{flags.seed}"
        trainer, spent = run(name, flags.seconds, flags.seed, folder)
        row = {
            "recipe": name,
            "seed": flags.seed,
            "steps": trainer.step,
            "seconds": spent,
            **judge(trainer, classifier),
        }
        grid = trainer.state.sample(trainer.state.noise(64, Streams(2)("grid")))
        plots.save_grid(folder / "grid.png", grid)
        rows.append(row)
        (flags.out / f"table-{flags.seed}.json").write_text(json.dumps(rows, indent=1) + "\n")
        print(
            f"{name:<20}{row['recognised']:>11.1%}{row['classes']:>9}{row['effective classes']:>11.2f}"
            f"{row['steps']:>8,}{1000 * spent / trainer.step:>9.1f}{spent:>9.0f}",
            flush=True,
        )


if __name__ == "__main__":
    with mended("compare_recipes"):
        main()
