"""Whole training steps, for every objective, with small convolutional networks that have all that is hard."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import strict

from minigan import gradcheck, objectives
from minigan.checks import StepCase, step_cases
from minigan.device import Array, to_host
from minigan.layers import Layer, Linear, Network, SpectralNorm
from minigan.objectives import Objective
from minigan.optim import SGD, Adam, flatten
from minigan.penalties import gradient_penalty
from minigan.random import Streams
from minigan.training.steps import discriminator_step, generator_step

CASES = step_cases()
TRAINING_D = [case for case in CASES if case.objective(Streams(0)).trains_d]
Change = Callable[[np.ndarray], Any]


class Small:
    """A small G and D, an objective, a batch and the noise; `change` takes every array to another type or device.

    Unless `projecting`, nothing follows an update of D: no projection moves the weights.
    """

    def __init__(self, case: StepCase | str, change: Change = np.asarray, projecting: bool = False, **options: Any):
        if isinstance(case, str):
            case = StepCase(case, objectives.find(case).critic_norm, options)
        self.streams = Streams(5)
        self.objective = case.objective(self.streams)
        if projecting:
            del self.objective.after_d_update  # the page's own is under it
        self.G, self.D = case.pair(self.streams, self.objective)
        if isinstance(self.D, Network) and isinstance(self.D.layers[-1], Linear):
            self.D.layers[-1].weight *= 0.1  # outputs of about 1, where no objective is flat
        for network in (self.G, self.D):
            network.convert(change)
        numbers = self.streams.at("batch", 0)
        self.real = change(numbers.normal(size=(6, *case.sample_shape)))
        self.z = change(numbers.normal(size=(6 * self.objective.fakes, 3)))
        self.case, self.labels = case, change(np.array([0.0, 2, 1, 1, 2, 0])).astype(np.int64)
        if isinstance(self.real, strict.StrictArray):
            self.objective.convert(strict.to_device)

    def settle(self) -> None:
        """Let a spectral norm's singular vectors arrive where they stand still."""
        for _ in range(300 if any(isinstance(layer, SpectralNorm) for layer in getattr(self.D, "layers", ())) else 0):
            self.D.forward(self.real)

    @property
    def pair(self) -> tuple[Layer, Layer]:
        """D and G, at the labels where they take any."""
        return self.case.given(self.D, self.labels), self.case.given(self.G, self.labels)

    def d_step(self, optimizer: Any) -> Array:
        """The loss of a step of D."""
        return discriminator_step(*self.pair, self.objective, optimizer, self.real, self.z).loss

    def g_step(self, optimizer: Any) -> Array:
        """The loss of a step of G."""
        return generator_step(*self.pair, self.objective, optimizer, self.z, self.real).loss

    def both_steps(self, optimizer: Callable[..., Any]) -> list[Array]:
        """The losses of those steps that the objective has."""
        d_losses = [self.d_step(optimizer(self.D.named_params(), 1e-3))] if self.objective.trains_d else []
        return [*d_losses, self.g_step(optimizer(self.G.named_params(), 1e-3))]


def state(network: Layer) -> dict[str, Array]:
    """Copies of parameters and buffers."""
    return {name: array.copy() for name, array in (*network.named_params(), *network.named_buffers())}


def to_float32(array: np.ndarray) -> np.ndarray:
    return array.astype(np.float32)


every = pytest.mark.parametrize("case", CASES, ids=str)
every_with_a_d = pytest.mark.parametrize("case", TRAINING_D, ids=str)


def test_every_objective_has_its_steps_here() -> None:
    assert {case.name for case in CASES} == set(objectives.names())
    assert {case.name for case in TRAINING_D} == set(objectives.names()) - {"gmmn"}


@every
def test_a_generator_step_leaves_d_as_it_is_to_the_last_bit(case: StepCase) -> None:
    small = Small(case, projecting=True)
    before, numbers = state(small.D), {name: n.copy() for name, n in small.objective.named_buffers()}
    small.g_step(Adam(small.G.named_params(), 0.1))
    for key, array in state(small.D).items():
        np.testing.assert_array_equal(array, before[key])
    assert dict(small.objective.named_buffers()) == numbers


@every_with_a_d
def test_a_discriminator_step_leaves_the_weights_of_g_as_they_are_to_the_last_bit(case: StepCase) -> None:
    small = Small(case, projecting=True)
    before = {key: param.copy() for key, param in small.G.named_params()}
    small.d_step(Adam(small.D.named_params(), 0.1))
    for key, param in small.G.named_params():
        np.testing.assert_array_equal(param, before[key])


def idle(case: StepCase, player: str) -> set[str]:
    """Parameters on which the loss does not depend, and why."""
    if player == "G":
        return set()
    critic = case.objective(Streams(0)).critic()
    encodes, joined = critic["output"] == "autoencoder", case.classes is not None  # by a layer before the others
    first = "encoder.0.bias" if encodes else f"{int(joined)}.bias"
    head = f"{(6 if case.critic_norm else 5) + joined}.bias"
    batch_norm_removes_the_bias_before_it = {first} if case.critic_norm == "batch" else set()
    only_differences_count = {"wgan", "wgan-gp", "rwgan", "ragan", "rpgan", "mcgan-mean", "mmd-gan-gp"}
    inside_its_margins_hinge_is_wgan = case.name == "hinge" and case.spectral_norm
    a_difference_has_no_level = (
        {head} if case.name in only_differences_count or inside_its_margins_hinge_is_wgan else set()
    )
    return batch_norm_removes_the_bias_before_it | a_difference_has_no_level


@pytest.mark.parametrize(
    ("case", "player"), [*((case, "D") for case in TRAINING_D), *((case, "G") for case in CASES)], ids=str
)
def test_every_parameter_moves_in_a_step_but_those_that_do_not_matter(case: StepCase, player: str) -> None:
    small = Small(case)
    network: Layer = getattr(small, player)
    before = state(network)
    {"D": small.d_step, "G": small.g_step}[player](SGD(network.named_params(), 0.1))
    moved = {key: np.abs(param - before[key]).max() for key, param in network.named_params()}
    assert {key for key, size in moved.items() if size < 1e-10} == idle(case, player)
    assert min([size for key, size in moved.items() if key not in idle(case, player)]) > 1e-6


@every_with_a_d
def test_the_loss_of_a_d_step_is_that_of_the_objective_and_of_the_networks_before_they_move(case: StepCase) -> None:
    small, copy = Small(case), Small(case)
    D, G = copy.pair
    fake = G.forward(copy.z)[0]
    a, b = D.forward(copy.real)[0], D.forward(fake)[0]
    expected = copy.objective.d_loss(a, b)[0]
    if copy.objective.penalty is not None:
        expected = expected + copy.objective.penalty(D, copy.real, fake, {})
    assert small.d_step(SGD(small.D.named_params(), 0.1)) == pytest.approx(expected, rel=1e-12)


@every
def test_the_loss_of_a_g_step_is_that_of_the_objective_and_of_the_networks_before_they_move(case: StepCase) -> None:
    small, copy = Small(case), Small(case)
    D, G = copy.pair
    with D.keeping_buffers():
        a = D.forward(copy.real)[0]
    b = D.forward(G.forward(copy.z)[0])[0]
    expected = copy.objective.joint_g_loss(a, b)[0]
    assert small.g_step(SGD(small.G.named_params(), 0.1)) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    ("name", "weight"),
    [("wgan-gp", "weight"), ("dragan", "weight"), ("r1", "gamma"), ("mmd-gan-gp", "weight"), ("cramer", "weight")],
)
def test_the_penalty_is_part_of_the_loss_and_of_the_gradient(name: str, weight: str) -> None:
    nothing: dict[str, Any] = {weight: 0.0}
    with_it, without = Small(name), Small(name, **nothing)
    recorded = gradcheck.Recorder(), gradcheck.Recorder()
    loss, plain = with_it.d_step(recorded[0]), without.d_step(recorded[1])
    assert loss - plain > 0.01
    assert np.abs(recorded[0].grads["0.weight"] - recorded[1].grads["0.weight"]).max() > 1e-3


def test_wgan_gp_asks_for_the_penalty_that_penalties_computes() -> None:
    small, copy = Small("wgan-gp"), Small("wgan-gp", weight=0.0)
    loss, plain = small.d_step(gradcheck.Recorder()), copy.d_step(gradcheck.Recorder())
    copy.streams.seek(0)
    eps = copy.streams("penalty").random((6, 1, 1, 1))
    x = eps * copy.real + (1 - eps) * copy.G.forward(copy.z)[0]
    assert loss - plain == pytest.approx(gradient_penalty(copy.D, x, {}, weight=10.0), rel=1e-10)


def test_wgan_clips_after_the_critics_update_and_not_after_the_generators() -> None:
    small = Small("wgan", projecting=True, clip=0.2)
    small.g_step(SGD(small.G.named_params(), 1.0))
    assert max(np.abs(param).max() for _, param in small.D.named_params()) > 0.2
    small.d_step(SGD(small.D.named_params(), 100.0))
    assert {np.abs(param).max() for _, param in small.D.named_params() if param.size > 3} == {0.2}
    assert max(np.abs(param).max() for _, param in small.G.named_params()) > 0.2


@every
def test_each_player_lowers_its_own_loss_while_the_other_stands_still(case: StepCase) -> None:
    for player in ("D", "G") if case in TRAINING_D else ("G",):
        small = Small(case)
        small.settle()
        network, step = getattr(small, player), {"D": small.d_step, "G": small.g_step}[player]
        optimizer = SGD(network.named_params(), 1e-4)
        losses = []
        for _ in range(3):
            small.streams.seek(0)  # a penalty looks at the same points each time
            losses.append(float(step(optimizer)))
        assert losses[0] > losses[1] > losses[2]


@every
def test_float32_stays_float32(case: StepCase) -> None:
    small = Small(case, to_float32, projecting=True)
    losses = small.both_steps(Adam)
    arrays = [*losses, *state(small.D).values(), *state(small.G).values()]
    assert {array.dtype for array in arrays} == {np.dtype(np.float32)}
    assert {loss.shape for loss in losses} == {()}


@every
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-9), (np.float32, 2e-4)], ids=["float64", "float32"])
def test_a_gpu_would_take_the_same_steps_without_waiting(case: StepCase, dtype: type, tolerance: float) -> None:
    here = Small(case, lambda array: array.astype(dtype), projecting=True)
    away = Small(case, lambda array: strict.to_device(array.astype(dtype)), projecting=True)
    losses = []
    for small in (here, away):
        with strict.no_sync():
            losses.append(small.both_steps(SGD))
            small.objective.after_epoch()
    np.testing.assert_allclose([strict.to_host(loss) for loss in losses[1]], losses[0], rtol=tolerance, atol=tolerance)
    for near, far in ((here.D, away.D), (here.G, away.G)):
        found = state(far)
        for key, array in state(near).items():
            home = strict.to_host(found[key])
            assert home.dtype == dtype
            np.testing.assert_allclose(home, array, rtol=0, atol=tolerance, err_msg=key)
    numbers = dict(away.objective.named_buffers())
    for key, number in here.objective.named_buffers():
        np.testing.assert_allclose(to_host(numbers[key]), number, rtol=tolerance, atol=tolerance, err_msg=key)


@pytest.mark.parametrize("train", [True, False], ids=["training", "frozen"])
def test_gradients_reach_g_through_the_batch_norm_of_d(train: bool) -> None:
    small = Small("nonsaturating")
    both = Network(small.G, small.D)
    errors = gradcheck.layer_errors(both, small.z, np.random.default_rng(0), train)
    assert max(errors.values()) < gradcheck.TOLERANCE
    assert {"d0.0.weight", "d0.4.weight twice", "d1.1.weight"} <= errors.keys()


PAIRING = {"wgan-gp", "mmd-gan-gp", "cramer", "rpgan"}  # every real sample has its own fakes


FREE = [case for case in TRAINING_D if case.name not in PAIRING and case.classes is None]


@pytest.mark.parametrize("case", FREE, ids=str)
def test_real_and_fake_batches_may_differ_in_size(case: StepCase, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gradcheck, "STEP", 1e-6)  # too short to meet a kink of an l1 energy
    small = Small(case)
    small.settle()
    small.real = small.real[:4]

    def step(optimizer: gradcheck.Recorder) -> Array:
        small.streams.seek(0)
        with small.D.keeping_buffers():
            return small.d_step(optimizer)

    errors = gradcheck.step_errors(step, dict(small.D.named_params()), np.random.default_rng(1))
    assert max(errors.values()) < gradcheck.TOLERANCE


@pytest.mark.parametrize("case", [case for case in TRAINING_D if case.name in PAIRING and not case.classes], ids=str)
def test_batches_that_do_not_pair_are_refused_where_they_must(case: StepCase) -> None:
    small = Small(case)
    small.real = small.real[:4]
    message = r"(pairs real with fake|two fakes for every real|as many fake as real) samples?, got"
    with pytest.raises(ValueError, match=message):
        small.d_step(gradcheck.Recorder())


def test_a_step_returns_its_loss_the_scores_and_the_gradients() -> None:
    small = Small("nonsaturating")
    optimizers = [gradcheck.Recorder(), gradcheck.Recorder()]
    d = discriminator_step(small.D, small.G, small.objective, optimizers[0], small.real, small.z)
    g = generator_step(small.D, small.G, small.objective, optimizers[1], small.z)
    assert {name: scores.shape for name, scores in d.scores.items()} == {"real": (6, 1), "fake": (6, 1)}
    assert g.scores.keys() == {"fake"}
    assert d.loss == small.objective.d_loss(d.scores["real"], d.scores["fake"])[0]
    assert g.loss == small.objective.g_loss(g.scores["fake"])[0]
    for outcome, optimizer in zip((d, g), optimizers, strict=True):
        for name, grad in flatten(outcome.grads).items():
            assert grad is optimizer.grads[name]


def test_an_objective_that_compares_asks_for_real_samples_in_the_step_of_g() -> None:
    small = Small("ragan")
    optimizer = gradcheck.Recorder()
    with pytest.raises(ValueError, match="ragan compares two batches: pass the real one as `real`"):
        generator_step(small.D, small.G, small.objective, optimizer, small.z)
    assert generator_step(small.D, small.G, small.objective, optimizer, small.z, small.real).scores.keys() == {
        "real",
        "fake",
    }


def test_labels_change_both_steps_of_a_conditional_objective() -> None:
    case = next(case for case in CASES if case.classes)
    small, other = Small(case), Small(case)
    other.labels = (other.labels + 1) % 3
    for step in ("d_step", "g_step"):
        here, there = gradcheck.Recorder(), gradcheck.Recorder()
        assert abs(getattr(small, step)(here) - getattr(other, step)(there)) > 1e-3
        assert here.grads.keys() == dict((small.D if step == "d_step" else small.G).named_params()).keys()


def test_the_order_of_a_discriminator_step_is_losses_update_projection() -> None:
    seen: list[str] = []

    class Recording(Objective):
        """Writes down what happens."""

        name = "recording"

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
        """Records that it was called."""

        def step(self, grads: dict[str, Any]) -> None:
            seen.append("update")

    small = Small("lsgan")
    small.objective = Recording()
    small.d_step(Optimizer())
    assert seen == ["loss", "penalty", "update", "projection"]
