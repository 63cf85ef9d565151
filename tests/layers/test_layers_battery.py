"""The battery: each check on each layer case of the list that the gradient table shows."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from layer_answers import answers, arrays_in, assert_same, derivatives, own, question
from support import strict

import minigan.layers
from minigan import checks, gradcheck, models
from minigan.checks import LayerCase
from minigan.layers import Layer
from minigan.optim import flatten

CASES = checks.layer_cases()
DTYPES: dict[Any, float] = {np.float32: 1e-5, np.float64: 1e-12}  # with what two orders of summation may differ by


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> LayerCase:
    return own(request.param)


def spread_out(a: np.ndarray) -> np.ndarray:
    """The same numbers with gaps between them in memory."""
    wide = np.zeros([2 * n for n in a.shape], a.dtype)
    view = wide[tuple(slice(None, None, 2) for _ in a.shape)]
    view[...] = a
    return view


def backwards(a: np.ndarray) -> np.ndarray:
    """The same numbers from the end of memory to its beginning."""
    return np.flip(np.flip(a).copy())


def classes_in(layer: Layer) -> set[type[Layer]]:
    return {type(inner) for inner in layer.walk()}


def public_subclasses(page: type[Layer]) -> Iterator[type[Layer]]:
    """The pages of `layers`: not what a test or another room makes of them, not bases that nobody builds."""
    for found in page.__subclasses__():
        exported = set(minigan.layers.__all__) - {"Conditional"}
        shared_base = found.__subclasses__() and found.__name__ not in exported
        if found.__module__.startswith("minigan.layers.") and not shared_base:
            yield found
        yield from public_subclasses(found)


def test_every_layer_class_has_a_case() -> None:
    for module in pkgutil.iter_modules(minigan.layers.__path__, "minigan.layers."):
        importlib.import_module(module.name)
    with_case = {page for case in CASES for page in classes_in(case.layer)}
    assert set(public_subclasses(Layer)) - with_case == set()
    assert len(with_case) >= 15


def test_layers_that_know_two_modes_are_checked_in_both() -> None:
    modes = {(type(case.layer).__name__, case.train) for case in CASES}
    assert {(name, train) for name in ("BatchNorm", "Dropout", "Network") for train in (True, False)} <= modes


def test_weights_and_biases_are_neither_one_nor_zero(case: LayerCase) -> None:
    for name, array in (*case.layer.named_params(), *case.layer.named_buffers()):
        assert array.dtype == np.float64
        assert not np.isin(array, (0, 1)).any(), name


def test_every_derivative_is_the_derivative_of_what_is_computed(case: LayerCase) -> None:
    errors = case.errors()
    params = [name for name, _ in case.layer.named_params()]
    params += ["condition"] if isinstance(case.condition, tuple) else []
    assert set(errors) == {"dx", "ddy", "dx twice"} | {
        f"d{name}{suffix}" for name in params for suffix in ("", " twice")
    }
    assert max(errors.values()) < gradcheck.TOLERANCE, errors


def test_derivatives_have_the_shapes_of_their_variables(case: LayerCase) -> None:
    asked = question(case)
    found = answers(case, asked)
    shapes = {"dx": asked.x.shape, "dx twice": asked.x.shape, "ddy": asked.dy.shape, "y": asked.dy.shape}
    for name, array in case.layer.named_params():
        shapes |= {f"d{name}": array.shape, f"d{name} twice": array.shape}
    shapes |= {name: array.shape for name, array in case.layer.named_buffers()}
    shapes |= {name: case.c.shape for name in found if name.removesuffix(" twice").endswith("condition")}
    assert {name: array.shape for name, array in found.items()} == {name: shapes[name] for name in found}


def test_two_forwards_then_two_backwards_equal_separate_runs(case: LayerCase) -> None:
    asked, caches = [question(case, number) for number in (0, 1)], []
    for one in asked:
        case.rewind()
        caches.append(case.layer.forward(one.x, case.train)[1])
    for one, cache in zip(asked, caches, strict=True):
        apart = own(case)
        apart.rewind()
        expected = derivatives(apart.layer, one, apart.layer.forward(one.x, case.train)[1])
        assert_same(derivatives(case.layer, one, cache), expected)


def test_answers_keep_their_numbers_while_the_layer_works_on(case: LayerCase) -> None:
    found = answers(case, question(case, 0))
    before = {name: array.copy() for name, array in found.items()}
    answers(case, question(case, 1))
    assert_same(found, before, 0)


def test_nothing_that_comes_in_is_written_to(case: LayerCase) -> None:
    asked = question(case)
    arrays = [asked.x, asked.dy, asked.ddx, *(array for _, array in case.layer.named_params())]
    arrays += [array for array in (case.c, case.towards) if array is not None]
    arrays += [] if case.train else [array for _, array in case.layer.named_buffers()]
    for array in arrays:
        array.setflags(write=False)
    _, cache = case.layer.forward(asked.x, case.train)
    for array in arrays_in(cache):
        array.setflags(write=False)
    derivatives(case.layer, asked, cache)
    case.layer.backward(asked.dy, cache, {})
    case.layer.traced_backward(asked.dy, cache)


def test_float32_stays_float32_and_near_float64(case: LayerCase) -> None:
    asked = question(case)
    exact = answers(own(case), asked)
    case.convert(lambda array: array.astype(np.float32))
    asked = asked.changed(lambda array: array.astype(np.float32))
    found = answers(case, asked)
    assert {name: array.dtype for name, array in found.items()} == dict.fromkeys(exact, np.dtype(np.float32))
    cached = {array.dtype for array in arrays_in(case.layer.forward(asked.x, case.train)[1])}
    assert {dtype for dtype in cached if dtype.kind == "f"} <= {np.dtype(np.float32)}  # winners are whole numbers
    assert_same(found, exact, 1e-4)


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
def test_a_gpu_would_compute_the_same_without_waiting(case: LayerCase, dtype: type) -> None:
    asked = question(case).changed(lambda array: array.astype(dtype))
    case.convert(lambda array: array.astype(dtype))
    on_host = answers(case, asked)
    away = own(case)
    away.convert(lambda array: strict.to_device(array.astype(dtype)))
    with strict.no_sync():
        on_device = answers(away, asked.changed(strict.to_device))
    home = {name: strict.to_host(array) for name, array in on_device.items()}
    assert {array.dtype for array in home.values()} == {np.dtype(dtype)}
    assert_same(home, on_host, DTYPES[dtype])


@pytest.mark.parametrize("layout", [np.asfortranarray, spread_out, backwards])
def test_the_layout_in_memory_does_not_matter(case: LayerCase, layout: Callable[[np.ndarray], np.ndarray]) -> None:
    asked = question(case)
    expected = answers(own(case), asked)
    assert_same(answers(own(case), asked.changed(layout)), expected)
    case.convert(layout)
    assert_same(answers(case, asked), expected)


def test_backward_answers_both_questions_as_if_asked_apart(case: LayerCase) -> None:
    asked = question(case)
    _, cache = case.layer.forward(asked.x, case.train)
    expected = flatten(case.layer.param_grads(asked.dy, cache))
    grads: dict[str, Any] = {}
    assert_same({"dx": case.layer.backward(asked.dy, cache, grads)}, {"dx": case.layer.input_grad(asked.dy, cache)})
    assert_same(flatten(grads), expected)
    assert_same({"dx": case.layer.backward(asked.dy, cache)}, {"dx": case.layer.input_grad(asked.dy, cache)})
    grads = {}
    assert case.layer.backward(asked.dy, cache, grads, need_dx=False) is None
    assert_same(flatten(grads), expected)


def test_backward_adds_to_the_gradients_that_are_there(case: LayerCase) -> None:
    grads: dict[str, Any] = {}
    apart = []
    for number in (0, 1):
        asked = question(case, number)
        _, cache = case.layer.forward(asked.x, case.train)
        apart.append(flatten(case.layer.param_grads(asked.dy, cache)))
        case.layer.backward(asked.dy, cache, grads)
    assert_same(flatten(grads), {name: apart[0][name] + apart[1][name] for name in apart[0]})


def test_gradients_of_parameters_are_arrays_that_nobody_else_holds(case: LayerCase) -> None:
    asked = question(case)
    _, cache = case.layer.forward(asked.x, case.train)
    held = [asked.x, asked.dy, asked.ddx, *arrays_in(cache)]
    held += [array for _, array in (*case.layer.named_params(), *case.layer.named_buffers())]
    held += [array for array in (case.c, case.towards) if array is not None]
    for _ in range(2):
        for grads in (
            case.layer.param_grads(asked.dy, cache),
            case.layer.double_backward(asked.ddx, asked.dy, cache)[2],
        ):
            for name, grad in flatten(grads).items():
                assert not any(np.shares_memory(grad, other) for other in held), name
                held.append(grad)


def test_the_trace_serves_the_second_order_pass_as_dy_does(case: LayerCase) -> None:
    asked = question(case)
    _, cache = case.layer.forward(asked.x, case.train)
    dx, trace = case.layer.traced_backward(asked.dy, cache)
    assert_same({"dx": dx}, {"dx": case.layer.input_grad(asked.dy, cache)})
    ddy, contribution, grads = case.layer.double_backward(asked.ddx, trace, cache)
    expected = derivatives(case.layer, asked, cache)
    found = {"ddy": ddy} | ({} if contribution is None else {"dx twice": contribution})
    found |= {f"d{name} twice": grad for name, grad in flatten(grads).items()}
    assert_same(found, {name: expected[name] for name in found})


def test_buffers_change_in_training_alone_and_not_when_kept(case: LayerCase) -> None:
    x, before = question(case).x, {name: array.copy() for name, array in case.layer.named_buffers()}
    case.layer.forward(x, train=False)
    with case.layer.keeping_buffers():
        case.layer.forward(x, train=True)
    assert_same(dict(case.layer.named_buffers()), before, 0)
    case.layer.forward(x, train=True)
    moving = {name: array for name, array in case.layer.named_buffers() if name.split(".")[-1] != "fixed"}  # Noise's
    assert all((array != before[name]).any() for name, array in moving.items())


def test_the_models_are_built_of_layers_with_a_case() -> None:
    with_case = {page for case in CASES for page in classes_in(case.layer)}
    for name in models.names():
        model = models.get(name, minigan.Streams(0))
        assert classes_in(model.G) | classes_in(model.D) <= with_case
