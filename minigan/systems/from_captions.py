"""Pictures of captions, small and large: the samples and the pictures of a StackGAN."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigan.data.vocabulary import Vocabulary
from minigan.device import Array
from minigan.layers import Augment, UpsampleNearest2d
from minigan.models.stackgan import Networks
from minigan.objectives import Objective
from minigan.training.draw import Fixed
from minigan.training.steps import Outcome
from minigan.training.system import Probe, Rivals, System, in_pieces, refuse_others

ROWS, COLUMNS = 8, 8  # captions in a picture, and samples of each


class FromCaptions(System):
    """The samples of a system that learns `Networks`; its turns are StackGAN's.

    built       the networks as they were built
    drawing     the generators that samples are drawn from, by name: the built ones or averages
    examples    captions that are in the data
    """

    objective: Objective
    built: Networks
    drawing: dict[str, Any]
    vocabulary: Vocabulary
    examples: tuple[str, ...]
    z_dim: int
    scale: int

    @property
    def stage(self) -> int:
        """The stage of the last update, from 0: what has been trained."""
        ends = ((2, "G2"), (1, "G1"))
        return next((i for i, name in ends if self.players[name].optimizer.t > 0), 0)

    def generate(
        self,
        draw: Fixed,
        n: int,
        *,
        progress: str | None = None,
        texts: Sequence[str] | None = None,
        **asked: Any,
    ) -> np.ndarray:
        """n pictures of the captions `texts` (n,); None: of some that are in the data."""
        return self.both(draw, texts or self._some(n), progress=progress)[1]

    def both(
        self,
        draw: Fixed,
        texts: Sequence[str],
        *,
        progress: str | None = None,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Of each caption the small picture, enlarged to full size, and the large one; uint8.

        Before the last stage the two are the same.
        """
        G1, G2 = self.drawing["G1"], self.drawing["G2"]
        first, second, n = augment(G1), augment(G2), len(texts)
        tokens = draw.device.asarray(self.vocabulary.tokens(texts))
        noise = [draw.noise(n, size) for size in (self.z_dim, first.codes, second.codes)]
        rows, enlarge = draw.device.asarray(np.arange(n)), UpsampleNearest2d(self.scale)

        def forward(i: Array) -> Array:
            phi, (z, eps1, eps2) = self.built.encoded(tokens[i]), (one[i] for one in noise)
            small, _ = G1.network.given(first.at(phi, eps1)[0]).forward(z, train=False)
            large = enlarged = enlarge.forward(small)[0]
            if self.stage == 2:
                large, _ = G2.network.given(second.at(phi, eps2)[0]).forward(small, train=False)
            return np.concatenate([enlarged, large], axis=-1)

        pictures = in_pieces(forward, rows, progress=progress)
        C = pictures.shape[-1] // 2
        return pictures[..., :C], pictures[..., C:]

    def _some(self, n: int) -> list[str]:
        return [self.examples[i % len(self.examples)] for i in range(n)]

    def pictures(self, draw: Fixed) -> dict[str, np.ndarray]:
        """A row for each of some captions; in the last stage also the small pictures."""
        texts = [text for text in self._some(ROWS) for _ in range(COLUMNS)]
        small, large = self.both(draw, texts)
        return {"samples": large, "small": small} if self.stage == 2 else {"samples": large}

    def answer(
        self,
        draw: Fixed,
        n: int,
        words: Mapping[str, str],
    ) -> tuple[np.ndarray, int | None]:
        """Of --text: a caption."""
        refuse_others(words, {"text": f'"{self.examples[0]}"'})
        if "text" not in words:
            return self.generate(draw, n), None
        return self.generate(draw, n, texts=[words["text"]] * n), None

    def readings(self, outcomes: Mapping[str, Outcome]) -> dict[str, Array]:
        """Those of the stage that the run is in."""
        pairs = ("D2", "G2"), ("D1", "G1"), ("text",)
        now = next(names for names in pairs if names[0] in outcomes)
        return super().readings({name: outcomes[name] for name in now if name in outcomes})

    def rivals(self) -> tuple[Rivals, ...]:
        return Rivals("D1", "G1", self.objective), Rivals("D2", "G2", self.objective)

    def probes(
        self,
        draw: Fixed,
        real: Mapping[str, Array],
        n: int,
    ) -> dict[str, Probe]:
        """Captions, noise and small pictures, with what the generators make of them for the Ds."""
        tokens = draw.device.asarray(self.vocabulary.tokens(self._some(n)))
        phi, z = self.built.encoded(tokens), draw.noise(n, self.z_dim)
        with self.built.G1.keeping_buffers(), self.built.G2.keeping_buffers():
            small, _ = self.built.G1.given(phi).forward(z)
            large, _ = self.built.G2.given(phi).forward(small)
        what = "small pictures", small
        probes: dict[str, Probe] = {"text": ("captions", tokens), "view": what, "D1": (*what, phi)}
        probes |= {"G1": ("noise", z, phi), "G2": (*what, phi), "D2": ("pictures", large, phi)}
        return probes


def augment(G: Any) -> Augment:
    """The layer of a generator that draws its conditions."""
    assert isinstance(G.embed, Augment)
    return G.embed
