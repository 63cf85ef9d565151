"""Files that PyTorch wrote compute the same here: files and answers of real PyTorch (tests/fixtures/README.md)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from minigan import models
from minigan.exchange import read_safetensors, write_safetensors
from minigan.layers import (
    ELU,
    AvgPool2d,
    BatchNorm,
    Conv2d,
    ConvTranspose2d,
    Dropout,
    Flatten,
    Layer,
    LayerNorm,
    LeakyReLU,
    Linear,
    MaxPool2d,
    Network,
    ReLU,
    Reshape,
    Sigmoid,
    Softplus,
    SpectralNorm,
    Tanh,
)
from minigan.random import Streams

FIXTURES = Path(__file__).parents[1] / "fixtures"
RNG = np.random.default_rng(0)
IN_MAIN = {"": "main"}


def dcgan() -> models.Model:
    return models.get("dcgan", Streams(0), sample_shape=(8, 12, 2), z_dim=7, width=0.05)


def official_generator() -> Network:
    layers: list[Layer] = [Reshape(1, 1, 5)]
    for wide, narrow, stride, padding in ((5, 16, 1, 0), (16, 8, 2, 1), (8, 4, 2, 1), (4, 2, 2, 1)):
        up = ConvTranspose2d(wide, narrow, 4, stride, padding, bias=False, rng=RNG)
        layers += [up, BatchNorm(narrow), ReLU()]
    return Network(*layers, ConvTranspose2d(2, 1, 4, 2, 1, bias=False, rng=RNG), Tanh())


def official_discriminator() -> Network:
    layers: list[Layer] = [Conv2d(1, 2, 4, 2, 1, bias=False, rng=RNG), LeakyReLU(0.2)]
    for narrow, wide in ((2, 4), (4, 8), (8, 16)):
        layers += [Conv2d(narrow, wide, 4, 2, 1, bias=False, rng=RNG), BatchNorm(wide), LeakyReLU(0.2)]
    return Network(*layers, Conv2d(16, 1, 4, 1, 0, bias=False, rng=RNG), Sigmoid())


def mlp() -> Network:
    into: list[Layer] = [Flatten(), Linear(24, 10, rng=RNG), LeakyReLU(0.2), Dropout(0.3, rng=RNG)]
    return Network(*into, Linear(10, 24, rng=RNG), BatchNorm(24), Tanh(), Reshape(3, 4, 2))


def norms() -> Network:
    conv, up = Conv2d(2, 3, (3, 2), 1, 1, rng=RNG), ConvTranspose2d(3, 4, 3, 2, 1, 1, rng=RNG)
    return Network(
        *(SpectralNorm(conv, rng=RNG), LayerNorm((4, 6, 3)), ELU(), MaxPool2d(2)),
        *(SpectralNorm(up, rng=RNG), Softplus(), AvgPool2d(2), Flatten()),
        *(LayerNorm(24), SpectralNorm(Linear(24, 5, rng=RNG), rng=RNG), Sigmoid()),
    )


# In the official example the first convolution is module 0: there is no row of numbers to be reshaped before it.
ONE_LATER = {str(i + 1): f"main.{i}" for i in range(14)}
TORCH = {
    "dcgan_G": (lambda: dcgan().G, (7,), {}),
    "dcgan_D": (lambda: dcgan().D, (8, 12, 2), {}),
    "official_G": (
        official_generator,
        (5,),
        {name: ONE_LATER[name] for name in map(str, (1, 2, 4, 5, 7, 8, 10, 11, 13))},
    ),
    "official_D": (official_discriminator, (64, 64, 1), IN_MAIN),
    "mlp": (mlp, (3, 4, 2), {}),
    "norms": (norms, (4, 5, 2), {}),
}
each = pytest.mark.parametrize("name", TORCH)


def channels_last(x: np.ndarray) -> np.ndarray:
    return x.transpose(0, 2, 3, 1) if x.ndim == 4 else x


@each
def test_a_network_that_pytorch_wrote_returns_here_what_it_returned_there(name: str) -> None:
    build, shape, names = TORCH[name]
    network, answers = build(), load_file(FIXTURES / "torch_answers.safetensors")
    read_safetensors(FIXTURES / f"torch_{name}.safetensors", network, shape, names)
    x, expected = channels_last(answers[f"{name}.x"]).reshape(2, *shape), channels_last(answers[f"{name}.y"])
    y, _ = network.forward(x, train=False)
    assert y.dtype == np.float32 and expected.std() > 0.01
    np.testing.assert_allclose(y, expected, rtol=1e-5, atol=1e-6)


@each
def test_what_pytorch_wrote_is_written_again_number_by_number(name: str, tmp_path: Path) -> None:
    build, shape, names = TORCH[name]
    network, path = build(), FIXTURES / f"torch_{name}.safetensors"
    read_safetensors(path, network, shape, names)
    write_safetensors(tmp_path / "again.safetensors", network, shape, names)
    before, after = load_file(path), load_file(tmp_path / "again.safetensors")
    assert before.keys() == after.keys()
    for key, tensor in before.items():
        if key.endswith("num_batches_tracked"):  # nothing depends on it, and nobody counts it here
            assert (tensor, after[key].dtype, after[key].shape) == (10, np.int64, ())
        else:
            np.testing.assert_array_equal(after[key], tensor, strict=True)


@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_half_precision_becomes_float32_without_loss(kind: str) -> None:
    path, layer = FIXTURES / f"torch_linear_{kind}.safetensors", Linear(3, 2, rng=RNG)
    read_safetensors(path, layer, (3,))
    raw = np.frombuffer(
        path.read_bytes()[-16:], np.uint16
    )  # bias (2,), then weight (2, 3): in the order of their names
    wide = raw.view(np.float16) if kind == "float16" else (raw.astype(np.uint32) << 16).view(np.float32)
    np.testing.assert_array_equal(
        np.concatenate([layer.bias, layer.weight.T.ravel()]), wide.astype(np.float32), strict=True
    )
    assert 0.05 < np.abs(layer.weight).mean() < 1  # PyTorch's first weights lie in ±1/√3


def test_float64_is_refused_by_a_network_of_float32() -> None:
    path = FIXTURES / "torch_linear_float64.safetensors"
    with pytest.raises(ValueError, match=r"weight is float64 \(2, 3\), expected float32 \(2, 3\)"):
        read_safetensors(path, Linear(3, 2, rng=RNG), (3,))
    layer = Linear(3, 2, rng=RNG, dtype=np.float64)
    read_safetensors(path, layer, (3,))
    np.testing.assert_array_equal(layer.weight, load_file(path)["weight"].T, strict=True)
