"""CycleGAN: two domains without pairs, a generator in each direction, and the way back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import numpy as np

from minigan import kernels
from minigan.data import Dataset
from minigan.data.domains import domains, has_truth, held_out_pair
from minigan.data.held import rows, test_images
from minigan.device import Array, Device
from minigan.layers import Layer
from minigan.layers.layer import Grads
from minigan.losses import l1
from minigan.metrics.features import Extractor
from minigan.metrics.score import Score
from minigan.metrics.translations import translation_scores
from minigan.models.resnet import patchgan, translator
from minigan.objectives import Objective
from minigan.optim import Adam
from minigan.random import Streams
from minigan.systems.pool import Pool
from minigan.training import build
from minigan.training.config import Config
from minigan.training.draw import Draw, Fixed
from minigan.training.registry import About, Entry, Option
from minigan.training.steps import Outcome, generator_gradient, update_discriminator
from minigan.training.system import Player, Rivals, System, Turn, in_pieces

GENERATOR, G_WIDTH, D_WIDTH = {"B": "G_AB", "A": "G_BA"}, 16, 32  # channels at width 1
SHOWN = 20  # held-out images in a picture
HELD = 16  # held-out images of each side whose errors are on the log


class Weights(NamedTuple):
    """Of the losses of both generators, beside the objective's."""

    cycle_a: float = 5.0  # of A → B → A
    cycle_b: float = 5.0  # of B → A → B
    identity: float = 0.0


class CycleGAN(System):
    """Translate between domains A and B: there and back again must end where it began.

    Players     G_AB, G_BA, and D_A, D_B, each of which judges images of the domain in its name
    A step      one turn of both generators, then one of each discriminator, with the same images
                L = Σ both ways:  L_adv(D_B, AB(a)) + cycle |BA(AB(a)) - a| + identity |BA(a) - a|
    Data        A, B, and "held out A", "held out B", of which pictures and scores are made
    Source      Zhu et al. 2017, equations 1 to 3, section 7.1; LSGAN here has ½: cycle 5 is its 10.

    The discriminators are shown the generators' fakes of this step, exchanged with older ones
    (`Pool`). paired: image i of both held-out sets is the same, and errors to the truth are known.
    """

    data = ("A", "B", "held out A", "held out B")

    def __init__(
        self,
        networks: Mapping[str, Layer],
        objective: Objective,
        *,
        shapes: Mapping[str, tuple[int, ...]],
        weights: Weights | None = None,
        pool: int = 50,
        noise: float = 0.0,
        d_lr: float = 4e-4,
        g_lr: float = 4e-4,
        betas: tuple[float, float] = (0.5, 0.999),
        paired: bool = False,
    ) -> None:
        self.objective, self.paired, self.noise = objective, paired, noise
        self.sample_shape = shapes["B"]
        self.weights = weights or Weights()
        rates = {"G_AB": g_lr, "G_BA": g_lr, "D_A": d_lr, "D_B": d_lr}
        self.players = {
            name: Player(networks[name], Adam(networks[name].named_params(), lr, betas=betas))
            for name, lr in rates.items()
        }
        _, some = next(networks["G_AB"].named_params())
        self.pools = {side: Pool(pool, shapes[side], some) for side in ("A", "B")}
        self.made: dict[str, tuple[Array, Array]] = {}  # by side: real and fake images of this step
        self.held: dict[str, Dataset] = {}

    def turns(self, step: int, total: int) -> Sequence[Turn]:
        of_sides = [
            Turn(
                f"D_{side}",
                (f"D_{side}",),
                partial(self.d_turn, side),
                partial(int, self.pools[side].count),
            )
            for side in ("A", "B")
        ]
        return Turn("G_AB+G_BA", ("G_AB", "G_BA"), self.g_turn), *of_sides

    def g_turn(self, draw: Draw) -> Outcome:
        a, b = draw.batch("A"), draw.batch("B")
        grads: Grads = {"G_AB": {}, "G_BA": {}}
        noise = draw.rng("noise") if self.noise > 0 else None
        fake_b, there, scores_b = self.one_way("A", "B", a, grads, noise)
        fake_a, back, scores_a = self.one_way("B", "A", b, grads, noise)
        for name, own in grads.items():  # only now: the caches belong to the weights before
            self.players[name].optimizer.step(own)
        self.made = {"A": (a, fake_a), "B": (b, fake_b)}
        scores = {"fake_a": scores_a["fake"], "fake_b": scores_b["fake"]}
        return Outcome(there + back, scores, grads)

    def one_way(
        self, source: str, target: str, real: Array, grads: Grads, noise: Any = None
    ) -> tuple[Array, Array, dict[str, Array]]:
        """real → fake → real again: adds to the gradients of both generators.

        Returns the fake, the loss and D's scores."""
        names = GENERATOR[target], GENERATOR[source], f"D_{target}"
        there, back, D = (self.players[name].network for name in names)
        g_there, g_back = grads[names[0]], grads[names[1]]
        fake, c_there = there.forward(real)
        loss, d_fake, scores = generator_gradient(D, self.objective, fake)
        cycle = self.weights.cycle_a if source == "A" else self.weights.cycle_b
        if cycle > 0:
            seen = fake if noise is None else fake + self._noise(fake, noise)
            again, c_back = back.forward(seen)
            drift, d_again = l1(again, real)
            loss, way_back = loss + cycle * drift, back.backward(cycle * d_again, c_back, g_back)
            d_fake = d_fake + way_back
        there.backward(d_fake, c_there, g_there, need_dx=False)
        if self.weights.identity > 0:  # who makes images of `source` gets one, and should keep it
            same, c_same = back.forward(real)
            change, d_same = l1(same, real)
            loss = loss + self.weights.identity * change
            back.backward(self.weights.identity * d_same, c_same, g_back, need_dx=False)
        return fake, loss, scores

    def _noise(self, x: Array, rng: Any) -> Array:
        return self.noise / 127.5 * kernels.normal(x, x.shape, rng)

    def d_turn(self, side: str, draw: Draw) -> Outcome:
        D, (real, fake) = self.players[f"D_{side}"], self.made[side]
        shown = self.pools[side].exchange(fake, draw.rng(f"pool {side}"))
        return update_discriminator(D.network, self.objective, D.optimizer, real, shown)

    def saved(self) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for side, pool in self.pools.items():
            found |= {f"pool_{side}/{name}": array for name, array in pool.arrays().items()}
        return found

    def connect(self, draw: Draw) -> None:
        super().connect(draw)
        self.device = draw.device
        self.held = {side: draw.datasets[f"held out {side}"] for side in ("A", "B")}

    def translate(self, x: Array, to: str) -> Array:
        """Images x (N, H, W, C) of the other domain as images of the domain `to`, in [-1, 1]."""
        return self.players[GENERATOR[to]].network.forward(x, train=False)[0]

    def pixels(self, x: Array, *ways: str) -> np.ndarray:
        """x translated along `ways`, such as "B", "A" for there and back: uint8 pixels."""

        def forward(rows: Array) -> Array:
            for to in ways:
                rows = self.translate(rows, to)
            return rows

        return in_pieces(forward, x)

    def generate(
        self,
        draw: Fixed,
        n: int,
        *,
        progress: str | None = None,
        **asked: Any,
    ) -> np.ndarray:
        command = "minigan translate RUN picture.png --to B --out out.png"
        raise ValueError(f"cyclegan translates images: {command}")

    def pictures(self, draw: Fixed) -> dict[str, np.ndarray]:
        """Rows of held-out images: a, AB(a), BA(AB(a)), b, BA(b), AB(BA(b)); where it is known, the
        truth after each translation."""
        rows = []
        for side, to in (("A", "B"), ("B", "A")):
            images, chosen = self.held[side].images, np.arange(min(SHOWN, len(self.held[side])))
            x = self.device.asarray(self.held[side].batch(chosen))
            rows += [images[chosen], self.pixels(x, to)]
            rows += [self.held[to].images[chosen]] if self.paired else []
            rows.append(self.pixels(x, to, side))
        n = min(map(len, rows))
        return {"samples": np.stack([_in_colour(row[:n], rows) for row in rows])}

    def readings(self, outcomes: Mapping[str, Outcome]) -> dict[str, Array]:
        """Losses, scores, and errors of held-out images in grey levels: of the way back, and to the
        truth where it is known."""
        numbers = super().readings(outcomes)
        for side, to in (("A", "B"), ("B", "A")):
            rows = np.arange(min(HELD, len(self.held[side])))
            x = self.device.asarray(self.held[side].batch(rows))
            fake = self.translate(x, to)
            numbers[f"cycle_{side.lower()}"] = np.abs(self.translate(fake, side) - x).mean() * 127.5
            if self.paired:
                truth = self.device.asarray(self.held[to].batch(rows))
                numbers[f"error_{to.lower()}"] = np.abs(fake - truth).mean() * 127.5
        return numbers

    def rivals(self) -> tuple[Rivals, ...]:
        return Rivals("D_B", "G_AB", self.objective), Rivals("D_A", "G_BA", self.objective)

    def probes(
        self,
        draw: Fixed,
        real: Mapping[str, Array],
        n: int,
    ) -> dict[str, tuple[str, Array]]:
        a, b = real["A"][:n], real["B"][:n]
        images = {"G_AB": a, "G_BA": b, "D_A": a, "D_B": b}
        return {name: ("images", x) for name, x in images.items()}

    def scores(self, held: Mapping[str, Dataset], judge: Extractor | None = None) -> list[Score]:
        """What `minigan score` shows of the held-out images."""
        sides = {side: held[f"held out {side}"] for side in ("A", "B")}
        return translation_scores(self, sides, judge if self.paired else None)


def _in_colour(images: np.ndarray, rows: Sequence[np.ndarray]) -> np.ndarray:
    """Grey images with three channels, where others of the rows have three."""
    return np.repeat(images, max(row.shape[3] for row in rows) // images.shape[3], axis=3)


def _recipe(choices: Mapping[str, Any]) -> dict[str, Any]:
    """1,200 steps of 8 images of each side of a task."""
    numbers: dict[str, Any] = {
        "model": "",
        "objective": "lsgan",
        "d_lr": 4e-4,
        "g_lr": 4e-4,
        "betas": (0.5, 0.999),
    }
    numbers |= {"width": 1.0, "batch_size": 8, "decay": 0.5}
    if has_truth(choices.get("data", "mnist-10k:blueprint")):
        own = {} if "data" in choices else {"data": "mnist-10k:blueprint"}
        return numbers | own | {"epochs": 32 / 15}
    return numbers | {"epochs": 100.0, "options": {"downs": 2}}


def _datasets(config: Config) -> dict[str, Dataset]:
    options = config.options
    made = domains(
        config.data,
        options["data_b"],
        size=config.size,
        seed=config.seed,
        multiple=2 ** options["downs"],
        least=config.batch_size,
    )
    channels = [made[side].shape[2] for side in ("A", "B")]
    if options["identity"] > 0 and channels[0] != channels[1]:
        got = f"{channels[0]} and {channels[1]}"
        raise ValueError(f"--identity needs equal channels on both sides, got {got}")
    pool, least = options["pool"], config.batch_size
    if pool and pool < least:
        raise ValueError(f"--pool must be 0 or at least the batch size {least}, got {pool}")
    return made


def _held_out(config: Config, n: int) -> dict[str, Dataset]:
    """Both sides of test images where they are on this machine, else of what the run holds out."""
    base, _, task = config.data.rpartition(":")
    images = test_images(base, n) if has_truth(config.data) else None
    if images is not None:
        return held_out_pair(images, task, Streams(config.seed))
    made = _datasets(config)
    sides = {side: made[side] for side in ("held out A", "held out B")}
    return {side: rows(held, np.arange(min(n, len(held)))) for side, held in sides.items()}


def _build(config: Config, about: Mapping[str, About], on: Device) -> CycleGAN:
    options, streams, wide = config.options, Streams(config.seed), config.width or 1.0
    shapes = {side: tuple(about[side]["shape"]) for side in ("A", "B")}
    C, rng = {side: shape[2] for side, shape in shapes.items()}, streams("init")
    sizes = {
        "width": max(1, round(G_WIDTH * wide)),
        "downs": options["downs"],
        "blocks": options["blocks"],
    }
    networks: dict[str, Layer] = {
        "G_AB": translator(C["A"], C["B"], rng=rng, **sizes),
        "G_BA": translator(C["B"], C["A"], rng=rng, **sizes),
        "D_A": patchgan(C["A"], width=max(1, round(D_WIDTH * wide)), rng=rng),
        "D_B": patchgan(C["B"], width=max(1, round(D_WIDTH * wide)), rng=rng),
    }
    objective = build.objective_of(config, streams)
    if objective.output != "score" or objective.compares or objective.fakes > 1:
        needed = "cyclegan needs an objective with a score for every patch"
        raise ValueError(f"{needed}; {config.objective} has another form")
    objective.check(networks["D_A"], np.zeros((2, *shapes["A"]), np.float32))
    for network in networks.values():
        network.convert(on.asarray)
    objective.convert(on.asarray)
    cycle = {f"cycle_{side}": options[f"cycle_{side}"] for side in ("a", "b")}
    cycle = {name: options["cycle"] if weight < 0 else weight for name, weight in cycle.items()}
    return CycleGAN(
        networks,
        objective,
        shapes=shapes,
        weights=Weights(**cycle, identity=options["identity"]),
        pool=options["pool"],
        noise=options["noise"],
        d_lr=config.d_lr,
        g_lr=config.g_lr,
        betas=config.betas,
        paired=has_truth(config.data),
    )


ENTRY = Entry(
    about="translates between two domains without pairs: there and back again",
    recipe=_recipe,
    datasets=_datasets,
    build=_build,
    fields=("width", "objective", "hyper", "real_label"),
    held_out=_held_out,
    use="Translate other images: minigan translate {run} picture.png --to B --out out.png",
    options=(
        Option("data_b", None, "folder of the images of B, where --data is that of A"),
        Option("cycle", 5.0, "weight of both ways back"),
        Option("cycle_a", -1.0, "weight of A to B to A alone; negative: that of --cycle"),
        Option("cycle_b", -1.0, "weight of B to A to B alone; negative: that of --cycle"),
        Option("identity", 0.0, "weight of |BA(a) - a| and |AB(b) - b|"),
        Option("noise", 0.0, "grey levels of noise on what the ways back begin from"),
        Option("pool", 50, "generated images that are kept for each discriminator"),
        Option("downs", 1, "halvings inside the generators"),
        Option("blocks", 3, "residual blocks of the generators"),
    ),
)
