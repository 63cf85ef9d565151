"""Which of the papers' parts helps or hurts a StyleGAN of the digits that trains for minutes? One part at a time.

    python examples/style_parts.py                           all of them, 300 steps each: 12 minutes of one core
    python examples/style_parts.py --only recipe constant    some of them

Each variant is the recipe of `minigan train stylegan` with one change, from the same seed, and takes as many steps. The
classifier and the Fréchet distance of the digits' feature network judge 2,000 samples. The table and the grids are
written into --out; look at the grids. Source: Karras et al. 2018 (StyleGAN), Karras et al. 2020 (StyleGAN2).
"""

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from minigan import Adam, Config, Network, Trainer, data, plots
from minigan.layers import Conv2d, Equalized, Flatten, Layer, LeakyReLU, Linear, MinibatchStd
from minigan.metrics import features, references, suite
from minigan.models.model import norm
from minigan.models.stylegan import N02
from minigan.runs.friendly import friendly_errors
from minigan.training import build
from minigan.training.draw import Fixed
from minigan.training.system import Player

# By name: choices of a Config, and of `discriminator` below where D is another one than the recipe's.
VARIANTS: dict[str, tuple[dict[str, Any], dict[str, Any] | None]] = {
    "recipe": ({}, None),
    "MinibatchStd": ({}, {"group": 16}),
    "equalised rate in D": ({}, {"equalised": True}),
    "layer norm": ({}, {"kind": "layer"}),
    "layer norm, R1": ({"penalty": "r1", "penalty_weight": 1.0}, {"kind": "layer"}),
    "mixing 0.5": ({"options": {"mixing": 0.5}}, None),
    "constant": ({"options": {"first": "constant"}}, None),
    "no norm, MinibatchStd": ({}, {"kind": None, "group": 16}),
    "AdaIN": ({"options": {"style": "adain"}}, None),
    "papers' D": ({"options": {"discriminator": "residual"}}, None),
    "papers' D, rpgan": (
        {"objective": "rpgan", "hyper": {"gamma": 3.0, "every": 4}, "options": {"discriminator": "residual"}},
        None,
    ),
}
SAMPLES, SURE = 2000, 0.9


def discriminator(
    rng: np.random.Generator, *, kind: str | None = "batch", group: int = 0, equalised: bool = False
) -> Network:
    """The recipe's D, with another norm, with the deviation of groups of samples, or with an equalised rate."""

    def scaled(layer: Any) -> Layer:
        return Equalized(layer, gain=2**0.5, rng=rng) if equalised else layer

    bias = kind is None
    layers = [scaled(Conv2d(1, 16, 4, 2, 1, rng=rng, init=N02)), LeakyReLU()]
    layers += [scaled(Conv2d(16, 32, 4, 2, 1, bias=bias, rng=rng, init=N02)), *norm(kind, (7, 7, 32)), LeakyReLU()]
    layers += [MinibatchStd(group)] if group else []
    layers += [Flatten(), scaled(Linear(49 * (32 + (group > 0)), 256, bias=bias, rng=rng, init=N02))]
    layers += [*norm(kind, (256,)), LeakyReLU()]
    return Network(*layers, scaled(Linear(256, 1, rng=rng, init=N02)))


def run(name: str, steps: int, seed: int, out: Path) -> dict[str, Any]:
    """Train one variant, write a grid of its samples, and judge them."""
    digits, (choices, other) = data.load("mnist-10k"), VARIANTS[name]
    config = Config(system="stylegan", seed=seed, threads=1, epochs=steps * 64 / len(digits), **choices)
    system, start = build.system(config, {"real": digits.about()}), time.process_time()
    if other is not None:
        D = discriminator(np.random.default_rng(seed), **other)
        system.players["D"] = Player(D, Adam(D.named_params(), config.d_lr, betas=config.betas))
    trainer = Trainer(
        system,
        digits,
        out / name.replace(" ", "-"),
        epochs=config.epochs,
        batch_size=config.batch_size,
        decay=config.decay,
        seed=seed,
        threads=1,
        quiet=True,
    )
    trainer.train()
    seconds = time.process_time() - start
    images = system.generate(Fixed(np.random.default_rng(seed), trainer.device), SAMPLES)
    plots.save_grid(out / f"{name}.png", images[:64])
    return {"variant": name, "steps": trainer.step, "seconds": seconds} | judged(images)


def judged(images: np.ndarray) -> dict[str, float]:
    """The share that is recognised, the classes with at least half their fair share, FID, and the spread of a pixel."""
    judge = features.get("lenet-mnist-v1")
    exhibit = suite.Exhibit(judge, images, references.Reference(references.statistics(judge, "mnist/test"), None))
    p = exhibit.probabilities
    shares = np.bincount(p.argmax(axis=1), minlength=10) / len(p)
    return {
        "recognised": float((p.max(axis=1) > SURE).mean()),
        "classes": int((shares >= 0.05).sum()),
        "fid": float(suite.measure(exhibit, "fid")[0].value),
        "spread": float(images.std(axis=0).mean()) / 127.5,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=list(VARIANTS), default=list(VARIANTS), help="some variants")
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/style-parts"))
    flags = parser.parse_args()
    rows = []
    print("variant                  recognised   classes   FID      spread   seconds of one core")
    for name in flags.only:
        with threadpool_limits(1, user_api="blas"):
            row = run(name, flags.steps, flags.seed, flags.out)
        rows.append(row)
        shown = f"{row['recognised']:<13.1%}{row['classes']:<10}{row['fid']:<9.3g}{row['spread']:<9.2f}"
        print(f"{name:<25}{shown}{row['seconds']:.0f}", flush=True)
        (flags.out / "measured.json").write_text(json.dumps(rows, indent=1) + "\n")


if __name__ == "__main__":
    with friendly_errors("style_parts"):
        main()
