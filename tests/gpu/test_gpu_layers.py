"""The battery of all layers on CuPy arrays, in the numbers of the CPU."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from layer_answers import answers, assert_same, derivatives, own, question

from minigan import checks, models
from minigan.checks import LayerCase
from minigan.device import CPU, Array, Device, to_host
from minigan.layers import Layer
from minigan.optim import flatten
from minigan.random import Streams

pytestmark = pytest.mark.gpu
DTYPES: dict[Any, float] = {np.float32: 1e-4, np.float64: 1e-11}


@pytest.fixture(params=checks.layer_cases(), ids=str)
def case(request: pytest.FixtureRequest) -> LayerCase:
    return own(request.param)


def moved(case: LayerCase, gpu: Device, dtype: type) -> LayerCase:
    """The same case, its layer on the GPU."""
    there = own(case)
    there.layer.convert(lambda array: gpu.asarray(array.astype(dtype)))
    return there


def home(found: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: to_host(array) for name, array in found.items()}


def in_order(x: Array) -> Array:
    """The same numbers, one after the other."""
    return x.copy()


def transposed(x: Array) -> Array:
    """The same numbers, the last axis first in memory."""
    return np.moveaxis(np.moveaxis(x, -1, 0).copy(), 0, -1)


def with_gaps(x: Array) -> Array:
    """The same numbers, every second of a longer row."""
    wide = np.full_like(x, np.nan, shape=(*x.shape[:-1], 2 * x.shape[-1]))
    wide[..., ::2] = x
    return wide[..., ::2]


@pytest.mark.parametrize("dtype", DTYPES, ids=lambda dtype: dtype.__name__)
@pytest.mark.parametrize("layout", [in_order, transposed, with_gaps])
def test_every_answer_is_that_of_the_cpu(
    case: LayerCase, gpu: Device, dtype: type, layout: Callable[[Array], Array]
) -> None:
    asked = question(case).changed(lambda array: array.astype(dtype))
    case.layer.convert(lambda array: array.astype(dtype))
    expected = answers(case, asked)
    found = home(answers(moved(case, gpu, dtype), asked.changed(lambda array: layout(gpu.asarray(array)))))
    assert {array.dtype for array in found.values()} == {np.dtype(dtype)}
    assert_same(found, expected, DTYPES[dtype])


def test_both_questions_together_are_answered_as_apart(case: LayerCase, gpu: Device) -> None:
    there = moved(case, gpu, np.float32)
    asked = question(case).changed(lambda array: gpu.asarray(array.astype(np.float32)))
    _, cache = there.layer.forward(asked.x, case.train)
    grads: dict[str, Any] = {}
    dx = there.layer.backward(asked.dy, cache, grads)
    expected = {"dx": there.layer.input_grad(asked.dy, cache)} | flatten(there.layer.param_grads(asked.dy, cache))
    assert_same(home({"dx": dx} | flatten(grads)), home(expected), 1e-5)


def test_nothing_that_comes_in_is_written_to(case: LayerCase, gpu: Device) -> None:
    there = moved(case, gpu, np.float32)
    asked = question(case).changed(lambda array: gpu.asarray(array.astype(np.float32)))
    held = {"x": asked.x, "dy": asked.dy, "ddx": asked.ddx} | dict(there.layer.named_params())
    before = {name: to_host(array).copy() for name, array in held.items()}
    _, cache = there.layer.forward(asked.x, case.train)
    derivatives(there.layer, asked, cache)
    there.layer.backward(asked.dy, cache, {})
    for name, array in held.items():
        np.testing.assert_array_equal(to_host(array), before[name], err_msg=name)


def test_two_runs_give_the_same_bits(case: LayerCase, gpu: Device) -> None:
    asked = question(case).changed(lambda array: gpu.asarray(array.astype(np.float32)))
    first, second = (home(answers(moved(case, gpu, np.float32), asked)) for _ in range(2))
    assert_same(first, second, 0)


@pytest.mark.parametrize("name", models.names())
def test_whole_networks_of_every_model_agree_with_the_cpu(name: str, gpu: Device) -> None:
    here, there = models.get(name, Streams(1)), models.get(name, Streams(1))
    rng, shapes = np.random.default_rng(0), ((here.z_dim,), here.sample_shape)
    for near, far, shape in zip((here.G, here.D), (there.G, there.D), shapes, strict=True):
        far.convert(gpu.asarray)
        x = rng.normal(size=(8, *shape)).astype(np.float32)
        dy = rng.normal(size=near.forward(x, False)[0].shape).astype(np.float32)
        expected, found = (whole(layer, on.asarray(x), on.asarray(dy)) for layer, on in ((near, CPU), (far, gpu)))
        assert_same(home(found), expected, 2e-4)


def whole(layer: Layer, x: Array, dy: Array) -> dict[str, Array]:
    """Output and gradients in evaluation mode: in training dropout would draw."""
    y, cache = layer.forward(x, False)
    return {"y": y, "dx": layer.input_grad(dy, cache)} | flatten(layer.param_grads(dy, cache))
