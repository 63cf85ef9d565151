"""Two batches at once, and one generation for two steps: short cuts that change nothing but rounding."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from engine_networks import Z, arrays_of, assert_same_arrays, close, critic, generator, images, rng

from minigan import models, objectives
from minigan.engine.fuse import fused
from minigan.engine.pair import OneBatch, OneGeneration, SideBySide, side_by_side
from minigan.engine.team import Team
from minigan.layers import BatchNorm, Join, Layer, LeakyReLU, Linear, Network, SpectralNorm, Tanh
from minigan.optim import SGD
from minigan.random import Streams
from minigan.training.steps import discriminator_step, generator_step


@pytest.fixture(params=(2, 4, 8))
def team(request: pytest.FixtureRequest) -> Iterator[Team]:
    team = Team(request.param)
    yield team
    team.close()


@pytest.fixture
def two() -> Iterator[Team]:
    team = Team(2)
    yield team
    team.close()


def model(name: str = "dcgan", **choices: Any) -> models.Model:
    """In float64."""
    made = models.get(name, Streams(0), **choices)
    for network in (made.D, made.G):
        network.convert(lambda array: array.astype(np.float64))
    return made


def small(**choices: Any) -> models.Model:
    return model(sample_shape=(12, 12, 1), width=0.1, z_dim=5, **choices)


def made_objective(name: str) -> objectives.Objective:
    return objectives.get(name, **({"rng": rng(8)} if "rng" in objectives.hyperparameters(name) else {}))


@pytest.mark.parametrize("name", ["nonsaturating", "wgan-gp", "lsgan"])
def test_two_batches_side_by_side_make_the_step_of_algorithm_1(name: str, team: Team) -> None:
    after = []
    for form in (None, lambda D: SideBySide(fused(D), team)):
        made, objective = small(critic=models.Critic(**made_objective(name).critic())), made_objective(name)
        D = made.D if form is None else form(made.D)
        optimizer = SGD(D.named_params(), 0.01)
        optimizer.workers = None if form is None else team
        losses = []
        for step in range(3):  # running statistics move twice in each
            n = 17 if name == "wgan-gp" else 19
            real, z = np.tanh(rng(step).normal(size=(17, 12, 12, 1))), rng(10 + step).normal(size=(n, 5))
            losses.append(discriminator_step(D, made.G, objective, optimizer, real, z).loss)
        after.append({"losses": np.asarray(losses), **arrays_of(made.D), **arrays_of(made.G)})
    close(after[1], after[0], rtol=1e-9)


def test_no_two_batches_side_by_side_where_their_order_counts(two: Team) -> None:
    assert side_by_side(small().D, two)
    assert side_by_side(fused(small().D), two)
    assert not side_by_side(small(critic=models.Critic(spectral_norm=True)).D, two)  # iterates in every pass
    assert not side_by_side(models.get("mlp", Streams(0)).D, two)  # draws its masks one after the other
    three = Team(3)
    assert not side_by_side(small().D, three)
    with pytest.raises(ValueError, match=r"cannot be computed side by side by .* and 3 threads"):
        SideBySide(small().D, three)
    three.close()


@pytest.mark.parametrize("name", ["nonsaturating", "wgan-gp"])
def test_two_batches_in_one_make_the_step_of_algorithm_1(name: str) -> None:
    after = []
    for form in (lambda D: D, OneBatch):
        made, objective = model("mlp", dropout=0.0), made_objective(name)
        real, z = np.tanh(rng().normal(size=(8, 28, 28, 1))), rng(1).normal(size=(8, made.z_dim))
        D: Layer = form(made.D)
        loss = discriminator_step(D, made.G, objective, SGD(D.named_params(), 0.1), real, z).loss
        after.append({"loss": np.asarray(loss), **arrays_of(made.D)})
    close(after[1], after[0])


def test_two_batches_of_one_length_are_one_pass_and_others_two() -> None:
    lengths = []

    class Counted(Tanh):
        """Notes how many rows come."""

        def forward(self, x: Any, train: bool = True) -> Any:
            lengths.append(len(x))
            return super().forward(x, train)

    network = OneBatch(Network(Linear(3, 2, rng=rng(), dtype=np.float64), Counted()))
    x = rng(1).normal(size=(7, 3))
    for n, expected in ((4, [4, 3]), (5, [5, 2])):
        for first, second in ((x[:n], x[n:]), (x[:3], x[3:6])):
            lengths.clear()
            y1, y2, caches = network.forward_pair(first, second)
            grads: dict[str, Any] = {}
            network.backward_pair(y1, y2, caches, grads)
            assert lengths == (expected if first is not second and len(first) == n else [6])
            plain: dict[str, Any] = {}
            for part, y in ((first, y1), (second, y2)):
                network.backward(y, network.forward(part)[1], plain)
            close(grads, plain)


@pytest.mark.parametrize("layer", [BatchNorm(3), SpectralNorm(Linear(3, 3, rng=rng()), rng=rng())], ids=str)
def test_two_batches_never_become_one_where_a_layer_couples(layer: Layer) -> None:
    with pytest.raises(ValueError, match="couples the rows of a batch: two batches cannot become one"):
        OneBatch(Network(Network(layer), Tanh()))


def joined(normalised: bool = False) -> Network:
    """A network with a condition of 2 numbers, and a batch norm or not."""
    norm = (BatchNorm(4),) if normalised else ()
    network = Network(Join(), Linear(5, 4, rng=rng(1)), *norm, LeakyReLU(0.2), Join(), Linear(6, 2, rng=rng(2)))
    network.convert(lambda array: array.astype(np.float64))
    return network


@pytest.mark.parametrize("wanted", [True, False])
@pytest.mark.parametrize("kind", [OneBatch, SideBySide])
def test_a_condition_is_that_of_both_batches(kind: type, wanted: bool, team: Team) -> None:
    plain, page = (joined(normalised=kind is SideBySide) for _ in range(2))
    form = OneBatch(page) if kind is OneBatch else SideBySide(fused(page), team)
    c, x1, x2 = rng(3).normal(size=(9, 2)), rng(4).normal(size=(9, 3)), rng(5).normal(size=(9, 3))
    results = []
    for unbound, own in ((plain, plain), (form, page)):
        network = unbound.given(c, wanted=wanted)
        grads: dict[str, Any] = {}
        y1, y2, caches = network.forward_pair(x1, x2)
        for _ in range(2):  # gradients add up, the condition's too
            network.backward_pair(np.cos(y1), np.sin(y2), caches, grads)
        results.append({"y1": y1, "y2": y2, "grads": grads} | arrays_of(own))
    assert ("condition" in results[0]["grads"]["0"]) == wanted
    close(results[1], results[0], least=1)


def steps(G: Layer, page: Layer, bind: Callable[[Layer, int], Layer], once: bool) -> dict[str, Any]:
    """Three steps that use their noise twice, of G or a form of it; `once`: its statistics move once in each."""
    D, objective = critic(), made_objective("nonsaturating")
    optimizers = [SGD(network.named_params(), 0.01) for network in (D, G)]
    for step in range(3):
        real, z = images(8), rng(10 + step).normal(size=(8, Z))
        discriminator_step(D, bind(G, step), objective, optimizers[0], real, z)
        if once:
            generator_step(D, bind(G, step), objective, optimizers[1], z)
        else:
            with G.keeping_buffers():
                generator_step(D, bind(G, step), objective, optimizers[1], z)
    return {f"D.{name}": a for name, a in arrays_of(D).items()} | arrays_of(page)


def same(G: Layer, step: int) -> Layer:
    return G


LABELS = [rng(step).integers(3, size=8) for step in range(3)]


def labelled(G: Layer, step: int) -> Layer:
    return G.given(LABELS[step])


@pytest.mark.parametrize(("classes", "bind"), [(0, same), (3, labelled)])
def test_one_generation_for_both_steps_gives_the_bits_of_two(classes: int, bind: Any) -> None:
    calls = []

    class Counted(Tanh):
        """Notes every pass."""

        def forward(self, x: Any, train: bool = True) -> Any:
            calls.append(len(x))
            return super().forward(x, train)

    def page() -> Network:
        return Network(generator(classes), Counted())

    plain, own = page(), page()
    expected = steps(plain, plain, bind, once=False)
    assert len(calls) == 6
    assert_same_arrays(steps(OneGeneration(own), own, bind, once=True), expected)
    assert len(calls) == 9


def test_what_was_generated_is_dropped_when_g_is_about_to_move() -> None:
    G = OneGeneration(Network(Linear(3, 2, rng=rng(), dtype=np.float64)))
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


def test_the_same_noise_under_another_condition_is_another_generation() -> None:
    page = joined()
    G, z, conditions = OneGeneration(page), rng().normal(size=(4, 3)), list(rng(1).normal(size=(2, 4, 2)))
    found = [G.given(c).forward(z)[0] for c in conditions]
    for c, y in zip(conditions, found, strict=True):
        np.testing.assert_array_equal(y, page.given(c).forward(z)[0])
    first, second = G.given(conditions[0]), G.given(conditions[1])
    y, cache = second.forward(z)
    assert G.given(conditions[1]).forward(z)[0] is y
    first.backward(y, cache)  # under any condition: the parameters are about to move
    assert second.forward(z)[0] is not y
