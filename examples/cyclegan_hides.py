"""How CycleGAN hides information: a hue in a grey picture.

Digits in a random colour (B) become grey digits (A), and the way back must restore the colour. A grey digit cannot
show a colour, so the generator hides it there. This script trains such a CycleGAN, or takes a trained one, and
measures

    the curve       the hue that comes back after rounding, noise, a threshold, and from the true grey digit
    the attack      an 8-bit picture within one grey level of a real digit that comes back in a chosen hue

It writes hides.png (rows: the coloured digits, their grey translations, eight times the difference to the true grey
digits, the way back, the same with noise, through a threshold) and curve.png into the run's folder.

    python examples/cyclegan_hides.py                      trains, about three minutes of one CPU core
    python examples/cyclegan_hides.py --run RUN            takes the run
    python examples/cyclegan_hides.py --cycle-b 0          the tried cure: the way back to colours is not asked for

Which code a run finds depends on its seed: seeds 1 and 2 store the hue in pixels that are not quite black, and noise
destroys it; seed 0 stores it in the width of the strokes, where it survives noise. minigan/systems/README.md has the
numbers, also of two cures.

Source: Chu, Zhmoginov & Sandler 2017, CycleGAN, a master of steganography.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from minigan import Trainer, plots
from minigan.data import Dataset, to_pixels
from minigan.data.domains import hue, hue_error, translated
from minigan.metrics import hiding
from minigan.metrics.hiding import Row, attack, curve
from minigan.metrics.pairs import error
from minigan.scoring.saved_generator import SavedGenerator
from minigan.training.config import Config
from minigan.training.registry import entry

DATA = "mnist-10k:colour"
SHOWN, ATTACKED = 12, 100
ROWS = ["b", "BA(b)", "8 (BA(b) - truth)", "AB(BA(b))", "with noise of 16", "through a threshold"]


def main() -> None:
    """Train or load, measure, draw."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, help="the folder of a run of cyclegan on a task colour")
    parser.add_argument("--out", type=Path, help="the folder of the new run")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another code (default 1)")
    parser.add_argument("--epochs", type=float, default=32 / 15)
    parser.add_argument("--cycle-b", type=float, default=-1.0, help="weight of the way back to colours")
    parser.add_argument("--noise", type=float, default=0.0, help="grey levels of noise on what goes back, in training")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("-n", type=int, default=500, help="held-out digits (default 500)")
    flags = parser.parse_args()
    folder = flags.run or train(flags)
    generator = SavedGenerator(folder)
    held_out = entry("cyclegan").held_out
    assert held_out is not None
    held = {name.removeprefix("held out "): images for name, images in held_out(generator.config, flags.n).items()}
    system: Any = generator.system
    rows = curve(system, held, "B")
    print(table(rows))
    print(f"The grey pictures differ from the true ones by {difference(system, held):.1f} grey levels.")
    print(attacked(system, held))
    draw(system, held, folder / "hides.png")
    draw_curve(rows, folder / "curve.png")
    print(f"{folder / 'hides.png'}\n{folder / 'curve.png'}")


def train(flags: argparse.Namespace) -> Path:
    """A new run."""
    options = {"cycle_b": flags.cycle_b, "noise": flags.noise}
    choices = {"seed": flags.seed, "threads": flags.threads, "epochs": flags.epochs}
    trainer = Trainer.start(Config(system="cyclegan", data=DATA, options=options, **choices), flags.out)
    trainer.train()
    print(trainer.finish())
    return trainer.run.folder


def table(rows: list[Row]) -> str:
    """The curve in figures."""
    lines = [f"{'the grey picture, before it goes back':<40}{'hue error':>10}{'median':>8}{'error':>8}"]
    for row in rows:
        hues = ["-" if angle is None else f"{angle:.1f}°" for angle in (row.hue, row.median)]
        lines.append(f"{row.what:<40}{hues[0]:>10}{hues[1]:>8}{row.error:>8.1f}")
    return "\n".join(lines)


def difference(system: Any, held: dict[str, Dataset]) -> float:
    """Mean grey levels between the translations of coloured digits and the true grey ones."""
    fake = system.pixels(held["B"].batch(np.arange(len(held["B"]))), "A")
    return float(error(fake, held["A"].images).mean())


def attacked(system: Any, held: dict[str, Dataset]) -> str:
    """Real grey digits, changed by at most one grey level, that come back in a hue of one's choice."""
    A, G = held["A"], system.players["G_AB"].network
    n = min(ATTACKED, len(A))
    few = Dataset(A.name, A.images[:n], None, A.source)
    hues = np.random.default_rng(0).random(n)
    wanted = translated(few, "colour", hues)
    x, rng = few.batch(np.arange(n)), np.random.default_rng(1)
    attacks = to_pixels(attack(G, x, wanted.batch(np.arange(n))))
    assert np.abs(attacks.astype(int) - few.images).max() <= 1
    signs = np.clip(few.images.astype(int) + rng.choice([-1, 1], few.images.shape), 0, 255).astype(np.uint8)
    made = {"chosen": attacks, "signs": signs}
    errors = {name: _hue_errors(system, images, wanted) for name, images in made.items()}
    return (
        f"Of {n} real digits changed by at most 1 grey level of 255, saved with 8 bits, the colour that comes back is "
        f"{errors['chosen'].mean():.0f}° from a hue chosen at random (median {np.median(errors['chosen']):.0f}°); "
        f"random signs of the same size leave it at {errors['signs'].mean():.0f}°."
    )


def _hue_errors(system: Any, images: np.ndarray, wanted: Dataset) -> np.ndarray:
    made = system.pixels(images.astype(np.float32) / 127.5 - 1, "B")
    return hue_error(hue(made), hue(wanted.images))


def draw(system: Any, held: dict[str, Dataset], path: Path) -> None:
    """Six rows of pictures."""
    n = np.arange(min(SHOWN, len(held["A"])))
    b, a = held["B"].batch(n), held["A"].batch(n)
    fake = hiding.translated(system, b, "A")
    noisy = (fake + 16 / 127.5 * np.random.default_rng(0).normal(size=fake.shape)).astype(np.float32)
    hard = np.where(fake > 0, 1, -1).astype(np.float32)
    rows = [held["B"].images[n], _grey(to_pixels(fake)), _grey(to_pixels(np.clip(8 * (fake - a), -1, 1)))]
    rows += [system.pixels(x, "B") for x in (fake, noisy, hard)]
    plots.save_grid(path, np.concatenate(rows), len(n), scale=2, labels=ROWS)


def _grey(images: np.ndarray) -> np.ndarray:
    return np.repeat(images, 3, axis=3)


def draw_curve(rows: list[Row], path: Path) -> None:
    """The hue error over the noise and over the levels that are left."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    errors = {row.what: row.hue for row in rows}
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.5), sharey=True)
    start = errors["as it is"]
    left.plot(
        [0, *hiding.NOISES], [start, *(errors[f"noise of {s} grey levels"] for s in hiding.NOISES)], "o-", color="C0"
    )
    left.set_xscale("symlog", linthresh=1)
    left.set_xlabel("noise on the grey picture, grey levels of 255")
    right.plot(hiding.LEVELS, [errors[f"rounded to {k} levels"] for k in hiding.LEVELS], "o-", color="C1")
    right.set_xscale("log", base=2)
    right.invert_xaxis()
    right.set_xlabel("levels that rounding leaves")
    left.set_ylabel("mean hue error of the way back, degrees")
    for axis in (left, right):
        axis.axhline(90, color="grey", linestyle=":", linewidth=1)
        axis.set_ylim(0, 100)
    left.text(0, 92, "chance", color="grey", fontsize=8)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


if __name__ == "__main__":
    main()
