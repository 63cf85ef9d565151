"""A StyleGAN of the digits, and the uses of its styles.

    python examples/style_mnist.py                       train (about ten minutes of one core), then measure
    python examples/style_mnist.py --run RUN             measure a run of `minigan train stylegan`
    python examples/style_mnist.py --first constant      with the papers' learned constant as the first map
    python examples/style_mnist.py --mixing 0.5          with style mixing in training

A hundred test digits are projected, which no run trains on. Written into --out: samples.png, mix.png (columns
give the sample, rows the coarse styles), psi.png, walk.gif, project.png (test digits, and below each what the generator
makes of its style), quiz.html, and measured.json with every number that is printed.
Sources: Karras et al. 2018 (StyleGAN), Karras et al. 2020 (StyleGAN2).
"""

import argparse
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from compare_recipes import classify, sure, train_classifier

from minigan import Config, Trainer, data, parallel, plots
from minigan.data import Dataset
from minigan.data.held import TESTED
from minigan.layers import Layer
from minigan.metrics import features, references, suite
from minigan.metrics.features import Extractor
from minigan.models.stylegan import StyleGenerator
from minigan.runs.friendly import friendly_errors
from minigan.styles import (
    layers_of,
    mixed,
    mixing_grid,
    noise_variations,
    path_lengths,
    project,
    psi_grid,
    separability,
    tour,
)
from minigan.styles.mixing import images_of
from minigan.styles.projection import moments
from minigan.styles.quiz import quiz, quiz_page
from minigan.styles.saved import saved_stylegan
from minigan.styles.variations import moved
from minigan.styles.walk import PSIS
from minigan.systems.truncation import truncated

UNSEEN = 100
PAIRS, SCORED = 1000, 10_000
SURE = 0.9  # a sample is recognised where the judge gives a class this probability


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=None, help="a run that is there, of digits or of Fashion-MNIST")
    parser.add_argument("--epochs", type=float, default=None, help="default: the recipe's")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--first", choices=("w", "constant"), default="w", help="the first map")
    parser.add_argument("--mixing", type=float, default=0.0, help="how often styles are mixed in training")
    parser.add_argument("--threads", type=int, default=parallel.cores())
    parser.add_argument("--out", type=Path, default=Path("runs/style-mnist"))
    flags = parser.parse_args()
    run = flags.run or trained(flags)
    saved, system = saved_stylegan(run)
    name, G = saved.config.data, system.drawing
    unseen = data.load(TESTED[name], split="test")
    judge, rng = features.get(features.MADE_FOR[name]), np.random.default_rng(flags.seed)
    reference = references.Reference(references.statistics(judge, f"{TESTED[name]}/test"), None)
    measured = {"steps": saved.step, "truncation": of_truncation(G, judge, reference, rng)}
    if name == "mnist-10k":
        measured["recognised by the recipes' classifier"] = of_recipes(saved(SCORED), data.load(name))
    measured |= measure(G, judge, rng) | {"projection": of_projection(G, judge, unseen.images[:UNSEEN], rng)}
    flags.out.mkdir(parents=True, exist_ok=True)
    (flags.out / "measured.json").write_text(json.dumps(measured, indent=1) + "\n")
    write_pictures(G, unseen.images[:10], flags.out, flags.seed + 1)
    training = data.load(name)
    D = system.players["D"].network
    (flags.out / "quiz.html").write_text(quiz_of(D, saved(20), training, rng))
    print(f"{flags.out}: samples.png, mix.png, psi.png, walk.gif, project.png, quiz.html")


def trained(flags: argparse.Namespace) -> Path:
    """A run of the recipe."""
    epochs = {} if flags.epochs is None else {"epochs": flags.epochs}
    options = {"first": flags.first, "mixing": flags.mixing}
    config = Config(system="stylegan", seed=flags.seed, threads=flags.threads, options=options, **epochs)
    trainer = Trainer.start(config, flags.out)
    trainer.train()
    print(trainer.finish())
    return flags.out


def measure(G: StyleGenerator, judge: Extractor, rng: np.random.Generator) -> dict[str, Any]:
    """Mixing, path lengths, separability, the mean of w and the noise, printed as they come."""
    results: dict[str, Any] = {"mixing": of_mixing(G, judge, rng)}
    lengths, parts = path_lengths(G, judge, rng), separability(G, judge, rng)
    print(f"{lengths}\n{parts}")
    mean, deviation = moments(G, rng)
    away = float(np.linalg.norm(mean - G.styles.mean)) / (deviation * len(mean) ** 0.5)
    print(f"mean of w: the running mean is {away:.1%} of the deviation of w away from that of 10,000 samples")
    noise = moved(noise_variations(G, G.map(rng.standard_normal((50, G.z_dim), dtype=np.float32)), 10, rng), 10)
    print(f"noise moves a pixel by {noise:.2%} of its range")
    results |= {"noise": noise}
    return results | {"path length": asdict(lengths), "separability": asdict(parts), "running mean away": away}


def of_truncation(
    G: StyleGenerator, judge: Extractor, reference: references.Reference, rng: np.random.Generator
) -> list[dict[str, Any]]:
    """How many samples are recognised, of how many classes, their spread and FID, by psi, towards two means."""
    w, rows = G.map(rng.standard_normal((SCORED, G.z_dim), dtype=np.float32)), []
    labels = judge(images_of(G, w)).logits.argmax(axis=1)
    of_class = np.stack([w[labels == c].mean(axis=0) if (labels == c).any() else w[0] for c in range(10)])
    means = {"all": G.styles.mean, "class": of_class[labels]}
    print("psi    mean of   recognised   classes   smallest   spread   FID")
    for psi, mean in ((1.0, "all"), (0.7, "all"), (0.5, "all"), (0.7, "class"), (0.5, "class")):
        images = images_of(G, truncated(G, w, psi, mean=means[mean]))
        exhibit = suite.Exhibit(judge, images, reference)
        p, spread = exhibit.probabilities, float(images.std(axis=0).mean()) / 127.5
        shares = np.bincount(p.argmax(axis=1)[p.max(axis=1) > SURE], minlength=10) / len(p)
        known, fid = float((p.max(axis=1) > SURE).mean()), suite.measure(exhibit, "fid")[0].value
        rows.append({"psi": psi, "mean": mean, "recognised": known, "spread": spread, "fid": fid})
        rows[-1]["shares"] = shares.tolist()
        classes, least = (shares >= 0.01).sum(), shares.min()
        print(f"{psi:<7g}{mean:<10}{known:<13.3f}{classes:<10}{least:<11.3f}{spread:<9.3f}{fid:.3f}", flush=True)
    return rows


def of_recipes(images: np.ndarray, digits: Dataset) -> float:
    """The share of samples that the classifier of compare_recipes.py recognises."""
    share = sure(classify(train_classifier(digits), as_input(images)))
    print(f"the classifier of compare_recipes.py recognises {share:.1%} of the samples", flush=True)
    return share


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
        print(f"{name:<14}{of_a:<13.2f}{of_b:<13.2f}{with_a:<16.2f}{with_b:.2f}", flush=True)
    return rows


def seen(images: np.ndarray, judge: Extractor) -> tuple[np.ndarray, np.ndarray]:
    """The class of each image, and how much ink it has."""
    return judge(images).logits.argmax(axis=1), images.mean(axis=(1, 2, 3))


def of_projection(G: StyleGenerator, judge: Extractor, unseen: np.ndarray, rng: np.random.Generator) -> dict[str, Any]:
    """Images it has not seen, and the same pixels in a random order, projected into w."""
    shuffled = rng.permuted(unseen.reshape(len(unseen), -1), axis=1).reshape(unseen.shape)
    projections = [project(G, as_input(images), rng) for images in (unseen, shuffled)]
    before, after = (judge(images).logits.argmax(axis=1) for images in (unseen, projections[0].images))
    of_images, control = (float(one.error.mean()) for one in projections)
    kept, psnr = float((before == after).mean()), float(projections[0].psnr.mean())
    print(
        f"projection of {len(unseen)} test images: error {of_images:.4f} ({psnr:.1f} dB), of the same pixels "
        f"shuffled {control:.4f}; class kept {kept:.0%}"
    )
    return {"error": of_images, "shuffled": control, "psnr": psnr, "class kept": kept}


def as_input(images: np.ndarray) -> np.ndarray:
    """Pixels as networks take them."""
    return images.astype(np.float32) / np.float32(127.5) - 1


def write_pictures(G: StyleGenerator, unseen: np.ndarray, out: Path, seed: int) -> None:
    """The pictures to make."""
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((64, G.z_dim), dtype=np.float32)
    w = G.map(z)
    plots.save_grid(out / "samples.png", images_of(G, w))
    plots.save_grid(out / "mix.png", mixing_grid(G, w[:6], w[6:16], layers_of("coarse", G.L)), 11)
    plots.save_grid(out / "psi.png", psi_grid(G, w[:8]), len(PSIS))
    frames = [plots.grid(image[np.newaxis], scale=6) for image in tour(G, z[:6], 12)]
    plots.save_animation(out / "walk.gif", frames, hold=0)
    plots.save_grid(out / "project.png", np.concatenate([unseen, project(G, as_input(unseen), rng).images]), 10)


def quiz_of(D: Layer, fake: np.ndarray, training: Dataset, rng: np.random.Generator) -> str:
    """The page "which one is real?" of generated and of training images."""
    rows = rng.choice(len(training), len(fake), replace=False)
    real_scores, fake_scores = (D.forward(as_input(x), train=False)[0] for x in (training.images[rows], fake))
    return quiz_page(quiz(fake, training.images, (real_scores, fake_scores), rows, rng), f"Real: {training.name}")


if __name__ == "__main__":
    with friendly_errors("style_mnist"):
        main()
