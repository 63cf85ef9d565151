"""Whole training steps, for every objective, with small convolutional networks that have all that is hard."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from support import strict

from minigan import gradcheck, objectives
from minigan.battery import small_pair
from minigan.device import Array
from minigan.layers import Layer, Network
from minigan.objectives import Objective
from minigan.optim import SGD, Adam
from minigan.penalties import gradient_penalty
from minigan.random import Streams
from minigan.training.steps import discriminator_step, generator_step

NAMES = objectives.names()
Change = Callable[[np.ndarray], Any]


@dataclass
class Game:
    """A small G and D, an objective, a batch and the noise; `change` takes every array to another type or device."""

    name: str
    change: Change = np.asarray
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.streams = Streams(5)
        self.G, self.D = small_pair(self.streams("weights"), objectives.find(self.name).critic_norm)
        # Scores of about 1, where no objective is flat.
        self.D.layers[-1].weight *= 0.1  # type: ignore[attr-defined]
        for network in (self.G, self.D):
            network.convert(self.change)
        numbers = self.streams.at("batch", 0)
        self.real = self.change(numbers.normal(size=(6, 6, 6, 1)))
        self.z = self.change(numbers.normal(size=(6, 3)))
        hyper = {"rng": self.streams("penalty")} if self.name in ("wgan-gp", "dragan") else {}
        self.objective: Objective = objectives.get(self.name, **hyper | self.options)

    def d_step(self, optimizer: Any) -> Array:
        return discriminator_step(self.D, self.G, self.objective, optimizer, self.real, self.z)

    def g_step(self, optimizer: Any) -> Array:
        return generator_step(self.D, self.G, self.objective, optimizer, self.z)


def wide(name: str) -> dict[str, Any]:
    """Options under which no projection moves the weights."""
    return {"clip": 1e6} if name == "wgan" else {}


def state(network: Network) -> dict[str, Array]:
    """Copies of parameters and buffers."""
    return {name: array.copy() for name, array in (*network.named_params(), *network.named_buffers())}


def to_float32(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32)


every = pytest.mark.parametrize("name", NAMES)


@every
def test_a_generator_step_leaves_d_as_it_is_to_the_last_bit(name: str) -> None:
    game = Game(name)
    before = state(game.D)
    game.g_step(Adam(game.G.named_params(), 0.1))
    for key, array in state(game.D).items():
        np.testing.assert_array_equal(array, before[key])


@every
def test_a_discriminator_step_leaves_the_weights_of_g_as_they_are_to_the_last_bit(name: str) -> None:
    game = Game(name)
    before = {key: param.copy() for key, param in game.G.named_params()}
    game.d_step(Adam(game.D.named_params(), 0.1))
    for key, param in game.G.named_params():
        np.testing.assert_array_equal(param, before[key])


def idle(name: str, player: str) -> set[str]:
    """Parameters on which the loss does not depend, and why."""
    if player == "G":
        return set()
    batch_norm_takes_the_bias_in_front_of_it_out = {"0.bias"} if objectives.find(name).critic_norm == "batch" else set()
    a_difference_of_means_has_no_level = {"6.bias"} if name in ("wgan", "wgan-gp") else set()
    return batch_norm_takes_the_bias_in_front_of_it_out | a_difference_of_means_has_no_level


@every
@pytest.mark.parametrize("player", ["D", "G"])
def test_every_parameter_moves_in_a_step_but_those_that_do_not_matter(name: str, player: str) -> None:
    game = Game(name, options=wide(name))
    network: Network = getattr(game, player)
    before = state(network)
    {"D": game.d_step, "G": game.g_step}[player](SGD(network.named_params(), 0.1))
    moved = {key: np.abs(param - before[key]).max() for key, param in network.named_params()}
    assert {key for key, size in moved.items() if size < 1e-10} == idle(name, player)
    assert min([size for key, size in moved.items() if key not in idle(name, player)]) > 1e-6


@every
def test_the_losses_are_those_of_the_objective_and_of_the_networks_before_they_move(name: str) -> None:
    game, copy = Game(name, options=wide(name)), Game(name)
    fake = copy.G.forward(copy.z)[0]
    a, b = copy.D.forward(copy.real)[0], copy.D.forward(fake)[0]
    expected = copy.objective.d_loss(a, b)[0]
    if copy.objective.penalty is not None:
        expected = expected + copy.objective.penalty(copy.D, copy.real, fake, {})
    assert game.d_step(SGD(game.D.named_params(), 0.1)) == pytest.approx(expected, rel=1e-12)
    game = Game(name)
    assert game.g_step(SGD(game.G.named_params(), 0.1)) == pytest.approx(game.objective.g_loss(b)[0], rel=1e-12)


@pytest.mark.parametrize("name", ["wgan-gp", "dragan"])
def test_the_penalty_is_part_of_the_loss_and_of_the_gradient(name: str) -> None:
    with_it, without = Game(name), Game(name, options={"weight": 0.0})
    recorded = gradcheck.Recorder(), gradcheck.Recorder()
    loss, plain = with_it.d_step(recorded[0]), without.d_step(recorded[1])
    assert loss - plain > 0.01
    assert np.abs(recorded[0].grads["0.weight"] - recorded[1].grads["0.weight"]).max() > 1e-3


def test_wgan_gp_asks_for_the_penalty_that_penalties_computes() -> None:
    game, copy = Game("wgan-gp"), Game("wgan-gp", options={"weight": 0.0})
    loss, plain = game.d_step(gradcheck.Recorder()), copy.d_step(gradcheck.Recorder())
    copy.streams.seek(0)
    eps = copy.streams("penalty").random((6, 1, 1, 1))
    x = eps * copy.real + (1 - eps) * copy.G.forward(copy.z)[0]
    assert loss - plain == pytest.approx(gradient_penalty(copy.D, x, {}, weight=10.0), rel=1e-10)


def test_wgan_clips_after_the_critics_update_and_not_after_the_generators() -> None:
    game = Game("wgan", options={"clip": 0.2})
    game.g_step(SGD(game.G.named_params(), 1.0))
    assert max(np.abs(param).max() for _, param in game.D.named_params()) > 0.2
    game.d_step(SGD(game.D.named_params(), 100.0))
    assert {np.abs(param).max() for _, param in game.D.named_params() if param.size > 3} == {0.2}
    assert max(np.abs(param).max() for _, param in game.G.named_params()) > 0.2


@every
def test_each_player_lowers_its_own_loss_while_the_other_stands_still(name: str) -> None:
    for player in ("D", "G"):
        game = Game(name, options=wide(name))
        network, step = getattr(game, player), {"D": game.d_step, "G": game.g_step}[player]
        optimizer = SGD(network.named_params(), 1e-4)
        losses = []
        for _ in range(3):
            game.streams.seek(0)  # a penalty looks at the same points each time
            losses.append(float(step(optimizer)))
        assert losses[0] > losses[1] > losses[2]


@every
def test_float32_stays_float32(name: str) -> None:
    game = Game(name, to_float32)
    losses = [game.d_step(Adam(game.D.named_params(), 1e-3)), game.g_step(Adam(game.G.named_params(), 1e-3))]
    arrays = [*losses, *state(game.D).values(), *state(game.G).values()]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    assert [loss.shape for loss in losses] == [(), ()]


@every
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 2e-4)], ids=["float64", "float32"])
def test_a_gpu_would_take_the_same_steps_without_waiting(name: str, dtype: type, tolerance: float) -> None:
    here = Game(name, lambda array: array.astype(dtype))
    away = Game(name, lambda array: strict.to_device(array.astype(dtype)))
    losses = []
    for game in (here, away):
        d_optimizer, g_optimizer = SGD(game.D.named_params(), 1e-3), SGD(game.G.named_params(), 1e-3)
        with strict.no_sync():
            losses.append([game.d_step(d_optimizer), game.g_step(g_optimizer)])
    np.testing.assert_allclose([strict.to_host(loss) for loss in losses[1]], losses[0], rtol=tolerance, atol=tolerance)
    for near, far in ((here.D, away.D), (here.G, away.G)):
        found = state(far)
        for key, array in state(near).items():
            home = strict.to_host(found[key])
            assert home.dtype == dtype
            np.testing.assert_allclose(home, array, rtol=0, atol=tolerance, err_msg=key)


@pytest.mark.parametrize("train", [True, False], ids=["training", "frozen"])
def test_gradients_reach_g_through_the_batch_norm_of_d(train: bool) -> None:
    game = Game("nonsaturating")
    both = Network(game.G, game.D)
    errors = gradcheck.layer_errors(both, game.z, np.random.default_rng(0), train)
    assert max(errors.values()) < gradcheck.TOLERANCE
    assert {"d0.0.weight", "d0.4.weight twice", "d1.1.weight"} <= errors.keys()


@pytest.mark.parametrize("name", [name for name in NAMES if name != "wgan-gp"])
def test_real_and_fake_batches_may_differ_in_size(name: str) -> None:
    game = Game(name, options=wide(name))
    game.real = game.real[:4]

    def step(optimizer: gradcheck.Recorder) -> Array:
        game.streams.seek(0)
        return game.d_step(optimizer)

    errors = gradcheck.step_errors(step, dict(game.D.named_params()), np.random.default_rng(0))
    assert max(errors.values()) < gradcheck.TOLERANCE


def test_the_order_of_a_discriminator_step_is_losses_update_projection() -> None:
    seen: list[str] = []

    class Told(Objective):
        """Writes down what happens."""

        name = "told"

        def d_loss(self, a: Array, b: Array) -> tuple[Array, Array, Array]:
            seen.append("loss")
            return a.mean() + b.mean(), a / 10, b / 10

        def penalty(self, D: Layer, real: Array, fake: Array, grads: dict[str, Any]) -> Array:
            assert grads.keys() == {"0", "1", "2", "3", "4", "5", "6"}
            seen.append("penalty")
            return real.sum()

        def after_d_update(self, D: Layer) -> None:
            seen.append("projection")

    class Optimizer:
        """Does nothing, and says so."""

        def step(self, grads: dict[str, Any]) -> None:
            seen.append("update")

    game = Game("lsgan")
    game.objective = Told()
    game.d_step(Optimizer())
    assert seen == ["loss", "penalty", "update", "projection"]
