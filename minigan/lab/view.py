"""View: what is to be seen of a session, as arrays and numbers. It changes nothing that the training depends on.

It draws from a generator of its own and runs networks in evaluation mode, or keeps their buffers: a session that is
watched ends with the same weights as one that is not, to the last bit.
"""

from __future__ import annotations

import warnings
from statistics import median
from typing import Any

import numpy as np
from scipy.special import ndtri

from minigan.data import Mixture
from minigan.device import Array
from minigan.lab import distances
from minigan.lab.plane import Plane
from minigan.lab.sources import cells_of, window_of
from minigan.lab.words import units
from minigan.metrics import NonFiniteSamples, Statistics, frechet_distance
from minigan.objectives.objective import sigmoid
from minigan.optim import flatten
from minigan.training.steps import generator_gradient

COARSE, FINE = 40, 100  # places of D's lattice along a side: while it trains, at rest
SHEET, SHOWN, REAL, PULLS, BATCH = 21, 1000, 500, 60, 240
CHUNK = 500  # places at a time: their activations fit the cache; all at once take four times as long
USUAL = 50  # steps whose median pull is what is usual in a session
LONGEST = 3.0  # times the usual length
PAST = 20  # pictures through which one can follow a point
PROVES = ("minimax", "nonsaturating", "dragan", "r1", "fgan-gan")  # D's loss is that of 2014: it bounds JS


class View:
    """The arrays and numbers of pictures of one session; what is fixed for all of them is computed once."""

    def __init__(self, plane: Plane) -> None:
        self.plane, self.window = plane, window_of(plane.source)
        rng = np.random.default_rng(0)  # not the run's: it draws the same whether it is watched or not
        z_dim = plane.system.z_dim
        self.z = rng.standard_normal((distances.POINTS, z_dim), dtype=np.float32)
        side = ndtri((np.arange(SHEET) + 0.5) / SHEET).astype(np.float32)  # between two lines the same probability
        self.sheet_z = np.zeros((SHEET if z_dim == 1 else SHEET * SHEET, z_dim), np.float32)
        self.sheet_z[:, : min(z_dim, 2)] = (
            side[:, np.newaxis] if z_dim == 1 else np.stack(np.meshgrid(side, side), axis=-1).reshape(-1, 2)
        )
        self.real = plane.dataset.images[: distances.POINTS]
        self.p = cells_of(plane.source, self.window)
        self.floor = distances.floor(self.p, rng)
        self.statistics = Statistics.of(self.real)
        self._pulls: list[float] = []  # medians of the first steps
        self._reach: list[float] = []  # of the last pictures' scores
        self._measured: dict[str, Any] = {}
        self._past: list[np.ndarray] = []  # the generated points of the last pictures

    def learn(self) -> None:
        """After a step: what pull is usual in this session is the median of some of the first steps."""
        if self.plane.step <= USUAL and self.plane.step % 5 == 0:
            self._pulls.append(self._median(self.pull_at(self._fake(SHOWN))[1]))

    def frame(self, *, fine: bool, measure: bool) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """Numbers and arrays of a picture. `fine`: more places, and the best D; `measure`: distances anew."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            fake = self._fake(SHOWN)
            self._past = [*self._past[1 - PAST :], fake]
            arrays = {"fake": fake, "sheet": self._sheet(), "curve": self.plane.curve.array()}
            numbers = self._state()
            if self.plane.has_opinion:
                arrays["heat"] = self.heat(FINE if fine else COARSE)
                numbers["heat"] = self.scale(arrays["heat"], fake)
            arrays["pull"], numbers["pull"] = self._arrows(fake)
            if measure or not self._measured:
                self._measured = self._measure()
            if fine and self.plane.objective.logit:
                arrays["best"] = self.best()
        return numbers | self._measured, arrays

    def heat(self, n: int) -> np.ndarray:
        """D's answer at n x n places, row 0 on top: a probability, a score or an energy."""
        side = np.linspace(-self.window, self.window, n, dtype=np.float32)
        places = np.stack(np.meshgrid(side, side[::-1]), axis=-1).reshape(-1, 2)
        return self._opinion(places).reshape(n, n)

    def scale(self, heat: np.ndarray, fake: np.ndarray) -> dict[str, Any]:
        """How the lattice is to be coloured: which value is undecided, how far from it the colours reach, and in which
        direction real samples lie. Probabilities have a fixed scale; that of scores follows slowly."""
        objective = self.plane.objective
        if objective.logit:
            return {"kind": "probability", "middle": 0.5, "reach": 0.5, "real": 1}
        middle = (float(self._opinion(self.real[:REAL]).mean()) + float(self._opinion(fake).mean())) / 2
        self._reach = [*self._reach[-9:], float(np.abs(heat - middle).max())]
        energy = objective.output == "autoencoder"
        reach = max(float(np.mean(self._reach)), 1e-6)
        return {"kind": "energy" if energy else "score", "middle": middle, "reach": reach, "real": -1 if energy else 1}

    def best(self) -> np.ndarray:
        """p / (p + q): what the best D would answer, q from generated points; both blurred by one cell."""
        n, width = FINE, 2 * self.window / FINE
        q = distances.histogram(self._fake(distances.POINTS), self.window, n)[:-1].reshape(n, n)
        source = self.plane.source
        if isinstance(source, Mixture):
            p = distances.mixture_cells(source, self.window, n)[:-1].reshape(n, n)
        else:
            p = distances.histogram(self.plane.dataset.images, self.window, n)[:-1].reshape(n, n)
        p, q = (distances.smoothed(share, 0.15 / width) + 1e-7 for share in (p, q))
        return (p / (p + q)).T[::-1].copy()  # rows from the top

    def pull_at(self, fake: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Some generated points, and the pull on each."""
        some = fake[spread(fake, PULLS)]
        return some, self._pull(some, fake)

    def _pull(self, some: np.ndarray, fake: np.ndarray) -> np.ndarray:
        """Minus the gradient of G's loss at some points, times their number: what a G step sends into G, for a batch of
        BATCH points, which others complete."""
        objective = self.plane.objective
        batch = np.concatenate([some, fake[: BATCH - len(some)]])
        real = self.real[: BATCH // objective.fakes] if objective.compares else None
        _, gradient, _ = generator_gradient(self.plane.D, objective, batch, real)
        return -BATCH * gradient[: len(some)]

    def point_at(self, x: float, y: float) -> dict[str, Any]:
        """D's answer at a place; and of the generated point next to it its noise, the pull on it, and its way through
        the last pictures."""
        place = np.array([[x, y]], np.float32)
        answer: dict[str, Any] = {
            "x": x,
            "y": y,
            "opinion": float(self._opinion(place)[0]) if self.plane.has_opinion else None,
        }
        fake = self._fake(SHOWN)
        away = np.hypot(*(fake - place).T)
        near = int(away.argmin())
        if away[near] < 0.04 * self.window:
            pull = self._pull(fake[near : near + 1], fake)[0]
            way = [points[near].tolist() for points in self._past]
            answer |= {"z": self.z[near].tolist(), "pull": float(np.hypot(*pull)), "way": way}
        return answer

    def _opinion(self, places: np.ndarray) -> np.ndarray:
        plane = self.plane
        parts = [plane.D.forward(places[i : i + CHUNK], train=False)[0] for i in range(0, len(places), CHUNK)]
        return plane.objective.shown(np.concatenate(parts))[:, 0].astype(np.float32)

    def _fake(self, n: int) -> np.ndarray:
        return self.plane.G.forward(self.z[:n], train=False)[0]

    def _sheet(self) -> np.ndarray:
        points = self.plane.G.forward(self.sheet_z, train=False)[0]
        return points.reshape(-1, SHEET, 2) if len(points) > SHEET else points

    def _arrows(self, fake: Array) -> tuple[np.ndarray, dict[str, float]]:
        """Arrows as (x, y, dx, dy), and the median pull. The root of a pull over the usual one is its length: a scale
        per picture would show a pull that vanishes like any other."""
        some, pull = self.pull_at(fake)
        size = np.hypot(*pull.T)
        now = self._median(pull)
        usual = max(median(self._pulls) if self._pulls else now, 1e-12)
        length = 0.055 * self.window * np.minimum(np.sqrt(size / usual), LONGEST)
        arrows = pull / np.maximum(size, 1e-30)[:, np.newaxis] * length[:, np.newaxis]
        return np.concatenate([some, arrows], axis=1).astype(np.float32), {"median": now, "usual": usual}

    @staticmethod
    def _median(pull: np.ndarray) -> float:
        size = np.hypot(*pull.T)
        return float(np.median(size[np.isfinite(size)])) if np.isfinite(size).any() else 0.0

    def _state(self) -> dict[str, Any]:
        plane = self.plane
        layers = []
        for name, outcome in plane.outcomes.items():
            grads = flatten(outcome.grads)
            layers += [[f"{name} {key}", float(np.sqrt((g * g).mean()))] for key, g in grads.items() if g.ndim > 1]
        entries = [(point["step"], entry) for point in plane.points for entry in point.get("health", [])]
        health = [{"step": step, **entry} for step, entry in entries[-20:]]
        active = [sentence for _, monitor in plane.health.monitors for sentence in monitor.active.values()]
        vitals = [point["vitals"] for point in plane.points[-1:]]
        probed = [point["vitals"] for point in plane.points if "probed" in point["vitals"]][-1:]
        state = {"step": plane.step, "part": plane.part, "readings": plane.readings(), "layers": layers}
        state["units"] = units(vitals[-1] if vitals else {}, probed[-1] if probed else {})
        return state | {"health": health, "active": active, "settings": plane.settings, "failed": plane.failed}

    def _measure(self) -> dict[str, Any]:
        """Distances between all generated points and the data."""
        fake, plane = self._fake(distances.POINTS), self.plane
        if not np.isfinite(fake).all():
            return {"js": None, "kl": None, "floor": self.floor, "frechet": None, "reach": None}
        q = distances.histogram(fake, self.window)
        measured: dict[str, Any] = {"js": distances.js(self.p, q), "kl": distances.kl(self.p, q), "floor": self.floor}
        measured["frechet"] = _frechet(self.statistics, fake)
        if isinstance(plane.source, Mixture):
            covered = plane.source.coverage(fake[:2500])
            measured["reach"] = {"found": covered.modes_fair, "of": covered.modes, "good": covered.high_quality}
        else:
            good, share = plane.source.reached(fake)
            measured["reach"] = {"share": share, "good": good}
        if plane.config.objective in PROVES and plane.objective.logit:
            a, b = (plane.D.forward(points, train=False)[0] for points in (self.real, fake))
            loss = -np.log(np.maximum(sigmoid(a), 1e-30)).mean() - np.log(np.maximum(sigmoid(-b), 1e-30)).mean()
            measured["js_by_loss"] = max(0.0, distances.js_by_loss(float(loss)))
        return measured


def _frechet(real: Statistics, fake: np.ndarray) -> float | None:
    """The Fréchet distance of points; None where their covariance has no usable root."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # a G that has collapsed has a singular covariance
            return float(frechet_distance(real, Statistics.of(fake)).value)
    except (ArithmeticError, NonFiniteSamples):
        return None


def spread(points: Array, n: int) -> list[int]:
    """n rows of points (N, 2) that are spread over all of them: each the one farthest from those before it."""
    chosen = [0]
    distances = ((points - points[0]) ** 2).sum(axis=1)
    for _ in range(n - 1):
        chosen.append(int(distances.argmax()))
        distances = np.minimum(distances, ((points - points[chosen[-1]]) ** 2).sum(axis=1))
    return chosen
