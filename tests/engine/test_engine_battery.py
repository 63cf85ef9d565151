"""Every form that the engine makes of a layer computes what the layer computes: all cases of the gradient check."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from engine_networks import close

from minigan import checks
from minigan.checks import LayerCase
from minigan.engine.choose import by_rows, on_one_thread
from minigan.engine.fuse import BatchNormReLU, fused
from minigan.engine.pair import OneBatch, SideBySide, couples
from minigan.engine.sharded import Sharded
from minigan.engine.split import split
from minigan.engine.team import Team
from minigan.layers import BatchNorm, Conv2d, Dropout, Flatten, Layer, LeakyReLU, Linear, Network, ReLU, SpectralNorm
from minigan.optim import flatten

ROWS = 9  # of a batch; no team divides them evenly
TOLERANCE = 1e-12  # of the largest number of an array, or of 1: a gradient that is zero is so up to rounding


def with_pairs(rng: np.random.Generator) -> Network:
    """Batch norms with activations after them, at two depths."""
    inner = Network(Conv2d(3, 4, 3, 1, 1, bias=False, rng=rng), BatchNorm(4), ReLU())
    row = Conv2d(2, 3, 3, 2, 1, rng=rng), BatchNorm(3), LeakyReLU(0.3), inner, Flatten()
    return Network(*row, Linear(24, 5, bias=False, rng=rng), BatchNorm(5), LeakyReLU(0.2), Linear(5, 1, rng=rng))


def normalised(rng: np.random.Generator) -> Network:
    """Spectral norm, whose iteration moves in training, between layers that a team shares."""
    row = SpectralNorm(Conv2d(2, 3, 3, 2, 1, rng=rng), rng=rng), LeakyReLU(0.2), Flatten()
    return Network(*row, SpectralNorm(Linear(18, 2, rng=rng), rng=rng))


def dropping(rng: np.random.Generator) -> Network:
    """Two masks in one pass."""
    return Network(Linear(6, 5, rng=rng), Dropout(0.3, rng=rng), LeakyReLU(), Dropout(0.4, rng=rng))


CASES = [
    *checks.layer_cases(),
    LayerCase(with_pairs, (3, 6, 4, 2), name="Networks with batch norms and activations"),
    LayerCase(with_pairs, (3, 6, 4, 2), train=False, name="Networks with batch norms and activations"),
    LayerCase(normalised, (3, 6, 4, 2), name="Network with spectral norm, in training"),
    LayerCase(dropping, (3, 6), name="Network with dropout"),
]


@pytest.fixture(scope="module")
def teams() -> Iterator[dict[int, Team]]:
    teams = {size: Team(size) for size in (2, 4)}
    yield teams
    for team in teams.values():
        team.close()


@pytest.fixture(params=CASES, ids=str)
def case(request: pytest.FixtureRequest) -> LayerCase:
    return request.param


FORMS: dict[str, Callable[[Layer, dict[int, Team]], Layer]] = {
    "one thread": lambda layer, teams: on_one_thread(fused(layer)),
    "two threads": lambda layer, teams: by_rows(fused(layer), teams[2]),
    "four threads": lambda layer, teams: by_rows(fused(layer), teams[4]),
    "two threads, products split": lambda layer, teams: on_one_thread(split(fused(layer), teams[2])),
}


@pytest.fixture(params=FORMS)
def form(request: pytest.FixtureRequest, teams: dict[int, Team]) -> Callable[[Layer], Layer]:
    return lambda layer: FORMS[request.param](layer, teams)


def rows_of(a: Any, seed: int) -> Any:
    """ROWS rows like those of a: labels among its labels, vectors at random."""
    if a is None or a.dtype.kind != "f":
        return a if a is None else np.resize(a, ROWS)
    return np.random.default_rng(seed).normal(size=(ROWS, *a.shape[1:]))


def like(y: np.ndarray, seed: int) -> np.ndarray:
    """Random numbers in the shape of y, which may have several rows for a sample."""
    return np.random.default_rng(seed).normal(size=y.shape)


class Asked:
    """A fresh layer of a case, or a form of it, at batches of ROWS rows."""

    def __init__(self, case: LayerCase, form: Callable[[Layer], Layer] = lambda layer: layer) -> None:
        self.case = dataclasses.replace(case)
        self.page = self.case.unbound
        self.form = form(self.page)
        self.x1, self.x2 = (rows_of(self.case.input(), seed) for seed in (1, 2))

    def bound(self, twice: bool = False, tangent: bool = False) -> Layer:
        """The form at its condition; `twice`: for two batches in one."""
        c, towards = rows_of(self.case.c, 3), rows_of(self.case.towards, 4) if tangent else None
        if c is None:
            return self.form
        return self.form.given(np.concatenate([c, c]) if twice else c, wanted=self.case.wanted, towards=towards)

    def buffers(self) -> dict[str, np.ndarray]:
        return {f"buffer {name}": buffer.copy() for name, buffer in self.page.named_buffers()}

    def single(self) -> dict[str, Any]:
        """All that the form computes for one batch, after another one has gone through it."""
        self.case.rewind()
        layer, train = self.bound(tangent=True), self.case.train
        layer.forward(self.x2, train)
        y, cache = layer.forward(self.x1, train)
        dy, ddx = like(y, 5), rows_of(self.x1, 6)
        grads: dict[str, Any] = {}
        results = {
            "y": y,
            "dx": layer.backward(dy, cache, grads),
            "grads": grads,
            "dx alone": layer.backward(dy, cache),
        }
        layer.backward(2 * dy, cache, grads, need_dx=False)
        results["dx traced"], trace = layer.traced_backward(dy, cache)
        for name, seen in (("", dy), (", traced", trace)):
            ddy, dx, more = layer.double_backward(ddx, seen, cache)
            results |= {f"ddy{name}": ddy, f"second grads{name}": more}
            results |= {} if dx is None else {f"second dx{name}": dx}
        return flatten(results) | self.buffers()

    def pair(self) -> dict[str, Any]:
        """Two batches in training mode, as D's update has them."""
        self.case.rewind()
        layer, grads = self.bound(), dict[str, Any]()
        y1, y2, caches = layer.forward_pair(self.x1, self.x2)
        layer.backward_pair(like(y1, 5), like(y2, 6), caches, grads)
        return flatten({"y1": y1, "y2": y2, "grads": grads}) | self.buffers()

    def joined(self) -> dict[str, Any]:
        """The same of the two as one batch: without layers that couple that is a pair, but for what is drawn."""
        self.case.rewind()
        y, cache = self.bound(twice=True).forward(np.concatenate([self.x1, self.x2]))
        y1, y2, grads = *np.split(y, 2), dict[str, Any]()
        dy = np.concatenate([like(y1, 5), like(y2, 6)])
        self.bound(twice=True).backward(dy, cache, grads, need_dx=False)
        return flatten({"y1": y1, "y2": y2, "grads": grads}) | self.buffers()


def test_each_form_computes_all_that_its_layer_computes(case: LayerCase, form: Callable[[Layer], Layer]) -> None:
    close(Asked(case, form).single(), Asked(case).single(), TOLERANCE, least=1)


def test_two_batches_at_once_are_two_passes(case: LayerCase, form: Callable[[Layer], Layer]) -> None:
    asked, plain = Asked(case, form), Asked(case)
    together = any(layer.draws for layer in plain.page.walk()) and isinstance(asked.form, OneBatch)
    close(asked.pair(), plain.joined() if together else plain.pair(), TOLERANCE, least=1)


def test_the_cases_reach_every_form(teams: dict[int, Team]) -> None:
    found, shared = set(), set()
    for case in CASES:
        form = by_rows(fused(Asked(case).page), teams[2])
        found.add(type(form))
        inner = form.network if isinstance(form, OneBatch) else form
        shared |= {type(layer) for layer in inner.walk()}
        assert isinstance(inner, Sharded), case
        assert isinstance(form, OneBatch) != couples(form), case
    assert found == {Sharded, SideBySide, OneBatch}
    assert {BatchNormReLU, SpectralNorm, Dropout} <= shared
