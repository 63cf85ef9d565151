"""Eight Gaussians on a ring: the smallest GAN here, in seconds.

    python examples/ring.py
    python examples/ring.py --objective minimax       and others: watch which of them lose a mode

The generator maps noise to points of the plane. samples.png shows where its points lie at the end, training.gif and
ring.png how they came there; the outline is the real density. The last line counts the Gaussians that were found.
"""

import argparse

import numpy as np

from minigan import Config, Trainer, data, plots
from minigan.runs.friendly import friendly_errors
from minigan.training.flags import add_flags

RECIPE = Config(
    model="points",
    objective="nonsaturating",
    data="ring",
    epochs=8,  # of 100,000 points: 3,125 steps
    batch_size=256,
    d_lr=2e-3,
    g_lr=2e-3,
    decay=0.5,  # a constant rate keeps the points dancing around their Gaussians
)
MOMENTS = 6  # of the training, in ring.png


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_flags(parser)
    strip: dict[int, np.ndarray] = {}

    def look(trainer: Trainer) -> None:
        if trainer.step % max(1, trainer.total // 40) == 0:
            trainer.pictures.add(trainer.step)
        if trainer.step % max(1, trainer.total // MOMENTS) == 0:
            strip[trainer.step] = points(trainer)

    trainer = Trainer.from_flags(parser.parse_args(), RECIPE, hooks=[look])
    trainer.introduce()
    trainer.train()
    print(trainer.finish())
    real = trainer.draw.datasets["real"].images[:2000]
    labels = [f"step {step:,}" for step in strip]
    plots.save_density_strip(trainer.run.folder / "ring.png", list(strip.values()), labels, real=real)
    print(f"  {'ring.png':<14}the way there\n{verdict(trainer)}")


def points(trainer: Trainer, n: int = 2000) -> np.ndarray:
    return trainer.system.generate(trainer.draw.at("points", 0), n)


def verdict(trainer: Trainer) -> str:
    mixtures = {"ring": data.ring(), "grid": data.grid()}
    if trainer.config.data not in mixtures:
        raise ValueError(f"this example draws mixtures, {' or '.join(mixtures)}, not {trainer.config.data}")
    coverage = mixtures[trainer.config.data].coverage(points(trainer, 2500))
    return (
        f"Found {coverage.captured} of {coverage.modes} Gaussians; "
        f"{coverage.high_quality:.0%} of the points lie within three deviations of one."
    )


if __name__ == "__main__":
    with friendly_errors("ring"):
        main()
