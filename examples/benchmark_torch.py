"""The PyTorch sides of `benchmark.py`: minigan's models, its GAN steps and its kernels, written twice for PyTorch.

example   As the official DCGAN example does it: sigmoid and BCELoss, three passes through D, D's weight gradients also
          computed in the generator's step, plain Adam, NCHW tensors, `.item()` statistics.
tuned     D frozen in the generator's step, channels_last, fused Adam, BCEWithLogitsLoss, no `.item()`, and where D has
          no batch norm, real and fake images in one batch.

WGAN-GP differentiates twice by autograd (create_graph), once per step, in both forms. A kernel is one PyTorch
operation without autograd: NCHW and plain Adam on the first side, channels_last and fused Adam on the second.

This file and `benchmark_torch_gpu.py` alone import PyTorch. `benchmark.py` starts it; it is of no use alone.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from itertools import pairwise

import torch
from benchmarks.cases import MODELS, Kernel
from benchmarks.line import PYTORCH, Case, serve
from torch import nn

Z_DIM = 100
SHAPES = dict.fromkeys(("infogan", "mlp", "dcgan", "wgan-gp-dcgan"), (1, 28, 28)) | {"dcgan64": (3, 64, 64)}
STAIRS = {"dcgan": ((128, 64), 7), "dcgan64": ((512, 256, 128, 64), 4), "wgan-gp-dcgan": ((128, 64), 7)}


class Image(nn.Module):
    """Rows of numbers as images (N, C, H, W); the tuned form reads them as (N, H, W, C), which costs no copy."""

    def __init__(self, C: int, H: int, W: int, last: bool) -> None:
        super().__init__()
        self.shape, self.last = ((H, W, C) if last else (C, H, W)), last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.view(len(x), *self.shape)
        return x.permute(0, 3, 1, 2) if self.last else x


class Rows(nn.Module):
    """Images as rows of numbers, in the order in which they lie in memory."""

    def __init__(self, last: bool) -> None:
        super().__init__()
        self.last = last

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x.permute(0, 2, 3, 1) if self.last else x).flatten(1)


def mlp() -> tuple[nn.Module, nn.Module]:
    """G and D of minigan/models/mlp.py."""
    up: list[nn.Module] = []
    for i, o in pairwise((Z_DIM, 256, 512, 1024)):
        up += [nn.Linear(i, o), nn.LeakyReLU(0.2, inplace=True)]
    down: list[nn.Module] = [nn.Flatten()]
    for i, o in pairwise((784, 1024, 512, 256)):
        down += [nn.Linear(i, o), nn.LeakyReLU(0.2, inplace=True), nn.Dropout(0.3)]
    G = nn.Sequential(*up, nn.Linear(1024, 784), nn.Tanh(), nn.Unflatten(1, SHAPES["mlp"]))
    return G, nn.Sequential(*down, nn.Linear(256, 1))


def infogan(last: bool, c: tuple[int, int] = (32, 16), hidden: int = 256) -> tuple[nn.Module, nn.Module]:
    """G and D of minigan/models/dcgan.py, infogan at a quarter of its channels, as in the default run."""
    large, small = c
    G = nn.Sequential(
        *(nn.Linear(Z_DIM, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(inplace=True)),
        *(nn.Linear(hidden, 49 * large, bias=False), nn.BatchNorm1d(49 * large), nn.ReLU(inplace=True)),
        Image(large, 7, 7, last),
        *(nn.ConvTranspose2d(large, small, 4, 2, 1, bias=False), nn.BatchNorm2d(small), nn.ReLU(inplace=True)),
        *(nn.ConvTranspose2d(small, 1, 4, 2, 1), nn.Tanh()),
    )
    D = nn.Sequential(
        *(nn.Conv2d(1, small, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)),
        *(nn.Conv2d(small, large, 4, 2, 1, bias=False), nn.BatchNorm2d(large), nn.LeakyReLU(0.2, inplace=True)),
        *(Rows(last), nn.Linear(49 * large, hidden, bias=False), nn.BatchNorm1d(hidden)),
        *(nn.LeakyReLU(0.2, inplace=True), nn.Linear(hidden, 1)),
    )
    return G, D


def stairs(c: tuple[int, ...], size: int, C: int, last: bool, norm: bool) -> tuple[nn.Module, nn.Module]:
    """G and D of minigan/models/dcgan.py; `norm`: batch norm in D."""
    up: list[nn.Module] = [
        nn.Linear(Z_DIM, size * size * c[0], bias=False),
        Image(c[0], size, size, last),
        nn.BatchNorm2d(c[0]),
        nn.ReLU(inplace=True),
    ]
    for i, o in pairwise(c):
        up += [nn.ConvTranspose2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), nn.ReLU(inplace=True)]
    down: list[nn.Module] = [nn.Conv2d(C, c[-1], 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)]
    for i, o in pairwise(c[::-1]):
        down += [nn.Conv2d(i, o, 4, 2, 1, bias=not norm), *([nn.BatchNorm2d(o)] if norm else [])]
        down += [nn.LeakyReLU(0.2, inplace=True)]
    G = nn.Sequential(*up, nn.ConvTranspose2d(c[-1], C, 4, 2, 1), nn.Tanh())
    return G, nn.Sequential(*down, Rows(last), nn.Linear(size * size * c[0], 1))


class Gan:
    """Both networks, their optimizers, the losses and a fixed batch of "real" noise."""

    def __init__(self, model: str, batch: int, tuned: bool) -> None:
        torch.manual_seed(0)
        last, self.wasserstein = tuned and model != "mlp", model.startswith("wgan-gp")
        layout = torch.channels_last if last else torch.contiguous_format
        self.batch, self.together = batch, model == "mlp" or self.wasserstein
        C = SHAPES[model][0]
        if model in STAIRS:
            built = stairs(*STAIRS[model], C, last, not self.wasserstein)
        else:
            built = infogan(last) if model == "infogan" else mlp()
        self.G, self.D = (network.to(memory_format=layout) for network in built)
        self.real = (torch.rand(batch, *SHAPES[model]) * 2 - 1).contiguous(memory_format=layout)
        ones, zeros = torch.ones(batch, 1), torch.zeros(batch, 1)
        bce = nn.BCEWithLogitsLoss() if tuned else nn.BCELoss()
        self.squash = nn.Identity() if tuned or self.wasserstein else nn.Sigmoid()
        self.as_real: Callable[[torch.Tensor], torch.Tensor] = lambda score: bce(score, ones)
        self.as_fake: Callable[[torch.Tensor], torch.Tensor] = lambda score: bce(score, zeros)
        if self.wasserstein:
            self.as_real, self.as_fake = lambda score: -score.mean(), lambda score: score.mean()
        rule = {"lr": 2e-4, "betas": (0.5, 0.9 if self.wasserstein else 0.999), **({"fused": True} if tuned else {})}
        self.optimizer_d = torch.optim.Adam(self.D.parameters(), **rule)
        self.optimizer_g = torch.optim.Adam(self.G.parameters(), **rule)

    def parameters(self) -> list[int]:
        """Trained numbers of G and of D."""
        return [sum(p.numel() for p in network.parameters()) for network in (self.G, self.D)]

    def penalty(self, fake: torch.Tensor) -> torch.Tensor:
        """10 mean (‖∂D/∂x‖ - 1)² between real and fake: a gradient that is differentiated once more."""
        eps = torch.rand(self.batch, 1, 1, 1)
        x = (eps * self.real + (1 - eps) * fake.detach()).requires_grad_(True)
        (g,) = torch.autograd.grad(self.D(x).sum(), x, create_graph=True)
        return 10 * ((g.square().sum(dim=(1, 2, 3)) + 1e-12).sqrt() - 1).square().mean()

    def example_step(self) -> None:
        """One step in the order, and with the statistics, of the official example."""
        self.optimizer_d.zero_grad()
        score = self.squash(self.D(self.real))
        loss_real = self.as_real(score)
        loss_real.backward()
        score.mean().item()
        fake = self.G(torch.randn(self.batch, Z_DIM))
        score = self.squash(self.D(fake.detach()))
        loss_fake = self.as_fake(score)
        loss_fake.backward()
        score.mean().item()
        if self.wasserstein:
            penalty = self.penalty(fake)
            penalty.backward()
            penalty.item()
        self.optimizer_d.step()
        self.optimizer_g.zero_grad()
        score = self.squash(self.D(fake))
        loss_g = self.as_real(score)
        loss_g.backward()
        score.mean().item()
        self.optimizer_g.step()
        (loss_real + loss_fake).item(), loss_g.item()

    def tuned_step(self) -> None:
        """One step as fast as eager PyTorch makes it."""
        fake = self.G(torch.randn(self.batch, Z_DIM))
        self.D.requires_grad_(True)
        self.optimizer_d.zero_grad(set_to_none=True)
        if self.together:
            real_score, fake_score = self.D(torch.cat([self.real, fake.detach()])).chunk(2)
        else:
            real_score, fake_score = self.D(self.real), self.D(fake.detach())
        loss = self.as_real(real_score) + self.as_fake(fake_score)
        if self.wasserstein:
            loss = loss + self.penalty(fake)
        loss.backward()
        self.optimizer_d.step()
        self.D.requires_grad_(False)
        self.optimizer_g.zero_grad(set_to_none=True)
        self.as_real(self.D(fake)).backward()
        self.optimizer_g.step()


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


def main() -> None:
    """Answer `benchmark.py` until it closes the line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", choices=PYTORCH)
    parser.add_argument("threads", type=int)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    tuned = options.side == "torch-tuned"

    def build(name: str, batch: int) -> Case:
        facts = {"parameters": [], "library": f"PyTorch {torch.__version__}", "threads": torch.get_num_threads()}
        if name not in MODELS:
            return Case(kernel(name, batch, tuned), facts)
        gan = Gan(name, batch, tuned)
        return Case(gan.tuned_step if tuned else gan.example_step, facts | {"parameters": gan.parameters()})

    serve(build)


if __name__ == "__main__":
    main()
