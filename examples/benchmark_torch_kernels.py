"""minigan's kernels as PyTorch has them, one operation each and without autograd.

Two forms: NCHW and plain Adam, or channels last and fused Adam.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from benchmarks.cases import Kernel
from torch import nn


def kernel(name: str, batch: int, tuned: bool) -> Callable[[], object]:
    """One call of the operation that does what minigan's kernel does."""
    case, aten = Kernel.named(name), torch.ops.aten
    layout = torch.channels_last if tuned else torch.contiguous_format

    def maps(N: int, C: int, H: int) -> torch.Tensor:
        return torch.randn(N, C, H, H).contiguous(memory_format=layout)

    calls: dict[str, Callable[[], object]]
    if case.operation in ("correlate", "spread", "match"):
        H, C, O = case.shape
        x, y, w = maps(batch, C, H), maps(batch, O, H // 2), maps(O, C, 4)
        usual = (
            None,
            (2, 2),
            (1, 1),
            (1, 1),
            False,
            (0, 0),
            1,
        )  # bias, stride, padding, dilation, transposed, ..., groups
        calls = {
            "correlate": lambda: nn.functional.conv2d(x, w, stride=2, padding=1),
            "spread": lambda: nn.functional.conv_transpose2d(y, w, stride=2, padding=1),
            "match": lambda: aten.convolution_backward(y, x, w, *usual, [False, True, False]),
        }
    elif case.operation in ("matmul", "matmul_dx", "matmul_dw"):
        I, O = case.shape
        a, b, m = torch.randn(batch, I), torch.randn(batch, O), torch.randn(O, I)
        calls = {"matmul": lambda: a @ m.T, "matmul_dx": lambda: b @ m, "matmul_dw": lambda: b.T @ a}
    elif case.operation == "adam":
        p = nn.Parameter(torch.randn(case.shape))
        p.grad = torch.randn(case.shape)
        calls = {"adam": torch.optim.Adam([p], 2e-4, betas=(0.5, 0.999), fused=tuned).step}
    else:
        H, C = case.shape
        x, dy, (w, b, mean, var) = maps(batch, C, H), maps(batch, C, H), torch.randn(4, C)
        rest = (w, mean, var, *aten.native_batch_norm(x, w, b, mean, var, True, 0.1, 1e-5)[1:], True, 1e-5, [True] * 3)
        calls = {
            "batchnorm": lambda: nn.functional.batch_norm(x, mean, var, w, b, training=True),
            "batchnorm_grad": lambda: aten.native_batch_norm_backward(dy, x, *rest),
            "leaky_relu": lambda: nn.functional.leaky_relu(x, 0.2),
            "leaky_relu_grad": lambda: aten.leaky_relu_backward(dy, x, 0.2, False),
        }
    return calls[case.operation]
