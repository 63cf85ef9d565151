"""A GAN that is asked for a class: four ways to give the class to D, compared.

    python examples/conditional_gan.py
    python examples/conditional_gan.py --data fashion-mnist --epochs 10

Each way is trained with the same networks, numbers and seed (minigan train conditional --condition WAY). The table has
the share of samples in which a classifier that took no part in training sees the class that was asked for, the worst
class, and the FID. classes.png shows a row for each class, with the same noise in each column, for the best way.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from minigan import Config, Trainer, plots
from minigan.metrics import score_features
from minigan.metrics.conditions import asked_class
from minigan.runs.friendly import friendly_errors
from minigan.systems.conditional import ConditionalGAN
from minigan.training.flags import add_flags
from minigan.watch.judge import FeatureJudge

WAYS: dict[str, dict[str, object]] = {
    "projection": {"condition": "projection"},
    "late": {"condition": "late"},
    "concat": {"condition": "concat"},
    "auxiliary": {"condition": "auxiliary"},
    "projection, batch norm in G": {"condition": "projection", "batchnorm": True},
}
SAMPLES = 5000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_flags(parser, "conditional")
    flags = parser.parse_args()
    if flags.resume is not None:
        raise ValueError("this example trains several runs: resume one with minigan train conditional --resume")
    best: tuple[float, np.ndarray] | None = None
    print(f"{'way':<28} {'seconds':>7} {'asked class':>11} {'worst':>6} {'FID':>6}")
    for name, options in WAYS.items():
        setattr(flags, "options.condition", options["condition"])
        setattr(flags, "options.batchnorm", options.get("batchnorm", False))
        started, out = time.process_time(), flags.out
        flags.out = None if out is None else out / name.replace(", ", "-").replace(" ", "-")
        trainer = Trainer.from_flags(flags, Config(system="conditional"), quiet=True)
        flags.out = out
        trainer.train()
        trainer.finish()
        share, worst, fid = measured(trainer)
        print(f"{name:<28} {time.process_time() - started:7.0f} {share:11.1%} {worst:6.1%} {fid:6.2f}", flush=True)
        if best is None or share > best[0]:
            best = share, rows(trainer)
    assert best is not None
    plots.save_grid("classes.png", best[1], 12)
    print("classes.png: a row for each class, the same noise in each column")


def measured(trainer: Trainer) -> tuple[float, float, float]:
    """The share of samples of the class that was asked for, that of the worst class, and the FID."""
    system, judge = trainer.system, trainer.judge
    if not isinstance(judge, FeatureJudge):
        raise ValueError(f"no network recognises the classes of {trainer.config.data}: take mnist or fashion-mnist")
    assert isinstance(system, ConditionalGAN)
    labels = np.arange(SAMPLES) % len(system.names)
    images = system.generate(trainer.draw.at("verdict", 0), SAMPLES, labels=labels.tolist())
    features, logits = judge.extractor(images)
    fid = score_features(judge.extractor, judge.reference, features)
    share, worst = asked_class(labels, logits, system.names, fid.protocol)
    return share.value, worst.value, fid.value


def rows(trainer: Trainer) -> np.ndarray:
    """Twelve samples of every class."""
    assert isinstance(trainer.system, ConditionalGAN)
    return trainer.system.rows(trainer.draw.at("rows", 0), range(len(trainer.system.names)), 12)


if __name__ == "__main__":
    with friendly_errors("conditional_gan"):
        main()
