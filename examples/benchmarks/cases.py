"""The cases to measure: training steps by model, and single kernels by name."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

Shape = tuple[int, int, int]
GREY: Shape = (28, 28, 1)


@dataclass(frozen=True)
class Model:
    """A row of the table of steps: a system's step at its recipe's numbers, but for `choices`.

    title      in a README
    batches    its usual ones
    gigaflops  about how many 10^9 operations one image costs
    choices    of minigan's Config
    width      of the networks, of its own width; None: they have one width
    shapes     of the images of each data set
    at         where in its run the step stands, in [0, 1): SRGAN has two stages
    example    has an official PyTorch example this step, too?
    """

    title: str
    batches: tuple[int, ...]
    gigaflops: float
    choices: dict[str, Any] = field(default_factory=dict)
    width: float | None = 1.0
    shapes: dict[str, Shape] = field(default_factory=lambda: {"real": GREY})
    at: float = 0.0
    example: bool = True

    @property
    def side(self) -> int:
        """Pixels along a side of an image."""
        return next(iter(self.shapes.values()))[0]


DCGANS = {"z_dim": 100, "average": 0.0, "real_label": None, "d_lr": 2e-4, "g_lr": 2e-4}  # as DCGAN's example
WGAN_GP = {"objective": "wgan-gp", "betas": (0.5, 0.9), "n_critic": 1, "hyper": {"weight": 10.0}}
SIDES = {"A": GREY, "B": (28, 28, 3), "held out A": GREY, "held out B": (28, 28, 3)}
MODELS = {
    "infogan": Model("`infogan` of the first run", (64,), 0.03, width=0.25),
    "mlp": Model("`mlp`", (64, 128), 0.035, {**DCGANS, "model": "mlp"}, width=None),
    "dcgan": Model("`dcgan`", (64,), 0.16, {**DCGANS, "model": "dcgan"}),
    "dcgan64": Model("`dcgan64`", (64,), 2.5, {**DCGANS, "model": "dcgan64"}, shapes={"real": (64, 64, 3)}),
    "wgan-gp-dcgan": Model("`dcgan` with WGAN-GP", (64,), 0.22, {**DCGANS, **WGAN_GP, "model": "dcgan"}),
    "conditional": Model("conditional GAN", (64,), 0.04, {"system": "conditional"}, width=0.25, example=False),
    "srgan": Model(
        "SRGAN, second stage",
        (32,),
        0.3,
        {"system": "srgan"},
        shapes={"real": GREY, "held out": GREY},
        at=0.7,
        example=False,
    ),
    "cyclegan": Model("CycleGAN", (8,), 0.5, {"system": "cyclegan"}, shapes=SIDES),
    "stylegan": Model("StyleGAN", (64,), 0.2, {"system": "stylegan"}, example=False),
}


def plain(name: str) -> str:
    """The name without width and pixels."""
    return name if name in MODELS else name.partition("-")[0]


def is_step(name: str) -> bool:
    """Is it a row of the table of steps? Else it is a kernel."""
    return plain(name) in MODELS


def model(name: str) -> Model:
    """The row of that name; dcgan-0.5-32 is dcgan with half the channels, of images of 32 x 32 pixels."""
    if name in MODELS:
        return MODELS[name]
    _, width, side = name.split("-")
    row, size = MODELS[plain(name)], int(side)
    operations = row.gigaflops * (size / row.side) ** 2 * (float(width) / (row.width or 1.0)) ** 2
    return replace(row, width=float(width), shapes={"real": (size, size, 1)}, gigaflops=operations)


CONVOLUTIONS = ("correlate", "spread", "match")
PRODUCTS = ("matmul", "matmul_dx", "matmul_dw")
ARRAYS = {"batchnorm": 2, "batchnorm_grad": 3, "leaky_relu": 2, "leaky_relu_grad": 3, "adam": 7}


@dataclass(frozen=True)
class Kernel:
    """One operation at one geometry; its name is both, joined by hyphens.

    correlate, spread, match     (H, C, O): maps (N, H, H, C) and (N, H/2, H/2, O), kernel 4, stride 2, padding 1
    batchnorm, leaky_relu        (H, C): maps (N, H, H, C); batch norm as in training; `_grad` its backward pass
    matmul                       (I, O): x · w for x (N, I), w (I, O); `_dx` dy · wᵀ, `_dw` xᵀ · dy
    adam                         (I, O): one weight matrix, whatever N is
    """

    operation: str
    shape: tuple[int, ...]

    @staticmethod
    def named(name: str) -> Kernel:
        """The kernel of that name."""
        operation, *shape = name.split("-")
        return Kernel(operation, tuple(map(int, shape)))

    @property
    def name(self) -> str:
        """Operation and geometry."""
        return "-".join([self.operation, *map(str, self.shape)])

    def work(self, batch: int) -> tuple[int, str]:
        """How much it does and in what unit: operations ("FLOP"), or bytes ("B") if each array is touched once.

        Two operations for each product of two numbers: 2 M N K for matrices (M, K) and (K, N). Arrays are float32;
        Adam reads four of them (parameter, gradient, two moments) and writes three.
        """
        if self.operation in PRODUCTS:
            return 2 * batch * math.prod(self.shape), "FLOP"
        if self.operation in CONVOLUTIONS:
            H, C, O = self.shape
            return 2 * batch * (H // 2) ** 2 * (4 * 4 * C) * O, "FLOP"
        if self.operation == "adam":
            return 4 * ARRAYS["adam"] * math.prod(self.shape), "B"
        H, C = self.shape
        return 4 * ARRAYS[self.operation] * batch * H * H * C, "B"


DCGAN, DCGAN64 = ((28, 1, 64), (14, 64, 128)), ((64, 3, 64), (32, 64, 128), (16, 128, 256), (8, 256, 512))
MAPS = ((7, 128), (14, 64), (4, 512), (8, 256), (16, 128), (32, 64))
MATRICES = ((784, 1024), (1024, 512), (512, 256), (256, 512), (512, 1024), (1024, 784))

KERNELS = [Kernel(operation, shape) for operation in CONVOLUTIONS for shape in DCGAN + DCGAN64]
KERNELS += [Kernel(operation, shape) for operation in ARRAYS if operation != "adam" for shape in MAPS]
KERNELS += [Kernel("adam", (1024, 1024))]
KERNELS += [Kernel(operation, shape) for operation in PRODUCTS for shape in MATRICES]

PEAK, PEAK_BATCH = Kernel("matmul", (2048, 2048)), 2048  # a product large enough for the machine's best rate


def chosen(names: Sequence[str]) -> list[Kernel]:
    """The kernels whose names begin with one of `names`, all for "all"; ValueError for one that fits none."""
    for name in names:
        if name != "all" and not any(kernel.name.startswith(name) for kernel in KERNELS):
            known = ", ".join([*CONVOLUTIONS, *ARRAYS, *PRODUCTS])
            raise ValueError(f"no kernel begins with {name!r}; there are {known}, each with a geometry, and all")
    return [kernel for kernel in KERNELS if "all" in names or kernel.name.startswith(tuple(names))]
