"""Around the losses: names, hyper-parameters, the papers' numbers, clipping, and where penalties look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from support import strict

from minigan import models, objectives
from minigan.device import Array
from minigan.layers import BatchNorm, Flatten, Layer, LeakyReLU, Linear, Network
from minigan.models import Critic
from minigan.objectives import Defaults, Objective
from minigan.random import Streams

NAMES = [
    *("minimax", "nonsaturating", "lsgan", "hinge", "ragan", "dragan", "r1", "rpgan"),
    *("wgan", "wgan-gp", "rwgan", "mcgan-mean", "mcgan-cov", "fisher"),
    *("gmmn", "mmd-gan", "mmd-gan-gp", "cramer", "ebgan", "began", "magan"),
    *("fgan-kl", "fgan-reverse-kl", "fgan-pearson", "fgan-neyman", "fgan-hellinger", "fgan-js", "fgan-gan"),
]
DEFAULTS = {
    **dict.fromkeys(NAMES, Defaults("adam", 2e-4, (0.5, 0.999), 1, 64)),
    "hinge": Defaults("adam", 2e-4, (0.0, 0.9), 5, 64),
    "dragan": Defaults("adam", 1e-4, (0.5, 0.9), 1, 128),
    "r1": Defaults("rmsprop", 1e-4, batch_size=64),
    "rpgan": Defaults("adam", 2e-4, (0.0, 0.99), 1, 64),
    "wgan": Defaults("rmsprop", 5e-5, n_critic=5, batch_size=64),
    "wgan-gp": Defaults("adam", 1e-4, (0.5, 0.9), 5, 64),
    "rwgan": Defaults("rmsprop", 5e-4, n_critic=5, batch_size=64),
    "mcgan-mean": Defaults("rmsprop", 5e-5, n_critic=5, batch_size=64),
    "mcgan-cov": Defaults("rmsprop", 5e-5, n_critic=5, batch_size=64),
    "fisher": Defaults("adam", 2e-4, (0.5, 0.999), 2, 64),
    "gmmn": Defaults("sgd", 2.0, batch_size=1000),
    "mmd-gan": Defaults("rmsprop", 5e-5, n_critic=5, batch_size=64),
    "mmd-gan-gp": Defaults("adam", 1e-4, (0.5, 0.9), 5, 64),
    "cramer": Defaults("adam", 1e-4, (0.5, 0.9), 5, 64),
    "ebgan": Defaults("adam", 1e-3, (0.5, 0.999), 1, 128),
    "began": Defaults("adam", 1e-4, (0.5, 0.999), 1, 16),
    "magan": Defaults("adamax", 5e-4, (0.5, 0.999), 1, 64),
}
PENALISED = ["dragan", "r1", "rpgan", "wgan-gp", "mmd-gan-gp", "cramer"]
DRAWING = [name for name in NAMES if "rng" in objectives.hyperparameters(name)]
PROJECTING = ["wgan", "rwgan", "mcgan-mean", "mcgan-cov", "mmd-gan"]
WARMING_UP = ["wgan", "mcgan-mean", "mcgan-cov", "mmd-gan"]
# What D gives, in the objectives where it is not a score.
SEEN = {
    "mcgan-mean": "mean",
    "mcgan-cov": "covariance",
    "gmmn": "samples",
    **dict.fromkeys(("mmd-gan", "ebgan", "began", "magan"), "autoencoder"),
    **dict.fromkeys(("mmd-gan-gp", "cramer"), "features"),
}


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class Witness(Linear):
    """A linear critic that remembers what it was asked about."""

    def __init__(self, in_features: int) -> None:
        super().__init__(in_features, 1, rng=rng(), dtype=np.float64)
        self.seen: list[Array] = []

    def forward(self, x: Array, train: bool = True) -> Any:
        self.seen.append(x)
        return super().forward(x, train)


def points_of(name: str, real: np.ndarray, fake: np.ndarray, seed: int = 0) -> np.ndarray:
    """The points at which an objective's penalty asks for the critic's gradient."""
    witness = Witness(real.shape[1])
    objective = objectives.get(name, rng=rng(seed))
    assert objective.penalty is not None
    objective.penalty(witness, real, fake, {})
    (seen,) = witness.seen
    return seen


def test_the_names_are_those_of_the_papers() -> None:
    assert objectives.names() == NAMES
    assert [objectives.get(name).name for name in NAMES] == NAMES


def test_an_unknown_name_lists_the_known_ones() -> None:
    for ask in (objectives.get, objectives.find):
        with pytest.raises(ValueError, match=f"unknown objective 'wgangp'; known are {', '.join(NAMES)}"):
            ask("wgangp")


@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_hyper_parameter_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"objective '{name}' has no \['lambda_'\]; it has "):
        objectives.get(name, lambda_=10)


@pytest.mark.parametrize("name", NAMES)
def test_the_defaults_are_those_of_the_paper(name: str) -> None:
    assert objectives.find(name).defaults == DEFAULTS[name]


def test_the_objectives_that_draw_points_are_those_with_a_penalty_between_samples() -> None:
    assert set(DRAWING) == {"dragan", "wgan-gp", "mmd-gan-gp", "cramer"}


def test_the_penalty_of_another_objective_is_added_or_refused() -> None:
    real, fake = rng(1).normal(size=(6, 3)), rng(2).normal(size=(6, 3))

    def paid(objective: Objective) -> float:
        assert objective.penalty is not None
        return float(objective.penalty(Witness(3), real, fake, {}))

    alone = objectives.get("hinge")
    alone.add_penalty(objectives.get("r1"))
    both = objectives.get("wgan-gp", rng=rng())
    both.add_penalty(objectives.get("r1"))
    r1, gp = paid(objectives.get("r1")), paid(objectives.get("wgan-gp", rng=rng()))
    assert (paid(alone), paid(both)) == (pytest.approx(r1), pytest.approx(gp + r1))
    assert objectives.get("hinge").penalty is None
    with pytest.raises(ValueError, match="lsgan has no penalty that hinge could borrow"):
        objectives.get("hinge").add_penalty(objectives.get("lsgan"))


def test_the_hyper_parameters_start_with_the_papers_numbers() -> None:
    gets: dict[str, Any] = {name: objectives.get(name) for name in NAMES}
    assert gets["wgan"].clip == 0.01
    assert (gets["wgan-gp"].weight, gets["wgan-gp"].one_sided, gets["dragan"].weight) == (10, False, 10)
    assert (gets["lsgan"].fake, gets["lsgan"].real, gets["lsgan"].gen) == (0, 1, 1)
    assert all(gets[name].real_label == 1 for name in ("minimax", "nonsaturating", "dragan", "r1"))
    assert (gets["r1"].gamma, gets["r1"].on, gets["r1"].every) == (10, "real", 1)


def those(are: Callable[[type[Objective]], Any]) -> list[str]:
    """The names of the pages of which something is true."""
    return [name for name in NAMES if are(objectives.find(name))]


def test_logits_penalties_and_norms_are_known_by_the_page() -> None:
    logits = ["minimax", "nonsaturating", "dragan", "r1", "fgan-js", "fgan-gan"]
    assert those(lambda page: page.logit) == logits
    assert those(lambda page: page.penalty is not None) == PENALISED
    assert those(lambda page: page.critic_norm == "layer") == PENALISED
    assert those(lambda page: page.critic_norm == "batch") == [name for name in NAMES if name not in PENALISED]


def test_what_d_gives_is_stated_by_the_page_and_passed_to_the_model() -> None:
    for name in NAMES:
        objective = objectives.get(name)
        assert (objective.output, objective.critic()["output"]) == (SEEN.get(name, "score"),) * 2
        assert objective.trains_d == (name != "gmmn")
        Critic(**objective.critic())
    assert set(objectives.OUTPUTS) == {"score", "codes", *SEEN.values()}


def test_objectives_that_compare_that_want_more_fakes_that_prepare_and_that_remember_are_known_by_the_page() -> None:
    gets = {name: objectives.get(name) for name in NAMES}
    assert [name for name in NAMES if gets[name].compares] == [
        "ragan",
        "rpgan",
        "gmmn",
        "mmd-gan",
        "mmd-gan-gp",
        "cramer",
    ]
    assert [name for name in NAMES if gets[name].fakes != 1] == ["cramer"]
    assert {name: gets[name].passes for name in NAMES if gets[name].passes} == {"magan": 3}
    assert {name: gets[name].buffers for name in NAMES if gets[name].buffers} == {
        "fisher": ("lam", "omega", "distance"),
        "began": ("k", "convergence"),
        "magan": ("margin", "sum_real", "sum_fake", "count", "before"),
        "r1": ("d_steps",),
        "rpgan": ("d_steps",),
    }
    assert {name: gets[name].readings for name in NAMES if gets[name].readings} == {
        "fisher": ("lam", "omega", "distance"),
        "began": ("k", "convergence"),
        "magan": ("margin",),
    }


@pytest.mark.parametrize("name", [name for name in NAMES if objectives.find(name).buffers])
def test_the_own_numbers_of_an_objective_are_0_d_arrays_and_all_but_counts_move_to_a_device(name: str) -> None:
    objective = objectives.get(name)
    for key, number in objective.named_buffers():
        assert isinstance(number, np.ndarray), key  # not a scalar: it is changed in place
        assert number.shape == () and number.dtype in (np.float64, np.int64), key
        assert number is getattr(objective, key), key
    counts = {key for key, number in objective.named_buffers() if number.dtype == np.int64}
    objective.convert(strict.to_device)
    for key, number in objective.named_buffers():
        assert type(number) is (np.ndarray if key in counts else strict.StrictArray), key
    assert counts == ({"d_steps"} if name in ("r1", "rpgan") else set())
    assert set(objective.readings) <= set(objective.buffers)


def critic_of(output: str, shape: tuple[int, ...] = (2,)) -> Layer:
    """A small D that gives this."""
    critic = Critic(output=output, features=3, rank=2)
    return models.get("points", Streams(0), sample_shape=shape, hidden=4, critic=critic).D


# What else is let through, for each kind of D's outputs: it has their shape.
ALSO: dict[str, set[str]] = {
    "score": {"mean", "covariance"},
    "features": {"score", "mean", "covariance", "samples", "codes", "autoencoder"},
    "samples": {"codes"},
    "codes": {"samples"},
}
ASKING: list[tuple[str, dict[str, Any]]] = [*((name, {}) for name in ("hinge", *SEEN)), ("gmmn", {"space": "codes"})]
REFUSED = [
    (name, options, given)
    for name, options in ASKING
    for wanted in [objectives.get(name, **options).output]
    for given in sorted(objectives.OUTPUTS.keys() - {wanted} - ALSO.get(wanted, set()))
]


@pytest.mark.parametrize(("name", "options", "given"), REFUSED)
def test_a_d_of_another_kind_is_refused_with_what_was_expected(name: str, options: dict[str, Any], given: str) -> None:
    objective, x = objectives.get(name, **options), np.zeros((5, 2), np.float32)
    with pytest.raises(ValueError, match=rf"^{name} needs ") as caught:
        objective.check(critic_of(given), x)
    if "needs a D " not in str(caught.value):
        assert f"needs {objectives.OUTPUTS[objective.output]} for every sample; this " in str(caught.value)
    assert "models.get(name, ..., critic=objective.critic()) builds one" in str(caught.value)


@pytest.mark.parametrize("name", NAMES)
def test_a_d_that_was_built_for_an_objective_is_let_through(name: str) -> None:
    objective = objectives.get(name)
    objective.check(critic_of(objective.output), np.zeros((5, 2), np.float32))


def test_checking_d_leaves_its_running_statistics_alone() -> None:
    D = critic()
    before = {name: array.copy() for name, array in D.named_buffers()}
    objectives.get("hinge").check(D, rng().normal(size=(5, 6)).astype(np.float32))
    for name, array in D.named_buffers():
        np.testing.assert_array_equal(array, before[name])


@pytest.mark.parametrize(
    ("name", "hyper", "words"),
    [
        ("minimax", {"real_label": 0.5}, r"real_label .* in \(0.5, 1\], got 0.5"),
        ("nonsaturating", {"real_label": 1.1}, "real_label"),
        ("dragan", {"real_label": float("nan")}, "real_label"),
        ("lsgan", {"fake": 1.0}, "targets of fake and real samples must differ, got 1.0 for both"),
        ("wgan", {"clip": 0}, "clip must be positive, got 0"),
        ("wgan", {"clip": float("nan")}, "clip must be positive"),
        ("wgan-gp", {"weight": -1}, "weight of the gradient penalty must not be negative, got -1"),
        ("dragan", {"weight": float("nan")}, "weight of the gradient penalty must not be negative"),
    ],
)
def test_wrong_hyper_parameters_are_refused(name: str, hyper: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        objectives.get(name, **hyper)


def critic() -> Network:
    """A critic whose parameters lie far outside every box."""
    network = Network(Flatten(), Linear(6, 5, rng=rng()), BatchNorm(5), LeakyReLU(), Linear(5, 1, rng=rng()))
    for _, param in network.named_params():
        param[...] = rng(1).normal(size=param.shape) * 3
    return network


def test_wgan_projects_every_parameter_into_its_box() -> None:
    D = critic()
    before = {name: param.copy() for name, param in D.named_params()}
    objectives.get("wgan", clip=0.3).after_d_update(D)
    params = dict(D.named_params())
    assert params.keys() == {"1.weight", "1.bias", "2.weight", "2.bias", "4.weight", "4.bias"}
    for name, param in params.items():
        np.testing.assert_array_equal(param, np.clip(before[name], np.float32(-0.3), np.float32(0.3)))
        assert (param != before[name]).any(), name


def test_a_box_on_the_gpu_does_not_wait() -> None:
    D = critic()
    D.convert(strict.to_device)
    with strict.no_sync():
        objectives.get("wgan", clip=0.3).after_d_update(D)
    assert all(np.abs(strict.to_host(param)).max() <= np.float32(0.3) for _, param in D.named_params())


@pytest.mark.parametrize("name", [name for name in NAMES if name not in PROJECTING])
def test_the_other_objectives_leave_d_alone_after_its_update(name: str) -> None:
    D, untouched = critic(), critic()
    objectives.get(name).after_d_update(D)
    for (_, param), (_, same) in zip(D.named_params(), untouched.named_params(), strict=True):
        np.testing.assert_array_equal(param, same)


@pytest.mark.parametrize("name", WARMING_UP)
def test_wgan_and_its_kin_train_their_critic_long_at_the_start_and_every_500_steps(name: str) -> None:
    wgan = objectives.get(name)
    long = [step for step in range(1502) if wgan.critic_steps(step, 5) != 5]
    assert long == [*range(25), 500, 1000, 1500]
    assert {wgan.critic_steps(step, 5) for step in long} == {100}
    assert {objectives.get(name, warmup=False).critic_steps(step, 3) for step in range(1002)} == {3}


@pytest.mark.parametrize("name", [name for name in NAMES if name not in (*WARMING_UP, "gmmn")])
def test_the_other_objectives_take_the_critic_steps_that_are_asked_for(name: str) -> None:
    assert {objectives.get(name).critic_steps(step, 4) for step in range(502)} == {4}


@pytest.mark.parametrize("name", DRAWING)
def test_a_penalty_without_a_generator_is_refused_with_the_remedy(name: str) -> None:
    x, objective = np.ones((3, 2)), objectives.get(name)
    with pytest.raises(ValueError, match=rf"objectives.get\('{name}', rng=generator\)"):
        objective.penalty(Witness(2), x, np.tile(x, (objective.fakes, 1)), {})  # type: ignore[misc]


def test_wgan_gp_looks_between_real_and_fake_with_one_number_per_sample() -> None:
    real, fake = rng(1).normal(size=(200, 7)), rng(2).normal(size=(200, 7))
    eps = (points_of("wgan-gp", real, fake) - fake) / (real - fake)
    np.testing.assert_allclose(eps, np.broadcast_to(eps[:, :1], eps.shape), rtol=1e-9)
    assert (eps > -1e-12).all()
    assert (eps < 1 + 1e-12).all()
    assert abs(eps[:, 0].mean() - 0.5) < 4 / np.sqrt(12 * 200)
    assert abs(eps[:, 0].var() - 1 / 12) < 0.02
    assert not np.array_equal(points_of("wgan-gp", real, fake, seed=1), points_of("wgan-gp", real, fake))


def test_wgan_gp_refuses_batches_that_do_not_pair() -> None:
    with pytest.raises(ValueError, match=r"pairs real with fake samples, got \(3, 2\) and \(4, 2\)"):
        points_of("wgan-gp", np.ones((3, 2)), np.ones((4, 2)))


def test_dragan_looks_around_the_real_samples_within_half_a_deviation() -> None:
    real, fake = rng(1).normal(size=(400, 7)) * np.arange(1, 8), np.full((400, 7), np.nan)
    steps = (points_of("dragan", real, fake) - real) / (0.5 * real.std())  # α_i · U_ij, alike in every column
    assert (steps >= 0).all()
    assert (steps < 1).all()
    assert np.abs(steps.mean(axis=0) - 0.25).max() < 0.05
    # One α for all numbers of a sample: their largest step is nearly α, and α is uniform.
    assert abs(steps.max(axis=1).mean() - 0.5 * 7 / 8) < 0.06
    assert (steps.max(axis=1) / steps.min(axis=1) > 1.1).all()


@pytest.mark.parametrize("name", ["wgan-gp", "dragan"])
def test_the_points_of_images_get_one_number_per_image_and_stay_float32(name: str) -> None:
    real, fake = (rng(seed).normal(size=(6, 5, 4, 2)).astype(np.float32) for seed in (1, 2))

    class Look(Layer):
        """Sees the points."""

        def forward(self, x: Array, train: bool = True) -> Any:
            assert (x.shape, x.dtype) == (real.shape, np.float32)
            raise InterruptedError

    with pytest.raises(InterruptedError):
        objectives.get(name, rng=rng()).penalty(Look(), real, fake, {})  # type: ignore[misc]
