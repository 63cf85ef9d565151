"""Everything that a layer answers, by name, for tests that compare two ways of asking."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np

from minigan.checks import LayerCase
from minigan.device import Array
from minigan.layers import Layer
from minigan.optim import flatten


@dataclasses.dataclass(frozen=True)
class Question:
    """A layer's inputs: from below (x), from above (dy), and in the second-order pass (ddx)."""

    x: Array
    dy: Array
    ddx: Array

    def changed(self, change: Callable[[Array], Array]) -> Question:
        """The same question with each array changed: to another type, device or memory layout."""
        return Question(*map(change, (self.x, self.dy, self.ddx)))


def own(case: LayerCase) -> LayerCase:
    """The case with a layer that nobody else changes: the same weights, in float64."""
    return dataclasses.replace(case)


def question(case: LayerCase, number: int = 0) -> Question:
    """Random arrays that fit the case; other numbers for another `number`."""
    rng = case.streams.at("question", number)
    x = rng.normal(size=case.shape)
    y, _ = own(case).layer.forward(x, case.train)
    return Question(x, rng.normal(size=y.shape), rng.normal(size=x.shape))


def answers(case: LayerCase, asked: Question) -> dict[str, Any]:
    """y, first and second derivatives, and copies of the buffers afterwards."""
    case.rewind()
    y, cache = case.layer.forward(asked.x, case.train)
    buffers = {name: buffer.copy() for name, buffer in case.layer.named_buffers()}
    return {"y": y} | derivatives(case.layer, asked, cache) | buffers


def derivatives(layer: Layer, asked: Question, cache: Any) -> dict[str, Any]:
    """First and second derivatives, named as in the gradient check, without a second dx that is None."""
    ddy, dx_twice, grads_twice = layer.double_backward(asked.ddx, asked.dy, cache)
    found = {"dx": layer.input_grad(asked.dy, cache), "ddy": ddy}
    found |= {} if dx_twice is None else {"dx twice": dx_twice}
    found |= {f"d{name}": grad for name, grad in flatten(layer.param_grads(asked.dy, cache)).items()}
    return found | {f"d{name} twice": grad for name, grad in flatten(grads_twice).items()}


def assert_same(found: Mapping[str, Any], expected: Mapping[str, Any], tolerance: float = 1e-12) -> None:
    """The same names, shapes and numbers, up to `tolerance` times the largest number of an array, or times 1."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        assert found[name].shape == array.shape, name
        size = max(1, np.abs(array).max())  # a gradient that is zero up to rounding has no size of its own
        np.testing.assert_allclose(found[name], array, rtol=0, atol=tolerance * size, err_msg=name)


def arrays_in(cache: Any) -> Iterator[np.ndarray]:
    """The arrays of a cache, however deep it nests."""
    if isinstance(cache, np.ndarray):
        yield cache
    elif isinstance(cache, list | tuple):
        for part in cache:
            yield from arrays_in(part)
