"""StyleGAN: a generator whose every layer is controlled by a style."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigan import kernels
from minigan.device import Array
from minigan.layers import Layer, Network, accumulate
from minigan.layers.layer import Grads
from minigan.models.stylegan import StyleGenerator
from minigan.objectives import Objective
from minigan.penalties import EPS
from minigan.systems.gan import GAN
from minigan.systems.truncation import Consulted, cutoff_of, psi_of, truncated
from minigan.training.draw import Draw, Fixed
from minigan.training.steps import Outcome, generator_gradient
from minigan.training.system import Turn, in_pieces, refuse_others

EVERY = 4  # steps of G between two of its penalties
MOMENTUM = 0.01  # of the mean path length
SPREAD = 64  # generated images whose standard deviation is on the log


class StyleGAN(GAN):
    """z becomes a style w, and every layer of G reads w: G and D train as in a GAN.

    Players     D, G
    A step      as of a GAN. In every EVERYth turn of G, with path_length > 0, its loss has one term
                more:
                R = path_length · EVERY · mean_n (r_n - a)²
                r_n = √(Σ_l |g_nl|² / L),  g = Jᵀ y, the gradient at ws of <image, y>,
                y ~ N(0, 1) / √(H W),  a ← a + MOMENTUM (mean r - a) afterwards
    Data        real

    The gradient of R goes up through g (`double_backward`), and what the synthesis contributes to
    ws goes down through styles and mapping: without that the mapping would not be regularised.

    G           a StyleGenerator; samples are drawn by `drawing`, G or its average
    Source      Karras et al. 2018 (StyleGAN); Karras et al. 2020 (StyleGAN2), sections 2 and 3; for
                path lengths half a batch there, a whole one here.
    """

    drawing: StyleGenerator

    def __init__(
        self,
        G: StyleGenerator,
        D: Layer,
        objective: Objective,
        *,
        path_length: float = 0.0,
        **options: Any,
    ) -> None:
        if objective.output != "score":
            known = "nonsaturating, rpgan, r1, hinge"
            needed = f"an objective whose D gives a score, such as {known}"
            raise ValueError(f"stylegan needs {needed}; got {objective.name}")
        if not 0 <= path_length < math.inf:
            raise ValueError(f"path_length, a weight, must be 0 or positive, got {path_length}")
        super().__init__(G, D, objective, z_dim=G.z_dim, **options)
        self.path_length = path_length
        some = next(G.named_params())[1]
        self.a = np.zeros_like(some, shape=())

    def turns(self, step: int, total: int) -> Sequence[Turn]:
        *d_turns, g_turn = super().turns(step, total)
        if self.path_length > 0 and step % EVERY == 0:
            g_turn = Turn("G", ("G",), self.penalised_turn, lambda: 1)
        return [*d_turns, g_turn]

    def penalised_turn(self, draw: Draw) -> Outcome:
        """G's turn with the penalty on path lengths."""
        G, real = self.players["G"], draw.batch("real") if self.objective.compares else None
        z = draw.noise(draw.batch_size * self.objective.fakes, self.z_dim, again=self.same_noise)
        fake, cache = G.network.forward(z)
        loss, d_fake, scores = generator_gradient(self._D, self.objective, fake, real)
        grads: Grads = {}
        G.network.backward(d_fake, cache, grads, need_dx=False)
        y = kernels.normal(fake, fake.shape, draw.rng("path")) / math.prod(fake.shape[1:3]) ** 0.5
        loss = loss + self._paths(z, y, grads)
        G.optimizer.step(grads)
        return Outcome(loss, scores, grads)

    def _paths(self, z: Array, y: Array, grads: Grads) -> Array:
        """R at noise z along y; its gradient is added to `grads`."""
        G, weight = self.players["G"].network, self.path_length * EVERY
        at: int = G.places[1] + 1  # type: ignore[attr-defined]
        layers: Any = G.layers  # type: ignore[attr-defined]
        before, synthesis = Network(*layers[:at]), Network(*layers[at:])
        with G.keeping_buffers():
            ws, cache = before.forward(z)
            _, caches = synthesis.forward(ws)
        g, trace = synthesis.traced_backward(y, caches)
        N, L, _ = ws.shape
        r = np.sqrt((g * g).sum(axis=(1, 2), keepdims=True) / L + EPS)
        off = r - self.a
        _, dws, layer_grads = synthesis.double_backward(
            2 * weight / (N * L) * off / r * g, trace, caches
        )
        accumulate(grads, {str(int(i) + at): grad for i, grad in layer_grads.items()})
        before.backward(dws, cache, grads, need_dx=False)
        self.a += MOMENTUM * (r.mean() - self.a)
        return weight * (off * off).mean()

    def connect(self, draw: Draw) -> None:
        super().connect(draw)
        self.shown = draw.at("spread", 0).noise(SPREAD, self.z_dim)

    def saved(self) -> dict[str, Array]:
        return super().saved() | ({"path_length": self.a} if self.path_length > 0 else {})

    def readings(self, outcomes: Mapping[str, Outcome]) -> dict[str, Array]:
        """A GAN's, and how different the samples are: a spread near 0 is a collapse."""
        images, _ = self.drawing.forward(self.shown, train=False)
        return super().readings(outcomes) | {"spread": images.std(axis=0).mean()}

    def generate(
        self,
        draw: Fixed,
        n: int,
        *,
        progress: str | None = None,
        psi: float = 1.0,
        cutoff: int | None = None,
        noise: str = "fixed",
        **asked: Any,
    ) -> np.ndarray:
        """n samples, truncated by psi in the first `cutoff` layers; noise as of `Noise.mode`."""
        z, G = draw.noise(n, self.z_dim), self.drawing
        with Consulted(G, noise, draw.generator):
            size = n if noise == "random" else 256  # threads would draw in any order

            def images(rows: Array) -> Array:
                return G.image(truncated(G, G.map(rows), psi, cutoff))

            return in_pieces(images, z, size=size, progress=progress)

    def answer(
        self,
        draw: Fixed,
        n: int,
        words: Mapping[str, str],
    ) -> tuple[np.ndarray, int | None]:
        """As in System; words are truncation (psi), cutoff and noise."""
        refuse_others(words, {"truncation": "0.7", "cutoff": "3", "noise": "random"})
        asked: dict[str, Any] = {}
        if "truncation" in words:
            asked["psi"] = psi_of(words["truncation"])
        if "cutoff" in words:
            asked["cutoff"] = cutoff_of(words["cutoff"], self.drawing.L)
        if "noise" in words:
            asked["noise"] = words["noise"]
        return self.generate(draw, n, **asked), None
