"""Threads that share a batch: as one thread would have done it, but for rounding."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_runs import assert_same_arrays, tiny, trained

from minigan import models, objectives
from minigan.engine.choose import Players

from minigan.engine.pair import OnePainting, SideBySide, discriminator_step_in_one_batch, sees_each_alone
from minigan.engine.sharded import Sharded
from minigan.engine.split import SplitLinear, split
from minigan.engine.team import Team
from minigan.layers import BatchNorm, Conv2d, Dropout, Flatten, Layer, LeakyReLU, Linear, Network, SpectralNorm, Tanh
from minigan.optim import SGD, Adam, Average, flatten
from minigan.random import Streams
from minigan.training.config import Config
from minigan.training.steps import discriminator_step, generator_step
from minigan.training.trainer import Trainer

SIZES = (1, 2, 4, 8)


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


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


def critic(dtype: Any = np.float64) -> Network:
    """Convolution, batch norm and curvature, with random weights everywhere."""
    network = Network(
        Conv2d(2, 5, 4, 2, 1, rng=rng(1), dtype=dtype),
        LeakyReLU(0.2),
        Conv2d(5, 6, 3, 1, 1, bias=False, rng=rng(2), dtype=dtype),
        BatchNorm(6, dtype=dtype),
        Tanh(),
        Flatten(),
        Linear(54, 1, rng=rng(3), dtype=dtype),
    )
    for name, p in network.named_params():
        if name.startswith("3."):
            p[...] = rng(4).normal(1, 0.3, p.shape)
    return network


def images(n: int = 19, dtype: Any = np.float64) -> np.ndarray:
    return rng(5).normal(size=(n, 6, 6, 2)).astype(dtype)


def close(a: Any, b: Any, rtol: float = 1e-11) -> None:
    if isinstance(a, dict):
        a, b = flatten(a), flatten(b)
        assert a.keys() == b.keys()
        for name in a:
            close(a[name], b[name], rtol)
    else:
        np.testing.assert_allclose(a, b, rtol=rtol, atol=rtol * max(1e-4, np.abs(b).max()))


def test_every_thread_does_its_part_and_results_come_by_rank(team: Team) -> None:
    found = team.run(lambda rank: (team.circle.gather(rank, rank)[rank], threading.get_ident()))
    assert [rank for rank, _ in found] == list(range(team.size))
    assert len({thread for _, thread in found}) == team.size
    assert found[0][1] == threading.get_ident()


def test_values_are_exchanged_in_the_order_of_the_ranks(team: Team) -> None:
    found = team.run(lambda rank: [team.circle.gather(rank, (turn, rank)) for turn in range(50)])
    assert found == [[[(turn, rank) for rank in range(team.size)] for turn in range(50)]] * team.size


@pytest.mark.parametrize("broken", [0, 1])
def test_an_exception_in_one_thread_reaches_the_caller_and_the_team_goes_on(broken: int, pair: Team) -> None:
    def job(rank: int) -> list[int]:
        if rank == broken:
            raise ArithmeticError(f"thread {rank}")
        return pair.circle.gather(rank, rank)  # waits for the one that never comes

    for _ in range(3):
        with pytest.raises(ArithmeticError, match=f"thread {broken}"):
            pair.run(job)
    assert pair.run(lambda rank: pair.circle.gather(rank, rank)) == [[0, 1], [0, 1]]


def test_what_the_caller_has_silenced_is_silent_in_every_thread(pair: Team) -> None:
    with np.errstate(over="ignore"):
        found = pair.run(lambda rank: np.exp(np.full(4, 1000.0)))
    assert np.isinf(found).all()


def test_a_team_of_nobody_is_refused() -> None:
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
def test_the_third_sweep_is_shared_too(team: Team, train: bool) -> None:
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


def test_a_network_without_curvature_owes_its_input_nothing(pair: Team) -> None:
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


GAMES = tuple(name for name in objectives.names() if name != "gmmn")  # which trains no D


def game(name: str, spectral_norm: bool = False) -> tuple[models.Model, objectives.Objective]:
    random = {"rng": rng(8)} if "rng" in objectives.hyperparameters(name) else {}
    objective = objectives.get(name, **random)
    seen = models.Critic(**objective.critic(), spectral_norm=spectral_norm)
    model = models.get("dcgan", Streams(0), sample_shape=(12, 12, 1), critic=seen, width=0.1, z_dim=5)
    for network in (model.D, model.G):
        network.convert(lambda a: a.astype(np.float64))
    return model, objective


@pytest.mark.parametrize(("name", "spectral_norm"), [*((name, False) for name in GAMES), ("hinge", True)])
def test_whole_steps_of_a_team_are_those_of_one_thread(name: str, spectral_norm: bool, team: Team) -> None:
    arrays = []
    for shared in (False, True):
        model, objective = game(name, spectral_norm)
        D: Layer = Sharded(model.D, team) if shared else model.D
        G: Layer = Sharded(model.G, team) if shared else model.G
        d_optimizer, g_optimizer = (SGD(network.named_params(), 0.01) for network in (D, G))
        n = 16 * objective.fakes
        for step in range(3):
            real = np.tanh(rng(step).normal(size=(16, 12, 12, 1)))
            d_loss = discriminator_step(D, G, objective, d_optimizer, real, rng(10 + step).normal(size=(n, 5)))
            playing = objective.facing(D.forward(real)[0]) if objective.compares else objective
            g_loss = generator_step(D, G, playing, g_optimizer, rng(20 + step).normal(size=(n, 5)))
        named = {f"D.{name}": a for name, a in (*D.named_params(), *D.named_buffers())}
        named |= {f"G.{name}": a for name, a in (*G.named_params(), *G.named_buffers())}
        arrays.append({"d_loss": np.asarray(d_loss), "g_loss": np.asarray(g_loss), **named})
    close(arrays[1], arrays[0], rtol=1e-8)


@pytest.mark.parametrize("name", ["nonsaturating", "wgan-gp", "lsgan"])
def test_two_batches_side_by_side_take_the_step_of_algorithm_1(name: str, team: Team) -> None:
    if team.size == 1:
        assert not SideBySide.suits(game(name)[0].D, team)
        return
    arrays = []
    for shared in (False, True):
        model, objective = game(name)
        D: Layer = Sharded(model.D, team) if shared else model.D
        take = SideBySide(model.D, team).discriminator_step if shared else discriminator_step
        optimizer = SGD(D.named_params(), 0.01)
        optimizer.workers = team if shared else None
        losses = []
        for step in range(3):  # running statistics move twice in each
            real, z = np.tanh(rng(step).normal(size=(17, 12, 12, 1))), rng(10 + step).normal(size=(19, 5))
            if name == "wgan-gp":
                z = z[:17]
            losses.append(take(D, model.G, objective, optimizer, real, z))
        named = dict([*model.D.named_params(), *model.D.named_buffers(), *model.G.named_buffers()])
        arrays.append({"losses": np.asarray(losses), **named})
    close(arrays[1], arrays[0], rtol=1e-9)


def test_no_two_batches_side_by_side_where_their_order_counts(pair: Team) -> None:
    assert SideBySide.suits(game("nonsaturating")[0].D, pair)
    assert not SideBySide.suits(game("hinge", spectral_norm=True)[0].D, pair)  # iterates once more in every pass
    assert not SideBySide.suits(models.get("mlp", Streams(0)).D, pair)  # draws its masks one after the other
    three = Team(3)
    assert not SideBySide.suits(game("nonsaturating")[0].D, three)
    three.close()


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
    layer = next(one for one in walk(split(page, pair)) if isinstance(one, SplitLinear))
    x, dy = rng(5).normal(size=(4, 259)), rng(6).normal(size=(4, 301))
    y, cache = layer.forward(x)
    close(layer.input_grad(dy, cache), dy @ layer.weight.T)
    close(layer.param_grads(dy, cache), {"weight": x.T @ dy, "bias": dy.sum(axis=0)})
    assert layer.forward(x.astype(np.float64))[0].dtype == np.float64
    with pytest.raises(ValueError, match=r"x has shape \(4, 3\), expected \(N, 259\)"):
        layer.forward(x[:, :3])


def test_layers_with_a_normalised_weight_are_not_split(pair: Team) -> None:
    wrapped = SpectralNorm(Linear(256, 256, rng=rng(1)), rng=rng(2))
    assert not any(isinstance(layer, SplitLinear) for layer in walk(split(Network(wrapped), pair)))


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


def test_d_in_one_batch_takes_the_step_of_algorithm_1() -> None:
    after = []
    for step in (discriminator_step, discriminator_step_in_one_batch):
        model = models.get("mlp", Streams(0), dropout=0.0)
        real = np.tanh(rng().normal(size=(8, 28, 28, 1))).astype(np.float32)
        z = rng(1).normal(size=(8, model.z_dim)).astype(np.float32)
        objective = objectives.get("wgan-gp", rng=rng(2))
        loss = step(model.D, model.G, objective, SGD(model.D.named_params(), 0.1), real, z)
        after.append({"loss": np.asarray(loss), **dict(model.D.named_params())})
    close(after[1], after[0], rtol=1e-5)


def test_only_a_d_that_sees_every_sample_alone_gets_all_in_one_batch() -> None:
    assert sees_each_alone(models.get("mlp", Streams(0)).D)
    assert not sees_each_alone(game("nonsaturating")[0].D)  # batch norm
    assert not sees_each_alone(game("hinge", spectral_norm=True)[0].D)  # iterates once in every pass


def test_one_painting_for_both_steps_gives_the_bits_of_two() -> None:
    after, paintings = [], []

    class Counting(OnePainting):
        def forward(self, x: np.ndarray, train: bool = True) -> Any:
            found = super().forward(x, train)
            paintings.append(id(found[0]))
            return found

    for page in (None, Counting):
        model, objective = game("nonsaturating")
        G: Layer = model.G if page is None else page(model.G)
        optimizers = [SGD(network.named_params(), 0.01) for network in (model.D, G)]
        for step in range(3):
            real, z = np.tanh(rng(step).normal(size=(8, 12, 12, 1))), rng(10 + step).normal(size=(8, 5))
            discriminator_step(model.D, G, objective, optimizers[0], real, z)
            if page is None:  # two paintings move the running statistics twice
                with G.keeping_buffers():
                    generator_step(model.D, G, objective, optimizers[1], z)
            else:
                generator_step(model.D, G, objective, optimizers[1], z)
        after.append({**dict(model.D.named_params()), **dict(G.named_params()), **dict(G.named_buffers())})
    assert_same_arrays(after[1], after[0])
    assert [a == b for a, b in zip(paintings[::2], paintings[1::2], strict=True)] == [True] * 3


def test_what_was_painted_is_forgotten_when_g_is_about_to_move() -> None:
    G = OnePainting(Network(Linear(3, 2, rng=rng(), dtype=np.float64)))
    z = rng().normal(size=(4, 3))
    y, cache = G.forward(z)
    assert G.forward(z)[0] is y
    assert G.forward(z.copy())[0] is not y
    y, cache = G.forward(z)
    grads: dict[str, Any] = {}
    G.backward(np.ones_like(y), cache, grads)
    SGD(G.named_params(), 0.1).step(grads)
    assert not np.array_equal(G.forward(z)[0], y)
    assert G.forward(z, train=False)[0] is not G.forward(z, train=False)[0]


@pytest.mark.parametrize(
    ("choices", "kind", "step"),
    [
        ({"threads": 2}, Sharded, "SideBySide.discriminator_step"),
        ({"threads": 3}, Sharded, "discriminator_step"),
        ({"threads": 1}, Network, "discriminator_step"),
        ({"threads": 2, "spectral_norm": True}, Sharded, "discriminator_step"),
        ({"threads": 2, "model": "mlp"}, Network, "discriminator_step_in_one_batch"),
    ],
)
def test_threads_are_used_as_the_networks_ask_for(
    choices: dict[str, Any], kind: type[Layer], step: str, pictures: Path, tmp_path: Path
) -> None:
    trainer = trained(tiny(pictures, **choices), tmp_path / "run")
    players: Players = trainer.players
    assert (type(players.D), players.d_step.__qualname__) == (kind, step)
    assert any(isinstance(layer, SplitLinear) for layer in players.G.walk()) == (choices.get("model") == "mlp")
    assert (trainer.state.d_optimizer.workers is None) == (choices["threads"] == 1)


def test_networks_with_little_to_do_stay_with_one_thread(tmp_path: Path) -> None:
    config = Config(data="ring", model="points", objective="nonsaturating", threads=2, epochs=1)
    trainer = Trainer.start(config, tmp_path / "run", quiet=True)
    assert trainer.state.d_optimizer.workers is None
    assert trainer.D is trainer.state.D


@pytest.mark.parametrize("model", ["dcgan", "mlp"])
def test_a_run_of_two_threads_is_that_of_one_but_for_rounding(model: str, pictures: Path, tmp_path: Path) -> None:
    one, two = (trained(tiny(pictures, model=model, threads=n), tmp_path / str(n)) for n in (1, 2))
    for (name, a), (_, b) in zip(one.state.D.named_params(), two.state.D.named_params(), strict=True):
        np.testing.assert_allclose(a, b, atol=2e-3, err_msg=name)  # Adam's first steps are signs
    assert_same_arrays(
        trained(tiny(pictures, model=model, threads=2), tmp_path / "again").state.arrays(), two.state.arrays()
    )
