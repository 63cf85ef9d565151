"""StyleGAN: a generator whose every layer is controlled by a style."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from minigan import data, kernels
from minigan.data import Dataset
from minigan.device import Array, Device
from minigan.layers import Layer, Network, Noise, accumulate
from minigan.layers.layer import Grads
from minigan.layers.noise import MODES
from minigan.layers.synthesis import STYLES
from minigan.models.stylegan import (
    StyleGenerator,
    generator,
    levels,
    plain_discriminator,
    residual_discriminator,
)
from minigan.objectives import Objective
from minigan.penalties import EPS
from minigan.random import Streams
from minigan.systems.gan import GAN
from minigan.training.config import Config
from minigan.training.draw import Draw, Fixed
from minigan.training.registry import About, Entry, Option
from minigan.training.steps import Outcome, generator_gradient
from minigan.training.system import Turn, in_pieces

EVERY = 4  # steps of G between two of its penalties
MOMENTUM = 0.01  # of the mean path length
SPREAD = 64  # generated images whose standard deviation is on the log
GROUP = 16  # samples that D compares, without --paper
LIMIT = 2.0  # of psi; styles further out were never seen in training


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
    Source      Karras et al. 2018 (StyleGAN); Karras et al. 2020 (StyleGAN2), sections 2 and 3. Half
                a batch there is a whole one here.
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
            raise ValueError(
                f"stylegan needs an objective whose D gives a score, such as {known}; got {objective.name}"
            )
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
        y = kernels.normal(fake, fake.shape, draw.rng("path")) / math.sqrt(math.prod(fake.shape[1:3]))
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
        _, dws, own = synthesis.double_backward(2 * weight / (N * L) * off / r * g, trace, caches)
        accumulate(grads, {str(int(i) + at): grad for i, grad in own.items()})
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
        """n samples with truncation psi of the first `cutoff` layers, and noise as of `Noise.mode`."""
        z, G = draw.noise(n, self.z_dim), self.drawing
        with Consulted(G, noise, draw.generator):
            size = n if noise == "random" else 256  # threads would draw in any order
            return in_pieces(
                lambda rows: G.image(truncated(G, G.map(rows), psi, cutoff)), z, size=size, progress=progress
            )

    def answer(self, draw: Fixed, n: int, words: Mapping[str, str]) -> tuple[np.ndarray, int | None]:
        """As in System; words are truncation (psi), cutoff and noise."""
        unknown = words.keys() - {"truncation", "cutoff", "noise"}
        if unknown:
            have = "--truncation 0.7, --cutoff 3, --noise random"
            raise ValueError(f"stylegan takes no --{', --'.join(sorted(unknown))}; it takes {have}")
        asked: dict[str, Any] = {}
        if "truncation" in words:
            asked["psi"] = psi_of(words["truncation"])
        if "cutoff" in words:
            asked["cutoff"] = cutoff_of(words["cutoff"], self.drawing.L)
        if "noise" in words:
            asked["noise"] = words["noise"]
        return self.generate(draw, n, **asked), None


class Consulted:
    """Inside the `with` block a generator's noise is "fixed", "random" (from `rng`) or "none"."""

    def __init__(self, G: StyleGenerator, mode: str, rng: np.random.Generator | None = None) -> None:
        if mode not in MODES:
            raise ValueError(f"noise must be one of {', '.join(MODES)}, got {mode!r}")
        self.layers = [layer for layer in G.walk() if isinstance(layer, Noise)]
        self.mode, self.rng = mode, rng

    def __enter__(self) -> None:
        self.before = [(layer.mode, layer.rng) for layer in self.layers]
        for layer in self.layers:
            layer.mode, layer.rng = self.mode, self.rng or layer.rng

    def __exit__(self, *error: object) -> None:
        for layer, (mode, rng) in zip(self.layers, self.before, strict=True):
            layer.mode, layer.rng = mode, rng


def truncated(G: StyleGenerator, w: Array, psi: float, cutoff: int | None = None) -> Array:
    """ws (N, L, w_dim): mean + psi (w - mean) for the layers before `cutoff` (None: all), w for the others."""
    ws = np.repeat(w[:, np.newaxis], G.L, axis=1)
    if psi != 1:
        mean = G.styles.mean
        ws[:, :cutoff] = (mean + psi * (w - mean))[:, np.newaxis]
    return ws


def psi_of(text: str) -> float:
    """The number psi that a command asks for; ValueError where it is none, or out of range."""
    try:
        psi = float(text)
    except ValueError:
        psi = math.nan
    if not -LIMIT <= psi <= LIMIT:  # a NaN is not, either
        raise ValueError(
            f"truncation (psi) must be a number from {-LIMIT:g} to {LIMIT:g}, got {text}; "
            "styles further out were never seen in training"
        )
    return psi


def cutoff_of(text: str, L: int) -> int:
    """The number of layers that are truncated; ValueError where it is none."""
    if not text.isdigit() or not 1 <= int(text) <= L:
        raise ValueError(f"cutoff must be a whole number from 1 to {L}, the layers of this run, got {text}")
    return int(text)


def _build(config: Config, about: Mapping[str, About], on: Device) -> StyleGAN:
    from minigan.training.build import objective_of, optimizer_of  # here: build imports the systems

    options, shape = config.options, tuple(about["real"]["shape"])
    streams = Streams(config.seed)
    objective = objective_of(config, streams)
    width = 1.0 if config.width is None else config.width
    rng, plain = streams("init"), options["discriminator"] == "plain"
    G = generator(
        rng,
        sample_shape=shape,
        z_dim=config.z_dim or 64,
        tanh=plain,
        width=width,
        **{name: options[name] for name in ("w_dim", "depth", "lr_mul", "style", "first", "mixing", "skip")},
    )
    if plain:
        D = plain_discriminator(rng, sample_shape=shape, width=width, kind=_norm(config, objective))
    else:
        D = residual_discriminator(rng, sample_shape=shape, width=width, group=_group(config))
    for part in (G, D, objective):
        part.convert(on.asarray)
    return StyleGAN(
        G,
        D,
        objective,
        path_length=options["path_length"],
        g_optimizer=optimizer_of(config, G.named_params(), config.g_lr),
        d_optimizer=optimizer_of(config, D.named_params(), config.d_lr),
        n_critic=config.n_critic,
        same_noise=config.same_noise,
        average=config.average,
        sample_shape=shape,
    )


def _norm(config: Config, objective: Objective) -> str | None:
    """The norm that suits a plain D: batch norm is forbidden under a penalty per sample."""
    suited = objective.critic_norm
    return "layer" if config.penalty is not None and suited == "batch" else suited


def _group(config: Config) -> int:
    """The size of D's groups; ValueError where batches are not made of whole ones."""
    group: int = config.options["group"]
    if group < 0 or (group > 0 and config.batch_size % group):
        raise ValueError(
            f"MinibatchStd compares groups of {group}: the batch size must be a multiple of it, "
            f"got {config.batch_size} (--group 0: no groups)"
        )
    return group


def _datasets(config: Config) -> dict[str, Dataset]:
    dataset = data.load(config.data, size=config.size, rng=Streams(config.seed)("data"))
    levels(dataset.images.shape[1:])
    return {"real": dataset}


def _recipe(choices: Mapping[str, Any]) -> dict[str, Any]:
    """What learns digits within minutes; D has batch norm, and no penalty."""
    return {
        "model": "",
        "width": 1.0,
        "z_dim": 64,
        "batch_size": 64,
        "g_lr": 3e-3,
        "d_lr": 1e-3,
        "betas": (0.5, 0.999),
        "decay": 0.5,
        "average": 0.998,
        "epochs": 20.0,
        "real_label": 0.9 if choices.get("objective", "nonsaturating") == "nonsaturating" else None,
    }


def _papers(choices: Mapping[str, Any]) -> dict[str, Any]:
    """The papers' numbers, for long runs on a GPU."""
    return {
        "model": "",
        "objective": "r1",
        "hyper": {"gamma": 0.05, "every": 16},
        "width": 4.0,
        "z_dim": 512,
        "batch_size": 32,
        "g_lr": 2.5e-3,
        "d_lr": 2.5e-3,
        "betas": (0.0, 0.99),
        "average": 0.998,
        "epochs": 100.0,
        "options": {
            "w_dim": 512,
            "depth": 8,
            "lr_mul": 0.01,
            "first": "constant",
            "mixing": 0.9,
            "discriminator": "residual",
            "group": 4,
            "path_length": 2.0,
        },
    }


ENTRY = Entry(
    about="a generator whose every layer is controlled by a style",
    recipe=_recipe,
    datasets=_datasets,
    build=_build,
    fields=(
        *("width", "z_dim", "objective", "hyper", "real_label", "penalty", "penalty_weight"),
        *("n_critic", "same_noise", "average", "paper"),
    ),
    options=(
        Option("style", "demod", "how a style scales the channels", STYLES),
        Option("first", "w", "the first map: computed from w, or a learned constant", ("w", "constant")),
        Option("w_dim", 64, "numbers of a style"),
        Option("depth", 2, "layers of the mapping"),
        Option("lr_mul", 0.5, "learning rate of the mapping, relative to the others"),
        Option("mixing", 0.0, "how often two styles are mixed in training"),
        Option("skip", True, "the image is the sum of an image of every size"),
        Option("discriminator", "plain", "batch norm, or residual blocks", ("plain", "residual")),
        Option("group", GROUP, "samples that a residual D compares; 0: none"),
        Option("path_length", 0.0, "weight of the penalty on path lengths"),
    ),
    paper=_papers,
)
