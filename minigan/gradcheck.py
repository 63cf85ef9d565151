"""Finite differences: is every derivative of a page the derivative of what it computes?

A gradient g of a scalar f is compared along random directions v: <g, v> against
(f(x + h v) - f(x - h v)) / 2h, all in float64. Two evaluations test all numbers of an array at
once: a wrong entry shows unless v is orthogonal to the error. The same check serves the second
derivatives, with f = <ddx, input_grad(dy, ...)> as a function of dy, x and the parameters. The
idea: Baydin et al. 2018, section 2.1; the directional form: Griewank & Walther 2008.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np

from minigan.layers import Layer, taken
from minigan.layers.layer import Grads
from minigan.optim import flatten

EPS = float(np.finfo(np.float64).eps)  # 2^-52
STEP = 1e-5  # truncation h² f''' and rounding 1e-16 / h meet near here, both around 1e-10
TOLERANCE = 1e-6  # a wrong term is off by 1e-2 or more, a right one by about 1e-9
SEVERAL = 32  # roundings of a value of f; 8 is the most in the checks of this library


class Unresolved(float):
    """The least relative error that the differences of f can show, where it is above `TOLERANCE`: f is so large that
    its rounding hides the derivative."""


def derivative_error(f: Callable[[], Any], x: np.ndarray, gradient: np.ndarray, rng: np.random.Generator) -> float:
    """Relative error of df/dx = gradient; f reads x, which is moved in place and restored.

    The error is measured against the size that <gradient, v> has for a typical direction, ‖gradient‖. A difference of
    values of f has an error of 2^-52 |f| / h from their rounding alone: `Unresolved` where that hides the answer.
    """
    if x.dtype != np.float64:
        raise ValueError(f"gradient checks need float64, got {x.dtype}: differences of float32 lose all digits")
    if x.shape != gradient.shape:
        raise ValueError(f"the gradient has shape {gradient.shape}, its variable {x.shape}")
    if not np.isfinite(gradient).all():
        return float("inf")  # every comparison with a NaN is false: it would pass for a small error
    home, worst = x.copy(), 0.0
    for _ in range(2):
        v = rng.normal(size=x.shape)
        x[...] = home + STEP * v
        above = float(f())
        x[...] = home - STEP * v
        below = float(f())
        x[...] = home
        numeric = (above - below) / (2 * STEP)
        if not np.isfinite(numeric):
            return float("inf")
        stated = float((gradient * v).sum())
        size = max(abs(numeric), abs(stated), float(np.linalg.norm(gradient)))
        rounding = EPS * max(abs(above), abs(below)) / STEP
        worst = max(worst, _relative(abs(numeric - stated), size, rounding))
    return worst


def _relative(error: float, size: float, rounding: float) -> float:
    """error / size, or what there is to report where `rounding`, the error of a difference of f, hides it."""
    if error > SEVERAL * rounding or (size > 0 and rounding <= TOLERANCE * size):
        return error / size
    if size <= SEVERAL * rounding and rounding <= TOLERANCE:
        # The gradient is zero (a bias before batch norm): no size to compare with but that of f itself, or 1.
        return error / max(1.0, rounding * STEP / EPS)
    return Unresolved(rounding / size if size > rounding else 1.0)


def layer_errors(
    layer: Layer,
    x: np.ndarray,
    rng: np.random.Generator,
    train: bool = True,
    rewind: Callable[[], None] = lambda: None,
    condition: np.ndarray | None = None,
    towards: np.ndarray | None = None,
) -> dict[str, float]:
    """Relative errors of a layer's or network's first and second derivatives, by name.

    First derivatives: "dx" and "d" + parameter; second ones: "ddy", "dx twice" and
    "d" + parameter + " twice". `rewind` is called before each forward pass, to let a layer that
    draws random numbers draw the same ones again. A layer that takes a condition is checked at this
    one: N labels, or float vectors, by which "dcondition" is checked too. With `towards`, in the
    shape of the vectors, the second derivatives are those of a scalar of dx and dcondition.
    """
    params = dict(layer.named_params())
    wanted = condition is not None and condition.dtype.kind == "f"
    if condition is not None:
        layer = layer.given(condition, wanted=wanted, towards=towards)
    if condition is not None and wanted:
        params["condition"] = condition

    def forward() -> tuple[np.ndarray, Any]:
        rewind()
        return layer.forward(x, train)

    y, cache = forward()
    dy, ddx = rng.normal(size=y.shape), rng.normal(size=x.shape)

    def once() -> float:
        return (dy * forward()[0]).sum()

    def twice() -> float:
        cache = forward()[1]
        scalar = (ddx * layer.input_grad(dy, cache)).sum()
        if towards is None:
            return scalar
        return scalar + (towards * taken(layer.param_grads(dy, cache))).sum()

    ddy, dx_twice, grads_twice = layer.double_backward(ddx, dy, cache)
    first, second = _flat(layer.param_grads(dy, cache)), _flat(grads_twice)
    errors = {"dx": derivative_error(once, x, layer.input_grad(dy, cache), rng)}
    errors |= param_errors(once, params, first, rng, "")
    errors["ddy"] = derivative_error(twice, dy, ddy, rng)
    dx_twice = np.zeros_like(x) if dx_twice is None else dx_twice
    errors["dx twice"] = derivative_error(twice, x, dx_twice, rng)
    return errors | param_errors(twice, params, second, rng, " twice")


def _flat(grads: Grads) -> dict[str, np.ndarray]:
    """Gradients by flat names, those of the condition added up under "condition"."""
    of_condition = taken(grads)
    return flatten(grads) | ({} if of_condition is None else {"condition": of_condition})


def param_errors(
    f: Callable[[], Any],
    params: Mapping[str, np.ndarray],
    grads: Mapping[str, np.ndarray],
    rng: np.random.Generator,
    suffix: str = "",
) -> dict[str, float]:
    """Relative errors of gradients by name of `params`, which f reads; a missing one is zero."""
    unknown = set(grads) - set(params)
    if unknown:
        raise ValueError(f"gradients for unknown parameters {sorted(unknown)}; there are {sorted(params)}")
    # A gradient left out claims that the scalar does not depend on the parameter: that is checked
    # as a zero.
    stated = {name: grads.get(name, np.zeros_like(param)) for name, param in params.items()}
    return {f"d{name}{suffix}": derivative_error(f, params[name], stated[name], rng) for name in params}


def objective_errors(objective: Any, a: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> dict[str, float]:
    """Relative errors of an objective's gradients at D's outputs a (real) and b (fake)."""
    errors = {}
    if objective.trains_d:
        _, da, db = objective.d_loss(a, b)
        errors["D da"] = derivative_error(lambda: objective.d_loss(a, b)[0], a, da, rng)
        errors["D db"] = derivative_error(lambda: objective.d_loss(a, b)[0], b, db, rng)
    _, db_generator = objective.joint_g_loss(a, b)
    errors["G db"] = derivative_error(lambda: objective.joint_g_loss(a, b)[0], b, db_generator, rng)
    return errors


class Recorder:
    """In an optimizer's place in a step: keeps the gradients instead of using them."""

    def __init__(self) -> None:
        self.grads: dict[str, np.ndarray] = {}

    def step(self, grads: dict[str, Any]) -> None:
        self.grads = flatten(grads)


def step_errors(
    step: Callable[[Recorder], Any], params: Mapping[str, np.ndarray], rng: np.random.Generator
) -> dict[str, float]:
    """Relative error of a whole training step's gradient for each of `params`.

    `step(optimizer)` runs the step and returns its loss, or an outcome with a `loss`; it must
    compute the same at every call.
    """

    def loss(optimizer: Recorder) -> Any:
        outcome = step(optimizer)
        return getattr(outcome, "loss", outcome)

    recorder = Recorder()
    loss(recorder)
    return param_errors(lambda: loss(Recorder()), params, recorder.grads, rng, "")


def table(rows: Iterable[tuple[str, str, dict[str, float]]]) -> Iterator[tuple[str, bool]]:
    """From (kind, name, errors) to (line, is it good?), with a heading per kind and a last line.

    A row shows its worst relative error per derivative: "exact" for 0, "-" where there is nothing
    to derive by.
    """
    kind, columns, checked, wrong, unresolved = "", [""], 0, 0, 0
    for row_kind, name, errors in rows:
        shown = _by_column(errors)
        if row_kind != kind:
            kind, columns = row_kind, _COLUMNS.get(row_kind, list(shown))
            yield "", True
            yield f"{kind:<52}" + "".join(f"{column:>15}" for column in columns), True
        too_large = [error for error in errors.values() if not error < TOLERANCE]
        mark = "  " if not too_large else "? " if all(isinstance(e, Unresolved) for e in too_large) else "! "
        checked, wrong, unresolved = checked + len(errors), wrong + (mark == "! "), unresolved + (mark == "? ")
        cells = [_cell(shown[c]) if c in shown else "-" for c in columns]
        yield f"{mark}{name:<50}" + "".join(f"{cell:>15}" for cell in cells), not too_large
    verdict = f"WRONG in {wrong} rows (marked !)" if wrong else f"all below {TOLERANCE:.0e}"
    if unresolved:
        verdict = (f"{verdict}, " if wrong else "") + f"not resolved in {unresolved} rows (marked ?)"
    yield "", True
    yield f"{checked} derivatives checked: {verdict}", not wrong and not unresolved


def markdown(rows: Iterable[tuple[str, str, dict[str, float]]]) -> str:
    """A table of all checks: kind, name, number of derivatives, power of ten above the worst."""
    lines = ["| kind | checked | derivatives | worst error |", "| --- | --- | --- | --- |"]
    for kind, name, errors in rows:
        worst = max(errors.values())
        bound = _cell(worst) if worst == 0 or isinstance(worst, Unresolved) else _power_above(worst)
        lines.append(f"| {kind} | {name} | {len(errors)} | {bound} |")
    return "\n".join(lines)


def _power_above(error: float) -> str:
    return f"< 1e{math.floor(math.log10(error)) + 1:03d}"


def _cell(error: float) -> str:
    return "not resolved" if isinstance(error, Unresolved) else "exact" if error == 0 else f"{error:.0e}"


_COLUMNS = {
    "layer": ["dx", "dparams", "ddy", "dx twice", "dparams twice"],
    "objective": ["D da", "D db", "G db"],
    "step": ["D step", "G step"],
}


def _by_column(errors: Mapping[str, float]) -> dict[str, float]:
    """The worst error per column; all parameters of a layer share one."""
    shown: dict[str, float] = {}
    for label, error in errors.items():
        parameter = label[0] == "d" and label not in ("dx", "ddy", "dx twice")
        column = f"dparams{' twice' if label.endswith(' twice') else ''}" if parameter else label
        shown[column] = max(error, shown.get(column, 0.0))
    return shown
