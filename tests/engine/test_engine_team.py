"""Threads that share a batch: they compute what one thread computes, up to rounding."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from engine_networks import MinibatchStd, Shelf, assert_same_arrays, close, critic, images, rng

from minigan import models, objectives
from minigan.engine.sharded import Sharded
from minigan.engine.split import SplitLinear, split
from minigan.engine.team import Team
from minigan.layers import BatchNorm, Dropout, Layer, LeakyReLU, Linear, Network, SpectralNorm, Tanh
from minigan.optim import SGD, Adam, Average, flatten
from minigan.random import Streams
from minigan.training.steps import discriminator_step, generator_step

SIZES = (1, 2, 4, 8)


@pytest.fixture(params=SIZES)
def team(request: pytest.FixtureRequest) -> Iterator[Team]:
    team = Team(request.param)
    yield team
    team.close()


@pytest.fixture
def pair() -> Iterator[Team]:
    team = Team(2)
    yield team
    team.close()


def test_every_thread_does_its_part_and_results_come_by_rank(team: Team) -> None:
    found = team.run(lambda rank: (team.exchange.gather(rank, rank)[rank], threading.get_ident()))
    assert [rank for rank, _ in found] == list(range(team.size))
    assert len({thread for _, thread in found}) == team.size
    assert found[0][1] == threading.get_ident()


def test_values_are_exchanged_in_the_order_of_the_ranks(team: Team) -> None:
    found = team.run(lambda rank: [team.exchange.gather(rank, (turn, rank)) for turn in range(50)])
    assert found == [[[(turn, rank) for rank in range(team.size)] for turn in range(50)]] * team.size


@pytest.mark.parametrize("broken", [0, 1])
def test_an_exception_in_one_thread_reaches_the_caller_and_the_team_continues(broken: int, pair: Team) -> None:
    def job(rank: int) -> list[int]:
        if rank == broken:
            raise ArithmeticError(f"thread {rank}")
        return pair.exchange.gather(rank, rank)  # waits for the one that has failed

    for _ in range(3):
        with pytest.raises(ArithmeticError, match=f"thread {broken}"):
            pair.run(job)
    assert pair.run(lambda rank: pair.exchange.gather(rank, rank)) == [[0, 1], [0, 1]]


def test_warnings_that_the_caller_ignores_are_ignored_in_every_thread(pair: Team) -> None:
    with np.errstate(over="ignore"):
        found = pair.run(lambda rank: np.exp(np.full(4, 1000.0)))
    assert np.isinf(found).all()


def test_a_team_without_threads_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1 thread, got 0"):
        Team(0)


@pytest.mark.parametrize("train", [True, False])
def test_a_shared_network_computes_what_the_network_computes(team: Team, train: bool) -> None:
    plain, sharded, x = critic(), Sharded(critic(), team), images()
    for turn in range(2):  # the second time from running statistics that have moved
        y, cache = plain.forward(x + turn, train)
        shared_y, shared_cache = sharded.forward(x + turn, train)
        close(shared_y, y)
        dy, grads, shared_grads = rng(6).normal(size=y.shape), {}, {}
        close(sharded.backward(dy, shared_cache, shared_grads), plain.backward(dy, cache, grads))
        close(shared_grads, grads)
        assert sharded.backward(dy, shared_cache, {}, need_dx=False) is None
    for (_, ours), (_, theirs) in zip(sharded.named_buffers(), plain.named_buffers(), strict=True):
        close(ours, theirs)


@pytest.mark.parametrize("train", [True, False])
def test_the_second_order_pass_is_shared_too(team: Team, train: bool) -> None:
    plain, sharded, x = critic(), Sharded(critic(), team), images()
    y, cache = plain.forward(x, train)
    _, shared_cache = sharded.forward(x, train)
    dy = rng(6).normal(size=y.shape)
    dx, trace = plain.traced_backward(dy, cache)
    shared_dx, shared_trace = sharded.traced_backward(dy, shared_cache)
    close(shared_dx, dx)
    ddx = rng(7).normal(size=dx.shape)
    for ours, theirs in ((shared_trace, trace), (dy, dy)):
        found = sharded.double_backward(ddx, ours, shared_cache)
        wanted = plain.double_backward(ddx, theirs, cache)
        for a, b in zip(found, wanted, strict=True):
            close(a, b)


def test_a_network_without_curvature_contributes_nothing_to_its_input(pair: Team) -> None:
    sharded = Sharded(Network(Linear(3, 2, rng=rng(), dtype=np.float64)), pair)
    x = rng().normal(size=(4, 3))
    _, cache = sharded.forward(x)
    assert sharded.double_backward(np.ones((4, 3)), np.ones((4, 2)), cache)[1] is None


def test_float32_stays_and_large_means_do_not_cancel(pair: Team) -> None:
    sharded = Sharded(Network(BatchNorm(2)), pair)
    x = (100 + 0.1 * rng().normal(size=(64, 8, 8, 2))).astype(np.float32)
    y, cache = sharded.forward(x)
    grads: dict[str, Any] = {}
    dx = sharded.backward(np.ones_like(y), cache, grads)
    assert {y.dtype, dx.dtype, *(g.dtype for g in flatten(grads).values())} == {np.dtype(np.float32)}
    np.testing.assert_allclose(y.std(axis=(0, 1, 2)), 1, atol=1e-3)


def test_one_number_of_threads_gives_the_same_bits_every_time(team: Team) -> None:
    def once() -> dict[str, Any]:
        sharded, grads = Sharded(critic(np.float32), team), {}
        y, cache = sharded.forward(images(dtype=np.float32))
        sharded.backward(np.ones_like(y), cache, grads)
        return {"y": y, **flatten(grads), **dict(sharded.named_buffers())}

    first = once()
    for _ in range(5):
        assert_same_arrays(once(), first)


def test_consulting_a_shared_network_leaves_its_buffers_alone(pair: Team) -> None:
    sharded = Sharded(critic(), pair)
    before = {name: buffer.copy() for name, buffer in sharded.named_buffers()}
    with sharded.keeping_buffers():
        sharded.forward(images())
    assert_same_arrays(dict(sharded.named_buffers()), before)


def test_parameters_and_buffers_are_the_networks_own_and_changes_are_seen(pair: Team) -> None:
    network = critic()
    sharded = Sharded(network, pair)
    for (_, ours), (_, theirs) in zip(sharded.named_params(), network.named_params(), strict=True):
        assert ours is theirs
    for _, array in (*network.named_params(), *network.named_buffers()):
        array[...] = np.abs(rng(9).normal(size=array.shape)) + 0.5  # as a checkpoint is restored
    close(sharded.forward(images(), False)[0], network.forward(images(), False)[0])


def test_fewer_rows_than_threads_are_refused() -> None:
    team = Team(4)
    with pytest.raises(ValueError, match="a batch of 3 rows cannot be shared by 4 threads"):
        Sharded(critic(), team).forward(images(3))
    team.close()


def test_batch_norm_of_one_value_per_channel_is_refused_in_every_thread() -> None:
    team = Team(1)
    with pytest.raises(ValueError, match="a batch of 1 values per channel has no variance"):
        Sharded(Network(BatchNorm(3)), team).forward(np.zeros((1, 3), np.float32))
    team.close()


OBJECTIVES = tuple(name for name in objectives.names() if name != "gmmn")  # which trains no D


def made(name: str, spectral_norm: bool = False) -> tuple[models.Model, objectives.Objective]:
    random = {"rng": rng(8)} if "rng" in objectives.hyperparameters(name) else {}
    objective = objectives.get(name, **random)
    seen = models.Critic(**objective.critic(), spectral_norm=spectral_norm)
    model = models.get("dcgan", Streams(0), sample_shape=(12, 12, 1), critic=seen, width=0.1, z_dim=5)
    for network in (model.D, model.G):
        network.convert(lambda a: a.astype(np.float64))
    return model, objective


@pytest.mark.parametrize(("name", "spectral_norm"), [*((name, False) for name in OBJECTIVES), ("hinge", True)])
def test_whole_steps_of_a_team_are_those_of_one_thread(name: str, spectral_norm: bool, team: Team) -> None:
    arrays = []
    for shared in (False, True):
        model, objective = made(name, spectral_norm)
        D: Layer = Sharded(model.D, team) if shared else model.D
        G: Layer = Sharded(model.G, team) if shared else model.G
        d_optimizer, g_optimizer = (SGD(network.named_params(), 0.01) for network in (D, G))
        n = 16 * objective.fakes
        for step in range(3):
            real = np.tanh(rng(step).normal(size=(16, 12, 12, 1)))
            d_noise, g_noise = (rng(seed + step).normal(size=(n, 5)) for seed in (10, 20))
            d_loss = discriminator_step(D, G, objective, d_optimizer, real, d_noise).loss
            g_loss = generator_step(D, G, objective, g_optimizer, g_noise, real).loss
        named = {f"D.{name}": a for name, a in (*D.named_params(), *D.named_buffers())}
        named |= {f"G.{name}": a for name, a in (*G.named_params(), *G.named_buffers())}
        arrays.append({"d_loss": np.asarray(d_loss), "g_loss": np.asarray(g_loss), **named})
    close(arrays[1], arrays[0], rtol=1e-8)


def test_dropout_of_a_team_is_that_of_one_thread(team: Team) -> None:
    found = []
    for shared in (False, True):
        drop = rng(7)
        network: Layer = Network(Linear(6, 5, rng=rng(1)), Dropout(0.4, rng=drop), Linear(5, 1, rng=rng(2)))
        network = Sharded(network, team) if shared else network
        for _ in range(2):
            y, cache = network.forward(rng(3).normal(size=(9, 6)).astype(np.float32))
        drop.bit_generator.state = rng(8).bit_generator.state  # as a trainer rewinds it
        rewound, _ = network.forward(rng(3).normal(size=(9, 6)).astype(np.float32))
        grads: dict[str, Any] = {}
        dx = network.backward(np.ones_like(y), cache, grads)
        found.append({"y": y, "rewound": rewound, "dx": dx, "eval": network.forward(dx, False)[0], **flatten(grads)})
    close(found[1], found[0], rtol=1e-5)
    assert not np.allclose(found[0]["y"], found[0]["rewound"])


def large(dtype: Any = np.float64) -> Network:
    """Two layers that are split, of sizes that no team divides evenly, and one that is not."""
    return Network(
        Linear(259, 301, rng=rng(1), dtype=dtype),
        Tanh(),
        Linear(301, 263, bias=False, rng=rng(2), dtype=dtype),
        LeakyReLU(0.2),
        Linear(263, 3, rng=rng(3), dtype=dtype),
    )


def test_a_split_network_computes_what_the_network_computes(team: Team) -> None:
    plain, original = large(), large()
    network = split(original, team)
    assert [type(layer) is SplitLinear for layer in network.walk()] == [False, True, False, True, False, False]
    x, ddx = rng(5).normal(size=(2, 11, 259))
    y, cache = plain.forward(x)
    split_y, split_cache = network.forward(x)
    close(split_y, y)
    dy, grads, split_grads = rng(6).normal(size=y.shape), {}, {}
    for _ in range(2):  # gradients of a sum add up
        close(network.backward(dy, split_cache, split_grads), plain.backward(dy, cache, grads))
    close(split_grads, grads)
    assert network.backward(dy, split_cache, {}, need_dx=False) is None
    close(network.backward(dy, split_cache), plain.backward(dy, cache))
    traces = [one.traced_backward(dy, kept)[1] for one, kept in ((network, split_cache), (plain, cache))]
    for ours, theirs in zip(
        network.double_backward(ddx, traces[0], split_cache), plain.double_backward(ddx, traces[1], cache), strict=True
    ):
        close(ours, theirs)
    for (_, ours), (_, theirs) in zip(network.named_params(), original.named_params(), strict=True):
        assert ours is theirs


def test_a_split_layer_answers_each_question_alone_and_refuses_what_the_layer_refuses(pair: Team) -> None:
    page = large()
    layer = next(one for one in split(page, pair).walk() if isinstance(one, SplitLinear))
    x, dy = rng(5).normal(size=(4, 259)), rng(6).normal(size=(4, 301))
    y, cache = layer.forward(x)
    close(layer.input_grad(dy, cache), dy @ layer.weight.T)
    close(layer.param_grads(dy, cache), {"weight": x.T @ dy, "bias": dy.sum(axis=0)})
    assert layer.forward(x.astype(np.float64))[0].dtype == np.float64
    with pytest.raises(ValueError, match=r"x has shape \(4, 3\), expected \(N, 259\)"):
        layer.forward(x[:, :3])


def test_layers_with_a_normalised_weight_are_not_split(pair: Team) -> None:
    wrapped = SpectralNorm(Linear(256, 256, rng=rng(1)), rng=rng(2))
    assert not any(isinstance(layer, SplitLinear) for layer in split(Network(wrapped), pair).walk())


def test_parameters_moved_by_a_team_are_those_of_one_thread_to_the_last_bit(team: Team) -> None:
    after = []
    for workers in (None, team):
        params = {"a": rng(1).normal(size=(300, 700)), "b": rng(2).normal(size=3)}
        averages = {name: p.copy() for name, p in params.items()}
        optimizer = Adam(params.items(), 0.1)
        optimizer.workers, optimizer.average = workers, Average(params.items(), averages.items(), 0.9)
        for step in range(3):
            optimizer.step({name: rng(step).normal(size=p.shape) for name, p in params.items()})
        after.append({**params, **{f"average {name}": a for name, a in averages.items()}, **optimizer.state})
    assert_same_arrays(after[1], after[0])


def test_a_second_caller_waits_until_the_team_is_done_with_the_first(pair: Team) -> None:
    started, release, order = threading.Event(), threading.Event(), list[str]()

    def slow(rank: int) -> None:
        started.set()
        release.wait(60)
        order.append("first")

    first = threading.Thread(target=pair.run, args=[slow])
    second = threading.Thread(target=pair.run, args=[lambda rank: order.append("second")])
    first.start()
    started.wait(60)
    second.start()
    second.join(0.2)
    assert order == []
    release.set()
    first.join(60)
    second.join(60)
    assert order == ["first", "first", "second", "second"]


def test_a_layer_that_couples_or_draws_and_has_no_form_cannot_be_shared(pair: Team) -> None:
    class Louder(Dropout):
        """A dropout that computes something else."""

    for layer in (MinibatchStd(), Louder(0.5, rng=rng())):
        with pytest.raises(ValueError, match=r"couples the rows of a batch or draws, and has no form for threads"):
            Sharded(Network(Linear(3, 2, rng=rng()), layer), pair)


def test_replicas_share_the_arrays_of_a_composite_that_does_not_name_them(pair: Team) -> None:
    class Unnamed(Shelf):
        """A frozen network, whose weights nobody trains."""

        def named_params(self) -> Any:
            return iter(())

        named_buffers = named_params

    shelf = Unnamed(first=Linear(3, 2, rng=rng()), norm=BatchNorm(2))
    sharded, x = Sharded(shelf, pair), rng(1).normal(size=(4, 3)).astype(np.float32)
    sharded.forward(x)
    shelf.shelf["first"].weight[...] *= 2  # type: ignore[attr-defined]
    np.testing.assert_array_equal(sharded.forward(x, False)[0], shelf.forward(x, False)[0])
