"""The numbers of Inception: the tensors that a file must hold, and what the network's layers make of them.

Every convolution has no bias and is followed by a batch normalisation that uses its running moments, and so is again
one convolution, with a bias:

    y = gamma · (w * x - mean) / √(var + ε) + beta  =  (g w) * x + (beta - mean g)        g = gamma / √(var + ε)

Source      Ioffe & Szegedy 2015, section 3.1.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping

import numpy as np

from minigan.layers import Conv2d, Layer, Linear, Network, ReLU
from minigan.metrics.features.inception.table import CLASSES, Table

EPS = 0.001
COUNTER = ".num_batches_tracked"  # newer files count the batches of training; nothing depends on it
LAST = "Mixed_7c."

Tensors = Mapping[str, np.ndarray]


def width(table: Table) -> int:
    """How many features the last block makes: the sum of what its branches end in."""
    ends = ("branch1x1", "branch3x3_2a", "branch3x3_2b", "branch3x3dbl_3a", "branch3x3dbl_3b", "branch_pool")
    return sum(table[LAST + end].outputs for end in ends)


def shapes(table: Table) -> dict[str, tuple[int, ...]]:
    """Names and shapes of all tensors, as PyTorch has them."""
    expected: dict[str, tuple[int, ...]] = {}
    for name, row in table.items():
        expected[f"{name}.conv.weight"] = (row.outputs, row.inputs, *row.kernel)
        for vector in ("weight", "bias", "running_mean", "running_var"):
            expected[f"{name}.bn.{vector}"] = (row.outputs,)
    return expected | {"fc.weight": (CLASSES, width(table)), "fc.bias": (CLASSES,)}


def check(tensors: Tensors, table: Table) -> None:
    """ValueError that lists every tensor that is missing, unknown, of another shape or type, or no use as a number."""
    expected = shapes(table)
    wrong = [f"{name} is missing" for name in expected if name not in tensors]
    wrong += [f"{name} is unknown" for name in tensors if name not in expected and not name.endswith(COUNTER)]
    for name in (name for name in expected if name in tensors):
        a = tensors[name]
        if a.shape != expected[name] or a.dtype != np.float32:
            wrong.append(f"{name} is {a.dtype} {a.shape}, expected float32 {expected[name]}")
        elif not np.isfinite(a).all():
            wrong.append(f"{name} holds NaN or infinite values")
        elif name.endswith("running_var") and a.min() < 0:
            wrong.append(f"{name} has a negative variance")
    if wrong:
        raise ValueError(f"not the tensors of Inception: {'; '.join(wrong)}")


def draw(rng: np.random.Generator, table: Table) -> dict[str, np.ndarray]:
    """Random tensors that let numbers of a usual size through all layers."""
    drawn = {}
    for name, shape in shapes(table).items():
        if len(shape) > 1:
            a = rng.standard_normal(shape, np.float32) * np.float32(math.sqrt(2 / math.prod(shape[1:])))
        elif name.endswith(("bn.weight", "running_var")):
            a = rng.uniform(0.5, 1.5, shape).astype(np.float32)
        else:
            a = rng.normal(0, 0.1, shape).astype(np.float32)
        drawn[name] = a
    return drawn


def digest(tensors: Tensors) -> str:
    """SHA-256 over names and little-endian bytes of all tensors, in the order of the names."""
    sha = hashlib.sha256()
    for name in sorted(tensors):
        sha.update(name.encode())
        sha.update(np.ascontiguousarray(tensors[name], "<f4").tobytes())
    return sha.hexdigest()


def unit(tensors: Tensors, table: Table, name: str) -> Layer:
    """One convolution of the table, its batch normalisation folded into it, and its ReLU."""
    weight, bias = folded(tensors, name)
    row = table[name]
    rng = np.random.default_rng(0)  # unused: the weights are given
    conv = Conv2d(row.inputs, row.outputs, row.kernel, row.stride, row.padding, rng=rng, init=lambda *_: weight)
    conv.bias = bias
    return Network(conv, ReLU())


def folded(tensors: Tensors, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Weight (KH, KW, in, out) and bias (out,) of a convolution with its batch normalisation, both float32."""
    vectors = ("weight", "bias", "running_mean", "running_var")
    gamma, beta, mean, var = (tensors[f"{name}.bn.{vector}"].astype(np.float64) for vector in vectors)
    g = gamma / np.sqrt(var + EPS)
    weight = tensors[f"{name}.conv.weight"].astype(np.float64).transpose(2, 3, 1, 0) * g
    return np.ascontiguousarray(weight, np.float32), (beta - mean * g).astype(np.float32)


def head(tensors: Tensors) -> Linear:
    """Features to logits, without the bias: so the Inception Score was defined by its first code."""
    weight = np.ascontiguousarray(tensors["fc.weight"].T)
    d, classes = weight.shape
    return Linear(d, classes, bias=False, rng=np.random.default_rng(0), init=lambda *_: weight)
