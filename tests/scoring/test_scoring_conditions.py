"""Scores of what was asked for: exact values of made-up samples, and the scores of runs of both systems."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minigan import Trainer
from minigan.checks.conditional_systems import small_ageing
from minigan.data import Dataset, embedded
from minigan.metrics import features
from minigan.metrics.conditions import asked_age, asked_class, fid_within_classes
from minigan.metrics.references import Reference
from minigan.metrics.score import Protocol
from minigan.metrics.statistics import Origin, Statistics
from minigan.metrics.suite import Exhibit
from minigan.scoring import conditions
from minigan.scoring.conditions import condition_scores
from minigan.scoring.saved_generator import SavedGenerator
from minigan.training.config import Config

AGES = {"age_error", "age_correlation", "age_rises"}
HELD_OUT = {"held_out_age_error", "held_out_age_rises", "held_out_asked_class"}
PROTOCOL = Protocol("", extractor="judge:1", variant="grey", reference="real", n_reference=7)


def test_the_asked_class_is_counted_over_all_and_for_the_worst() -> None:
    asked = np.array([0, 0, 0, 0, 1, 1])
    logits = np.eye(3)[[0, 0, 0, 2, 1, 2]]
    share, least = asked_class(asked, logits, ("a", "b", "c"), PROTOCOL)
    assert (share.value, least.value, least.details["class"]) == (4 / 6, 0.5, "b")
    assert share.details["classes"] == {"a": 0.75, "b": 0.5}
    assert share.protocol.extractor == "judge:1" and share.protocol.reference == ""


def test_the_distance_within_classes_sees_classes_that_are_mixed_up() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(400) % 2
    real, ours = (rng.normal(size=(400, 3)) + 5 * labels[:, None] for _ in range(2))
    (right,) = fid_within_classes(labels, ours, labels, real, PROTOCOL)
    (mixed,) = fid_within_classes(1 - labels, ours, labels, real, PROTOCOL)
    assert right.value < 0.2 and mixed.value == pytest.approx(75, abs=4)  # three features, 5 apart
    assert fid_within_classes(labels[:20], ours[:20], labels, real, PROTOCOL) == []


def test_an_age_that_falls_or_is_not_drawn_does_not_rise() -> None:
    rows = np.array([[1.0, 2.0, 3.0], [1.0, 3.0, 2.0], [1.0, np.nan, 3.0], [1.0, 1.0, 2.0]])
    asked, measured = np.array([1.0, 2.0, 3.0, 4.0]), np.array([1.5, 2.5, np.nan, 4.5])
    error, correlation, rises = asked_age(asked, measured, rows, PROTOCOL)
    assert (error.value, error.details["undrawn"], rises.value) == (0.5, 1, 0.25)
    assert correlation.value == pytest.approx(1)
    error, correlation, _ = asked_age(asked, np.full(4, 2.0), rows, PROTOCOL)
    assert (error.value, correlation.value) == (1.0, 0.0)
    assert np.isnan(asked_age(asked, np.full(4, np.nan), rows, PROTOCOL)[0].value)


@pytest.mark.parametrize(
    ("system", "options", "expected"),
    [
        ("gan", {}, set[str]()),
        ("conditional", {}, {"asked_class", "asked_class_least"}),
        ("ageing", {"hold_out": "2.6,2.8"}, {"asked_class", "asked_class_least", *AGES, *HELD_OUT}),
    ],
)
def test_a_run_has_the_scores_of_its_conditions(
    system: str, options: dict[str, str], expected: set[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: dict[str, Any] = {"width": 0.05, "hidden": 16, "batch_size": 32, "epochs": 0.04, "options": options}
    trainer = Trainer.start(Config(system=system, **sizes), tmp_path / "run", quiet=True)
    trainer.train()
    extractor = features.get("lenet-mnist-v1")
    statistics = Statistics.of(np.eye(128) + 1.0, Origin(extractor.id, extractor.variant))
    generator, reference = SavedGenerator(tmp_path / "run"), Reference(statistics, None)
    exhibit = Exhibit(extractor, np.zeros((1, 28, 28, 1), np.uint8), reference)
    scores = condition_scores(generator, exhibit, 40)
    ages = {name for name in expected if "age_" in name}
    pixels = condition_scores(generator, Exhibit(None, exhibit.images, Reference(None, None)), 40)
    assert {score.protocol.metric for score in pixels} == ages
    assert {score.protocol.metric for score in scores} == expected
    assert all(np.isfinite(score.value) for score in scores if score.protocol.metric.startswith("asked"))
    held_out = {tuple(s.protocol.parameters.values()) for s in scores if s.protocol.metric.startswith("held_out")}
    assert held_out == ({(2.6, 2.8)} if options else set())
    if system == "conditional":  # enough of one class, and real images of which only the statistics are here
        digits = embedded.load()
        zeros = Dataset("zeros", digits.images[digits.labels == 0][:200], None, digits.source)
        generator.system.table = np.zeros(5, np.int64)  # type: ignore[attr-defined]
        monkeypatch.setattr(conditions, "dataset_of", lambda config: zeros)
        (fid,) = (s for s in condition_scores(generator, exhibit, 140) if s.protocol.metric == "fid_within_classes")
        assert fid.value > 0 and (fid.protocol.reference, fid.protocol.n_reference) == ("zeros, trained on", 200)


def test_ages_of_the_data_are_asked_for_without_those_that_were_held_out() -> None:
    system, rng = small_ageing()[0], np.random.default_rng(0)
    low, high = np.interp([0.3, 0.6], (0, 1), (system.knots[0], system.knots[-1]))
    values = conditions._ages(system, rng, 500, (low, high))
    assert ((values < low) | (values > high)).all() and (values < low).any() and (values > high).any()
