"""The steps of minigan's SRGAN and CycleGAN, with their networks, written for PyTorch.

CycleGAN's example form is that of its authors' code: whole batches one after the other, plain Adam, NCHW.
"""

from __future__ import annotations

import torch
from benchmark_torch_gan import Losses, Twin, cross_entropy
from benchmark_torch_networks import Rows
from torch import nn
from torch.nn import functional as F

WIDTH, SCALE, POOL = 32, 4, 50
PIXEL, ADVERSARIAL, CONTENT, CYCLE = 1.0, 0.005, 0.1, 5.0  # weights of the recipes


class Residual(nn.Sequential):
    """x + the layers' output."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + super().forward(x)


def srresnet() -> nn.Module:
    """G of minigan/models/srresnet.py."""

    def conv() -> list[nn.Module]:
        return [nn.Conv2d(WIDTH, WIDTH, 3, 1, 1, bias=False), nn.BatchNorm2d(WIDTH)]

    blocks = [Residual(*conv(), nn.PReLU(), *conv()) for _ in range(4)]
    up: list[nn.Module] = []
    for _ in range(2):
        up += [nn.Conv2d(WIDTH, 4 * WIDTH, 3, 1, 1), nn.PixelShuffle(2), nn.PReLU()]
    first, last = nn.Conv2d(1, WIDTH, 5, 1, 2), nn.Conv2d(WIDTH, 1, 5, 1, 2)
    return nn.Sequential(first, nn.PReLU(), Residual(*blocks, *conv()), *up, last, nn.Tanh())


def enlarged_or_real(last: bool) -> nn.Module:
    """D of minigan/models/srresnet.py for images of 28 x 28 pixels."""
    layers: list[nn.Module] = [nn.Conv2d(1, WIDTH, 3, 1, 1), nn.LeakyReLU(0.2, inplace=True)]
    for i, o, stride in ((WIDTH, WIDTH, 2), (WIDTH, 2 * WIDTH, 1), (2 * WIDTH, 2 * WIDTH, 2)):
        layers += [nn.Conv2d(i, o, 3, stride, 1, bias=False), nn.BatchNorm2d(o), nn.LeakyReLU(0.2, inplace=True)]
    hidden = nn.Linear(49 * 2 * WIDTH, 256)
    return nn.Sequential(*layers, Rows(last), hidden, nn.LeakyReLU(0.2, inplace=True), nn.Linear(256, 1))


class Srgan(Twin):
    """SRGAN in its second stage: D's update and G's with the same images, and three losses on G's answer."""

    def __init__(self, batch: int) -> None:
        torch.manual_seed(0)
        self.G, self.D = srresnet(), enlarged_or_real(last=True)
        super().__init__({"D": self.D, "G": self.G}, {"D": 2e-4, "G": 2e-4}, tuned=True, last=True)
        lenet = (nn.Conv2d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 5, padding=2), nn.ReLU())
        self.phi = nn.Sequential(*lenet).to(memory_format=self.layout).requires_grad_(False)
        self.real, self.v = self.images(batch, 1, 28, 28), 1.0
        self.as_real, self.as_fake, self.for_g = cross_entropy()

    def tuned_step(self) -> Losses:
        low = F.avg_pool2d(self.real, SCALE).add(1).mul(127.5).round().div(127.5).sub(1)
        fake = self.G(low)
        loss_d = self.as_real(self.D(self.real)) + self.as_fake(self.D(fake.detach()))
        self.update(loss_d, "D")
        with self.frozen("D"):
            content = F.mse_loss(self.phi(0.5 * fake), self.phi(0.5 * self.real)) / self.v
            pixel, adversarial = F.mse_loss(fake, self.real), self.for_g(self.D(fake))
            loss_g = ADVERSARIAL * adversarial + PIXEL * pixel + CONTENT * content
            self.update(loss_g, "G")
        return {"D": loss_d, "G": loss_g}


def translator(i: int, o: int, width: int = 16) -> nn.Module:
    """A generator of minigan/models/resnet.py."""

    def conv(i: int, o: int, stride: int = 1) -> list[nn.Module]:
        moved = nn.Conv2d(i, o, 3, stride, bias=False)
        return [nn.ReflectionPad2d(1), moved, nn.InstanceNorm2d(o, affine=True)]

    wide, relu = 2 * width, nn.ReLU(inplace=True)
    first = nn.ReflectionPad2d(2), nn.Conv2d(i, width, 5, bias=False), nn.InstanceNorm2d(width, affine=True), relu
    blocks = [Residual(*conv(wide, wide), relu, *conv(wide, wide)) for _ in range(3)]
    up = nn.UpsamplingNearest2d(scale_factor=2), *conv(wide, width), relu
    last = nn.ReflectionPad2d(2), nn.Conv2d(width, o, 5), nn.Tanh()
    return nn.Sequential(*first, *conv(width, wide, 2), relu, *blocks, *up, *last)


def patchgan(C: int) -> nn.Module:
    """A discriminator of minigan/models/resnet.py."""
    return nn.Sequential(
        *(nn.Conv2d(C, WIDTH, 4, 2, 1), nn.LeakyReLU(0.2, inplace=True)),
        *(nn.Conv2d(WIDTH, 2 * WIDTH, 4, 2, 1, bias=False), nn.InstanceNorm2d(2 * WIDTH, affine=True)),
        *(nn.LeakyReLU(0.2, inplace=True), nn.Conv2d(2 * WIDTH, 1, 3, 1, 1)),
    )


class Pool:
    """Generated images of the past, half of which are shown in place of new ones."""

    def __init__(self) -> None:
        self.images: torch.Tensor | None = None

    def exchange(self, fakes: torch.Tensor) -> torch.Tensor:
        n = len(fakes)
        if self.images is None or len(self.images) < POOL:
            self.images = fakes if self.images is None else torch.cat([self.images, fakes])[:POOL]
            return fakes
        places = (torch.randint(POOL, (1,)) + torch.arange(n)) % POOL
        old, swapped = self.images[places], torch.rand(n, 1, 1, 1) < 0.5
        self.images[places] = torch.where(swapped, fakes, old)
        return torch.where(swapped, old, fakes)


def half_square(score: torch.Tensor, target: float) -> torch.Tensor:
    return 0.5 * F.mse_loss(score, torch.full_like(score, target))


class CycleGan(Twin):
    """CycleGAN: both generators, then each discriminator, with a pool of older fakes."""

    def __init__(self, batch: int, tuned: bool) -> None:
        torch.manual_seed(0)
        sides = {"G_AB": translator(1, 3), "G_BA": translator(3, 1), "D_A": patchgan(1), "D_B": patchgan(3)}
        super().__init__(sides, dict.fromkeys(sides, 4e-4), tuned=tuned, last=tuned)
        self.real = {"A": self.images(batch, 1, 28, 28), "B": self.images(batch, 3, 28, 28)}
        self.pools, self.tuned = {"A": Pool(), "B": Pool()}, tuned

    def tuned_step(self) -> Losses:
        """One step, in the order of both forms; returns the losses."""
        (a, b), AB, BA = self.real.values(), self.networks["G_AB"], self.networks["G_BA"]
        with self.frozen("D_A", "D_B"):
            fakes = {"B": AB(a), "A": BA(b)}
            loss = CYCLE * (F.l1_loss(BA(fakes["B"]), a) + F.l1_loss(AB(fakes["A"]), b))
            for side, fake in fakes.items():
                loss = loss + half_square(self.networks[f"D_{side}"](fake), 1.0)
            self.update(loss, "G_AB", "G_BA")
        losses = {"G_AB+G_BA": loss}
        for side in ("A", "B"):
            shown = self.pools[side].exchange(fakes[side].detach())
            losses[f"D_{side}"] = self.d_loss(f"D_{side}", self.real[side], shown)
            self.update(losses[f"D_{side}"], f"D_{side}")
        return losses

    example_step = tuned_step

    def d_loss(self, name: str, real: torch.Tensor, fake: torch.Tensor) -> torch.Tensor:
        D = self.networks[name]
        if self.tuned:
            a, b = D(torch.cat([real, fake])).chunk(2)
        else:
            a, b = D(real), D(fake)
        return half_square(a, 1.0) + half_square(b, 0.0)
