"""The steps of minigan's GANs written for PyTorch, with networks of `benchmark_torch_networks.py` and `..._style.py`.

WGAN-GP differentiates twice by autograd (create_graph), once per step, in both forms.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from benchmark_torch_networks import Z_DIM, Pair, conditional, dcgan, dcgan64, infogan, mlp
from benchmark_torch_style import stylegan
from benchmarks.cases import model, plain
from torch import nn
from torch.nn import functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

Losses = dict[str, torch.Tensor]
Loss = Callable[[torch.Tensor], torch.Tensor]
Triple = tuple[Loss, Loss, Loss]
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


def cross_entropy(real: float = 1.0) -> Triple:
    """The loss of D's outputs for real images and for generated ones, and that of G; `real`: D's label."""

    def to(label: float) -> Loss:
        return lambda score: F.binary_cross_entropy_with_logits(score, torch.full_like(score, label))

    return to(real), to(0.0), to(1.0)


def probabilities(real: float = 1.0) -> Triple:
    """The same by sigmoid and BCELoss, as the official example has it."""

    def to(label: float) -> Loss:
        return lambda score: F.binary_cross_entropy(score.sigmoid(), torch.full_like(score, label))

    return to(real), to(0.0), to(1.0)


def hinge() -> Triple:
    return lambda a: F.relu(1 - a).mean(), lambda b: F.relu(1 + b).mean(), lambda b: -b.mean()


def wasserstein() -> Triple:
    return lambda a: -a.mean(), lambda b: b.mean(), lambda b: -b.mean()


@dataclass(frozen=True)
class Rule:
    """The numbers of a row: those of minigan's recipe, or of DCGAN's example.

    losses     of D for real images, of D for generated ones, of G; None: cross entropy with the label `real`
    together   nothing in D couples the images of a batch
    penalised  WGAN-GP
    """

    z_dim: int = Z_DIM
    d_lr: float = 2e-4
    g_lr: float = 2e-4
    betas: tuple[float, float] = (0.5, 0.999)
    real: float = 1.0
    losses: Triple | None = None
    average: float = 0.0
    together: bool = False
    penalised: bool = False


RECIPE = Rule(z_dim=16, d_lr=1e-3, g_lr=1e-3, real=0.9, average=0.998)
RULES = {
    "infogan": RECIPE,
    "conditional": replace(RECIPE, z_dim=62),
    "stylegan": replace(RECIPE, g_lr=3e-3, losses=hinge()),
    "mlp": Rule(together=True),
    "wgan-gp-dcgan": Rule(betas=(0.5, 0.9), losses=wasserstein(), together=True, penalised=True),
}


class Gan(Twin):
    """A row of `benchmarks/cases.py`: networks, losses, a fixed batch of "real" noise, the average of G's weights."""

    def __init__(self, row: str, batch: int, tuned: bool) -> None:
        torch.manual_seed(0)
        self.rule = rule = RULES.get(plain(row), Rule())
        last, entropy = tuned and row != "mlp", cross_entropy if tuned else probabilities
        self.as_real, self.as_fake, self.for_g = rule.losses or entropy(rule.real)
        self.G, self.D = pair(row, last, rule.z_dim)
        rates = {"D": rule.d_lr, "G": rule.g_lr}
        super().__init__({"D": self.D, "G": self.G}, rates, tuned=tuned, last=last, betas=rule.betas)
        H, W, C = model(row).shapes["real"]
        self.batch, self.real = batch, self.images(batch, C, H, W)
        follow = get_ema_multi_avg_fn(rule.average)
        self.average = AveragedModel(self.G, multi_avg_fn=follow) if rule.average else None

    def noise(self) -> torch.Tensor:
        return torch.randn(self.batch, self.rule.z_dim)

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
        if self.rule.penalised:
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
        if self.rule.together:
            a, b = self.D(torch.cat([self.real, fake.detach()])).chunk(2)
        else:
            a, b = self.D(self.real), self.D(fake.detach())
        loss_d = self.as_real(a) + self.as_fake(b)
        if self.rule.penalised:
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
    if plain(row) == "infogan":
        return infogan(last, z_dim, **sizes)
    return dcgan(last, layer=row == "wgan-gp-dcgan", **sizes)
