"""Optimizers against their textbook formulas, written naively."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from support import strict

from minigan import kernels
from minigan.kernels.cpu.pieces import CHUNK
from minigan.optim import SGD, Adam, AdaMax, Average, NotFinite, Optimizer, RMSProp, flatten

Params = dict[str, np.ndarray]
SHAPES = {"0.weight": (7, 5), "0.bias": (5,), "big": (2 * CHUNK + 13,), "chunk": (CHUNK,), "one": (), "none": (0, 3)}


def params(dtype: Any = np.float64) -> Params:
    rng = np.random.default_rng(0)
    return {name: rng.normal(size=shape).astype(dtype) for name, shape in SHAPES.items()}


def gradients(step: int, dtype: Any = np.float64) -> Params:
    rng = np.random.default_rng(100 + step)
    return {name: rng.normal(size=shape).astype(dtype) for name, shape in SHAPES.items()}


def sgd(p: np.ndarray, gs: list[np.ndarray], lr: float, momentum: float = 0.0) -> np.ndarray:
    v = np.zeros_like(p)
    for g in gs:
        v = momentum * v + g
        p = p - lr * v
    return p


def rmsprop(p: np.ndarray, gs: list[np.ndarray], lr: float, alpha: float = 0.99, eps: float = 1e-8) -> np.ndarray:
    s = np.zeros_like(p)
    for g in gs:
        s = alpha * s + (1 - alpha) * g**2
        p = p - lr * g / (np.sqrt(s) + eps)
    return p


def adam(
    p: np.ndarray, gs: list[np.ndarray], lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
) -> np.ndarray:
    m, v = np.zeros_like(p), np.zeros_like(p)
    for t, g in enumerate(gs, start=1):
        m = betas[0] * m + (1 - betas[0]) * g
        v = betas[1] * v + (1 - betas[1]) * g**2
        p = p - lr * (m / (1 - betas[0] ** t)) / (np.sqrt(v / (1 - betas[1] ** t)) + eps)
    return p


def adamax(
    p: np.ndarray, gs: list[np.ndarray], lr: float, betas: tuple[float, float] = (0.9, 0.999), eps: float = 1e-8
) -> np.ndarray:
    m, v = np.zeros_like(p), np.zeros_like(p)
    for g in gs:
        m = betas[0] * m + (1 - betas[0]) * g
        v = np.maximum(betas[1] * v + eps, np.abs(g))
        p = p - lr * m / v
    return p


@dataclass(frozen=True)
class Rule:
    """An optimizer with its options, and the textbook's formula for it."""

    make: type[Optimizer]
    textbook: Callable[..., np.ndarray]
    options: dict[str, Any]

    def optimizer(self, moved: dict[str, Any]) -> Optimizer:
        return self.make(moved.items(), **self.options)

    def after(self, steps: int) -> Params:
        """Where the parameters are after so many steps, in float64."""
        grads = [gradients(step) for step in range(steps)]
        return {name: self.textbook(p, [g[name] for g in grads], **self.options) for name, p in params().items()}


RULES = [
    Rule(SGD, sgd, {"lr": 0.1}),
    Rule(SGD, sgd, {"lr": 0.1, "momentum": 0.9}),
    Rule(RMSProp, rmsprop, {"lr": 0.01}),
    Rule(RMSProp, rmsprop, {"lr": 0.01, "alpha": 0.9, "eps": 1e-2}),
    Rule(Adam, adam, {"lr": 0.01}),
    Rule(Adam, adam, {"lr": 0.01, "betas": (0.5, 0.999)}),
    Rule(Adam, adam, {"lr": 0.01, "betas": (0.0, 0.9), "eps": 1e-2}),
    Rule(AdaMax, adamax, {"lr": 0.01}),
    Rule(AdaMax, adamax, {"lr": 0.01, "betas": (0.5, 0.8), "eps": 0.3}),
]
each = pytest.mark.parametrize("rule", RULES, ids=lambda rule: f"{rule.make.__name__} {rule.options}")
every = pytest.mark.parametrize("make", [SGD, RMSProp, Adam, AdaMax])


@each
def test_ten_steps_are_those_of_the_textbook(rule: Rule) -> None:
    moved = params()
    optimizer = rule.optimizer(moved)
    for step in range(10):
        optimizer.step(gradients(step))
    assert optimizer.t == 10
    for name, expected in rule.after(10).items():
        np.testing.assert_allclose(moved[name], expected, rtol=1e-12, atol=1e-14, err_msg=name)


@each
def test_float32_stays_float32_and_arrays_stay_themselves(rule: Rule) -> None:
    moved = params(np.float32)
    optimizer, arrays = rule.optimizer(moved), dict(moved)
    state = dict(optimizer.state)
    for step in range(3):
        grads = gradients(step, np.float32)
        for grad in grads.values():
            grad.setflags(write=False)
        optimizer.step(grads)
    assert all(optimizer.params[name] is array is moved[name] for name, array in arrays.items())
    assert all(optimizer.state[name] is array for name, array in state.items())
    assert {array.dtype for array in (*moved.values(), *optimizer.state.values())} == {np.dtype(np.float32)}
    for name, expected in rule.after(3).items():
        np.testing.assert_allclose(moved[name], expected, rtol=0, atol=1e-5, err_msg=name)


@each
def test_a_gpu_would_take_the_same_step_without_waiting(rule: Rule) -> None:
    here = params(np.float32)
    away = {name: strict.to_device(array) for name, array in here.items()}
    optimizer, twin = rule.optimizer(here), rule.optimizer(away)
    for step in range(2):
        grads = gradients(step, np.float32)
        optimizer.step(grads)
        moved = {name: strict.to_device(grad) for name, grad in grads.items()}
        with strict.no_sync():
            twin.step(moved)
    for name, array in here.items():
        np.testing.assert_allclose(strict.to_host(away[name]), array, rtol=2e-6, atol=2e-6, err_msg=name)


def with_gaps(a: np.ndarray) -> np.ndarray:
    return np.repeat(a, 2, axis=0)[::2]


@every
@pytest.mark.parametrize("layout", [np.asfortranarray, with_gaps])
def test_parameters_and_gradients_may_lie_in_memory_as_they_like(
    make: type[Optimizer], layout: Callable[[np.ndarray], np.ndarray]
) -> None:
    plain, odd, grad = params()["0.weight"], params()["0.weight"], gradients(0)["0.weight"]
    make([("w", plain)], 0.1).step({"w": grad})
    make([("w", odd)], 0.1).step({"w": layout(grad)})
    np.testing.assert_array_equal(odd, plain)
    odd = layout(params()["0.weight"])
    try:
        optimizer = make([("w", odd)], 0.1)
    except ValueError as refused:  # as good as moving it; only standing still in silence is wrong
        assert "w" in str(refused)
    else:
        optimizer.step({"w": grad})
        np.testing.assert_array_equal(odd, plain)


def test_the_state_is_named_after_moment_and_parameter() -> None:
    names = ("0.weight", "0.bias")
    some = {name: params()[name] for name in names}
    assert set(SGD(some.items()).state) == {"v/0.weight", "v/0.bias"}
    assert set(RMSProp(some.items()).state) == {"s/0.weight", "s/0.bias"}
    for make in (Adam, AdaMax):
        assert set(make(some.items()).state) == {"m/0.weight", "v/0.weight", "m/0.bias", "v/0.bias"}


@every
def test_state_and_step_count_are_all_that_going_on_needs(make: type[Optimizer]) -> None:
    through, stopped = params(), params()
    optimizer, first = make(through.items(), 0.01), make(stopped.items(), 0.01)
    for step in range(4):
        optimizer.step(gradients(step))
    for step in range(2):
        first.step(gradients(step))
    second = make(stopped.items(), 0.01)
    second.t = first.t
    for name, array in first.state.items():
        second.state[name][...] = array
    for step in range(2, 4):
        second.step(gradients(step))
    for name, array in through.items():
        np.testing.assert_array_equal(stopped[name], array)


@pytest.mark.parametrize(
    ("grads", "words"),
    [
        ({"0.weight": np.ones((7, 5))}, r"gradients missing for \['0.bias'\], unknown \[\]"),
        (
            {"0": {"weight": np.ones((7, 5)), "bias": np.ones(5), "b": np.ones(5)}},
            r"missing for \[\], unknown \['0.b'\]",
        ),
        ({"0": {"weight": np.ones((5, 7)), "bias": np.ones(5)}}, r"0.weight.*\(5, 7\)"),
        ({"0": {"weight": np.ones((7, 5)), "bias": np.ones(4)}}, r"0.bias.*\(4,\)"),
    ],
    ids=["missing", "unknown", "turned", "short"],
)
@every
def test_gradients_that_do_not_fit_are_refused_before_anything_moves(
    make: type[Optimizer], grads: dict[str, Any], words: str
) -> None:
    some = {name: params()[name] for name in ("0.weight", "0.bias")}
    optimizer = make(some.items(), 0.1)
    with pytest.raises(ValueError, match=words):
        optimizer.step(grads)
    assert optimizer.t == 0
    for name, array in some.items():
        np.testing.assert_array_equal(array, params()[name])


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda p: SGD(p, 0), "learning rate must be positive, got 0"),
        (lambda p: Adam(p, -1e-3), "learning rate must be positive, got -0.001"),
        (lambda p: RMSProp(p, math.nan), "learning rate must be positive"),
        (lambda p: SGD(p, momentum=1), r"momentum must lie in \[0, 1\), got 1"),
        (lambda p: RMSProp(p, alpha=1.0), r"RMSProp needs alpha in \[0, 1\) and eps > 0, got 1.0"),
        (lambda p: RMSProp(p, eps=0), "RMSProp needs .* eps > 0"),
        (lambda p: Adam(p, betas=(1.0, 0.9)), r"Adam needs both betas in \[0, 1\)"),
        (lambda p: Adam(p, betas=(0.5, -0.1)), r"Adam needs both betas in \[0, 1\)"),
        (lambda p: Adam(p, eps=math.nan), "Adam needs .* eps > 0"),
        (lambda p: Adam([]), "Adam got no parameters"),
        (lambda p: AdaMax(p, betas=(0.5, 1.0)), r"AdaMax needs both betas in \[0, 1\)"),
        (lambda p: AdaMax(p, eps=0), "AdaMax needs .* eps > 0"),
        (lambda p: Average(p, p, 1.0), r"decay of the average must lie in \[0, 1\), got 1.0"),
        (lambda p: Average(p, list(p)[:1], 0.9), "the average and its source have different arrays"),
    ],
)
def test_wrong_hyper_parameters_are_refused(make: Callable[[Any], Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make(params().items())


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e30])  # the square of 1e30 is infinite in float32
@every
def test_gradients_that_are_not_finite_are_refused_before_anything_moves(make: type[Optimizer], bad: float) -> None:
    moved, averages = params(np.float32), params(np.float32)
    optimizer = make(moved.items(), 0.1)
    optimizer.average = Average(moved.items(), averages.items(), 0.9)
    grads = gradients(0, np.float32)
    grads["0.weight"][3, 2] = grads["big"][-1] = bad
    words = "^the gradients of 0.weight and big are not finite; no parameter has moved$"
    with pytest.raises(NotFinite, match=words) as refused:
        optimizer.step(grads)
    assert isinstance(refused.value, FloatingPointError)
    assert refused.value.grads.keys() == grads.keys()
    assert all(refused.value.grads[name] is grad for name, grad in grads.items())
    assert (optimizer.t, optimizer.average.t) == (0, 0)
    for name, array in params(np.float32).items():
        np.testing.assert_array_equal(moved[name], array)
        np.testing.assert_array_equal(averages[name], array)
    assert not any(moment.any() for moment in optimizer.state.values())


def test_the_gradients_in_the_error_have_the_names_of_the_parameters() -> None:
    p = np.ones(2)
    with pytest.raises(NotFinite, match=r"gradients of 0\.weight are not finite") as refused:
        SGD([("0.weight", p)]).step({"0": {"weight": p * math.nan}})
    assert refused.value.grads.keys() == {"0.weight"}


def test_of_many_arrays_that_are_not_finite_some_are_named() -> None:
    some = {str(i): np.ones(2) for i in range(9)}
    optimizer = SGD(some.items())
    with pytest.raises(NotFinite, match="the gradients of 0, 1, 2, 3, 4, 5 and 3 more are not finite"):
        optimizer.step({name: p * math.nan for name, p in some.items()})


@every
def test_steps_after_a_reset_are_those_of_a_new_optimizer(make: type[Optimizer]) -> None:
    used, new = params(), params()
    optimizer = make(used.items(), 0.1)
    state = dict(optimizer.state)
    for step in range(3):
        optimizer.step(gradients(step))
    optimizer.reset()
    assert optimizer.t == 0
    assert all(optimizer.state[name] is moment and not moment.any() for name, moment in state.items())
    for name, p in params().items():
        used[name][...] = p
    optimizer.step(gradients(5))
    make(new.items(), 0.1).step(gradients(5))
    for name, p in new.items():
        np.testing.assert_array_equal(used[name], p)


def test_a_reset_leaves_the_parameters_and_their_average() -> None:
    p, average = np.ones(3), np.zeros(3)
    optimizer = Adam([("p", p)], 0.1)
    optimizer.average = Average([("p", p)], [("p", average)], 0.9)
    optimizer.step({"p": p.copy()})
    before = p.copy(), average.copy()
    optimizer.reset()
    np.testing.assert_array_equal([p, average], before)
    assert (optimizer.t, optimizer.average.t) == (0, 1)


class Lion(Optimizer):
    """The example in the documentation of Optimizer."""

    moments = ("m",)

    def update(self, moves: kernels.Moves) -> None:
        for p, g, m in moves:
            p -= self.lr * np.sign(0.9 * m + 0.1 * g)
            m[...] = 0.99 * m + 0.01 * g


class Halved(Adam):
    """Adam, and then half of every parameter: what a kernel leaves is not what the step leaves."""

    def update(self, moves: kernels.Moves) -> None:
        super().update(moves)
        for p, *_ in moves:
            p *= 0.5


def test_the_documentation_shows_the_rule_that_is_tested_here() -> None:
    shown = inspect.getdoc(Optimizer)
    for line in inspect.getsource(Lion.update).splitlines()[1:]:
        assert line.strip() in shown


def test_a_rule_of_ones_own_in_plain_numpy_is_an_optimizer() -> None:
    moved = params()
    optimizer = Lion(moved.items(), 0.01)
    assert set(optimizer.state) == {f"m/{name}" for name in SHAPES}
    for step in range(4):
        optimizer.step(gradients(step))
    assert optimizer.t == 4
    for name, p in params().items():
        m = np.zeros_like(p)
        for step in range(4):
            g = gradients(step)[name]
            p, m = p - 0.01 * np.sign(0.9 * m + 0.1 * g), 0.99 * m + 0.01 * g
        np.testing.assert_allclose(moved[name], p, rtol=1e-12)
        np.testing.assert_allclose(optimizer.state[f"m/{name}"], m, rtol=1e-12)


def test_a_rule_of_ones_own_may_look_at_the_number_of_the_step_and_at_all_gradients() -> None:
    class Clipped(Optimizer):
        """Steps of length lr / t, all parameters together."""

        def update(self, moves: kernels.Moves) -> None:
            norm = math.sqrt(sum((g**2).sum() for _, g in moves))
            for p, g in moves:
                p -= self.lr / self.t * g / norm

    moved = {"a": np.zeros(3), "b": np.zeros(2)}
    optimizer = Clipped(moved.items(), 0.5)
    for _ in range(2):
        optimizer.step({"a": np.array([2.0, 0, 1]), "b": np.array([2.0, 4])})
    np.testing.assert_allclose(np.concatenate([*moved.values()]), [-0.3, 0, -0.15, -0.3, -0.6])


@pytest.mark.parametrize("make", [SGD, Adam, Lion, Halved])
def test_the_average_takes_in_what_the_step_has_left(make: type[Optimizer]) -> None:
    moved, averages, expected = params(), params(), params()
    buffer = {"buffer": np.ones(4)}
    kept = {"buffer": np.zeros(4)}
    optimizer = make(moved.items(), 0.1)
    optimizer.average = Average((moved | buffer).items(), (averages | kept).items(), 0.5)
    for t in range(1, 4):
        optimizer.step(gradients(t))
        d = min(0.5, (1 + t) / (10 + t))
        expected = {name: d * expected[name] + (1 - d) * p for name, p in moved.items()}
    assert optimizer.average.t == 3
    for name, array in expected.items():
        np.testing.assert_allclose(averages[name], array, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(kept["buffer"], 1 - (2 / 11) * (3 / 12) * (4 / 13))


def test_an_optimizer_without_a_rule_reports_it() -> None:
    with pytest.raises(NotImplementedError, match="Optimizer has no update rule"):
        Optimizer([("p", np.ones(2))], 0.1).step({"p": np.ones(2)})


def test_adamax_stands_still_where_no_gradient_ever_came() -> None:
    moved = params(np.float32)
    optimizer = AdaMax(moved.items())
    for _ in range(3):
        optimizer.step({name: np.zeros_like(array) for name, array in moved.items()})
    for name, array in params(np.float32).items():
        np.testing.assert_array_equal(moved[name], array)


def test_the_first_step_of_adamax_is_short_because_nothing_is_corrected() -> None:
    p = np.zeros(3)
    AdaMax([("p", p)], 0.1, betas=(0.9, 0.999)).step({"p": np.array([5.0, -0.01, 2])})
    np.testing.assert_allclose(p, [-0.01, 0.01, -0.01], rtol=1e-12)


def test_nested_gradients_are_flattened_to_the_names_of_parameters() -> None:
    assert flatten({"0": {"w": 1, "2": {"b": 2}}, "a": 3, "1": {}}) == {"0.w": 1, "0.2.b": 2, "a": 3}


@pytest.mark.parametrize("decay", [0.0, 0.5, 0.999])
def test_the_average_follows_its_formula(decay: float) -> None:
    source, target = params(), params()
    expected = params()
    average = Average(source.items(), target.items(), decay)
    for t in range(1, 6):
        for name, grad in gradients(t).items():
            source[name] += grad
        average.update()
        d = min(decay, (1 + t) / (10 + t))
        expected = {name: d * expected[name] + (1 - d) * source[name] for name in expected}
    for name, array in target.items():
        np.testing.assert_allclose(array, expected[name], rtol=1e-12, atol=1e-14)


def test_an_average_on_the_gpu_does_not_wait_and_leaves_its_source_alone() -> None:
    source = {name: strict.to_device(array) for name, array in params(np.float32).items()}
    target = {name: strict.to_device(array) for name, array in gradients(0, np.float32).items()}
    average = Average(source.items(), target.items(), 0.9)
    with strict.no_sync():
        average.update()
    for name, array in params(np.float32).items():
        np.testing.assert_array_equal(strict.to_host(source[name]), array)
        expected = 2 / 11 * gradients(0)[name] + 9 / 11 * array
        np.testing.assert_allclose(strict.to_host(target[name]), expected, rtol=1e-5, atol=1e-6)
