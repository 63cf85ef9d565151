"""Which recipe generates the best digits in the same time? Its tables led to the default of mnist_gan.py.

    python examples/compare_recipes.py                    every recipe, 100 seconds of one core each
    python examples/compare_recipes.py --only wide lsgan  some of them

Every recipe differs from the base in one or two choices, and all get the same time: first the recipes take turns at a
few steps and the fastest step of each is kept, because other programs slow a machine down but never speed it up; then
each trains for as many of its steps as fit. A small classifier, trained here on the real digits, judges 2,000 samples:
one is recognised when the classifier is more than 90 % sure of its class. Look at the grids that are written beside
the table as well: a classifier also recognises digits that a person would not accept.
"""

import argparse
import json
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from minigan import Adam, Config, Network, Streams, Trainer, data, plots
from minigan.layers import Conv2d, Flatten, LeakyReLU, Linear
from minigan.runs.friendly import friendly_errors
from minigan.training.draw import Fixed

BASE = Config(
    model="infogan",
    objective="nonsaturating",
    width=0.5,
    epochs=20,
    d_lr=1e-3,
    g_lr=1e-3,
    decay=0.0,
    z_dim=100,
    average=0.0,
    real_label=None,
)
RECIPES = {
    "base": {},
    "paper rate": {"d_lr": 2e-4, "g_lr": 2e-4},
    "D slower": {"d_lr": 5e-4},
    "G slower": {"g_lr": 5e-4},
    "wide": {"width": 1.0},
    "narrow": {"width": 0.25},
    "narrow, decay": {"width": 0.25, "decay": 0.5},
    "narrow, decay, average": {"width": 0.25, "decay": 0.5, "average": 0.99},
    "narrow, decay, z 32": {"width": 0.25, "decay": 0.5, "z_dim": 32},
    "narrow, decay, smoothed": {"width": 0.25, "decay": 0.5, "real_label": 0.9},
    "narrow, decay, batch 32": {"width": 0.25, "decay": 0.5, "batch_size": 32},
    "narrow, hidden 512": {"width": 0.25, "hidden": 512},
    "hidden 256": {"hidden": 256},
    "z 32": {"z_dim": 32},
    "batch 32": {"batch_size": 32},
    "batch 128": {"batch_size": 128},
    "decay": {"decay": 0.5},
    "average": {"average": 0.99},
    "decay, average": {"decay": 0.5, "average": 0.99},
    "smoothed": {"real_label": 0.9},
    "lsgan": {"objective": "lsgan"},
    "hinge": {"objective": "hinge"},
    "dcgan": {"model": "dcgan", "width": 1.0},
    "dcgan, half": {"model": "dcgan"},
}
SAMPLES = 2000
CONFIDENT = 0.9


def recipe(name: str, seed: int) -> Config:
    """The base with one recipe's choices; all other numbers stay the base's, whatever suits its objective."""
    return replace(BASE, **RECIPES[name], seed=seed)


def seconds_per_step(names: list[str], folder: Path, rounds: int = 3) -> dict[str, float]:
    """The fastest step of each recipe, in turns: seconds of one core."""
    fastest = dict.fromkeys(names, float("inf"))
    for turn in range(rounds):
        for name in tqdm(names, desc=f"timing, round {turn + 1} of {rounds}", leave=False):
            times: list[float] = []

            def clock(trainer: Trainer, times: list[float] = times) -> None:
                times.append(time.perf_counter())
                trainer.schedule.total = 8

            Trainer.start(recipe(name, 0), folder / f"{name}-{turn}", hooks=[clock], quiet=True).train()
            fastest[name] = min(fastest[name], float(np.diff(times)[1:-1].min()))
    return fastest


def run(name: str, steps: int, seed: int, classifier: Network, folder: Path) -> dict[str, Any]:
    """Train one recipe for so many steps, draw a grid of samples, and let the classifier judge."""
    config = replace(recipe(name, seed), epochs=steps * recipe(name, seed).batch_size / 10_000)
    with threadpool_limits(1, user_api="blas"):
        trainer = Trainer.start(config, folder / "run", quiet=True)
        trainer.train()
        plots.save_grid(folder / "grid.png", samples(trainer, 64, "grid", seed=2))
        return {"recipe": name, "seed": seed, "steps": trainer.step, **judge(trainer, classifier)}


def samples(trainer: Trainer, n: int, name: str, seed: int = 1) -> np.ndarray:
    """n samples from the same noise in every run, whatever its own seed."""
    return trainer.system.generate(Fixed(Streams(seed)(name), trainer.device), n)


def train_classifier(digits: data.Dataset, epochs: int = 6) -> Network:
    """A small convolutional classifier; prints how it does on the tenth of the digits that it has not seen."""
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
    p = classify(network, digits.batch(held_out))
    right = p.argmax(axis=1) == digits.labels[held_out]
    print(f"classifier: {right.mean():.1%} right on digits it has not seen, {sure(p):.1%} of them recognised")
    return network


def probabilities(scores: np.ndarray) -> np.ndarray:
    """Softmax over the last axis."""
    e = np.exp(scores - scores.max(axis=1, keepdims=True))
    return e / e.sum(axis=1, keepdims=True)


def classify(network: Network, x: np.ndarray) -> np.ndarray:
    """Class probabilities (N, 10), some samples at a time."""
    return np.concatenate(
        [probabilities(network.forward(x[i : i + 500], train=False)[0]) for i in range(0, len(x), 500)]
    )


def sure(p: np.ndarray) -> float:
    """Share of samples about whose class there is little doubt."""
    return float((p.max(axis=1) > CONFIDENT).mean())


def judge(trainer: Trainer, classifier: Network) -> dict[str, float]:
    """Share of recognised samples, classes with at least half their fair share, exp(entropy) of the classes."""
    pixels = samples(trainer, SAMPLES, "judge")
    p = classify(classifier, pixels.astype(np.float32) / 127.5 - 1)
    share = np.bincount(p.argmax(axis=1), minlength=10) / SAMPLES
    entropy = -(share[share > 0] * np.log(share[share > 0])).sum()
    return {
        "recognised": sure(p),
        "classes": int((share >= 0.05).sum()),
        "effective classes": float(np.exp(entropy)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=100, help="time of one core for each recipe")
    parser.add_argument("--only", nargs="+", choices=list(RECIPES), default=list(RECIPES), help="some recipes")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="recipes that train side by side")
    parser.add_argument("--out", type=Path, default=Path("runs/recipes"), help="folder for runs, grids and table")
    flags = parser.parse_args()
    classifier = train_classifier(data.load("mnist-10k"))
    with tempfile.TemporaryDirectory() as folder:
        times = seconds_per_step(flags.only, Path(folder))
    print(f"\n{'recipe':<26}{'ms/step':>9}{'steps':>8}{'recognised':>12}{'classes':>9}{'effective':>11}")
    rows = []
    with ProcessPoolExecutor(flags.jobs) as pool:
        waiting = {}
        for name in flags.only:
            folder = flags.out / f"{name.replace(', ', '-').replace(' ', '-')}-{flags.seed}"
            steps = max(1, round(flags.seconds / times[name]))
            waiting[pool.submit(run, name, steps, flags.seed, classifier, folder)] = name
        for done in as_completed(waiting):
            row = {**done.result(), "seconds per step": times[waiting[done]]}
            rows.append(row)
            (flags.out / f"table-{flags.seed}.json").write_text(json.dumps(rows, indent=1) + "\n")
            print(
                f"{row['recipe']:<26}{1000 * row['seconds per step']:>9.1f}{row['steps']:>8,}{row['recognised']:>12.1%}"
                f"{row['classes']:>9}{row['effective classes']:>11.2f}",
                flush=True,
            )


if __name__ == "__main__":
    with friendly_errors("compare_recipes"):
        main()
