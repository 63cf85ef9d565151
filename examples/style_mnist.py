"""A StyleGAN of the digits, and everything that its styles can be asked for.

    python examples/style_mnist.py                       train (about ten minutes of one core), then measure
    python examples/style_mnist.py --first constant      with the papers' learned constant as the first map
    python examples/style_mnist.py --mixing 0.5          with style mixing in training

A hundred digits of the data, of all classes, are held out: they are what is projected. Written into --out: samples.png,
mix.png (columns give the sample, rows the coarse styles), psi.png, walk.gif, project.png (held-out digits,
and below each what the generator makes of its style), quiz.html, and measured.json with every number that is printed.
Sources: Karras et al. 2018 (StyleGAN), Karras et al. 2020 (StyleGAN2).
"""

import argparse
import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from minigan import Config, Trainer, data, device, parallel, plots
from minigan.data import Dataset
from minigan.metrics import features, references, suite
from minigan.metrics.features import Extractor
from minigan.models.stylegan import StyleGenerator
from minigan.runs.friendly import friendly_errors
from minigan.styles import layers_of, mixed, mixing_grid, path_lengths, project, psi_grid, separability, tour
from minigan.styles.mixing import images_of
from minigan.styles.projection import moments
from minigan.styles.quiz import quiz, quiz_page
from minigan.styles.walk import PSIS
from minigan.systems.stylegan import StyleGAN, truncated
from minigan.training import build
from minigan.training.draw import Fixed

HELD_OUT = 100
PAIRS, SCORED = 1000, 10_000
SURE = 0.9  # a sample is recognised where the judge gives a class this probability


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--epochs", type=float, default=None, help="default: the recipe's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", choices=("w", "constant"), default="w", help="the first map")
    parser.add_argument("--mixing", type=float, default=0.0, help="how often styles are mixed in training")
    parser.add_argument("--threads", type=int, default=parallel.cores())
    parser.add_argument("--out", type=Path, default=Path("runs/style-mnist"))
    flags = parser.parse_args()
    digits = data.load("mnist-10k")
    is_held = np.arange(len(digits)) % (len(digits) // HELD_OUT) == 0  # from all over the data
    kept, held = rows_of(digits, ~is_held), rows_of(digits, is_held)
    system, trainer = trained(flags, kept)
    print(trainer.finish())
    judge = features.get("lenet-mnist-v1")
    measured = {"seconds": trainer.seconds, "steps": trainer.step} | measure(system, judge, held, flags.seed)
    (flags.out / "measured.json").write_text(json.dumps(measured, indent=1) + "\n")
    write_pictures(system, kept, held, flags.out, flags.seed)


def rows_of(dataset: Dataset, rows: np.ndarray) -> Dataset:
    """Some rows of a data set with labels."""
    assert dataset.labels is not None
    return replace(dataset, images=dataset.images[rows], labels=dataset.labels[rows])


def trained(flags: argparse.Namespace, digits: Dataset) -> tuple[StyleGAN, Trainer]:
    """The system of the recipe, trained on these digits."""
    epochs = {} if flags.epochs is None else {"epochs": flags.epochs}
    options = {"first": flags.first, "mixing": flags.mixing}
    config = Config(system="stylegan", seed=flags.seed, options=options, **epochs)
    system = build.system(config, {"real": digits.about()})
    assert isinstance(system, StyleGAN)
    same = {name: getattr(config, name) for name in ("epochs", "batch_size", "decay", "seed")}
    trainer = Trainer(system, digits, flags.out, threads=flags.threads, **same)
    trainer.train()
    return system, trainer


def measure(system: StyleGAN, judge: Extractor, held: Dataset, seed: int) -> dict[str, Any]:
    """All numbers, printed as they come."""
    G, rng = system.drawing, np.random.default_rng(seed)
    found = {"truncation": of_truncation(G, judge, rng), "mixing": of_mixing(G, judge, rng)}
    lengths, parts = path_lengths(G, judge, rng), separability(G, judge, rng)
    print(f"{lengths}\n{parts}")
    found |= {"path length": asdict(lengths), "separability": asdict(parts)}
    found["projection"] = of_projection(G, judge, held, rng)
    mean, deviation = moments(G, rng)
    away = float(np.linalg.norm(mean - G.styles.mean)) / (deviation * len(mean) ** 0.5)
    print(f"mean of w: the running mean is {away:.1%} of the deviation of w away from that of 10,000 samples")
    return {**found, "running mean away": away}


def of_truncation(G: StyleGenerator, judge: Extractor, rng: np.random.Generator) -> list[dict[str, Any]]:
    """How many samples are recognised, of how many classes, and the FID, by psi."""
    reference = references.Reference(references.statistics(judge, "mnist/test"), None)
    w, rows = G.map(rng.standard_normal((SCORED, G.z_dim), dtype=np.float32)), []
    print("psi    recognised   classes   smallest   FID")
    for psi in (1.0, 0.7, 0.5):
        exhibit = suite.Exhibit(judge, images_of(G, truncated(G, w, psi)), reference)
        p = exhibit.probabilities
        shares = np.bincount(p.argmax(axis=1)[p.max(axis=1) > SURE], minlength=10) / len(p)
        sure, fid = float((p.max(axis=1) > SURE).mean()), suite.measure(exhibit, "fid")[0].value
        rows.append({"psi": psi, "recognised": sure, "shares": shares.tolist(), "fid": fid})
        print(f"{psi:<7g}{sure:<13.3f}{(shares >= 0.01).sum():<10}{shares.min():<11.3f}{fid:.3f}")
    return rows


def of_mixing(G: StyleGenerator, judge: Extractor, rng: np.random.Generator) -> list[dict[str, Any]]:
    """Whose class and whose ink a mixture of A and B has, by the layers that come from A."""
    a, b = (G.map(rng.standard_normal((PAIRS, G.z_dim), dtype=np.float32)) for _ in range(2))
    (class_a, ink_a), (class_b, ink_b) = (seen(images_of(G, w), judge) for w in (a, b))
    differ, rows = class_a != class_b, []
    print("layers of A   class of A   class of B   ink follows A   ink follows B")
    for cut in range(G.L + 1):
        label, ink = seen(images_of(G, mixed(G, a, b, range(cut))), judge)
        of_a, of_b = (float((label == other)[differ].mean()) for other in (class_a, class_b))
        with_a, with_b = (float(np.corrcoef(ink, other)[0, 1]) for other in (ink_a, ink_b))
        rows.append({"layers of A": cut, "class": (of_a, of_b), "ink": (with_a, with_b)})
        name = "none" if cut == 0 else f"0-{cut - 1}"
        print(f"{name:<14}{of_a:<13.2f}{of_b:<13.2f}{with_a:<16.2f}{with_b:.2f}")
    return rows


def seen(images: np.ndarray, judge: Extractor) -> tuple[np.ndarray, np.ndarray]:
    """The class of each image, and how much ink it has."""
    return judge(images).logits.argmax(axis=1), images.mean(axis=(1, 2, 3))


def of_projection(G: StyleGenerator, judge: Extractor, held: Dataset, rng: np.random.Generator) -> dict[str, Any]:
    """Held-out digits and the same pixels in a random order, projected into w."""
    shuffled = rng.permuted(held.images.reshape(len(held), -1), axis=1).reshape(held.images.shape)
    found = [project(G, as_input(images), rng) for images in (held.images, shuffled)]
    before, after = (judge(images).logits.argmax(axis=1) for images in (held.images, found[0].images))
    digits, control = (float(one.error.mean()) for one in found)
    kept, psnr = float((before == after).mean()), float(found[0].psnr.mean())
    print(
        f"projection of {len(held)} held-out digits: error {digits:.4f} ({psnr:.1f} dB), of the same pixels "
        f"shuffled {control:.4f}; class kept {kept:.0%}"
    )
    return {"digits": digits, "shuffled": control, "psnr": psnr, "class kept": kept}


def as_input(images: np.ndarray) -> np.ndarray:
    """Pixels as networks take them."""
    return images.astype(np.float32) / np.float32(127.5) - 1


def write_pictures(system: StyleGAN, digits: Dataset, held: Dataset, out: Path, seed: int) -> None:
    """Everything to look at."""
    G, rng = system.drawing, np.random.default_rng(seed + 1)
    z = rng.standard_normal((64, G.z_dim), dtype=np.float32)
    w = G.map(z)
    plots.save_grid(out / "samples.png", images_of(G, w))
    plots.save_grid(out / "mix.png", mixing_grid(G, w[:6], w[6:16], layers_of("coarse", G.L)), 11)
    plots.save_grid(out / "psi.png", psi_grid(G, w[:8]), len(PSIS))
    frames = [plots.grid(image[np.newaxis], scale=6) for image in tour(G, z[:6], 12)]
    plots.save_animation(out / "walk.gif", frames, hold=0)
    found = project(G, as_input(held.images[::10]), rng)
    plots.save_grid(out / "project.png", np.concatenate([held.images[::10], found.images]), 10)
    fake, rows = system.generate(Fixed(rng, device.choose("cpu")), 20), rng.choice(len(digits), 20, replace=False)
    D = system.players["D"].network
    real_scores, fake_scores = (D.forward(as_input(x), train=False)[0] for x in (digits.images[rows], fake))
    made = quiz(fake, digits.images, (real_scores, fake_scores), rows, rng)
    (out / "quiz.html").write_text(quiz_page(made, "Handwritten digits"))
    print(f"{out}: samples.png, mix.png, psi.png, walk.gif, project.png, quiz.html")


if __name__ == "__main__":
    with friendly_errors("style_mnist"):
        main()
