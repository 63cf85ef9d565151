"""Layers that make a condition of a caption: identities that hold exactly, and errors."""

from __future__ import annotations

import numpy as np
import pytest

from minigan.gradcheck import TOLERANCE, param_errors
from minigan.layers import Augment, MaskedMax

RNG = np.random.default_rng


def augment(rng: np.random.Generator) -> Augment:
    layer = Augment(6, 5, rng=rng)
    layer.convert(lambda array: rng.normal(size=array.shape))
    return layer


def test_without_noise_augment_is_a_linear_layer() -> None:
    layer, x = augment(RNG(0)), RNG(1).normal(size=(4, 6))
    y, _ = layer.at(x, np.zeros((4, 5)))
    np.testing.assert_allclose(y, x @ layer.weight[:, :5] + layer.bias[:5], rtol=1e-12)


def test_the_noise_of_augment_has_the_width_that_it_states() -> None:
    layer, x = augment(RNG(0)), RNG(1).normal(size=(1, 6))
    layer.weight *= 0.1
    y, _ = layer.forward(np.repeat(x, 20_000, axis=0), train=False)
    both = x @ layer.weight + layer.bias
    np.testing.assert_allclose(y.mean(axis=0), both[0, :5], atol=0.1)
    np.testing.assert_allclose(y.std(axis=0), np.exp(both[0, 5:]), rtol=0.03)


def test_the_divergence_is_zero_for_a_standard_gaussian_alone() -> None:
    layer, x = augment(RNG(0)), RNG(1).normal(size=(4, 6))
    assert layer.kl(x, {}, 1.0) > 0.1
    layer.weight[...], layer.bias[...] = 0, 0
    grads: dict[str, np.ndarray] = {}
    assert layer.kl(x, grads, 1.0) == 0
    assert not grads["weight"].any() and not grads["bias"].any()


def test_the_gradient_of_the_divergence_is_added_and_right() -> None:
    layer, x, rng = augment(RNG(0)), RNG(1).normal(size=(4, 6)), RNG(2)
    before = {"weight": rng.normal(size=layer.weight.shape), "bias": rng.normal(size=layer.bias.shape)}
    grads = {name: array.copy() for name, array in before.items()}
    layer.kl(x, grads, 0.3)
    added = {name: grads[name] - before[name] for name in grads}
    errors = param_errors(lambda: layer.kl(x, {}, 0.3), dict(layer.named_params()), added, rng)
    assert max(errors.values()) < TOLERANCE


def test_the_largest_word_wins_and_of_equal_ones_the_first() -> None:
    x = np.array([[[1.0, 5.0], [3.0, 5.0], [9.0, 2.0], [3.0, 7.0]]])
    layer = MaskedMax().given(np.array([[4, 1, 0, 7]]))
    y, cache = layer.forward(x)
    np.testing.assert_array_equal(y, [[3, 7]])
    dx = layer.input_grad(np.array([[10.0, 20.0]]), cache)
    np.testing.assert_array_equal(dx, [[[0, 0], [10, 0], [0, 0], [0, 20]]])
    np.testing.assert_array_equal(layer.double_backward(x, y, cache)[0], y)


def test_positions_without_a_word_do_not_count() -> None:
    x, words = RNG(0).normal(size=(3, 7, 4)), np.array([[3, 2, 0, 0, 0, 0, 0], [1] * 7, [0, 0, 0, 5, 0, 0, 9]])
    y, _ = MaskedMax().given(words).forward(x)
    for row, of_row, kept in zip(y, x, words > 0, strict=True):
        np.testing.assert_array_equal(row, of_row[kept].max(axis=0))


def test_words_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"the words must be \(3, 7\), got \(3, 6\)"):
        MaskedMax().given(np.ones((3, 6))).forward(np.zeros((3, 7, 4)))
    with pytest.raises(ValueError, match="needs a condition"):
        MaskedMax().forward(np.zeros((3, 7, 4)))


def test_sizes_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one input and one code, got 0 and 5"):
        Augment(0, 5, rng=RNG(0))
