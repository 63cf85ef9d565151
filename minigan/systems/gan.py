"""GAN: one generator, one discriminator, noise."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from minigan.device import Array
from minigan.layers import Layer
from minigan.objectives import Objective
from minigan.optim import Adam, Average, Optimizer
from minigan.training.draw import Draw, Fixed
from minigan.training.steps import Outcome, discriminator_step, generator_step
from minigan.training.system import Player, Probe, Rivals, System, Turn, in_pieces


class GAN(System):
    """G makes samples from noise, D scores them against real ones: Algorithm 1 with any objective.

    Players     D, G (G alone where the objective trains no D)
    A step      `n_critic` turns of D, each with a new batch and new noise, then one of G
    Data        real

    G           noise (N, z_dim) -> samples
    D           samples -> what `objective.output` names
    optimizers  default Adam(2e-4, betas=(0.5, 0.999)), DCGAN's
    same_noise  G's turn uses the noise of D's last one: faster, and less random
    average     decay of the moving average of G's weights that draws the samples; 0: the weights
                themselves
    """

    def __init__(
        self,
        G: Layer,
        D: Layer,
        objective: Objective,
        *,
        z_dim: int,
        g_optimizer: Optimizer | None = None,
        d_optimizer: Optimizer | None = None,
        n_critic: int = 1,
        same_noise: bool = False,
        average: float = 0.0,
        sample_shape: tuple[int, ...] | None = None,
    ) -> None:
        if not isinstance(objective, Objective):
            raise TypeError(f"objective must be an object, such as objectives.get({objective!r})")
        self.objective, self.z_dim, self.sample_shape = objective, z_dim, sample_shape
        self.n_critic, self.same_noise = n_critic, same_noise
        self.reuses = ("G",) if same_noise else ()
        self.players = {"G": Player(G, g_optimizer or _adam(G))}
        if objective.trains_d:
            self.players = {"D": Player(D, d_optimizer or _adam(D)), **self.players}
        else:
            self.frozen = {"D": D}
        self.drawing = G  # the network that samples are drawn from
        if average > 0:
            self.drawing = copy.deepcopy(G)
            source, target = G.named_arrays(), self.drawing.named_arrays()
            self.players["G"].optimizer.average = Average(source, target, average)

    def turns(self, step: int, total: int) -> Sequence[Turn]:
        d_turn = Turn("D", ("D",), self.d_turn, self.objective.phase)
        d_turns = [d_turn] * self.objective.critic_steps(step, self.n_critic)
        return [*d_turns, Turn("G", ("G",), self.g_turn)]

    def d_turn(self, draw: Draw) -> Outcome:
        D, G = self.players["D"], self.players["G"]
        real, z = draw.batch("real"), draw.noise(draw.batch_size * self.objective.fakes, self.z_dim)
        return discriminator_step(D.network, G.network, self.objective, D.optimizer, real, z)

    def g_turn(self, draw: Draw) -> Outcome:
        D, G = self._D, self.players["G"]
        real = draw.batch("real") if self.objective.compares else None
        z = draw.noise(draw.batch_size * self.objective.fakes, self.z_dim, again=self.same_noise)
        return generator_step(D, G.network, self.objective, G.optimizer, z, real)

    def batches(self, step: int) -> int:
        return self.objective.critic_steps(step, self.n_critic) + int(self.objective.compares)

    def connect(self, draw: Draw) -> None:
        super().connect(draw)
        names = ("penalty", "second penalty")
        for name, objective in zip(names, (self.objective, *self.objective.borrowed), strict=False):
            if hasattr(objective, "rng"):
                objective.rng = draw.rng(name)

    def before(self, draw: Draw) -> Iterator[None]:
        """The objective's preparation: MAGAN's margin."""
        if self.objective.passes:
            D = self.players["D"]
            yield from self.objective.prepare(D.network, D.optimizer, lambda: draw.passes(1))

    def preparation(self, draw: Draw) -> int:
        return self.objective.passes * int(draw.per_epoch())

    def after_epoch(self) -> None:
        self.objective.after_epoch()

    def saved(self) -> dict[str, Array]:
        return {f"objective/{name}": array for name, array in self.objective.named_buffers()}

    def generate(
        self, draw: Fixed, n: int, *, progress: str | None = None, **asked: Any
    ) -> np.ndarray:
        z = draw.noise(n, self.z_dim)
        G = self.drawing
        return in_pieces(lambda rows: G.forward(rows, train=False)[0], z, progress=progress)

    def readings(self, outcomes: Mapping[str, Outcome]) -> dict[str, Array]:
        """Losses, D's mean outputs on real and generated samples, and the objective's numbers."""
        losses = {f"{turn.lower()}_loss": outcome.loss for turn, outcome in outcomes.items()}
        judged = outcomes.get("D", outcomes["G"]).scores
        means = {
            f"d_{name}": self.objective.shown(scores).mean() for name, scores in judged.items()
        }
        readings = {name: getattr(self.objective, name) for name in self.objective.readings}
        return losses | means | readings

    def rivals(self) -> tuple[Rivals, ...]:
        return (Rivals("D" if self.objective.trains_d else None, "G", self.objective),)

    def probes(self, draw: Fixed, real: Mapping[str, Array], n: int) -> Mapping[str, Probe]:
        z = draw.noise(n, self.z_dim)
        with self.players["G"].network.keeping_buffers():
            fake, _ = self.players["G"].network.forward(z)
        some = real["real"][:n]
        return {"G": ("noise", z), "D": ("samples", np.concatenate([fake, some]))}

    def adopt(
        self, arrays: dict[str, np.ndarray], counts: dict[str, int]
    ) -> tuple[dict[str, np.ndarray], dict[str, int]]:
        """Version 0.1 counted the updates of a D that is not trained, too."""
        trained = self.objective.trains_d
        counts = {name: n for name, n in counts.items() if trained or name != "D_optimizer"}
        return arrays, counts

    @property
    def _D(self) -> Layer:
        return self.players["D"].network if self.objective.trains_d else self.frozen["D"]


def _adam(network: Layer) -> Adam:
    return Adam(network.named_params(), 2e-4, betas=(0.5, 0.999))
