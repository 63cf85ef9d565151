"""The steps of minigan's GANs written for PyTorch, with networks of `benchmark_torch_networks.py` and `..._style.py`.

WGAN-GP differentiates twice by autograd (create_graph), once per step, in both forms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from benchmark_torch_networks import Z_DIM, Pair, conditional, dcgan, dcgan64, infogan, mlp
from benchmark_torch_style import stylegan
from benchmarks.cases import model
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Losses = dict[str, torch.Tensor]
CLASSES = 10


class Twin:
    """Networks by the names of minigan's players, and an Adam for each.

    tuned: images have their channels last in memory, and Adam is one fused kernel.
    """

    def __init__(
        self,
        networks: Mapping[str, nn.Module],
        rates: Mapping[str, float],
        *,
        tuned: bool,
        last: bool,
        betas: tuple[float, float] = (0.5, 0.999),
    ) -> None:
        self.layout = torch.channels_last if last else torch.contiguous_format
        self.networks = {name: network.to(memory_format=self.layout) for name, network in networks.items()}
        rule: dict[str, Any] = {"betas": betas, **({"fused": True} if tuned else {})}
        self.optimizers = {
            name: torch.optim.Adam(network.parameters(), rates[name], **rule) for name, network in networks.items()
        }

    def parameters(self) -> dict[str, int]:
        """Trained numbers of each network."""
        return {name: sum(p.numel() for p in network.parameters()) for name, network in self.networks.items()}

    def images(self, n: int, C: int, H: int, W: int) -> torch.Tensor:
        """Random ones, in the layout of the networks."""
        return (torch.rand(n, C, H, W) * 2 - 1).contiguous(memory_format=self.layout)

    def update(self, loss: torch.Tensor, *names: str) -> None:
        """Move these networks down the gradient of the loss."""
        for name in names:
            self.optimizers[name].zero_grad(set_to_none=True)
        loss.backward()
        for name in names:
            self.optimizers[name].step()

    @contextmanager
    def frozen(self, *names: str) -> Iterator[None]:
        """Inside, no gradients of these networks' parameters are computed."""
        self._require(names, False)
        yield
        self._require(names, True)

    def _require(self, names: Iterable[str], wanted: bool) -> None:
        for name in names:
            self.networks[name].requires_grad_(wanted)


def cross_entropy(real: float = 1.0) -> tuple[Callable, Callable, Callable]:
    """The loss of D's outputs for real images and for generated ones, and that of G; `real`: D's label."""

    def to(label: float) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda score: F.binary_cross_entropy_with_logits(score, torch.full_like(score, label))

    return to(real), to(0.0), to(1.0)


def probabilities(real: float = 1.0) -> tuple[Callable, Callable, Callable]:
    """The same by sigmoid and BCELoss, as the official example has it."""

    def to(label: float) -> Callable[[torch.Tensor], torch.Tensor]:
        return lambda score: F.binary_cross_entropy(score.sigmoid(), torch.full_like(score, label))

    return to(real), to(0.0), to(1.0)


def hinge() -> tuple[Callable, Callable, Callable]:
    return lambda a: F.relu(1 - a).mean(), lambda b: F.relu(1 + b).mean(), lambda b: -b.mean()


def wasserstein() -> tuple[Callable, Callable, Callable]:
    return lambda a: -a.mean(), lambda b: b.mean(), lambda b: -b.mean()


class Gan(Twin):
    """A row of `benchmarks/cases.py`: networks, losses, a fixed batch of "real" noise, the average of G's weights."""

    def __init__(self, row: str, batch: int, tuned: bool) -> None:
        torch.manual_seed(0)
        last, real, losses = tuned and row != "mlp", 1.0, cross_entropy if tuned else probabilities
        rate, self.z_dim, average, betas = {"D": 2e-4, "G": 2e-4}, Z_DIM, 0.0, (0.5, 0.999)
        self.penalised, self.together = row == "wgan-gp-dcgan", row in ("mlp", "wgan-gp-dcgan")
        if row.partition("-")[0] in ("infogan", "conditional", "stylegan"):  # the recipes' numbers
            rate, real, average = {"D": 1e-3, "G": 1e-3}, 0.9, 0.998
            self.z_dim = 62 if row == "conditional" else 16
        self.as_real, self.as_fake, self.for_g = losses(real)
        if row == "stylegan":
            rate["G"] = 3e-3
            self.as_real, self.as_fake, self.for_g = hinge()
        if self.penalised:
            betas = (0.5, 0.9)
            self.as_real, self.as_fake, self.for_g = wasserstein()
        self.G, self.D = pair(row, last, self.z_dim)
        super().__init__({"D": self.D, "G": self.G}, rate, tuned=tuned, last=last, betas=betas)
        H, W, C = model(row).shapes["real"]
        self.batch, self.real = batch, self.images(batch, C, H, W)
        self.average = AveragedModel(self.G, multi_avg_fn=get_ema_multi_avg_fn(average)) if average else None

    def noise(self) -> torch.Tensor:
        return torch.randn(self.batch, self.z_dim)

    def penalty(self, fake: torch.Tensor) -> torch.Tensor:
        """10 mean (‖∂D/∂x‖ - 1)² between real and fake: a gradient that is differentiated once more."""
        eps = torch.rand(self.batch, 1, 1, 1)
        x = (eps * self.real + (1 - eps) * fake.detach()).requires_grad_(True)
        (g,) = torch.autograd.grad(self.D(x).sum(), x, create_graph=True)
        return 10 * ((g.square().sum(dim=(1, 2, 3)) + 1e-12).sqrt() - 1).square().mean()

    def example_step(self) -> None:
        """One step in the order, and with the statistics, of the official example."""
        self.optimizers["D"].zero_grad()
        score = self.D(self.real)
        loss_real = self.as_real(score)
        loss_real.backward()
        score.mean().item()
        fake = self.G(self.noise())
        score = self.D(fake.detach())
        loss_fake = self.as_fake(score)
        loss_fake.backward()
        score.mean().item()
        if self.penalised:
            penalty = self.penalty(fake)
            penalty.backward()
            penalty.item()
        self.optimizers["D"].step()
        self.optimizers["G"].zero_grad()
        score = self.D(fake)
        loss_g = self.for_g(score)
        loss_g.backward()
        score.mean().item()
        self.optimizers["G"].step()
        self.follow()
        (loss_real + loss_fake).item(), loss_g.item()

    def tuned_step(self) -> Losses:
        """One step as fast as eager PyTorch makes it; returns the losses."""
        fake = self.G(self.noise())
        if self.together:
            a, b = self.D(torch.cat([self.real, fake.detach()])).chunk(2)
        else:
            a, b = self.D(self.real), self.D(fake.detach())
        loss_d = self.as_real(a) + self.as_fake(b)
        if self.penalised:
            loss_d = loss_d + self.penalty(fake)
        self.update(loss_d, "D")
        with self.frozen("D"):
            loss_g = self.for_g(self.D(fake))
            self.update(loss_g, "G")
        self.follow()
        return {"D": loss_d, "G": loss_g}

    def follow(self) -> None:
        """The average of G's weights takes in those of this step."""
        if self.average is not None:
            self.average.update_parameters(self.G)


class Conditional(Gan):
    """The same for images of given classes, which D's turn takes from the data and G's turn draws."""

    def __init__(self, row: str, batch: int, tuned: bool) -> None:
        super().__init__(row, batch, tuned)
        self.labels = torch.arange(batch) % CLASSES

    def classes(self) -> torch.Tensor:
        return torch.randint(CLASSES, (self.batch,))

    def tuned_step(self) -> Losses:
        with torch.no_grad():
            fake = self.G(self.noise(), self.labels)
        loss_d = self.as_real(self.D(self.real, self.labels)) + self.as_fake(self.D(fake, self.labels))
        self.update(loss_d, "D")
        c = self.classes()
        with self.frozen("D"):
            loss_g = self.for_g(self.D(self.G(self.noise(), c), c))
            self.update(loss_g, "G")
        self.follow()
        return {"D": loss_d, "G": loss_g}


def pair(row: str, last: bool, z_dim: int) -> Pair:
    """G and D of a row."""
    if row in ("mlp", "dcgan64"):
        return mlp() if row == "mlp" else dcgan64(last)
    if row == "conditional":
        return conditional(last, z_dim, CLASSES)
    if row == "stylegan":
        return stylegan(last)
    sizes = {"width": model(row).width, "side": model(row).side}
    if row.startswith("infogan"):
        return infogan(last, z_dim, **sizes)
    return dcgan(last, norm=row != "wgan-gp-dcgan", **sizes)
