"""Conditions: what Join and Conditioned compute, what binding shares and keeps apart, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest
from layer_answers import assert_same
from support import strict

from minigan import gradcheck
from minigan.checks import randomise
from minigan.device import Array
from minigan.layers import (
    Autoencoder,
    BatchNorm,
    Branches,
    Conditional,
    Conditioned,
    Conv2d,
    Flatten,
    Join,
    Layer,
    Linear,
    Network,
    ReLU,
    SpectralNorm,
    Tanh,
    taken,
)
from minigan.layers.composite import Around, Composite
from minigan.layers.layer import Cache, Grads
from minigan.optim import flatten
from minigan.penalties import gradient_penalty, zero_centred_penalty

N = 5
LABELS = np.array([2, 0, 1, 1, 2])
ONE_HOT = np.eye(3)[LABELS]


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def float64(layer: Layer, seed: int = 1) -> Any:
    """The same layer with random weights, in float64."""
    layer.convert(lambda array: array.astype(np.float64))
    randomise(layer, rng(seed))
    return layer


X = rng(10).normal(size=(N, 4))
IMAGE = rng(11).normal(size=(N, 3, 4, 2))
VECTORS = rng(12).normal(size=(N, 3))


def conditional_critic() -> Any:
    """Images (N, 3, 4, 2) and labels of 3 classes -> (N, 1), through batch norm and tanh."""
    down = Conv2d(5, 3, 3, 1, 1, rng=rng())
    return float64(Network(Join(3), down, BatchNorm(3), Tanh(), Flatten(), Linear(36, 1, rng=rng())))


def conditioned() -> Any:
    """(N, 4) -> (N, 2) at vectors (N, 3)."""
    embed = Network(Linear(3, 2, rng=rng()), Tanh())
    return float64(Conditioned(embed, Network(Tanh(), Join(), Linear(6, 2, rng=rng()), Tanh())))


# Join is a concatenation


def test_labels_are_joined_as_one_hot_vectors() -> None:
    y, _ = Join(3).given(LABELS).forward(X)
    np.testing.assert_array_equal(y, np.concatenate([X, ONE_HOT], axis=1))


def test_vectors_are_joined_as_they_are() -> None:
    y, _ = Join().given(VECTORS).forward(X)
    np.testing.assert_array_equal(y, np.concatenate([X, VECTORS], axis=1))
    np.testing.assert_array_equal(Join(vectors=3).given(VECTORS).forward(X)[0], y)


@pytest.mark.parametrize(("join", "c", "rows"), [(Join(3), LABELS, ONE_HOT), (Join(), VECTORS, VECTORS)], ids=str)
def test_at_every_pixel_of_an_image_the_condition_is_the_same(join: Join, c: Any, rows: np.ndarray) -> None:
    y, _ = join.given(c).forward(IMAGE)
    assert y.shape == (N, 3, 4, 5)
    np.testing.assert_array_equal(y[..., :2], IMAGE)
    for h in range(3):
        for w in range(4):
            np.testing.assert_array_equal(y[:, h, w, 2:], rows)


def test_the_gradient_is_cut_where_x_ends_and_that_of_the_condition_is_summed_over_pixels() -> None:
    y, cache = Join().given(VECTORS, wanted=True).forward(IMAGE)
    dy = rng(1).normal(size=y.shape)
    np.testing.assert_array_equal(Join().input_grad(dy, cache), dy[..., :2])
    (dc,) = Join().given(VECTORS, wanted=True).param_grads(dy, cache).values()
    np.testing.assert_allclose(dc, dy[..., 2:].sum(axis=(1, 2)), rtol=1e-14)


def test_a_network_with_labels_is_the_network_that_reads_one_hot_columns() -> None:
    bound = float64(Network(Join(3), Linear(7, 2, rng=rng()), Tanh())).given(LABELS)
    plain = Network(*bound.layers[1:])
    joined = np.concatenate([X, ONE_HOT], axis=1)
    (y, cache), (expected, plain_cache) = bound.forward(X), plain.forward(joined)
    np.testing.assert_array_equal(y, expected)
    grads: dict[str, Any] = {}
    plain_grads: dict[str, Any] = {}
    dx = bound.backward(np.ones_like(y), cache, grads)
    np.testing.assert_array_equal(dx, plain.backward(np.ones_like(y), plain_cache, plain_grads)[:, :4])
    assert_same(grads["1"], plain_grads["0"], 0)


def test_only_a_tangent_of_the_condition_makes_a_gradient_in_its_columns() -> None:
    ddx, towards = rng(1).normal(size=IMAGE.shape), rng(2).normal(size=VECTORS.shape)
    y, cache = Join().given(VECTORS).forward(IMAGE)
    ddy, contribution, grads = Join().given(VECTORS).double_backward(ddx, y, cache)
    np.testing.assert_array_equal(ddy, np.concatenate([ddx, np.zeros((N, 3, 4, 3))], axis=-1))
    assert contribution is None and grads == {}
    ddy, _, _ = Join().given(VECTORS, towards=towards).double_backward(ddx, y, cache)
    np.testing.assert_array_equal(ddy[..., 2:], np.broadcast_to(towards[:, None, None], (N, 3, 4, 3)))


def test_labels_of_any_integer_type_are_taken_and_x_keeps_its_type() -> None:
    for kind in (np.int64, np.int32, np.uint8):
        y, _ = Join(3).given(LABELS.astype(kind)).forward(X.astype(np.float32))
        assert y.dtype == np.float32
        np.testing.assert_array_equal(y[:, 4:], ONE_HOT)


def test_a_gpu_would_join_labels_without_waiting() -> None:
    join = Join(3).given(strict.to_device(LABELS))
    with strict.no_sync():
        y, _ = join.forward(strict.to_device(IMAGE))
    np.testing.assert_array_equal(strict.to_host(y), Join(3).given(LABELS).forward(IMAGE)[0])


# Binding


def test_binding_shares_every_array_and_leaves_the_network_unbound() -> None:
    D = conditional_critic()
    bound = D.given(LABELS)
    for here, there in (
        (D.named_params(), bound.named_params()),
        (D.named_buffers(), bound.named_buffers()),
    ):
        for (name, array), (same, other) in zip(here, there, strict=True):
            assert name == same and array is other
    assert bound.layers[0].condition is LABELS
    assert D.layers[0].condition is None
    assert bound.layers[2] is D.layers[2]  # only what takes a condition is copied


def test_two_bound_copies_do_not_disturb_each_other() -> None:
    D, others = conditional_critic(), (LABELS + 1) % 3
    first, second = D.given(LABELS), D.given(others)
    expected = [D.given(c).forward(IMAGE, train=False)[0] for c in (LABELS, others)]
    assert abs(expected[0] - expected[1]).max() > 1e-3
    (y, cache), (z, other_cache) = first.forward(IMAGE, train=False), second.forward(IMAGE, train=False)
    np.testing.assert_array_equal(y, expected[0])
    np.testing.assert_array_equal(z, expected[1])
    grads: dict[str, Any] = {}
    first.backward(np.ones_like(y), cache, grads)
    again: dict[str, Any] = {}
    second.backward(np.ones_like(z), other_cache, again)
    alone: dict[str, Any] = {}
    apart = D.given(LABELS)
    apart.backward(np.ones_like(y), apart.forward(IMAGE, train=False)[1], alone)
    assert_same(flatten(grads), flatten(alone), 0)


def test_binding_again_replaces_the_condition() -> None:
    D = conditional_critic()
    others = (LABELS + 1) % 3
    y, _ = D.given(LABELS, wanted=True).given(others).forward(IMAGE, train=False)
    np.testing.assert_array_equal(y, D.given(others).forward(IMAGE, train=False)[0])
    assert not D.given(VECTORS, wanted=True).given(LABELS).layers[0].wanted


def test_a_bound_network_trains_the_statistics_of_the_network_and_keeps_them_where_asked() -> None:
    D = conditional_critic()
    before = {name: buffer.copy() for name, buffer in D.named_buffers()}
    with D.given(LABELS).keeping_buffers():
        D.given(LABELS).forward(IMAGE)
    assert_same(dict(D.named_buffers()), before, 0)
    D.given(LABELS).forward(IMAGE)
    assert all((buffer != before[name]).any() for name, buffer in D.named_buffers())


def test_a_pair_of_batches_meets_the_same_condition() -> None:
    D, other = conditional_critic(), rng(3).normal(size=IMAGE.shape)
    bound = D.given(LABELS)
    with D.keeping_buffers():
        expected = [bound.forward(x)[0] for x in (IMAGE, other)]
    y1, y2, caches = bound.forward_pair(IMAGE, other)
    np.testing.assert_allclose(y1, expected[0], rtol=1e-12)
    np.testing.assert_allclose(y2, expected[1], rtol=1e-12)
    grads: dict[str, Any] = {}
    bound.backward_pair(np.ones_like(y1), np.ones_like(y2), caches, grads)
    assert {name for name, _ in D.named_params()} == flatten(grads).keys()


class Either(Composite):
    """A user's layer: its parts lie in a dict of lists, and one of them is not asked at all."""

    def __init__(self, **layers: Layer) -> None:
        self.layers = {name: [layer] for name, layer in layers.items()}
        self.log: list[str] = []

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.log.append("forward")
        return self.layers["asked"][0].forward(x, train)

    def backward(self, dy: Array, cache: Cache, grads: Grads | None = None, need_dx: bool = True) -> Array | None:
        own = None if grads is None else grads.setdefault("asked", {})
        return self.layers["asked"][0].backward(dy, cache, own, need_dx)

    def double_backward(self, ddx: Array, dy: Any, cache: Cache) -> tuple[Array, Array | None, Grads]:
        ddy, dx, grads = self.layers["asked"][0].double_backward(ddx, dy, cache)
        return ddy, dx, {"asked": grads}

    def named_params(self) -> Iterator[tuple[str, Array]]:
        return ((f"asked.{name}", array) for name, array in self.layers["asked"][0].named_params())

    def convert(self, change: Callable[[Array], Array]) -> None:
        self.layers["asked"][0].convert(change)


class Two(NamedTuple):
    """A user's pair of layers."""

    first: Layer
    second: Layer


class InANamedTuple(Either):
    """A user's layer: its parts lie in a named tuple."""

    def __init__(self, asked: Layer) -> None:
        super().__init__(asked=asked)
        self.pair = Two(ReLU(), asked)

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        return self.pair.second.forward(x, train)


def linear(inputs: int, outputs: int = 4) -> Linear:
    return Linear(inputs, outputs, rng=rng(3))


def joined(outputs: int = 4) -> Network:
    """(N, 4) at vectors (N, 3) -> (N, outputs)."""
    return Network(Join(), linear(7, outputs), Tanh())


COMPOSITES: dict[str, Callable[[], Layer]] = {
    "network": lambda: Network(Tanh(), joined()),
    "branches": lambda: Branches(joined(), Tanh()),
    "around": lambda: Around(joined()),
    "autoencoder": lambda: Autoencoder(Network(linear(4, 4), Tanh()), joined(), "mse"),
    "both sides of an autoencoder": lambda: Autoencoder(joined(), joined(), "mse"),
    "beside spectral norm": lambda: Network(SpectralNorm(linear(4, 4), rng=rng()), joined()),
    "a user's own, in a dict": lambda: Either(asked=joined(), other=Tanh()),
    "a user's own, in a named tuple": lambda: InANamedTuple(joined()),
    "conditioned": lambda: Conditioned(Network(linear(3, 3), Tanh()), joined()),
    "conditioned in a network": lambda: Network(Tanh(), Conditioned(linear(3, 3), joined()), joined()),
}


@pytest.mark.parametrize("name", COMPOSITES)
def test_a_condition_reaches_the_layers_inside_and_its_gradient_comes_back(name: str) -> None:
    layer, towards = float64(COMPOSITES[name]()), rng(5).normal(size=VECTORS.shape)
    errors = gradcheck.layer_errors(layer, X, rng(6), train=False, condition=VECTORS.copy(), towards=towards)
    assert {"dx", "dcondition", "ddy", "dx twice", "dcondition twice"} <= errors.keys()
    assert max(errors.values()) < gradcheck.TOLERANCE, errors
    bound = layer.given(VECTORS)
    y, _ = bound.forward(X, train=False)
    assert np.abs(y - layer.given(VECTORS + 1).forward(X, train=False)[0]).max() > 1e-3
    with pytest.raises(ValueError, match="needs a condition"):
        layer.forward(X, train=False)


def test_what_takes_no_condition_stays_the_same_object_when_a_composite_is_bound() -> None:
    layer = Either(asked=joined(), other=Tanh())
    bound: Any = layer.given(VECTORS)
    assert bound.layers["other"][0] is layer.layers["other"][0]
    assert bound.layers["asked"][0] is not layer.layers["asked"][0]
    assert bound.log is layer.log
    pair: Any = InANamedTuple(joined()).given(VECTORS)
    assert isinstance(pair.pair, Two) and pair.pair.second.layers[0].condition is VECTORS


def test_layers_know_whether_something_in_them_takes_a_condition() -> None:
    assert [Network(Tanh(), layer).takes_condition for layer in (joined(), Join(2), conditioned(), Tanh())] == [
        *(True, True, True, False)
    ]
    assert not Branches(Tanh(), ReLU()).takes_condition


def test_a_layer_that_takes_no_condition_is_bound_to_itself() -> None:
    layer = Tanh()
    assert layer.given(LABELS) is layer


@pytest.mark.parametrize(
    "layer",
    [
        Network(Tanh()),
        Branches(Tanh(), ReLU()),
        Autoencoder(linear(4, 2), linear(2, 4)),
        SpectralNorm(linear(4), rng=rng()),
        Around(Network(Tanh())),
        Either(asked=Tanh()),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_condition_that_nothing_would_read_is_refused(layer: Layer) -> None:
    words = f"this {type(layer).__name__} takes no condition: none of its layers is conditional"
    with pytest.raises(ValueError, match=words):
        layer.given(LABELS)


# The gradient of the condition


def test_the_gradient_of_a_condition_is_stated_where_it_is_wanted_and_only_there() -> None:
    network = float64(Network(Join(), linear(7), Tanh(), Branches(joined(), Tanh())))
    y, cache = network.given(VECTORS).forward(X)
    assert not any("condition" in name for name in flatten(network.given(VECTORS).param_grads(y, cache)))
    wanted = network.given(VECTORS, wanted=True).param_grads(y, cache)
    assert {name for name in flatten(wanted) if "condition" in name} == {"0.condition", "3.0.0.condition"}


def test_taken_removes_the_gradients_of_the_condition_and_returns_their_sum() -> None:
    one, two = np.ones((2, 3)), 10 * np.ones((2, 3))
    grads: dict[str, Any] = {"0": {"condition": one, "weight": two}, "1": {"0": {"condition": two}}, "2": {}}
    np.testing.assert_array_equal(taken(grads), 11 * np.ones((2, 3)))
    assert flatten(grads).keys() == {"0.weight"}
    assert taken(grads) is None
    np.testing.assert_array_equal(one, np.ones((2, 3)))


def test_labels_have_no_gradient_even_where_it_is_wanted() -> None:
    bound = float64(Network(Join(3), linear(7))).given(LABELS, wanted=True)
    y, cache = bound.forward(X)
    grads = bound.param_grads(y, cache)
    assert flatten(grads).keys() == {"1.weight", "1.bias"}
    assert taken(grads) is None


# Conditioned


def test_conditioned_is_the_network_at_what_embed_computes() -> None:
    layer = conditioned()
    e, _ = layer.embed.forward(VECTORS)
    bound = layer.given(VECTORS)
    (y, cache), (expected, inner) = bound.forward(X), layer.network.given(e).forward(X)
    np.testing.assert_array_equal(y, expected)
    grads: dict[str, Any] = {}
    plain: dict[str, Any] = {}
    dx = bound.backward(np.ones_like(y), cache, grads)
    np.testing.assert_array_equal(dx, layer.network.given(e, wanted=True).backward(np.ones_like(y), inner, plain))
    de = taken(plain)
    assert_same(flatten(grads["network"]), flatten(plain), 0)
    _, embedded = layer.embed.forward(VECTORS)
    assert_same(flatten(grads["embed"]), flatten(layer.embed.param_grads(de, embedded)), 0)


def test_the_names_of_conditioned_are_those_of_its_parts() -> None:
    layer = conditioned()
    names = ["embed.0.weight", "embed.0.bias", "network.2.weight", "network.2.bias"]
    assert [name for name, _ in layer.named_params()] == names
    y, cache = layer.given(VECTORS).forward(X)
    assert flatten(layer.given(VECTORS).param_grads(y, cache)).keys() == set(names)
    assert repr(Conditioned(linear(3, 2), Join())) == "Conditioned(Linear(3, 2), Join())"


class Unasked(Linear):
    """A linear layer that nothing may go back through."""

    def input_grad(self, dy: Array, x: Any) -> Array:
        raise AssertionError("the input gradient was asked for")

    def param_grads(self, dy: Array, x: Any) -> Grads:
        raise AssertionError("the parameters' gradients were asked for")


def test_without_gradients_of_parameters_embed_is_not_asked() -> None:
    layer = Conditioned(float64(Unasked(3, 2, rng=rng())), float64(Network(Join(), linear(6))))
    y, cache = layer.given(VECTORS).forward(X)
    dx = layer.given(VECTORS).backward(np.ones_like(y), cache)
    assert dx is not None and dx.shape == X.shape
    with pytest.raises(AssertionError, match="gradients were asked for"):
        layer.given(VECTORS).backward(np.ones_like(y), cache, {})


class Table(Layer):
    """A row for every label: an embedding, whose input are integers and have no gradient."""

    params = ("weight",)

    def __init__(self, classes: int, d: int) -> None:
        self.weight = rng(4).normal(size=(classes, d))

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        return self.weight[x], x

    def input_grad(self, dy: Array, x: Cache) -> Array:
        raise TypeError("integers have no gradient")

    def param_grads(self, dy: Array, x: Cache) -> Grads:
        return {"weight": np.eye(len(self.weight))[x].T @ dy}


@pytest.mark.parametrize("wanted", [False, True])
def test_labels_may_be_embedded_and_the_embedding_learns(wanted: bool) -> None:
    layer = Conditioned(Table(3, 2), float64(Network(Tanh(), Join(), linear(6), Tanh())))
    bound = layer.given(LABELS, wanted=wanted)
    y, cache = bound.forward(X)
    dy = rng(1).normal(size=y.shape)
    grads = bound.param_grads(dy, cache)
    assert "condition" not in grads
    table: Any = layer.embed
    error = gradcheck.derivative_error(
        lambda: (dy * bound.forward(X)[0]).sum(), table.weight, grads["embed"]["weight"], rng()
    )
    assert error < gradcheck.TOLERANCE


def test_a_penalty_through_conditioned_reaches_embed() -> None:
    layer = conditioned()
    critic = Network(layer, float64(linear(2, 1)))

    def step(optimizer: gradcheck.Recorder) -> Any:
        grads: dict[str, Any] = {}
        value = gradient_penalty(critic.given(VECTORS), X, grads, weight=10.0)
        optimizer.step(grads)
        return value

    errors = gradcheck.step_errors(step, dict(critic.named_params()), rng(5))
    assert "d0.embed.0.weight" in errors
    assert max(errors.values()) < gradcheck.TOLERANCE, errors


@pytest.mark.parametrize("penalty", [gradient_penalty, zero_centred_penalty], ids=lambda f: f.__name__)
def test_a_penalty_on_a_bound_critic_has_the_gradient_of_its_value(penalty: Callable[..., Any]) -> None:
    D = conditional_critic()

    def step(optimizer: gradcheck.Recorder) -> Any:
        grads: dict[str, Any] = {}
        value = penalty(D.given(LABELS), IMAGE, grads, weight=10.0)
        optimizer.step(grads)
        return value

    errors = gradcheck.step_errors(step, dict(D.named_params()), rng(5))
    assert max(errors.values()) < gradcheck.TOLERANCE, errors


def test_a_penalty_looks_at_the_slope_of_the_sample_alone() -> None:
    D = float64(Network(Join(), linear(7, 1)))
    weight = D.layers[1].weight
    value = zero_centred_penalty(D.given(VECTORS), X, {}, weight=2.0)
    assert value == pytest.approx((weight[:4] ** 2).sum(), rel=1e-12)  # weight / 2 times the squared slope


def path_length(G: Layer, c: np.ndarray, v: np.ndarray) -> Callable[[gradcheck.Recorder], Any]:
    """A step whose loss is Σ ‖d<v, G(x | c)>/dc‖², a penalty on the slope of the condition."""

    def step(optimizer: gradcheck.Recorder) -> Any:
        bound = G.given(c, wanted=True)
        _, cache = bound.forward(X)
        _, trace = bound.traced_backward(v, cache)
        dc: Any = taken(bound.param_grads(v, cache))
        _, _, grads = G.given(c, towards=2 * dc).double_backward(np.zeros_like(X), trace, cache)
        optimizer.step(grads)
        return (dc * dc).sum()

    return step


@pytest.mark.parametrize("name", ["network", "conditioned"])
def test_a_penalty_on_the_slope_of_the_condition_has_the_gradient_of_its_value(name: str) -> None:
    G = float64(COMPOSITES[name]())
    errors = gradcheck.step_errors(path_length(G, VECTORS, rng(7).normal(size=(N, 4))), dict(G.named_params()), rng(8))
    assert max(errors.values()) < gradcheck.TOLERANCE, errors


# What is refused


WRONG: list[tuple[Callable[[], Any], str]] = [
    (lambda: Join(10).forward(X), "Join(10) needs a condition: network.given(labels)"),
    (lambda: Join().forward(X), "Join() needs a condition: network.given(vectors)"),
    (lambda: conditioned().forward(X), "needs a condition: network.given(condition)"),
    (lambda: Join(3).given(LABELS[:4]).forward(X), "Join(3): expected one condition for each of the 5 samples, got "),
    (lambda: Join().given(VECTORS[:4]).forward(X), "Join(): expected one condition for each of the 5 samples, got "),
    (lambda: conditioned().given(VECTORS[:4]).forward(X), "expected one condition for each of the 5 samples"),
    (lambda: Join(3).given(7).forward(X), "Join(3): expected one condition for each of the 5 samples, got int"),
    (
        lambda: Join(3).given(LABELS.astype(float)).forward(X),
        "Join(3): labels must be an array of N integers, got float64 of shape (5,)",
    ),
    (lambda: Join(3).given(LABELS == 1).forward(X), "must be an array of N integers, got bool of shape (5,)"),
    (lambda: Join(3).given(LABELS.tolist()).forward(X), "labels must be an array of N integers, got list"),
    (lambda: Join(3).given(LABELS[:, None]).forward(X), "must be an array of N integers, got int64 of shape (5, 1)"),
    (
        lambda: Join().given(LABELS).forward(X),
        "Join(): the condition must be vectors (N, d) of type float64, got int64 of shape (5,)",
    ),
    (lambda: Join().given(VECTORS.astype(np.float32)).forward(X), "of type float64, got float32 of shape (5, 3)"),
    (
        lambda: Join(vectors=2).given(VECTORS).forward(X),
        "Join(vectors=2): the condition must be vectors (N, 2) of type float64, got float64 of shape (5, 3)",
    ),
    (lambda: Join(3).given(LABELS).forward(X[0]), "Join(3): x has shape (4,), expected (N, ..., C)"),
    (
        lambda: Join(3, 4),
        "labels of `classes` classes or vectors of `vectors` numbers, at least 1, one of the two, got 3",
    ),
    (lambda: Join(0), "one of the two, got 0 and None"),
    (lambda: Join(vectors=2.5), "one of the two, got None and 2.5"),  # type: ignore[arg-type]
    (lambda: Conditioned(Tanh, Join()), "embed and network of Conditioned must be layers, got <class"),  # type: ignore[arg-type]
    (lambda: Conditioned(Tanh(), Network(Tanh())), "Network(Tanh()) takes no condition, nothing would read embed"),
]


@pytest.mark.parametrize(("make", "words"), WRONG)
def test_what_cannot_be_a_condition_is_refused_with_what_was_expected(make: Callable[[], Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        make()


def test_a_conditional_layer_of_a_user_states_what_it_needs() -> None:
    class Scaled(Conditional):
        """y = c · x."""

        def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
            return self.condition_of(x) * x, None

    assert Network(Scaled()).takes_condition
    np.testing.assert_array_equal(Network(Scaled()).given(2 * np.ones((N, 1))).forward(X)[0], 2 * X)
    with pytest.raises(ValueError, match=r"Scaled\(\) needs a condition: network.given\(condition\)"):
        Scaled().forward(X)
