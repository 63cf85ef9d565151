"""What is noted of a step is what happened in it, and watching changes nothing."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from explained import Game

from minigan.checks import StepCase, step_cases
from minigan.explain.events import HOUSE, Aftermath, Loss, Penalty, Spot, Sweep, Update, size
from minigan.explain.step import watch_d
from minigan.layers import Branches, Conv2d, Dropout, Flatten, Linear, Network, Tanh
from minigan.objectives import get
from minigan.optim import SGD
from minigan.penalties import Slope, towards
from minigan.training.steps import discriminator_step, generator_step

WGAN_GP = StepCase("wgan-gp", "layer")


@pytest.mark.parametrize("case", step_cases(), ids=str)
def test_a_watched_step_does_to_the_last_bit_what_a_plain_one_does(case: StepCase) -> None:
    watched, plain = Game(case), Game(case)
    explained = watched.watch()
    if plain.objective.trains_d:
        plain_loss = discriminator_step(plain.D, plain.G, plain.objective, plain.d_optimizer, plain.real, plain.z)
        noted = sum(e.value for e in explained.d_events if isinstance(e, Loss | Penalty))
        assert noted == pytest.approx(float(plain_loss), rel=1e-12)
    game = plain.objective
    if game.compares:
        with plain.D.keeping_buffers():
            game = game.facing(plain.D.forward(plain.real)[0])
    g_loss = generator_step(plain.D, plain.G, game, plain.g_optimizer, plain.z)
    assert next(e.value for e in explained.g_events if isinstance(e, Loss)) == float(g_loss)
    after = plain.arrays()
    for name, array in watched.arrays().items():
        np.testing.assert_array_equal(array, after[name], err_msg=name)


def test_the_sweeps_of_a_critic_with_a_penalty_are_noted_in_their_order() -> None:
    explained = Game(WGAN_GP).watch()

    def short(event: object) -> str:
        return f"{event.network} {event.kind}" if isinstance(event, Sweep) else type(event).__name__

    assert [short(event) for event in explained.d_events] == [
        *("G forward", "D forward", "D forward", "Loss", "D backward", "D backward"),
        *("Penalty", "D forward", "D slope", "D third", "D home", "Update"),
    ]
    assert [short(event) for event in explained.g_events] == [
        *("G forward", "D forward", "Loss", "D backward", "G backward", "Update")
    ]


def test_sweeps_are_told_by_the_samples_that_they_are_about() -> None:
    sweeps = [event for event in Game(WGAN_GP).watch().d_events if isinstance(event, Sweep)]
    about = [sweep.about for sweep in sweeps]
    pairs = ["real samples", "the fakes G(z)"]
    assert about == ["the noise z", *pairs, *pairs, *["the penalty's points x̂"] * 4]


def test_the_sizes_of_the_layers_are_those_of_a_plain_pass() -> None:
    noted, game = Game(WGAN_GP).watch(), Game(WGAN_GP)
    sweeps = [event for event in noted.d_events if isinstance(event, Sweep)]
    x, caches = game.real, []
    for layer, row in zip(game.D.layers, sweeps[1].rows, strict=True):
        x, kept = layer.forward(x)
        caches.append(kept)
        assert (type(row.layer), row.out) == (type(layer), size(x))
        assert row.out.rms == pytest.approx(np.sqrt(np.mean(x**2)), rel=1e-12)
    _, dy, _ = game.objective.d_loss(x, x)
    rows = iter(sweeps[3].rows)
    for i in reversed(range(len(caches))):
        row, grads = next(rows), game.D.layers[i].param_grads(dy, caches[i])
        assert row.place == str(i) and row.into == size(dy)
        assert row.params == {name: size(grad) for name, grad in grads.items()}
        dx = game.D.layers[i].input_grad(dy, caches[i])
        assert row.out == (size(dx) if i else None)
        assert row.gain == (pytest.approx(np.linalg.norm(dx) / np.linalg.norm(dy)) if i else None)
        dy = dx


def test_the_third_sweep_is_noted_with_what_curved_layers_owe() -> None:
    noted, game = Game(WGAN_GP).watch(), Game(WGAN_GP)
    fake = game.G.forward(game.z)[0]
    eps = game.objective.rng.random((4, 1, 1, 1))
    slope = Slope(game.D, eps * game.real + (1 - eps) * fake)
    ddx = towards(slope.g, weight=game.objective.weight)[1]
    third = next(e for e in noted.d_events if isinstance(e, Sweep) and e.kind == "third")
    assert third.into.rms == pytest.approx(size(ddx).rms, rel=1e-9)
    owing = []
    for layer, row, dy, kept in zip(game.D.layers, third.rows, slope._trace, slope.caches, strict=True):
        ddx, owed, grads = layer.double_backward(ddx, dy, kept)
        assert row.out is not None and row.out.rms == pytest.approx(size(ddx).rms, rel=1e-9)
        assert row.params.keys() == grads.keys()
        assert (row.owed is None) == (owed is None)
        owing.append(owed is not None)
    home = next(e for e in noted.d_events if isinstance(e, Sweep) and e.kind == "home")
    last = max(i for i, owes in enumerate(owing) if owes)
    assert [row.place for row in home.rows] == [str(i) for i in reversed(range(last))]


def test_an_update_is_noted_with_what_it_changed() -> None:
    game, before = Game(WGAN_GP), Game(WGAN_GP).arrays()
    update = next(e for e in game.watch().d_events if isinstance(e, Update))
    assert update.rule == "Adam"
    for move in update.moves:
        old = before[f"D.{move.name}"]
        assert move.weight == size(old)
        assert move.change == size(game.arrays()[f"D.{move.name}"] - old)
        assert move.grad.rms > 0 or move.change.rms == 0


def test_what_a_game_does_behind_the_update_is_noted() -> None:
    clipped = next(e for e in Game(StepCase("wgan", "batch")).watch().d_events if isinstance(e, Aftermath))
    assert clipped.changed.keys() >= {"0.weight"} and all(0 < share <= 1 for share in clipped.changed.values())
    assert clipped.method.code == "" and clipped.method.file == "minigan/objectives/wgan.py"
    began = next(e for e in Game(StepCase("began", "batch")).watch().d_events if isinstance(e, Aftermath))
    assert began.changed == {} and began.numbers.keys() >= {"k"}
    assert not any(isinstance(e, Aftermath) for e in Game(WGAN_GP).watch().d_events)


def line(spot: Spot) -> str:
    return (HOUSE / spot.file).read_text(encoding="utf-8").splitlines()[spot.line - 1].strip()


@pytest.mark.parametrize("name", ["wgan-gp", "cramer", "began", "gmmn"])
def test_every_line_of_code_that_is_named_is_there_and_says_that(name: str) -> None:
    explained = Game(StepCase(name, "layer")).watch()
    events = [*explained.d_events, *explained.g_events]
    assert len(events) > 5
    for event in events:
        assert event.call.code and line(event.call).startswith(event.call.code)
        if isinstance(event, Sweep) and event.kind != "home":
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
    third = [event for event in sweeps if event.kind == "third"]
    assert [row.place for sweep in third for row in sweep.rows] == ["0.0", "0.1.0", "0.1.1", "1", "2", "3"]
    homes = [row.place for event in sweeps if event.kind == "home" for row in event.rows]
    assert homes == ["0.1.0"], "tanh owes its input, and the convolution in front of it is asked"


def test_an_array_is_as_large_as_its_root_mean_square() -> None:
    found = size(np.float32([[3, -3], [3, 3]]))
    assert (found.shape, found.rms, found.length) == ((2, 2), 3.0, 6.0)
    assert size(np.float32([[1e30]])).rms == pytest.approx(1e30, rel=1e-6), "no overflow in float32"
    assert math.isnan(size(np.float32([math.nan])).rms)
