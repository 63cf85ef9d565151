"""choose: networks get the form that uses threads best, decided by the attributes of their layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from engine_networks import (
    Z,
    arrays_of,
    close,
    comparing_critic,
    critic,
    generator,
    images,
    jumbled,
    rng,
    shelved_critic,
)

from minigan import models
from minigan.engine.choose import Chosen, choose
from minigan.engine.fuse import BatchNormReLU
from minigan.engine.pair import OneBatch, SideBySide
from minigan.engine.processes import possible
from minigan.engine.sharded import Sharded
from minigan.engine.split import SplitLinear
from minigan.layers import (
    BatchNorm,
    Conv2d,
    Dropout,
    Flatten,
    Join,
    Layer,
    LeakyReLU,
    Linear,
    Network,
    SpectralNorm,
    Tanh,
)
from minigan.objectives import NonSaturating
from minigan.optim import SGD
from minigan.random import Streams
from minigan.training.steps import Outcome, discriminator_step, generator_step


@contextmanager
def chosen(networks: Mapping[str, Layer], threads: int, batch_size: int = 16, on_cpu: bool = True) -> Iterator[Chosen]:
    result = choose(networks, threads=threads, batch_size=batch_size, on_cpu=on_cpu)
    yield result
    if result.team is not None:
        result.team.close()


def pair_of(name: str, **choices: Any) -> dict[str, Layer]:
    small = {} if name in ("mlp", "points") else {"sample_shape": (12, 12, 1), "width": 0.1, "z_dim": 5}
    model = models.get(name, Streams(0), **small, **choices)
    return {"D": model.D, "G": model.G}


SPECTRAL = {"critic": models.Critic(spectral_norm=True)}


@pytest.mark.parametrize(
    ("name", "choices", "threads", "D", "G", "teams"),
    [
        ("dcgan", {}, 1, Network, Network, 0),
        ("dcgan", {}, 2, SideBySide, SideBySide, 2),
        ("dcgan", {}, 3, Sharded, Sharded, 3),
        ("dcgan", SPECTRAL, 2, Sharded, SideBySide, 2),
        ("dcgan", {"critic_norm": None}, 1, OneBatch, Network, 0),
        ("dcgan", {"critic_norm": None}, 2, OneBatch, SideBySide, 2),
        ("mlp", {}, 1, OneBatch, OneBatch, 0),
        ("mlp", {}, 2, OneBatch, OneBatch, 2),
        ("points", {}, 2, OneBatch, OneBatch, 0),
    ],
)
def test_threads_are_used_as_the_networks_need_them(
    name: str, choices: Any, threads: int, D: type, G: type, teams: int
) -> None:
    with chosen(pair_of(name, **choices), threads) as result:
        assert (type(result.networks["D"]), type(result.networks["G"])) == (D, G)
        assert (0 if result.team is None else result.team.size) == teams
        assert result.notes == ()
        split = any(isinstance(layer, SplitLinear) for layer in result.networks["G"].walk())
        assert split == (name == "mlp" and threads > 1)


def test_a_small_batch_gets_no_more_threads_than_it_has_rows() -> None:
    for rows, size in ((3, 3), (1, None)):
        with chosen(pair_of("dcgan"), 8, batch_size=rows) as result:
            assert (None if result.team is None else result.team.size) == size


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("on_cpu", [True, False])
def test_arrays_and_names_are_those_of_the_networks(threads: int, on_cpu: bool) -> None:
    networks = pair_of("dcgan") | {"frozen": critic(np.float32)}
    with chosen(networks, threads, on_cpu=on_cpu) as result:
        assert result.networks.keys() == networks.keys()
        for name, network in networks.items():
            for which in ("named_params", "named_buffers"):
                theirs, ours = (dict(getattr(one, which)()) for one in (network, result.networks[name]))
                assert list(ours) == list(theirs)
                assert all(ours[key] is theirs[key] for key in theirs)


def test_batch_norms_are_fused_everywhere_and_a_gpu_has_no_team() -> None:
    for threads, on_cpu in ((1, True), (2, True), (2, False)):
        with chosen(pair_of("dcgan"), threads, on_cpu=on_cpu) as result:
            assert any(isinstance(layer, BatchNormReLU) for layer in result.networks["G"].walk())
            assert (result.team is None) == (threads == 1 or not on_cpu)
    with chosen(pair_of("mlp"), 2, on_cpu=False) as result:
        assert type(result.networks["D"]) is Network  # two passes, as the networks stand


class Halved(BatchNorm):
    """A user's batch norm, which may compute something else."""


class Noise(Layer):
    """A user's layer that draws."""

    draws = True

    def __init__(self) -> None:
        self.rng = rng(6)

    def forward(self, x: Any, train: bool = True) -> Any:
        return x + self.rng.normal(size=x.shape), None


def topped(*layers: Layer) -> Layer:
    down = Conv2d(2, 4, 4, 2, 1, rng=rng(1)), LeakyReLU(0.2), Flatten()
    return jumbled(Network(*down, *layers, Linear(36, 1, rng=rng(3))))


@pytest.mark.parametrize(
    ("D", "kind", "named"),
    [
        (comparing_critic(), Network, "MinibatchStd"),
        (topped(Halved(36)), Network, "Halved"),
        (topped(Noise()), OneBatch, "Noise"),
        (topped(Network(Noise(), Noise()), Halved(36)), Network, "Halved, Noise"),
    ],
    ids=["couples", "a subclass of batch norm", "draws", "both"],
)
def test_a_users_layer_that_couples_or_draws_gets_whole_batches_and_one_note(D: Layer, kind: type, named: str) -> None:
    networks = {"judge": D, "maker": generator()}
    with chosen(networks, 2) as result:
        assert type(result.networks["judge"]) is kind
        assert type(result.networks["maker"]) is SideBySide
        (note,) = result.notes
        assert note.startswith("judge computes whole batches on one thread")
        assert note.endswith(f"have no form for threads: {named}")
    if possible():
        assert choose(networks, threads=2, batch_size=64, on_cpu=True, processes=True).notes == (note,)
    with chosen(networks, 1) as result:
        assert result.notes == ()


def test_in_networks_whose_products_are_split_every_layer_gets_whole_batches_and_no_note_is_needed() -> None:
    D = Network(Linear(300, 300, rng=rng()), Halved(300), LeakyReLU(), Linear(300, 1, rng=rng()))
    with chosen({"D": D}, 2) as result:
        assert type(result.networks["D"]) is Network
        assert any(isinstance(layer, SplitLinear) for layer in result.networks["D"].walk())
        assert result.notes == ()


def plain_critic() -> Layer:
    return topped(Tanh())


def normalised_critic() -> Layer:
    return topped(SpectralNorm(Linear(36, 36, rng=rng(7)), rng=rng(8)))


def large_critic() -> Layer:
    row = Linear(72, 260, rng=rng(1)), BatchNorm(260), LeakyReLU(), Linear(260, 257, rng=rng(2))
    return jumbled(Network(Flatten(), *row, Linear(257, 1, rng=rng(3))))


def labelled_critic(*norm: Layer) -> Layer:
    down = Join(3), Conv2d(5, 4, 4, 2, 1, rng=rng(1)), *norm, LeakyReLU(0.2), Flatten()
    return jumbled(Network(*down, Join(3), Linear(39, 1, rng=rng(3))))


def step_by_step(
    networks: Mapping[str, Layer], pages: Mapping[str, Layer], labels: bool, team: Any = None
) -> dict[str, Any]:
    """Two steps of D and G: all that they compute, and the arrays afterwards."""
    results: dict[str, Any] = {}
    optimizers = {name: SGD(network.named_params(), 0.05) for name, network in networks.items()}
    for optimizer in optimizers.values():
        optimizer.workers = team
    for step in range(2):
        D, G = networks["D"], networks["G"]
        if labels:
            c = rng(step).integers(3, size=len(images()))
            D, G = D.given(c), G.given(c)
        z1, z2 = rng(20 + step).normal(size=(2, len(images()), Z))
        turns = {
            "D": discriminator_step(D, G, NonSaturating(), optimizers["D"], images() + step, z1),
            "G": generator_step(D, G, NonSaturating(), optimizers["G"], z2),
        }
        results |= {f"{name} {step}": _all_of(outcome) for name, outcome in turns.items()}
    return results | {name: arrays_of(page) for name, page in pages.items()}


def _all_of(outcome: Outcome) -> dict[str, Any]:
    return {"loss": np.asarray(outcome.loss), "scores": outcome.scores, "grads": outcome.grads}


@pytest.mark.parametrize("threads", [1, 2, 4])
@pytest.mark.parametrize(
    ("make", "classes"),
    [
        (comparing_critic, 0),
        (shelved_critic, 0),
        (plain_critic, 0),
        (normalised_critic, 0),
        (large_critic, 0),
        (labelled_critic, 3),
        (lambda: labelled_critic(BatchNorm(4)), 3),
    ],
    ids=["a user's statistics", "a user's dict", "plain", "spectral", "large", "labels", "labels, batch norm"],
)
def test_the_steps_of_chosen_networks_are_the_plain_steps(
    make: Callable[[], Layer], classes: int, threads: int
) -> None:
    plain, pages = ({"D": make(), "G": generator(classes)} for _ in range(2))
    expected = step_by_step(plain, plain, classes > 0)
    with chosen(pages, threads, batch_size=len(images())) as result:
        found = step_by_step(result.networks, pages, classes > 0, result.team)
    close(found, expected, rtol=1e-10, least=1)


def test_a_joined_pass_would_be_wrong_for_the_users_statistics() -> None:
    # What the test above protects from: its gradients are far from those of the two batches in one.
    D, x, y = comparing_critic(), images(), images() + 1
    apart = np.concatenate([D.forward(x)[0], D.forward(y)[0]])
    assert np.abs(D.forward(np.concatenate([x, y]))[0] - apart).max() > 1e-3


def test_a_generator_that_is_replaced_after_choosing_is_the_one_that_draws() -> None:
    for threads in (1, 2):
        drop = Dropout(0.5, rng=rng(1))
        D = topped(drop)
        with chosen({"D": D}, threads) as result:
            for layer in result.networks["D"].walk():
                if layer.draws:
                    layer.rng = rng(2)
            y, _ = result.networks["D"].forward(images())
        drop.rng = rng(2)
        close(y, D.forward(images())[0])
