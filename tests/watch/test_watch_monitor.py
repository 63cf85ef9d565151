"""The logic of the health monitor alone, on log points made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minigan import data, layers, objectives
from minigan.watch import vitals
from minigan.watch.conditions import CONDITIONS
from minigan.watch.facts import Facts
from minigan.watch.judge import counts, kinds
from minigan.watch.monitor import Monitor

FROZEN = {"g_gradient": 1e-3, "g_moved": 1e-9}
MOVING = {"g_gradient": 1e-3, "g_moved": 1e-3}
LEADS = {"ranked": 0.8, "pull": 0.5, "slope": 1.0, "estimate": 1.0, "size": 1.0}


def points(*parts: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"step": 10 * (i + 1), "vitals": part} for i, part in enumerate(parts)]


def history(facts: Facts, *parts: dict[str, Any]) -> list[tuple[int, str, str]]:
    """At which steps which conditions begin and end."""
    monitor = Monitor(facts)
    return [(p["step"], e["condition"], e["state"]) for p in points(*parts) for e in monitor.feed(p)]


def sentences(facts: Facts, *parts: dict[str, Any]) -> list[str]:
    monitor = Monitor(facts)
    return [entry["says"] for point in points(*parts) for entry in monitor.feed(point)]


def test_a_condition_is_reported_once_when_it_begins_and_once_when_it_ends() -> None:
    parts = [MOVING] * 2 + [FROZEN] * 6 + [MOVING] * 6
    assert history(Facts(), *parts) == [(50, "frozen generator", "begins"), (110, "frozen generator", "ends")]


def test_what_comes_and_goes_is_not_reported() -> None:
    assert history(Facts(), *[FROZEN, FROZEN, MOVING] * 5) == []


def test_points_without_the_measurement_change_nothing() -> None:
    parts = [FROZEN, {}, FROZEN, {}, FROZEN]
    assert history(Facts(), *parts) == [(50, "frozen generator", "begins")]


def test_what_begins_has_a_sentence_with_its_numbers_and_a_remedy_and_what_ends_has_none() -> None:
    monitor = Monitor(Facts())
    begins, ends = [entry for p in points(*[FROZEN] * 3, *[MOVING] * 3) for entry in monitor.feed(p)]
    assert "1.0e-09" in begins["says"] and "Usual remedies" in begins["remedy"]
    assert (ends["says"], ends["remedy"]) == ("G moves again.", "")
    assert begins.keys() == ends.keys() == {"condition", "state", "says", "remedy"}


def test_a_replayed_log_leaves_the_monitor_as_if_it_had_been_there() -> None:
    log = points(*[MOVING] * 2, *[FROZEN] * 4)
    there, later = Monitor(Facts()), Monitor(Facts())
    reported = [there.feed(point) for point in log]
    assert sum(map(len, reported)) == 1
    for point in log:
        later.feed(point)
    assert later.active == there.active != {}
    assert [later.feed(p) for p in points(*[MOVING] * 3)] == [there.feed(p) for p in points(*[MOVING] * 3)]


def test_what_is_still_wrong_is_kept_with_its_step_and_remedy() -> None:
    monitor = Monitor(Facts())
    for point in points(*[FROZEN] * 3):
        monitor.feed(point)
    (sentence,) = monitor.active.values()
    assert sentence.startswith("since step 30: G does not move: ") and "Usual remedies" in sentence


def test_nothing_advises_a_larger_rate_while_the_rate_is_too_large() -> None:
    monitor = Monitor(Facts())
    wild = {**FROZEN, "d_moved": 0.9}  # G stands still because D's steps are far too large
    entries = {entry["condition"]: entry for p in points(*[wild] * 3) for entry in monitor.feed(p)}
    assert "ten times smaller" in entries["learning rate too high"]["remedy"]
    remedy = "This is a usual consequence of the other condition, learning rate too high: mend that first."
    assert entries["frozen generator"]["remedy"] == remedy and monitor.active["frozen generator"].endswith(remedy)
    for p in points(*[FROZEN] * 2):
        monitor.feed(p)
    assert "a larger learning rate for G" in monitor.active["frozen generator"]


def test_signs_name_the_players_by_their_own_names() -> None:
    facts = Facts(D="D_A", G="G_BA")
    assert sentences(facts, *[FROZEN] * 3)[0].startswith("G_BA does not move: ")
    assert "D_A's weights" in sentences(facts, *[{"d_moved": 0.04, "g_moved": 0.002}] * 10)[0]


CLASSES = Facts(classes=("0", "1", "2"))
CLIPPED = Facts(clip=(-0.1, 0.1))
ILL: list[tuple[str, Facts, dict[str, Any], str]] = [
    ("mode collapse", CLASSES, {"counts": [500, 0, 0], "of": 500}, "missing: 1 and 2; 100% of its samples are 0"),
    ("mode collapse", CLASSES, {"counts": [0, 0, 0], "of": 500}, "G generates none of the 3 classes"),
    (
        "saturated discriminator",
        Facts(),
        LEADS | {"ranked": 1.0, "pull": 0.01},
        "100.0% of the real ones higher",
    ),
    ("vanishing generator gradient", Facts(), {"g_gradient": 1e-4, "slope": 0.001}, "only 0.1% as steep"),
    ("vanishing generator gradient", Facts(), {"g_gradient": 1e-9}, "1.0e-09 is below the ε"),
    ("frozen generator", Facts(), {"g_gradient": 0.0, "g_moved": 0.0}, "its gradient is exactly zero"),
    ("explosion", Facts(logit=True), LEADS | {"size": 100.0}, "they are 100 in size"),
    ("learning rate too high", Facts(), {"d_moved": 2.0, "g_moved": 1.0}, "changes its weights by 200%"),
    (
        "unequal players",
        Facts(),
        {"d_moved": 0.04, "g_moved": 0.002},
        "D's weights by 4.0% of their size, G's by 0.2",
    ),
    ("dead layer", Facts(), {"probed": 64, "idle": {"G 3": 0.99}}, "Layer 3 of G is dead: 99%"),
    ("dead layer", Facts(), {"probed": 64, "slope_of_tanh": 1e-5}, "mean slope of 1.0e-05"),
    ("linear layer", Facts(), {"probed": 64, "linear": {"D 1": 1.0}}, "Layer 1 of D bends nothing"),
    ("layer without gradient", Facts(), {"g_gradient": 1.0, "still": ["D 0.weight"]}, "reaches 0.weight of D:"),
    ("weights at the bounds", CLIPPED, {"bounded": 0.97}, "97% of D's weights lie at the bounds -0.1 and 0.1"),
    ("clip too wide", CLIPPED, {"bounded": 0.0}, "reaches the bounds -0.1 and 0.1"),
]


@pytest.mark.parametrize(("condition", "facts", "part", "words"), ILL)
def test_each_condition_has_its_sign(condition: str, facts: Facts, part: dict[str, Any], words: str) -> None:
    assert condition in {name for _, name, state in history(facts, *[part] * 10) if state == "begins"}
    assert any(words in sentence for sentence in sentences(facts, *[part] * 10)), sentences(facts, *[part] * 10)


def test_every_condition_is_among_them() -> None:
    assert {condition for condition, *_ in ILL} == {condition.name for condition in CONDITIONS}


WELL: list[tuple[Facts, dict[str, Any]]] = [
    (CLASSES, {"counts": [300, 190, 10], "of": 500}),
    (Facts(), LEADS | {"ranked": 1.0}),  # sure, but still learning
    (Facts(), LEADS | {"pull": 0.01}),
    (Facts(), {"d_moved": 0.01, "g_moved": 0.002}),
    (CLIPPED, {"d_moved": 0.04, "g_moved": 0.002, "bounded": 0.4, "g_gradient": 3e-6}),
    (Facts(), {"probed": 64, "idle": {"G 3": 0.6}, "linear": {"D 8": 0.9}, "slope_of_tanh": 0.05}),
    (Facts(logit=True), LEADS | {"size": 5.0}),
    (Facts(reach=4.0), LEADS | {"estimate": 10.0, "size": 20.0}),
]


@pytest.mark.parametrize(("facts", "part"), WELL)
def test_ordinary_numbers_are_not_a_condition(facts: Facts, part: dict[str, Any]) -> None:
    assert history(facts, *[part] * 30) == []


def test_scores_that_leave_the_reach_of_the_data_are_an_explosion_when_they_grow() -> None:
    growing = [LEADS | {"estimate": 10.0 * i, "size": 10.0 * i} for i in range(1, 10)]
    assert (70, "explosion", "begins") in history(Facts(reach=4.0), *growing)
    assert history(Facts(reach=4.0), *growing[::-1]) == []


def test_gradients_a_thousand_times_those_of_the_start_are_an_explosion_and_a_thousandth_is_vanishing() -> None:
    for factor, condition in ((2e3, "explosion"), (5e-4, "vanishing generator gradient")):
        parts = [{"d_gradient": 1e-3, "g_gradient": 1e-3}] * 20 + [
            {"d_gradient": 1e-3, "g_gradient": 1e-3 * factor}
        ] * 5
        assert [name for _, name, _ in history(Facts(), *parts)] == [condition]


def test_verdicts_of_d_by_hand() -> None:
    facts = objectives.get("minimax")
    a, b = np.array([[2.0], [0.0]]), np.array([[1.0], [-1.0]])
    found = vitals.verdicts(facts, a, b)
    assert found["ranked"] == 3 / 4
    assert found["estimate"] == 1.0 and found["size"] == pytest.approx(np.sqrt(1.5))
    p, q = 1 / (1 + np.exp(-b)), 1 / (1 + np.exp(-a))
    assert found["pull"] == found["slope"] == pytest.approx(np.sqrt((p**2).mean() / (q**2).mean()))


def test_a_wasserstein_critic_is_pulled_alike_by_all_samples() -> None:
    found = vitals.verdicts(objectives.get("wgan"), np.array([[9.0]]), np.array([[-9.0]]))
    assert (found["pull"], found["slope"], found["ranked"]) == (1, 1, 1)


def test_the_share_of_weights_at_the_bounds() -> None:
    D = layers.Network(layers.Linear(160, 10, rng=np.random.default_rng(0)))
    for clip, low, high in ((10.0, 0.0, 0.0), (0.04, 0.3, 0.7), (1e-6, 0.98, 1.0)):
        facts = objectives.get("wgan", clip=clip)
        facts.after_d_update(D)
        assert low <= (vitals.bounded(facts, D) or 0.0) <= high
    assert vitals.bounded(objectives.get("hinge"), D) is None
    assert vitals.bounds(objectives.get("rwgan", bounds=(-1.0, 2.0))) == (-1.0, 2.0)


def test_a_trace_names_each_layer_and_ends_with_the_output() -> None:
    rng = np.random.default_rng(0)
    inner = layers.Network(layers.Linear(3, 4, rng=rng), layers.ReLU())
    network = layers.Network(inner, layers.Linear(4, 2, rng=rng))
    x = rng.standard_normal((5, 3)).astype(np.float32)
    found = list(vitals.trace(network, x, "G"))
    assert [name for name, _, _ in found] == ["G 0.0", "G 0.1", "G 1"]
    np.testing.assert_array_equal(found[-1][2], network.forward(x)[0])


def test_gaussians_are_counted_within_half_of_the_way_to_the_next_and_named_by_their_centres() -> None:
    ring = data.ring()
    assert kinds(ring)[:3] == ("(2, 0)", "(1.41, 1.41)", "(0, 2)")
    samples = np.concatenate([ring.centres[[0, 0, 2]] + 0.3, np.zeros((5, 2))]).astype(np.float32)
    assert counts(samples, ring) == [2, 0, 1, 0, 0, 0, 0, 0]
