"""Scores of a run whose samples can be asked for: of the class, and of the age."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from minigan.data import ages
from minigan.metrics.conditions import asked_age, asked_class, few, fid_within_classes
from minigan.metrics.score import Protocol, Score
from minigan.metrics.suite import Exhibit
from minigan.scoring.saved_generator import SavedGenerator
from minigan.systems.ageing import Ageing
from minigan.systems.conditional import ConditionalGAN
from minigan.training.datasets import dataset_of

ROWS = 200  # noises, each at rising ages


def condition_scores(generator: SavedGenerator, exhibit: Exhibit, n: int) -> list[Score]:
    """n samples of classes and ages as frequent as in the data, scored by what was asked for; none where the run takes
    no condition, or where nothing recognises its classes and measures its ages.

    Where a range of ages was held out of training, the scores are of the other ages, and n more samples are of these.
    """
    system = generator.system
    if not isinstance(system, ConditionalGAN):
        return []
    extractor = exhibit.network
    named = bool(system.names) and extractor is not None and system.names == tuple(extractor.classes)
    measured = isinstance(system, Ageing) and system.age in ages.MEASURED
    if not (named or measured):
        return []
    rng = generator.draw("asked classes").generator
    asked: dict[str, Any] = {"labels": rng.choice(system.table, n)} if system.names else {}
    left_out = None
    if isinstance(system, Ageing):
        left_out = ages.range_of(generator.config.options["hold_out"])
        asked["values"] = _ages(system, rng, n, left_out)
    rising = system.knots if isinstance(system, Ageing) and measured else ()
    scores = _scores(generator, exhibit, asked, named, rising)
    if left_out is not None:
        asked["values"] = rng.uniform(*left_out, n)
        rising = tuple(np.linspace(*left_out, 3)) if measured else ()
        scores += _held_out(_scores(generator, exhibit, asked, named, rising), left_out)
    return scores


def _scores(
    generator: SavedGenerator, exhibit: Exhibit, asked: dict[str, Any], named: bool, rising: tuple[float, ...]
) -> list[Score]:
    """Samples of these classes and ages, scored by the feature network, where the run has its classes, and by
    measurement, where there are `rising` ages to compare."""
    system, scores = generator.system, list[Score]()
    assert isinstance(system, ConditionalGAN)
    n = len(next(iter(asked.values())))
    samples = system.generate(generator.draw("asked samples"), n, progress="asking", **asked)
    protocol = replace(exhibit.protocol, quantised=True, seed=None)
    if named and exhibit.network is not None:
        features, logits = exhibit.network(samples)
        scores += asked_class(asked["labels"], logits, system.names, protocol)
        if np.bincount(asked["labels"]).max() >= few(features):
            images, protocol = _real(generator, exhibit, protocol)
            real = exhibit.network(images)
            classes = real.logits.argmax(axis=1)
            scores += fid_within_classes(asked["labels"], features, classes, real.features, protocol)
    if isinstance(system, Ageing) and rising:
        rows = measured_rows(system, generator, ROWS, rising)
        scores += asked_age(asked["values"], ages.measure(system.age, samples), rows, protocol)
    return scores


def _real(generator: SavedGenerator, exhibit: Exhibit, protocol: Protocol) -> tuple[np.ndarray, Protocol]:
    """Real images: those of the reference, or where only its statistics are here those that the run was trained on."""
    if exhibit.reference.images is not None:
        return exhibit.reference.images, protocol
    dataset = dataset_of(generator.config)
    return dataset.images, replace(protocol, reference=f"{dataset.name}, trained on", n_reference=len(dataset))


def _held_out(scores: list[Score], left_out: tuple[float, float]) -> list[Score]:
    """The scores that a narrow range of ages has, under names of their own."""
    parameters = {"from": left_out[0], "to": left_out[1]}
    return [
        replace(score, protocol=replace(score.protocol, metric=f"held_out_{name}", parameters=parameters))
        for score in scores
        if (name := score.protocol.metric) in ("asked_class", "age_error", "age_rises")
    ]


def _ages(system: Ageing, rng: np.random.Generator, n: int, left_out: tuple[float, float] | None) -> np.ndarray:
    """n ages that are equally likely by the knots, without those that were left out."""
    values = system.age_at(rng.uniform(0.05, 0.95, n))
    if left_out is not None:
        low, high = left_out
        while (inside := (low <= values) & (values <= high)).any():
            values[inside] = system.age_at(rng.uniform(0.05, 0.95, int(inside.sum())))
    return values


def measured_rows(system: Ageing, generator: SavedGenerator, n: int, rising: tuple[float, ...]) -> np.ndarray:
    """The measured ages (n, T) of n noises, each at all of the T rising ages."""
    draw, T = generator.draw("rising ages"), len(rising)
    z, row = draw.noise(n, system.z_dim), np.repeat(np.arange(n), T)
    labels = draw.generator.choice(system.table, n)[row] if system.names else None
    samples = system.samples_of(draw, z[draw.device.asarray(row)], np.tile(rising, n), labels)
    return ages.measure(system.age, samples).reshape(n, T)
