"""The PyTorch sides of `benchmark.py`: minigan's models and its GAN step, written twice as PyTorch programs.

example   As the official DCGAN example does it: sigmoid and BCELoss, three passes through D, D's weight gradients also
          computed in the generator's step, plain Adam, NCHW tensors, `.item()` statistics.
tuned     D frozen in the generator's step, channels_last, fused Adam, BCEWithLogitsLoss, no `.item()`, and for the
          MLP, which has no batch norm, real and fake images in one batch.

This is the only file of the project that imports PyTorch. `benchmark.py` starts it; it is of no use alone.
"""

from __future__ import annotations

import argparse
from itertools import pairwise

import torch
from benchmark import serve
from torch import nn

Z_DIM = 100
SHAPES = {"mlp": (1, 28, 28), "dcgan": (1, 28, 28), "dcgan64": (3, 64, 64)}


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


def mlp(last: bool) -> tuple[nn.Module, nn.Module]:
    """G and D of minigan/models/mlp.py."""
    up: list[nn.Module] = []
    for i, o in pairwise((Z_DIM, 256, 512, 1024)):
        up += [nn.Linear(i, o), nn.LeakyReLU(0.2, inplace=True)]
    down: list[nn.Module] = [nn.Flatten()]
    for i, o in pairwise((784, 1024, 512, 256)):
        down += [nn.Linear(i, o), nn.LeakyReLU(0.2, inplace=True), nn.Dropout(0.3)]
    G = nn.Sequential(*up, nn.Linear(1024, 784), nn.Tanh(), nn.Unflatten(1, SHAPES["mlp"]))
    return G, nn.Sequential(*down, nn.Linear(256, 1))


def dcgan(last: bool) -> tuple[nn.Module, nn.Module]:
    """G and D of `dcgan` in minigan/models/dcgan.py."""
    return _stairs((128, 64), 1, 7, last)


def dcgan64(last: bool) -> tuple[nn.Module, nn.Module]:
    """G and D of `dcgan64` in minigan/models/dcgan.py."""
    return _stairs((512, 256, 128, 64), 3, 4, last)


def _stairs(c: tuple[int, ...], C: int, size: int, last: bool) -> tuple[nn.Module, nn.Module]:
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
        down += [nn.Conv2d(i, o, 4, 2, 1, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(0.2, inplace=True)]
    G = nn.Sequential(*up, nn.ConvTranspose2d(c[-1], C, 4, 2, 1), nn.Tanh())
    return G, nn.Sequential(*down, Rows(last), nn.Linear(size * size * c[0], 1))


BUILD = {"mlp": mlp, "dcgan": dcgan, "dcgan64": dcgan64}


class Gan:
    """Both networks, their optimizers and a fixed batch of "real" noise."""

    def __init__(self, model: str, batch: int, tuned: bool) -> None:
        torch.manual_seed(0)
        last = tuned and model != "mlp"
        layout = torch.channels_last if last else torch.contiguous_format
        self.batch, self.together = batch, model == "mlp"
        self.G, self.D = (network.to(memory_format=layout) for network in BUILD[model](last))
        self.real = (torch.rand(batch, *SHAPES[model]) * 2 - 1).contiguous(memory_format=layout)
        self.ones, self.zeros = torch.ones(batch, 1), torch.zeros(batch, 1)
        self.both = torch.cat([self.ones, self.zeros])
        self.bce = nn.BCEWithLogitsLoss() if tuned else nn.BCELoss()
        rule = {"lr": 2e-4, "betas": (0.5, 0.999), **({"fused": True} if tuned else {})}
        self.optimizer_d = torch.optim.Adam(self.D.parameters(), **rule)
        self.optimizer_g = torch.optim.Adam(self.G.parameters(), **rule)

    def parameters(self) -> list[int]:
        """Trained numbers of G and of D."""
        return [sum(p.numel() for p in network.parameters()) for network in (self.G, self.D)]

    def example_step(self) -> None:
        """One step in the order, and with the statistics, of the official example."""
        self.optimizer_d.zero_grad()
        score = torch.sigmoid(self.D(self.real))
        loss_real = self.bce(score, self.ones)
        loss_real.backward()
        score.mean().item()
        fake = self.G(torch.randn(self.batch, Z_DIM))
        score = torch.sigmoid(self.D(fake.detach()))
        loss_fake = self.bce(score, self.zeros)
        loss_fake.backward()
        score.mean().item()
        self.optimizer_d.step()
        self.optimizer_g.zero_grad()
        score = torch.sigmoid(self.D(fake))
        loss_g = self.bce(score, self.ones)
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
            loss = 2 * self.bce(self.D(torch.cat([self.real, fake.detach()])), self.both)
        else:
            loss = self.bce(self.D(self.real), self.ones) + self.bce(self.D(fake.detach()), self.zeros)
        loss.backward()
        self.optimizer_d.step()
        self.D.requires_grad_(False)
        self.optimizer_g.zero_grad(set_to_none=True)
        self.bce(self.D(fake), self.ones).backward()
        self.optimizer_g.step()


def main() -> None:
    """Answer `benchmark.py` until it closes the line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", choices=("torch-example", "torch-tuned"))
    parser.add_argument("model", choices=tuple(BUILD))
    parser.add_argument("batch", type=int)
    parser.add_argument("threads", type=int)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    tuned = options.side == "torch-tuned"
    gan = Gan(options.model, options.batch, tuned)
    step = gan.tuned_step if tuned else gan.example_step
    serve(step, parameters=gan.parameters(), library=f"PyTorch {torch.__version__}", threads=torch.get_num_threads())


if __name__ == "__main__":
    main()
