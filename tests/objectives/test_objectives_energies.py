"""Objectives with an autoencoder as D: energies, margins, the pulling-away term, buffers of BEGAN and MAGAN."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import strict

from minigan.device import Array
from minigan.gradcheck import TOLERANCE, derivative_error, objective_errors
from minigan.layers import Autoencoder, Layer, Linear, Network, Tanh
from minigan.objectives.began import BEGAN
from minigan.objectives.ebgan import EBGAN, ENERGIES, EnergyObjective, pulling_away
from minigan.objectives.magan import MAGAN
from minigan.objectives.objective import Defaults
from minigan.optim import SGD

A = np.array([[1.0, 3, 4], [2.0, -1, 0]])  # energies 1 and 2, codes (3, 4) and (-1, 0)
B = np.array([[0.5, 3, 4], [4.0, 1, 0], [3.0, 0, 2], [0.0, 0, -1]])


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def began(**hyper: Any) -> BEGAN:
    """A BEGAN in the middle of its run."""
    objective = BEGAN(**hyper)
    objective.k[...] = 0.25
    return objective


def outputs(n: int, d: int = 3, seed: int = 0, dtype: Any = np.float64) -> np.ndarray:
    """Random energies and codes."""
    return np.concatenate([rng(seed).uniform(0.1, 6, (n, 1)), rng(seed + 1).normal(size=(n, d))], axis=1).astype(dtype)


OBJECTIVES: dict[str, Callable[[], EnergyObjective]] = {
    "ebgan": lambda: EBGAN(margin=3.0),
    "began": began,
    "magan": lambda: MAGAN(margin=3.0),
}


@pytest.fixture(params=OBJECTIVES.values(), ids=OBJECTIVES.keys())
def objective(request: pytest.FixtureRequest) -> EnergyObjective:
    return request.param()


def everything(objective: EnergyObjective, a: Any, b: Any) -> dict[str, Any]:
    """Both losses and all gradients, by name."""
    loss, da, db = objective.d_loss(a, b)
    g_loss, g_db = objective.g_loss(b)
    return {"D": loss, "da": da, "db": db, "G": g_loss, "G db": g_db}


def energies_alone(*numbers: float) -> np.ndarray:
    """A gradient with these numbers for the energies and zeros for the codes."""
    return np.array([[number, 0, 0] for number in numbers])


@pytest.mark.parametrize(
    ("objective", "d_loss", "db"),
    [
        (EBGAN(margin=3.0, pt=0), 1.5 + (2.5 + 0 + 0 + 3) / 4, [-1, 0, 0, -1]),  # the third lies on its margin
        (MAGAN(margin=3.0), 1.5 + (2.5 + 0 + 0 + 3) / 4, [-1, 0, 0, -1]),
        (began(), 1.5 - 0.25 * 7.5 / 4, [-0.25, -0.25, -0.25, -0.25]),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_losses_and_gradients_at_hand_picked_energies(
    objective: EnergyObjective, d_loss: float, db: list[float]
) -> None:
    found = everything(objective, A, B)
    assert found["D"] == pytest.approx(d_loss, rel=1e-15)
    assert found["G"] == pytest.approx(7.5 / 4, rel=1e-15)
    np.testing.assert_array_equal(found["da"], energies_alone(0.5, 0.5))
    np.testing.assert_array_equal(found["db"], energies_alone(*db) / 4)
    np.testing.assert_array_equal(found["G db"], energies_alone(1, 1, 1, 1) / 4)


def test_all_gradients_are_those_of_the_losses(objective: EnergyObjective) -> None:
    errors = objective_errors(objective, outputs(5), outputs(4, seed=7), rng())
    assert max(errors.values()) < TOLERANCE, errors


def test_gradients_have_the_shapes_and_types_of_their_outputs(objective: EnergyObjective) -> None:
    for dtype in (np.float32, np.float64):
        for m, n in ((5, 5), (1, 7), (6, 1)):
            a, b = outputs(m, dtype=dtype), outputs(n, dtype=dtype)
            a.flags.writeable = b.flags.writeable = False
            found = everything(objective, a, b)
            shapes = {"D": (), "da": (m, 4), "db": (n, 4), "G": (), "G db": (n, 4)}
            assert {key: value.shape for key, value in found.items()} == shapes
            assert {value.dtype for value in found.values()} == {np.dtype(dtype)}


def test_a_loss_is_a_mean_so_that_a_batch_twice_counts_once() -> None:
    a, b = outputs(5), outputs(4, seed=7)
    for objective in (EBGAN(margin=3.0, pt=0), began(), MAGAN(margin=3.0)):
        once, twice = everything(objective, a, b), everything(objective, np.tile(a, (2, 1)), np.tile(b, (2, 1)))
        np.testing.assert_allclose([twice["D"], twice["G"]], [once["D"], once["G"]], rtol=1e-14)
        for key in ("da", "db", "G db"):
            np.testing.assert_allclose(twice[key], np.tile(once[key], (2, 1)) / 2, rtol=1e-14, err_msg=key)


def test_the_losses_change_no_buffer(objective: EnergyObjective) -> None:
    before = {name: buffer.copy() for name, buffer in objective.named_buffers()}
    everything(objective, A, B)
    assert {name: buffer.shape for name, buffer in before.items()} == dict.fromkeys(objective.buffers, ())
    assert dict(objective.named_buffers()) == before


def test_a_gpu_would_compute_the_same_without_waiting(objective: EnergyObjective) -> None:
    away = type(objective)(**({} if objective.name == "began" else {"margin": 3.0}))
    for (_, here), (_, there) in zip(objective.named_buffers(), away.named_buffers(), strict=True):
        there[...] = here
    away.convert(strict.to_device)
    a, b = outputs(5, dtype=np.float32), outputs(4, seed=7, dtype=np.float32)
    with strict.no_sync():
        found = everything(away, strict.to_device(a), strict.to_device(b))
        for _ in range(2):
            away.after_d_update(None)
            away.after_epoch()
    for key, value in everything(objective, a, b).items():
        home = strict.to_host(found[key])
        assert home.dtype == np.float32, key
        np.testing.assert_allclose(home, value, rtol=1e-5, atol=1e-7, err_msg=key)
    for _ in range(2):
        objective.after_d_update(None)
        objective.after_epoch()
    for (name, here), (_, there) in zip(objective.named_buffers(), away.named_buffers(), strict=True):
        assert here.dtype == strict.to_host(there).dtype == np.float64
        np.testing.assert_allclose(strict.to_host(there), here, rtol=1e-6, err_msg=name)


def test_an_objective_before_its_first_loss_has_nothing_to_remember(objective: EnergyObjective) -> None:
    objective.convert(strict.to_device)
    objective.after_d_update(None)
    for _ in range(2):
        objective.after_epoch()
    assert all(np.isfinite(strict.to_host(buffer)) for _, buffer in objective.named_buffers())


def test_the_autoencoder_that_an_objective_wants() -> None:
    assert EBGAN(energy="mse", features=8).critic() == {"output": "autoencoder", "energy": "mse", "features": 8}
    assert EBGAN().critic() == {"output": "autoencoder", "energy": "l2", "features": 64}
    assert BEGAN().critic() == {"output": "autoencoder", "energy": "l1", "features": 64}
    assert MAGAN().critic() == {"output": "autoencoder", "energy": "sse", "features": 256}
    assert (EBGAN.critic_norm, BEGAN.critic_norm, MAGAN.critic_norm) == ("batch", "batch", "batch")


def test_the_defaults_are_those_of_the_papers() -> None:
    assert EBGAN.defaults == Defaults("adam", 1e-3, (0.5, 0.999), 1, 128)
    assert BEGAN.defaults == Defaults("adam", 1e-4, (0.5, 0.999), 1, 16)
    assert MAGAN.defaults == Defaults("adamax", 5e-4, (0.5, 0.999), 1, 64)
    assert (EBGAN().margin, EBGAN().pt) == (10, 0.1)
    assert (BEGAN().gamma, BEGAN().rate) == (0.5, 1e-3)


@pytest.mark.parametrize(
    ("page", "hyper", "words"),
    [
        (EBGAN, {"margin": 0}, "margin is an energy, a positive number, got 0"),
        (EBGAN, {"margin": math.nan}, "margin is an energy"),
        (EBGAN, {"margin": math.inf}, "margin is an energy"),
        (EBGAN, {"pt": -0.1}, "pt, the weight of the pulling-away term, must not be negative, got -0.1"),
        (EBGAN, {"pt": math.nan}, "pt, the weight"),
        (EBGAN, {"energy": "L2"}, "unknown energy 'L2'; known are l2, mse, sse, l1"),
        (EBGAN, {"features": 0}, "size of the hidden code, a whole number of at least 1, got 0"),
        (BEGAN, {"features": 1.5}, "size of the hidden code"),
        (BEGAN, {"gamma": 1.1}, r"gamma, the wanted ratio of fake to real energy, lies in \[0, 1\], got 1.1"),
        (BEGAN, {"gamma": math.nan}, "gamma"),
        (BEGAN, {"rate": 0}, "rate, the step size of k, must be positive, got 0"),
        (BEGAN, {"rate": math.nan}, "rate"),
        (MAGAN, {"margin": 0}, "margin is an energy, a positive number, or None to measure it, got 0"),
        (MAGAN, {"margin": math.nan}, "margin is an energy"),
        (MAGAN, {"features": -1}, "size of the hidden code"),
    ],
)
def test_wrong_hyper_parameters_are_refused(page: type[EnergyObjective], hyper: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        page(**hyper)


def test_the_pulling_away_term_of_parallel_and_of_orthogonal_codes() -> None:
    parallel = np.array([[3.0, 4], [6, 8], [-0.3, -0.4]])
    assert pulling_away(parallel)[0] == pytest.approx(1, rel=1e-10)
    value, gradient = pulling_away(np.diag([1.0, -5, 0.1]))
    assert value == 0
    np.testing.assert_array_equal(gradient, np.zeros((3, 3)))


def test_the_pulling_away_term_is_the_mean_squared_cosine_of_pairs() -> None:
    code = np.array([[1.0, 0], [1, 1], [0, 2]])  # squared cosines 1/2, 0, 1/2
    assert pulling_away(code)[0] == pytest.approx(1 / 3, rel=1e-11)
    assert EBGAN(pt=0.6).g_loss(np.insert(code, 0, 2.0, axis=1))[0] == pytest.approx(2 + 0.2, rel=1e-11)


def test_the_pulling_away_term_has_the_gradient_that_the_page_states() -> None:
    code = rng().normal(size=(5, 3))
    assert derivative_error(lambda: pulling_away(code)[0], code, pulling_away(code)[1], rng()) < TOLERANCE


def test_the_pulling_away_term_looks_at_directions_alone() -> None:
    code = rng().normal(size=(5, 3))
    value, gradient = pulling_away(code)
    np.testing.assert_allclose((code * gradient).sum(axis=1), 0, atol=1e-11)
    assert pulling_away(code * rng(1).uniform(0.5, 3, (5, 1)))[0] == pytest.approx(value, rel=1e-9)


def test_codes_of_zeros_and_a_batch_of_one_neither_warn_nor_pull() -> None:
    for code in (np.zeros((3, 2), np.float32), np.ones((1, 4), np.float32)):
        value, gradient = pulling_away(code)
        assert value == 0
        np.testing.assert_array_equal(gradient, np.zeros_like(code))


@pytest.mark.parametrize("energy", ENERGIES)
def test_the_gradient_of_ebgan_reaches_the_pixels_on_both_ways(energy: str) -> None:
    """A sample is reconstructed, and it is what the reconstruction is compared with."""
    encoder = Network(Linear(6, 4, rng=rng(1)), Tanh(), Linear(4, 3, rng=rng(2)))
    D = Autoencoder(encoder, Network(Tanh(), Linear(3, 6, rng=rng(3))), energy=energy)
    D.convert(lambda array: array.astype(np.float64))
    x, objective = rng(4).normal(size=(5, 6)), EBGAN(energy=energy, pt=0.3)

    def loss() -> float:
        return float(objective.g_loss(D.forward(x)[0])[0])

    y, cache = D.forward(x)
    dx = D.backward(objective.g_loss(y)[1], cache)
    assert derivative_error(loss, x, dx, rng()) < TOLERANCE
    for i, j in ((0, 0), (2, 3), (4, 5)):
        home, step = x[i, j], 1e-6
        x[i, j] = home + step
        above = loss()
        x[i, j] = home - step
        assert (above - loss()) / (2 * step) == pytest.approx(dx[i, j], rel=1e-5, abs=1e-8)
        x[i, j] = home


def played(objective: EnergyObjective, real: float, fake: float) -> None:
    """One update of D on batches with these mean energies."""
    objective.d_loss(np.array([[real - 0.25, 7.0], [real + 0.25, -7.0]]), np.array([[fake, 1.0]]))
    objective.after_d_update(None)


def test_began_balances_the_energies_as_by_hand() -> None:
    objective = BEGAN(gamma=0.5, rate=0.25)
    by_hand = [  # mean energies; k, convergence
        ((4.0, 1.0), 0.25, 4 + 1),  # 0 + 0.25 (2 - 1)
        ((2.0, 1.5), 0.125, 2 + 0.5),  # 0.25 + 0.25 (1 - 1.5)
        ((6.0, 0.5), 0.75, 6 + 2.5),  # 0.125 + 0.25 (3 - 0.5)
        ((6.0, 0.5), 1.0, 6 + 2.5),  # 1.375, cut off
        ((2.0, 9.0), 0.0, 2 + 8),  # 1 - 2, cut off
    ]
    for (real, fake), k, convergence in by_hand:
        played(objective, real, fake)
        assert {name: float(getattr(objective, name)) for name in objective.readings} == {
            "k": k,
            "convergence": convergence,
        }


def test_began_starts_as_an_autoencoder_that_ignores_the_fakes() -> None:
    found = everything(BEGAN(), A, B)
    assert found["D"] == 1.5
    np.testing.assert_array_equal(found["db"], np.zeros_like(B))


def epoch(objective: MAGAN, real: float, fake: float) -> float:
    """The margin after an epoch of two updates whose energies have these means."""
    played(objective, real - 0.5, fake + 1)
    played(objective, real + 0.5, fake - 1)
    objective.after_epoch()
    return float(objective.margin)


def test_magan_lowers_its_margin_as_by_hand() -> None:
    objective = MAGAN(margin=10.0)
    by_hand = [  # mean energies of the epoch; margin after it
        ((8.0, 9.0), 10.0),  # the first epoch has none to compare with
        ((7.0, 8.5), 10.0),  # G still improves
        ((6.0, 9.5), 6.0),  # G got worse, data lie lower than fakes and lower than the margin
        ((5.0, 9.5), 6.0),  # as bad as before is not worse
        ((5.5, 4.0), 6.0),
        ((5.5, 5.0), 6.0),  # G got worse, yet its samples are better than data
        ((6.5, 9.9), 6.0),  # G got worse, but data lie above the margin
        ((4.0, 12.0), 4.0),
    ]
    assert [epoch(objective, *means) for means, _ in by_hand] == [margin for _, margin in by_hand]
    assert objective.readings == ("margin",)


def test_magan_starts_every_epoch_anew() -> None:
    objective = MAGAN(margin=10.0)
    epoch(objective, 8.0, 9.0)
    assert {name: float(number) for name, number in objective.named_buffers()} == {
        "margin": 10,
        "sum_real": 0,
        "sum_fake": 0,
        "count": 0,
        "before": 9,
    }


def test_the_margin_of_magan_never_rises() -> None:
    objective, draw = MAGAN(margin=10.0), rng(3)
    margins = [10.0] + [epoch(objective, *draw.uniform(1, 12, 2)) for _ in range(200)]
    falls = np.diff(margins)
    assert (falls <= 0).all()
    assert (falls < 0).any()


def test_magan_plays_with_the_margin_of_the_moment() -> None:
    objective = MAGAN(margin=10.0)
    for means in ((8.0, 9.0), (2.0, 9.5)):
        epoch(objective, *means)
    np.testing.assert_array_equal(everything(objective, A, B)["db"], energies_alone(-1, 0, 0, -1) / 4)  # margin 2


class Guess(Layer):
    """An autoencoder of numbers that takes every one of them for w."""

    params, buffers = ("w",), ("seen",)

    def __init__(self) -> None:
        self.w, self.seen = np.zeros(1), np.zeros(())

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Any]:
        self.seen += len(x)
        return np.concatenate([(self.w - x) ** 2, self.w + 0 * x], axis=1), x

    def param_grads(self, dy: Array, x: Any) -> dict[str, Array]:
        return {"w": (dy[:, :1] * 2 * (self.w - x) + dy[:, 1:]).sum(axis=0)}


BATCHES = [np.array([[0.0], [2.0]]), np.array([[2.0], [4.0]])]


def test_magan_trains_on_data_twice_and_then_measures_its_margin() -> None:
    objective, D = MAGAN(), Guess()
    optimizer, walks = SGD(D.named_params(), lr=0.25), []

    def batches() -> list[np.ndarray]:
        walks.append(objective.passes)
        return BATCHES

    # each batch moves w half of the way to its mean: 0 -> 0.5 -> 1.75 -> 1.375 -> 2.1875
    w = [float(D.w[0]) for _ in objective.prepare(D, optimizer, batches)]
    assert w == [0.5, 1.75, 1.375, 2.1875, 2.1875, 2.1875]
    assert (len(walks), optimizer.t, float(D.seen)) == (objective.passes, 4, 8)  # the third walk leaves no trace in D
    assert float(objective.margin) == (2.1875**2 + 0.1875**2 + 0.1875**2 + 1.8125**2) / 4


def test_magan_measures_on_a_gpu_without_waiting() -> None:
    objective, D = MAGAN(), Guess()
    objective.convert(strict.to_device)
    D.convert(strict.to_device)
    optimizer, batches = SGD(D.named_params(), lr=0.25), [strict.to_device(x) for x in BATCHES]
    with strict.no_sync():
        assert len(list(objective.prepare(D, optimizer, lambda: batches))) == 6
    assert float(objective.margin) == (2.1875**2 + 0.1875**2 + 0.1875**2 + 1.8125**2) / 4


def test_magan_with_a_margin_of_its_own_prepares_nothing() -> None:
    objective, D = MAGAN(margin=5), Guess()
    assert (objective.passes, MAGAN.passes) == (0, 3)
    assert list(objective.prepare(D, SGD(D.named_params()), lambda: BATCHES)) == []
    assert (float(objective.margin), float(D.seen)) == (5, 0)
