"""The linear layer."""

from __future__ import annotations

import numpy as np
from numpy.typing import DTypeLike

from minigan import init as initializers
from minigan import kernels
from minigan.device import Array
from minigan.layers.layer import Cache, Grads, Layer, whole


class Linear(Layer):
    """Every output is a weighted sum of all inputs.

    Shapes      x, dx, ddx (N, in); y, dy, ddy (N, out); weight (in, out); bias (out,)

    Forward     y = x · weight + bias

    Backward    dx = dy · weightᵀ
                dweight = xᵀ · dy        dbias = Σ dy over the batch

    Twice       A layer linear in x: the second-order pass is the forward pass without bias, and
                its weight gradient is the ordinary one with ddx instead of x.
                ddy = ddx · weight       dweight = ddxᵀ · dy

    Cache       x, because dweight needs it; dx needs the weight alone.
    Source      Rumelhart, Hinton & Williams 1986; "Twice" derived here.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        *,
        rng: np.random.Generator,
        init: initializers.Initializer = initializers.uniform_fan_in,
        dtype: DTypeLike = np.float32,
    ) -> None:
        if not whole(in_features, out_features):
            raise ValueError(
                f"Linear needs at least one input and one output, got {in_features} and "
                f"{out_features}"
            )
        self.in_features, self.out_features = in_features, out_features
        self.weight = init(rng, (in_features, out_features), in_features).astype(dtype)
        self.params = ("weight", "bias") if bias else ("weight",)
        if bias:
            self.bias = np.zeros(out_features, dtype)

    shown = ("in_features", "out_features")

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(
            x,
            lambda shape: len(shape) == 2 and shape[1] == self.in_features,
            f"(N, {self.in_features})",
        )
        y = kernels.matmul(x, self.weight)
        if "bias" in self.params:
            y += self.bias
        return y, x

    def input_grad(self, dy: Array, x: Cache) -> Array:
        return kernels.matmul(dy, self.weight.T)

    def param_grads(self, dy: Array, x: Cache) -> Grads:
        grads = {"weight": kernels.matmul(x.T, dy)}
        if "bias" in self.params:
            grads["bias"] = kernels.channel_sum(dy)
        return grads

    def double_backward(self, ddx: Array, dy: Array, x: Cache) -> tuple[Array, None, Grads]:
        return kernels.matmul(ddx, self.weight), None, {"weight": kernels.matmul(ddx.T, dy)}
