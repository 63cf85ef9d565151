"""The layers of a StyleGAN: exact identities."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from minigan import kernels
from minigan.checks.styled_layers import small_synthesis
from minigan.layers import (
    AdaIN,
    Bias,
    Blur2d,
    Constant,
    Conv2d,
    ConvTranspose2d,
    Downsample2d,
    Equalized,
    Layer,
    Linear,
    MinibatchStd,
    ModulatedConv2d,
    Network,
    Noise,
    Partners,
    PixelNorm,
    StyledConv,
    Styles,
    Sum,
    Synthesis,
    Tanh,
    Upsample2d,
)
from minigan.optim import Adam, flatten


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def exact(layer: Any) -> Any:
    layer.convert(lambda array: array.astype(np.float64))
    return layer


# Equalised rate


@pytest.mark.parametrize("lr_mul", [1.0, 0.01])
def test_equalized_moves_as_the_bare_layer_with_a_rate_of_lr_times_its_scale(lr_mul: float) -> None:
    equalized = exact(Equalized(Linear(4, 3, rng=rng()), gain=1.5, lr_mul=lr_mul, rng=rng(1)))
    bare = exact(Linear(4, 3, rng=rng()))
    c = 1.5 * lr_mul / 2
    bare.weight, bare.bias = c * equalized.layer.weight, lr_mul * equalized.layer.bias
    optimizer = Adam(equalized.named_params(), 0.1, eps=1e-300)
    apart = [
        Adam([(name, getattr(bare, name))], 0.1 * rate, eps=1e-300) for name, rate in (("weight", c), ("bias", lr_mul))
    ]
    x, target = rng(2).normal(size=(7, 4)), rng(3).normal(size=(7, 3))
    for _ in range(100):
        (y, cache), (y_bare, cache_bare) = equalized.forward(x), bare.forward(x)
        optimizer.step(equalized.param_grads(y - target, cache))
        grads = bare.param_grads(y_bare - target, cache_bare)
        for one, name in zip(apart, ("weight", "bias"), strict=True):
            one.step({name: grads[name]})
    np.testing.assert_allclose(equalized.forward(x)[0], bare.forward(x)[0], rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(
    ("layer", "fan_in"),
    [
        (Linear(6, 5, rng=rng()), 6),
        (Conv2d(3, 4, (3, 2), rng=rng()), 18),
        (ConvTranspose2d(3, 4, (3, 2), 2, rng=rng()), 18),
    ],
)
def test_equalized_divides_by_the_root_of_the_inputs_of_an_output(layer: Any, fan_in: int) -> None:
    made = Equalized(layer, gain=2.0, lr_mul=0.25, bias_init=3.0, rng=rng())
    assert made.scale == pytest.approx(2 * 0.25 / fan_in**0.5)
    np.testing.assert_allclose(0.25 * made.layer.bias, 3, rtol=1e-6)
    assert np.std(0.25 * made.layer.weight) == pytest.approx(1, rel=0.3)


# Resampling


@pytest.mark.parametrize(
    "layer", [Upsample2d(), Downsample2d(), Blur2d((2, 1)), Upsample2d(taps=(1, 1)), Blur2d((1, 1), gain=4)], ids=str
)
def test_the_backward_pass_of_a_resampling_is_its_transpose(layer: Layer) -> None:
    x = rng().normal(size=(2, 6, 8, 3))
    y, cache = layer.forward(x)
    dy = rng(1).normal(size=y.shape)
    assert (y * dy).sum() == pytest.approx((x * layer.input_grad(dy, cache)).sum(), rel=1e-13)


def test_upsampling_is_four_times_the_transpose_of_downsampling() -> None:
    x, y = rng().normal(size=(2, 3, 5, 2)), rng(1).normal(size=(2, 6, 10, 2))
    up = (Upsample2d().forward(x)[0] * y).sum()
    assert up == pytest.approx(4 * (x * Downsample2d().forward(y)[0]).sum(), rel=1e-13)


def by_correlation(x: np.ndarray, up: int, down: int, pad: tuple[int, int], gain: float) -> np.ndarray:
    """Zeros between the pixels, zeros around, a convolution with the outer product of the filter, every nth pixel."""
    N, H, W, C = x.shape
    f = np.array([1.0, 3, 3, 1]) / 8
    wide = np.zeros((N, H * up, W * up, C))
    wide[:, ::up, ::up] = x
    wide = np.pad(wide, ((0, 0), pad, pad, (0, 0)))
    w = gain * np.outer(f, f)[:, :, None, None]
    maps = [kernels.correlate(wide[..., c : c + 1], w, (1, 1), (0, 0)) for c in range(C)]
    return np.concatenate(maps, axis=-1)[:, ::down, ::down]


@pytest.mark.parametrize(
    ("layer", "form"),
    [
        (Upsample2d(), (2, 1, (2, 1), 4.0)),
        (Downsample2d(), (1, 2, (1, 1), 1.0)),
        (Blur2d((1, 1), gain=4), (1, 1, (1, 1), 4.0)),
        (Blur2d((2, 2)), (1, 1, (2, 2), 1.0)),
    ],
    ids=lambda value: str(value) if isinstance(value, Layer) else "",
)
def test_slices_give_what_zeros_and_a_filter_give(layer: Layer, form: Any) -> None:
    x = rng().normal(size=(2, 6, 4, 3))
    np.testing.assert_allclose(layer.forward(x)[0], by_correlation(x, *form), rtol=1e-12, atol=1e-14)


def test_upsampling_is_bilinear_inside_and_mixes_with_zeros_at_the_border() -> None:
    x = rng().normal(size=(1, 5, 5, 1))
    y = Upsample2d().forward(x)[0]
    assert y[0, 4, 6, 0] == pytest.approx(
        0.75 * (0.75 * x[0, 2, 3, 0] + 0.25 * x[0, 2, 2, 0]) + 0.25 * (0.75 * x[0, 1, 3, 0] + 0.25 * x[0, 1, 2, 0])
    )
    assert y[0, 0, 0, 0] == pytest.approx(0.75 * 0.75 * x[0, 0, 0, 0])
    for layer in (Upsample2d(), Downsample2d(), Blur2d((2, 1))):
        inside = layer.forward(np.full((1, 8, 8, 1), 3.0))[0][:, 2:-2, 2:-2]
        np.testing.assert_allclose(inside, 3, rtol=1e-14)


# Modulated convolution


@pytest.mark.parametrize("up", [False, True])
def test_a_modulated_convolution_is_a_filter_bank_for_each_sample(up: bool) -> None:
    layer = exact(ModulatedConv2d(3, 4, 3, up=up, gain=1.3, eps=1e-12, rng=rng()))
    x, s = rng(1).normal(size=(5, 6, 4, 3)), rng(2).normal(size=(5, 3))
    y, _ = layer.forward((x, s))
    inputs, outputs = (3, 2) if up else (2, 3)
    for n in range(5):
        bank = layer.scale * np.moveaxis(layer.weight, inputs, -1) * s[n]  # (K, K, O, I)
        bank = 1.3 * bank / np.sqrt((bank**2).sum(axis=(0, 1, 3), keepdims=True))
        if up:
            alone = kernels.spread(x[n : n + 1], bank, (13, 9), (2, 2), (0, 0))
        else:
            alone = kernels.correlate(x[n : n + 1], np.swapaxes(bank, 2, 3), (1, 1), (1, 1))
        np.testing.assert_allclose(y[n], alone[0], rtol=1e-9, atol=1e-12)
    assert outputs + inputs == 5


def test_the_scale_of_the_weights_cancels_in_a_demodulated_convolution() -> None:
    layer = exact(ModulatedConv2d(3, 4, 3, eps=1e-300, rng=rng()))
    x = rng(1).normal(size=(2, 5, 4, 3)), rng(2).normal(size=(2, 3))
    before, _ = layer.forward(x)
    layer.weight *= 10
    np.testing.assert_allclose(layer.forward(x)[0], before, rtol=1e-12)
    np.testing.assert_allclose(layer.forward((x[0], 7 * x[1]))[0], before, rtol=1e-12)


def test_adain_gives_every_channel_the_mean_and_the_size_of_its_style() -> None:
    x, s = rng().normal(2, 3, size=(4, 6, 5, 2)), rng(1).normal(size=(4, 4))
    y, _ = AdaIN(2, eps=1e-12).forward((x, s))
    np.testing.assert_allclose(y.mean(axis=(1, 2)), s[:, 2:], rtol=1e-9)
    np.testing.assert_allclose(y.std(axis=(1, 2)), np.abs(1 + s[:, :2]), rtol=1e-9)
    with pytest.raises(ValueError, match="one pixel has no variance"):
        AdaIN(2).forward((x[:, :1, :1], s))


# Pixel norm, minibatch deviation, sum


def test_pixel_norm_gives_vectors_of_length_root_c() -> None:
    y, _ = PixelNorm().forward(rng().normal(size=(4, 3, 9)))
    np.testing.assert_allclose((y * y).sum(axis=-1), 9, rtol=1e-6)


def test_minibatch_std_of_three_groups_by_hand() -> None:
    x = np.zeros((6, 1, 2, 1))
    x[0], x[1] = 1, 3  # deviation 1
    x[2], x[3] = -5, 5  # deviation 5
    x[4], x[5] = 7, 7  # none
    y, _ = MinibatchStd(2).forward(x)
    np.testing.assert_array_equal(y[..., :1], x)
    np.testing.assert_allclose(y[:, 0, 0, 1], [1, 1, 5, 5, 1e-4, 1e-4], rtol=1e-6)


def test_groups_survive_a_batch_that_is_joined_at_their_multiples_and_any_number_is_taken() -> None:
    layer, real, fake = MinibatchStd(3), rng().normal(size=(6, 2, 2, 2)), rng(1).normal(size=(9, 2, 2, 2))
    joint, _ = layer.forward(np.concatenate([real, fake]))
    np.testing.assert_array_equal(joint, np.concatenate([layer.forward(x)[0] for x in (real, fake)]))
    for n in (1, 2, 4):
        y, cache = layer.forward(real[:n])
        assert layer.input_grad(y, cache).shape == real[:n].shape
    assert layer.forward(real[:1])[0][0, 0, 0, -1] == pytest.approx(1e-4)


def test_a_sum_adds_what_its_layers_return_and_refuses_other_shapes() -> None:
    one, two = exact(Linear(4, 3, rng=rng())), exact(Linear(4, 3, rng=rng(1)))
    x = rng(2).normal(size=(5, 4))
    y, _ = Sum(one, Network(two, Tanh()), scale=0.5).forward(x)
    np.testing.assert_allclose(y, (one.forward(x)[0] + np.tanh(two.forward(x)[0])) / 2, rtol=1e-14)
    with pytest.raises(ValueError, match="all must be the same"):
        Sum(one, exact(Linear(4, 1, rng=rng()))).forward(x)


# Noise and styles


def test_noise_is_one_picture_for_all_channels_and_a_constant_is_the_same_for_all() -> None:
    layer = exact(Noise(4, 5, 3, rng=rng()))
    x = np.zeros((2, 4, 5, 3))
    assert not layer.forward(x)[0].any()  # strength is 0 at first
    layer.strength[...] = [1.0, 2, -1]
    y, _ = layer.forward(x)
    np.testing.assert_allclose(y[..., 1], 2 * y[..., 0])
    assert (y[0] != y[1]).any()
    layer.mode = "none"
    np.testing.assert_array_equal(layer.forward(x, train=False)[0], x)
    layer.mode = "fixed"
    np.testing.assert_array_equal(layer.forward(x, train=False)[0][..., :1], np.stack([layer.fixed] * 2))
    value, _ = exact(Constant(2, 3, 4, rng=rng())).forward(x)
    np.testing.assert_array_equal(value[0], value[1])


def test_the_style_of_every_layer_is_the_samples_up_to_a_cut_then_its_partners() -> None:
    layer = exact(Styles(5, 3, mixing=0.6, rng=rng()))
    x = rng(1).normal(size=(400, 3))
    y, keep = layer.forward(x)
    cuts = keep[:, :, 0].sum(axis=1)
    assert (np.diff(keep[:, :, 0], axis=1) <= 0).all()
    assert set(cuts) == {1, 2, 3, 4, 5}
    assert (cuts == 5).mean() == pytest.approx(0.4, abs=0.1)
    for n, cut in enumerate(cuts.astype(int)):
        np.testing.assert_array_equal(y[n, :cut], np.tile(x[2 * n], (cut, 1)))
        np.testing.assert_array_equal(y[n, cut:], np.tile(x[2 * n + 1], (5 - cut, 1)))
    dy = rng(2).normal(size=y.shape)
    dx = layer.input_grad(dy, keep)
    np.testing.assert_allclose(dx[::2] + dx[1::2], dy.sum(axis=1), rtol=1e-12, atol=1e-12)


def test_without_mixing_every_layer_has_the_samples_style_and_the_mean_follows() -> None:
    layer = exact(Styles(4, 3, mixing=0.0, momentum=0.25, rng=rng()))
    x = rng(1).normal(size=(6, 3))
    y, _ = layer.forward(x)
    np.testing.assert_array_equal(y, np.stack([x] * 4, axis=1))
    np.testing.assert_allclose(layer.mean, 0.25 * x.mean(axis=0), rtol=1e-14)
    layer.forward(x, train=False)
    np.testing.assert_allclose(layer.mean, 0.25 * x.mean(axis=0), rtol=1e-14)


def test_partners_stand_after_their_samples_in_training_alone() -> None:
    layer, x = Partners(rng=rng()), rng(1).normal(size=(4, 3))
    y, _ = layer.forward(x)
    np.testing.assert_array_equal(y[::2], x)
    assert y.shape == (8, 3) and (y[1::2] != x).all()
    np.testing.assert_array_equal(layer.forward(x, train=False)[0], x)


# Synthesis


def small(style: str = "demod") -> Synthesis:
    made = exact(small_synthesis(style)(rng()))
    for name, array in made.named_params():
        if name.endswith(("strength", "bias")):
            array += rng(6).normal(size=array.shape)
    return made


def test_the_image_is_the_sum_of_the_images_of_all_levels() -> None:
    synthesis, ws = small(), rng(7).normal(size=(2, 4, 3))
    x = np.stack([synthesis.first.value] * 2)
    x, _ = synthesis.convs.layers[0].forward((x, ws[:, 0]), False)
    coarse, _ = synthesis.images.layers[0].forward((x, ws[:, 1]), False)
    for i in (1, 2):
        x, _ = synthesis.convs.layers[i].forward((x, ws[:, i]), False)
    fine, _ = synthesis.images.layers[1].forward((x, ws[:, 3]), False)
    y, _ = synthesis.forward(ws, train=False)
    np.testing.assert_allclose(y, Upsample2d().forward(coarse)[0] + fine, rtol=1e-13)


@pytest.mark.parametrize("style", ["demod", "adain"])
def test_every_style_and_every_parameter_of_a_synthesis_has_a_gradient(style: str) -> None:
    synthesis, ws = small(style), rng(7).normal(size=(2, 4, 3))
    y, cache = synthesis.forward(ws)
    grads: dict[str, Any] = {}
    dws = synthesis.backward(rng(8).normal(size=y.shape), cache, grads)
    assert dws is not None and (np.abs(dws).max(axis=(0, 2)) > 0).all()
    found = flatten(grads)
    assert set(found) == {name for name, _ in synthesis.named_params()}
    assert [name for name, grad in found.items() if not np.abs(grad).max() > 0] == []


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Equalized(PixelNorm(), rng=rng()), "Equalized wraps a Linear"),  # type: ignore[arg-type]
        (lambda: Equalized(Linear(2, 2, rng=rng()), lr_mul=0, rng=rng()), "lr_mul > 0"),
        (lambda: Upsample2d(taps=(1, 2, 1)), "an even number of taps"),
        (lambda: Blur2d((-1, 1)), "two pads of at least 0"),
        (lambda: ModulatedConv2d(2, 2, 2, rng=rng()), "odd kernel_size"),
        (lambda: MinibatchStd(0), "group_size >= 1"),
        (lambda: Styles(1, 3, mixing=0.5, rng=rng()), "2 layers for more than 0"),
        (lambda: Styles(4, 3, mixing=1.5, rng=rng()), r"in \[0, 1\]"),
        (lambda: StyledConv(2, 2, 3, (4, 4), style="ada", rng=rng()), "one of demod, adain"),
        (lambda: Bias(0), "at least one channel"),
        (lambda: Noise(0, 4, 2, rng=rng()), "sizes of at least 1"),
        (lambda: Constant(2, 2, 0, rng=rng()), "sizes of at least 1"),
        (lambda: Synthesis(Constant(4, 4, 2, rng=rng()), [Bias(2), Bias(2)], [Bias(2)]), "an odd number of convs"),
        (lambda: ModulatedConv2d(2, 2, 3, rng=rng()).forward((np.zeros((2, 4, 4, 2), np.float32),) * 2), "a style"),
        (lambda: Styles(4, 3, rng=rng()).forward(np.zeros((3, 3), np.float32)), "2N, 3"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()
