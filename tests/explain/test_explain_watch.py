"""The record of a step is what happened in it, and watching changes nothing."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from explained import Step

from minigan.checks import StepCase, step_cases
from minigan.explain.events import HOUSE, Aftermath, Log, Loss, Penalty, Spot, Sweep, Update, size
from minigan.explain.step import watch_d
from minigan.explain.watch import watched
from minigan.layers import Branches, Conv2d, Dropout, Flatten, Join, Linear, Network, Tanh
from minigan.layers.autoencoder import EncoderDecoder
from minigan.objectives import get
from minigan.optim import SGD, Adam
from minigan.penalties import Slope, towards
from minigan.training.steps import discriminator_step, generator_step

WGAN_GP = StepCase("wgan-gp", "layer")


@pytest.mark.parametrize("case", step_cases(), ids=str)
def test_a_watched_step_does_to_the_last_bit_what_a_plain_one_does(case: StepCase) -> None:
    watched, plain = Step(case), Step(case)
    d_part, g_part = watched.watch().parts
    if plain.objective.trains_d:
        made = discriminator_step(plain.d, plain.g, plain.objective, plain.d_optimizer, plain.real, plain.z)
        recorded = sum(e.value for e in d_part.events if isinstance(e, Loss | Penalty))
        assert recorded == pytest.approx(float(made.loss), rel=1e-12)
    made = generator_step(plain.d, plain.g, plain.objective, plain.g_optimizer, plain.z, plain.real)
    assert next(e.value for e in g_part.events if isinstance(e, Loss)) == float(made.loss)
    after = plain.arrays()
    for name, array in watched.arrays().items():
        np.testing.assert_array_equal(array, after[name], err_msg=name)


def test_the_passes_of_a_critic_with_a_penalty_are_recorded_in_their_order() -> None:
    d_part, g_part = Step(WGAN_GP).watch().parts

    def short(event: object) -> str:
        return f"{event.network} {event.kind}" if isinstance(event, Sweep) else type(event).__name__

    assert [short(event) for event in d_part.events] == [
        *("G forward", "D forward", "D forward", "Loss", "D backward", "D backward"),
        *("Penalty", "D forward", "D slope", "D twice", "D back", "Update"),
    ]
    assert [short(event) for event in g_part.events] == [
        *("G forward", "D forward", "Loss", "D backward", "G backward", "Update")
    ]


def test_passes_are_described_by_the_samples_that_they_are_about() -> None:
    sweeps = [event for event in Step(WGAN_GP).d_events() if isinstance(event, Sweep)]
    about = [sweep.about for sweep in sweeps]
    pairs = ["real samples", "the samples G(z)"]
    assert about == ["the noise z", *pairs, *pairs, *["the penalty's points x̂"] * 4]


def test_the_sizes_of_the_layers_are_those_of_a_plain_pass() -> None:
    step = Step(WGAN_GP)
    sweeps = [event for event in Step(WGAN_GP).d_events() if isinstance(event, Sweep)]
    x, caches = step.real, []
    for layer, row in zip(step.D.layers, sweeps[1].rows, strict=True):
        x, kept = layer.forward(x)
        caches.append(kept)
        assert (type(row.layer), row.out) == (type(layer), size(x))
        assert row.out.rms == pytest.approx(np.sqrt(np.mean(x**2)), rel=1e-12)
    _, dy, _ = step.objective.d_loss(x, x)
    rows = iter(sweeps[3].rows)
    for i in reversed(range(len(caches))):
        row, grads = next(rows), step.D.layers[i].param_grads(dy, caches[i])
        assert row.place == str(i) and row.into == size(dy)
        assert row.params == {name: size(grad) for name, grad in grads.items()}
        dx = step.D.layers[i].input_grad(dy, caches[i])
        assert row.out == (size(dx) if i else None)
        assert row.gain == (pytest.approx(np.linalg.norm(dx) / np.linalg.norm(dy)) if i else None)
        dy = dx


def test_the_second_order_pass_is_recorded_with_what_curved_layers_add() -> None:
    events, step = Step(WGAN_GP).d_events(), Step(WGAN_GP)
    fake = step.G.forward(step.z)[0]
    eps = step.objective.rng.random((4, 1, 1, 1))
    slope = Slope(step.D, eps * step.real + (1 - eps) * fake)
    ddx = towards(slope.g, weight=step.objective.weight)[1]
    twice = next(e for e in events if isinstance(e, Sweep) and e.kind == "twice")
    assert twice.into.rms == pytest.approx(size(ddx).rms, rel=1e-9)
    adding = []
    for layer, row, dy, kept in zip(step.D.layers, twice.rows, slope._trace, slope.caches, strict=True):
        ddx, extra, grads = layer.double_backward(ddx, dy, kept)
        assert row.out is not None and row.out.rms == pytest.approx(size(ddx).rms, rel=1e-9)
        assert row.params.keys() == grads.keys()
        assert (row.extra is None) == (extra is None)
        adding.append(extra is not None)
    back = next(e for e in events if isinstance(e, Sweep) and e.kind == "back")
    last = max(i for i, adds in enumerate(adding) if adds)
    assert [row.place for row in back.rows] == [str(i) for i in reversed(range(last))]


def test_an_update_is_recorded_with_what_it_changed() -> None:
    step, before = Step(WGAN_GP), Step(WGAN_GP).arrays()
    update = next(e for e in step.d_events() if isinstance(e, Update))
    assert update.rule is Adam
    for move in update.moves:
        old = before[f"D.{move.name}"]
        assert move.weight == size(old)
        assert move.change == size(step.arrays()[f"D.{move.name}"] - old)
        assert move.grad.rms > 0 or move.change.rms == 0


def test_what_an_objective_does_after_the_update_is_recorded() -> None:
    clipped = next(e for e in Step(StepCase("wgan", "batch")).d_events() if isinstance(e, Aftermath))
    assert clipped.changed.keys() >= {"0.weight"} and all(0 < share <= 1 for share in clipped.changed.values())
    assert clipped.method.code == "" and clipped.method.file == "minigan/objectives/wgan.py"
    began = next(e for e in Step(StepCase("began", "batch")).d_events() if isinstance(e, Aftermath))
    assert began.changed == {} and began.numbers.keys() >= {"k"}
    assert not any(isinstance(e, Aftermath) for e in Step(WGAN_GP).d_events())


def test_a_network_with_its_condition_bound_is_watched_with_all_its_layers() -> None:
    sweeps = [e for e in Step(StepCase("wgan-gp", "layer", classes=3)).d_events() if isinstance(e, Sweep)]
    assert [row.place for row in sweeps[1].rows] == [str(i) for i in range(len(sweeps[1].rows))]
    assert type(sweeps[1].rows[0].layer) is Join
    log = Log()
    step = Step(StepCase("hinge", "layer", classes=3))
    bound = watched(step.D, log, "D").given(step.labels % 3)
    y, _ = bound.forward(step.real)
    np.testing.assert_array_equal(y, step.d.forward(step.real)[0])
    assert log.sweep.network == "D" and len(log.sweep.rows) == len(step.D.layers)


def test_the_parts_of_a_network_that_computes_nothing_itself_are_watched_by_their_names() -> None:
    rng, log = np.random.default_rng(0), Log()
    both = EncoderDecoder(Network(Linear(4, 2, rng=rng)), Network(Linear(2, 4, rng=rng)))
    x = np.float32(rng.normal(size=(3, 4)))
    log.name(x, "real samples")
    inside = watched(both, log, "autoencoder")
    codes, _ = inside.encoder.forward(x)
    inside.decoder.forward(codes)
    assert [(sweep.network, sweep.about) for sweep in log.events] == [
        ("encoder", "real samples"),
        ("decoder", "encoder of real samples"),
    ]


def line(spot: Spot) -> str:
    return (HOUSE / spot.file).read_text(encoding="utf-8").splitlines()[spot.line - 1].strip()


@pytest.mark.parametrize("name", ["wgan-gp", "cramer", "began", "gmmn"])
def test_every_line_of_code_that_is_named_is_there_and_contains_that(name: str) -> None:
    events = [event for part in Step(StepCase(name, "layer")).watch().parts for event in part.events]
    assert len(events) > 5
    for event in events:
        assert event.call.code and line(event.call).startswith(event.call.code)
        if isinstance(event, Sweep) and event.kind != "back":
            assert "." in event.call.code and "(" in event.call.code
        if isinstance(event, Loss):
            assert line(event.method).startswith(("def d_loss(", "def g_loss(", "def joint_g_loss("))
    assert {str(Path(event.call.file).parent) for event in events} <= {
        *("minigan/training", "minigan", "minigan/objectives", "minigan/layers")
    }


def test_layers_of_nested_networks_are_named_as_their_parameters_are() -> None:
    rng = np.random.default_rng(0)
    inner = Branches(Conv2d(1, 2, 3, padding=1, rng=rng), Network(Conv2d(1, 3, 1, rng=rng), Tanh()))
    D = Network(inner, Dropout(0.3, rng=np.random.default_rng(4)), Flatten(), Linear(45, 1, rng=rng))
    G = Network(Linear(2, 9, rng=rng), Tanh())
    x = np.float32(rng.normal(size=(4, 3, 3, 1)))

    class Image(Network):
        def forward(self, x: np.ndarray, train: bool = True) -> tuple[np.ndarray, object]:
            y, kept = super().forward(x, train)
            return y.reshape(-1, 3, 3, 1), kept

    z = np.float32(rng.normal(size=(4, 2)))
    events = watch_d(D, Image(*G.layers), get("wgan-gp", rng=rng), SGD(D.named_params(), 0.1), x, z)
    sweeps = [event for event in events if isinstance(event, Sweep)]
    assert [row.place for row in sweeps[1].rows] == ["0.0", "0.1.0", "0.1.1", "1", "2", "3"]
    twice = [event for event in sweeps if event.kind == "twice"]
    assert [row.place for sweep in twice for row in sweep.rows] == ["0.0", "0.1.0", "0.1.1", "1", "2", "3"]
    back = [row.place for event in sweeps if event.kind == "back" for row in event.rows]
    assert back == ["0.1.0"], "tanh adds to the gradient of its input, and the convolution before it is asked"


def test_an_array_is_as_large_as_its_root_mean_square() -> None:
    found = size(np.float32([[3, -3], [3, 3]]))
    assert (found.shape, found.rms, found.length) == ((2, 2), 3.0, 6.0)
    assert size(np.float32([[1e30]])).rms == pytest.approx(1e30, rel=1e-6), "no overflow in float32"
    assert math.isnan(size(np.float32([math.nan])).rms)
