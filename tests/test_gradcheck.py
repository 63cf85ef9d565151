"""The gradient check catches what it is for: derivatives that are off by a thousandth, or missing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from minigan import checks, gradcheck, layers, objectives
from minigan.gradcheck import TOLERANCE, Unresolved, derivative_error
from minigan.layers import BatchNorm, Join, Layer, Linear, Network, Tanh
from minigan.objectives import GMMN, LSGAN, NonSaturating, RaGAN

OFF = 1.001
Answer = Any


@pytest.fixture(scope="module")
def table() -> Iterator[list[tuple[str, str, dict[str, float]]]]:
    """All rows; those of systems have the errors of tests/systems/test_systems_gradients.py."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(checks.SystemCase, "errors", lambda self: {"checked there": 0.5 * TOLERANCE})
        yield list(checks.all_errors())


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


class Curved(Network):
    """tanh(x w + b): a layer with every derivative there is."""

    def __init__(self) -> None:
        super().__init__(Linear(4, 3, rng=rng(), dtype=np.float64), Tanh())
        checks.randomise(self, rng(1))


def errors(layer: Layer) -> dict[str, float]:
    return gradcheck.layer_errors(layer, rng(2).normal(size=(5, 4)), rng(3))


def spoilt(question: str, spoil: Callable[[Answer], Answer]) -> dict[str, float]:
    """The errors of a right layer one of whose answers is spoilt."""

    class Wrong(Curved):
        """Curved, but for one answer."""

    setattr(Wrong, question, lambda self, *asked: spoil(getattr(Curved, question)(self, *asked)))
    return errors(Wrong())


def one_entry(a: np.ndarray) -> np.ndarray:
    """The array with one of its numbers a fifth larger."""
    a = a.copy()
    a.flat[np.abs(a).argmax()] *= 1.2
    return a


def swap(weight: Callable[[np.ndarray], Any]) -> Callable[[dict[str, Any]], dict[str, Any]]:
    """Gradients with the one of the weight changed."""
    return lambda grads: {"0": {**grads["0"], "weight": weight(grads["0"]["weight"])}}


def test_a_right_layer_has_no_error() -> None:
    assert max(errors(Curved()).values()) < TOLERANCE
    assert set(errors(Curved())) == {
        *("dx", "d0.weight", "d0.bias"),
        *("ddy", "dx twice", "d0.weight twice", "d0.bias twice"),
    }


@pytest.mark.parametrize(
    ("question", "spoil", "caught"),
    [
        ("input_grad", lambda dx: OFF * dx, {"dx", "ddy", "dx twice", "d0.weight twice", "d0.bias twice"}),
        ("param_grads", swap(lambda dw: OFF * dw), {"d0.weight"}),
        ("param_grads", swap(one_entry), {"d0.weight"}),
        ("param_grads", swap(lambda dw: -dw), {"d0.weight"}),
        ("param_grads", swap(np.zeros_like), {"d0.weight"}),
        ("param_grads", lambda grads: {"0": {"weight": grads["0"]["weight"]}}, {"d0.bias"}),
        ("double_backward", lambda all_: (OFF * all_[0], *all_[1:]), {"ddy"}),
        ("double_backward", lambda all_: (all_[0], OFF * all_[1], all_[2]), {"dx twice"}),
        ("double_backward", lambda all_: (all_[0], None, all_[2]), {"dx twice"}),
        ("double_backward", lambda all_: (*all_[:2], swap(lambda dw: OFF * dw)(all_[2])), {"d0.weight twice"}),
        ("double_backward", lambda all_: (*all_[:2], {}), {"d0.weight twice", "d0.bias twice"}),
    ],
)
def test_a_wrong_derivative_is_caught_and_no_other_blamed(
    question: str, spoil: Callable[[Answer], Answer], caught: set[str]
) -> None:
    assert {name for name, error in spoilt(question, spoil).items() if error > 100 * TOLERANCE} == caught
    assert {name for name, error in spoilt(question, spoil).items() if error > TOLERANCE} == caught


def test_a_gradient_for_a_parameter_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"unknown parameters \['0.scale'\]; there are \['0.bias', '0.weight'\]"):
        spoilt("param_grads", lambda grads: {"0": {**grads["0"], "scale": grads["0"]["bias"]}})


def test_a_gradient_of_another_shape_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the gradient has shape \(3, 4\), its variable \(4, 3\)"):
        spoilt("param_grads", swap(np.transpose))


def test_float32_is_refused() -> None:
    x = np.ones((5, 4), np.float32)
    with pytest.raises(ValueError, match="gradient checks need float64, got float32"):
        gradcheck.layer_errors(Linear(4, 3, rng=rng()), x, rng())
    with pytest.raises(ValueError, match="gradient checks need float64, got float32"):
        derivative_error(lambda: x.sum(), x, np.ones_like(x), rng())


def test_the_variable_is_put_back_to_the_last_bit() -> None:
    x = rng().normal(size=7)
    home = x.copy()
    assert derivative_error(lambda: (x**3).sum(), x, 3 * x**2, rng()) < 1e-8
    np.testing.assert_array_equal(x, home)


def test_a_gradient_that_is_zero_up_to_rounding_counts_as_right() -> None:
    network = Network(Linear(4, 3, rng=rng(), dtype=np.float64), BatchNorm(3, dtype=np.float64))
    assert errors(network)["d0.bias"] < 1e-9


@pytest.mark.parametrize(("level", "factor", "resolved"), [
    (1e3, 1, True), (1e3, OFF, True), (1e8, 1, False), (1e8, OFF, False), (1e8, 2, True), (1e13, 1, False),
    (1e13, 0, False),
])  # fmt: skip
def test_an_error_that_the_rounding_of_a_large_value_hides_is_not_resolved(
    level: float, factor: float, resolved: bool
) -> None:
    x = rng().normal(size=7)
    error = derivative_error(lambda: level + (x**3).sum(), x, factor * 3 * x**2, rng())
    assert isinstance(error, Unresolved) != resolved
    assert (error < TOLERANCE) == (resolved and factor == 1)


def test_the_table_marks_what_is_not_resolved_and_what_is_wrong() -> None:
    good, unsure, wrong = {"dx": 1e-9}, {"dx": 0.0, "ddy": Unresolved(0.1)}, {"dx": 2.0, "ddy": Unresolved(0.1)}
    rows = [("layer", name, row) for name, row in [("A", good), ("B", unsure), ("C", wrong)]]
    lines = dict(gradcheck.table(rows))
    marks = {line[2]: (line[0], fine) for line, fine in lines.items() if line[2:3] in ("A", "B", "C")}
    assert marks == {"A": (" ", True), "B": ("?", False), "C": ("!", False)}
    assert [fine for line, fine in lines.items() if "not resolved" in line and line[2] == "B"] == [False]
    last = "5 derivatives checked: WRONG in 1 rows (marked !), not resolved in 1 rows (marked ?)"
    assert list(lines.items())[-1] == (last, False)
    assert list(gradcheck.table(rows[:2]))[-1] == ("3 derivatives checked: not resolved in 1 rows (marked ?)", False)
    assert list(gradcheck.table(rows[:1]))[-1] == ("1 derivatives checked: all below 1e-06", True)
    assert "| layer | B | 2 | not resolved |" in gradcheck.markdown(rows)


def test_the_same_random_numbers_are_drawn_again_where_a_layer_draws() -> None:
    case = next(case for case in checks.layer_cases() if str(case) == "Dropout(0.3)")
    assert max(case.errors().values()) < TOLERANCE
    assert gradcheck.layer_errors(case.layer, case.input(), rng())["dx"] > 1e-2


@pytest.mark.parametrize("wrong", ["D da", "D db", "G db"])
def test_an_objective_with_a_wrong_gradient_is_caught(wrong: str) -> None:
    class Wrong(LSGAN):
        """Least squares, but for one gradient."""

        def d_loss(self, a: Any, b: Any) -> Any:
            loss, da, db = super().d_loss(a, b)
            return loss, da * (OFF if wrong == "D da" else 1), db * (OFF if wrong == "D db" else 1)

        def g_loss(self, b: Any) -> Any:
            loss, db = super().g_loss(b)
            return loss, db * (OFF if wrong == "G db" else 1)

    found = gradcheck.objective_errors(Wrong(), rng().normal(size=(5, 1)), rng(1).normal(size=(4, 1)), rng(2))
    assert {name for name, error in found.items() if error > TOLERANCE} == {wrong}


@pytest.mark.parametrize("wrong", ["none", "real", "fake"])
def test_an_objective_that_compares_is_checked_with_real_samples(wrong: str) -> None:
    class Wrong(RaGAN):
        """Relativistic, but G's gradient is off, or its loss is taken at other samples."""

        def joint_g_loss(self, a: Any, b: Any) -> Any:
            loss, db = super().joint_g_loss(OFF * a if wrong == "real" else a, b)
            return loss, super().joint_g_loss(a, b)[1] * (OFF if wrong == "fake" else 1)

    found = gradcheck.objective_errors(Wrong(), rng().normal(size=(5, 1)), rng(1).normal(size=(4, 1)), rng(2))
    assert {name for name, error in found.items() if error > TOLERANCE} == (set() if wrong == "none" else {"G db"})
    assert found.keys() == {"D da", "D db", "G db"}


def test_an_objective_without_a_d_is_checked_for_g_alone() -> None:
    found = gradcheck.objective_errors(GMMN(), rng().normal(size=(5, 2)), rng(1).normal(size=(4, 2)), rng(2))
    assert found.keys() == {"G db"}
    assert found["G db"] < TOLERANCE
    assert checks.StepCase("gmmn", None).errors().keys() == {"G step"}


def test_a_step_whose_penalty_forgets_its_gradient_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    class Forgetful(NonSaturating):
        """A penalty in the loss, and not in the gradient."""

        def penalty(self, D: Any, real: Any, fake: Any, grads: Any) -> Any:
            return sum((param**2).sum() for _, param in D.named_params())

    monkeypatch.setattr(checks.StepCase, "objective", lambda self, streams: Forgetful())
    found = checks.StepCase("nonsaturating", "batch").errors()
    assert found["D step"] > 1e-2
    assert found["G step"] < TOLERANCE


def spoilt_join(question: str, spoil: Callable[[Answer], Answer]) -> set[str]:
    """The derivatives that are wrong where an answer of a Join inside a network is spoilt."""

    class Wrong(Join):
        """Join, but for one answer."""

    setattr(Wrong, question, lambda self, *asked: spoil(getattr(Join, question)(self, *asked)))
    network = Network(Tanh(), Wrong(), Linear(6, 2, rng=rng(), dtype=np.float64), Tanh())
    c, towards = rng(4).normal(size=(2, 5, 2))
    found = gradcheck.layer_errors(network, rng(2).normal(size=(5, 4)), rng(3), condition=c, towards=towards)
    return {name for name, error in found.items() if error > 100 * TOLERANCE}


def test_a_condition_is_checked_like_a_parameter() -> None:
    assert spoilt_join("forward", lambda answer: answer) == set()
    assert "dcondition" in spoilt_join("param_grads", lambda grads: {"condition": OFF * grads["condition"]})
    assert "dcondition" in spoilt_join("param_grads", lambda grads: {"condition": one_entry(grads["condition"])})


def test_a_tangent_of_the_condition_that_is_forgotten_is_caught() -> None:
    def without(answer: Answer) -> Answer:
        ddy, dx, grads = answer
        ddy = ddy.copy()
        ddy[:, 4:] = 0
        return ddy, dx, grads

    assert spoilt_join("double_backward", without) >= {"ddy", "dx twice", "dcondition twice"}


def test_at_labels_there_is_no_derivative_of_the_condition() -> None:
    network = Network(Join(3), Linear(7, 2, rng=rng(), dtype=np.float64), Tanh())
    labels = np.array([0, 2, 1, 1, 0])
    found = gradcheck.layer_errors(network, rng(2).normal(size=(5, 4)), rng(3), condition=labels)
    assert not any("condition" in name for name in found)
    assert max(found.values()) < TOLERANCE


def test_a_step_may_return_its_loss_or_an_outcome_that_has_one() -> None:
    w = np.array([2.0])

    class Found(NamedTuple):
        """The results of a step."""

        loss: float

    def step(optimizer: gradcheck.Recorder, wrap: Callable[[float], Any]) -> Any:
        optimizer.step({"w": 3 * w**2})
        return wrap(float(w[0] ** 3))

    for wrap in (float, Found):
        (error,) = gradcheck.step_errors(lambda o, wrap=wrap: step(o, wrap), {"w": w}, rng()).values()
        assert error < TOLERANCE


def test_the_recorder_keeps_the_gradients_under_flat_names() -> None:
    recorder = gradcheck.Recorder()
    recorder.step({"0": {"weight": np.ones(2)}})
    assert recorder.grads.keys() == {"0.weight"}


def test_everything_in_the_table_is_below_the_tolerance(table: list[tuple[str, str, dict[str, float]]]) -> None:
    for kind, name, found in table:
        assert found, (kind, name)
        assert max(found.values()) < TOLERANCE, (kind, name, found)


def test_the_table_has_a_row_of_its_own_for_everything(table: list[tuple[str, str, dict[str, float]]]) -> None:
    rows = [(kind, name) for kind, name, _ in table]
    assert len(set(rows)) == len(rows)
    assert {kind for kind, _ in rows} == {"layer", "objective", "step", "turn", "penalty"}


def test_every_layer_and_every_objective_is_in_the_table(table: list[tuple[str, str, dict[str, float]]]) -> None:
    of = {kind: [name for k, name, _ in table if k == kind] for kind in ("layer", "objective", "step")}
    checked = {type(layer).__name__ for case in checks.layer_cases() for layer in case.layer.walk()}
    assert set(layers.__all__) - {"Conditional", "Layer", "accumulate", "taken"} <= checked
    assert {str(case) for case in checks.layer_cases()} == set(of["layer"])
    for name in objectives.names():
        assert name in of["objective"]
        assert any(row.startswith(f"{name}, ") for row in of["step"])


def test_the_table_shows_small_but_not_impossible_errors(table: list[tuple[str, str, dict[str, float]]]) -> None:
    firsts = {name: found["dx"] for kind, name, found in table if kind == "layer"}
    exact = {name for name, error in firsts.items() if error == 0}  # where dx is 0, as the difference is
    assert exact <= {"Constant(3, 2, 4)", "Network with Embedding"}, exact
    assert max(firsts.values()) < 1e-7


@pytest.mark.parametrize("broken", [np.nan, np.inf])
def test_a_gradient_or_a_function_that_is_not_finite_is_wrong_without_bound(broken: float) -> None:
    x, rng = np.ones(3), np.random.default_rng(0)
    gradient = np.array([2.0, broken, 2.0])
    assert gradcheck.derivative_error(lambda: (x * x).sum(), x, gradient, rng) == np.inf
    with np.errstate(invalid="ignore"):
        assert gradcheck.derivative_error(lambda: x.sum() * broken, x, np.ones(3), rng) == np.inf
