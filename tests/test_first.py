"""How to check a gradient: three layers, finite differences, nothing else."""

import numpy as np

from minigan.layers import BatchNorm, Linear, Tanh

rng = np.random.default_rng(0)
x, h = rng.normal(size=(5, 4)), 1e-6


def slope(f, array, direction):
    """df along a direction: (f(array + h v) - f(array - h v)) / 2h."""
    array += h * direction
    above = f()
    array -= 2 * h * direction
    below = f()
    array += h * direction
    return (above - below) / (2 * h)


def check(layer, arrays):
    """<gradient, v> equals the slope along v, for x and for every parameter."""
    layer.convert(lambda a: rng.normal(size=a.shape))  # random weights, float64: a forgotten factor of 1 would show
    y, cache = layer.forward(x)
    dy = rng.normal(size=y.shape)
    gradients = {"x": layer.input_grad(dy, cache), **layer.param_grads(dy, cache)}
    assert set(gradients) == {"x", *arrays}
    for name, gradient in gradients.items():
        array = x if name == "x" else getattr(layer, name)
        v = rng.normal(size=array.shape)
        expected = slope(lambda: (dy * layer.forward(x)[0]).sum(), array, v)
        np.testing.assert_allclose((gradient * v).sum(), expected, rtol=1e-6)


def test_the_gradients_of_linear_are_its_slopes():
    check(Linear(4, 3, rng=rng), ["weight", "bias"])


def test_the_gradient_of_tanh_is_its_slope():
    check(Tanh(), [])


def test_the_gradients_of_batch_norm_go_through_the_statistics_of_the_batch():
    check(BatchNorm(4), ["weight", "bias"])
