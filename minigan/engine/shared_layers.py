"""Forms for teams: layers that need more than their own rows of the batch, for one thread or process of a team.

Each is its page's layer for the rows of member `rank`, and exchanges values with the same layer of the other members.
All make the same calls in the same order. Parameters are the page's own arrays.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from minigan import kernels
from minigan.device import Array
from minigan.engine.copies import Memo
from minigan.engine.fuse import BatchNormReLU
from minigan.engine.mailboxes import Mailboxes
from minigan.engine.team import Exchange
from minigan.layers import (
    Augment,
    BatchNorm,
    ConditionalBatchNorm,
    Dropout,
    Layer,
    MinibatchStd,
    Noise,
    Partners,
    SpectralNorm,
    Styles,
)
from minigan.layers.layer import Cache, Grads, any_shape

T = TypeVar("T")


class _Shared:
    """A layer for one of several threads or processes."""

    exchange: Exchange | Mailboxes
    rank: int

    def __init__(self, page: Layer, exchange: Exchange | Mailboxes, rank: int, memo: Memo) -> None:
        """As `page`, whose arrays are copied, or shared where they are in `memo`."""
        vars(self).update(copy.deepcopy(vars(page), memo))
        self.exchange, self.rank = exchange, rank

    def gather(self, value: T) -> list[T]:
        return self.exchange.gather(self.rank, value)

    def from_the_first(self, make: Callable[[], Array]) -> Array:
        """The draw of the first thread, in every thread. Processes have the same generators: each draws for itself."""
        if self.exchange.forked:
            return make()
        (made, *_) = self.gather(make() if self.rank == 0 else None)
        assert made is not None
        return made

    def own_rows(self, x: Array, draw: Callable[[int], Array]) -> Array:
        """This thread's rows of what the first draws for n rows, those of all threads."""
        counts = self.gather(len(x))
        start = sum(counts[: self.rank])
        return self.from_the_first(lambda: draw(sum(counts)))[start : start + len(x)]


class SharedBatchNorm(_Shared, BatchNorm):
    """Batch norm with the moments and means of all threads' rows: the page's formulas, where sums run over the team.
    dweight and dbias are those of its own rows."""

    def _batch_moments(self, x: Array) -> tuple[Array, Array]:
        m = x.size // self.num_features
        parts = self.gather((m, *kernels.moments(x)))
        M = sum(m for m, _, _ in parts)
        self._refuse_one_value(M)
        mean = sum(m / M * mean for m, mean, _ in parts)
        var = sum(m / M * (var + (part - mean) ** 2) for m, part, var in parts)
        mean, var = mean.astype(x.dtype), var.astype(x.dtype)
        self._move_running(mean, var, M)
        return mean, var

    def _means(self, sums: Grads, x: Array) -> tuple[Array, Array]:
        M, a, b = self._totals(x, sums["bias"], sums["weight"])
        return a / M, b / M

    def _totals(self, x: Array, *sums: Array) -> list[Any]:
        """How many values per channel the team has, and the sums over the team."""
        parts = self.gather((x.size // self.num_features, *sums))
        return [sum(column[1:], column[0]) for column in zip(*parts, strict=True)]

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, Array | None, Grads]:
        x, mean, rstd, train = cache
        if not train:
            return super().double_backward(ddx, dy, cache)
        batch = tuple(range(x.ndim - 1))
        scale, x_hat = self.weight * rstd, (x - mean) * rstd

        def average(v: Array) -> Array:
            M, total = self._totals(x, v.sum(axis=batch))
            return total / M

        def P(v: Array) -> Array:
            return v - average(v) - x_hat * average(v * x_hat)

        of_rows = (ddx * P(dy)).sum(axis=batch)
        M, S = self._totals(x, of_rows)
        h = -scale * (ddx * average(dy * x_hat) + dy * average(ddx * x_hat))
        dx = rstd * P(h) - scale * rstd / M * x_hat * S
        return scale * P(ddx), dx, {"weight": rstd * of_rows}


class SharedBatchNormReLU(BatchNormReLU, SharedBatchNorm):
    """Both at once: what BatchNormReLU asks of batch norm is asked of the shared one."""

    def __init__(self, page: Layer, exchange: Exchange | Mailboxes, rank: int, memo: Memo) -> None:
        SharedBatchNorm.__init__(self, page, exchange, rank, memo)


class SharedConditionalBatchNorm(ConditionalBatchNorm, SharedBatchNorm):
    """The same of a conditional batch norm, whose page asks for means in one place."""

    def __init__(self, page: Layer, exchange: Exchange | Mailboxes, rank: int, memo: Memo) -> None:
        SharedBatchNorm.__init__(self, page, exchange, rank, memo)

    def _over_batch(self, x: Array, *sums: Array) -> list[Array]:
        M, *totals = self._totals(x, *sums)
        return [total / M for total in totals]


class SharedDropout(_Shared, Dropout):
    """Dropout with the mask that one thread would have drawn: the first draws it, for the rows of all."""

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        self.check(x, any_shape, "any shape")
        if not train or self.p == 0:
            return x, None
        counts = self.gather(len(x))
        start, whole = sum(counts[: self.rank]), np.empty_like(x, shape=(sum(counts), *x.shape[1:]))
        mask = self.from_the_first(lambda: kernels.dropout_mask(whole, self.p, self.rng))[start : start + len(x)]
        return mask * x, mask


class SharedAugment(_Shared, Augment):
    """Conditioning augmentation with the ε that one thread would have drawn: the first draws it, for the rows of
    all."""

    def _noise(self, x: Array) -> Array:
        counts = self.gather(len(x))
        start, shape = sum(counts[: self.rank]), (sum(counts), self.codes)
        return self.from_the_first(lambda: kernels.normal(x, shape, self.rng))[start : start + len(x)]


class SharedPartners(_Shared, Partners):
    """Partners as one thread would have drawn them."""

    def _noise(self, x: Array) -> Array:
        return self.own_rows(x, lambda n: kernels.normal(x, (n, x.shape[1]), self.rng))


class SharedStyles(_Shared, Styles):
    """Styles with the cuts that one thread would have drawn, and the mean of all threads' rows."""

    def _uniform(self, rows: Array) -> Array:
        return self.own_rows(rows, lambda n: kernels.uniform(rows, (n, 2), self.rng))

    def _move_mean(self, w: Array) -> None:
        parts = self.gather((len(w), w.mean(axis=0)))
        N = sum(n for n, _ in parts)
        mean = sum(n / N * mean for n, mean in parts).astype(w.dtype)
        self.mean += self.momentum * (mean - self.mean)


class SharedNoise(_Shared, Noise):
    """Noise as one thread would have drawn it."""

    def _pictures(self, x: Array) -> Array:
        return self.own_rows(x, lambda n: kernels.normal(x, (n, *x.shape[1:3], 1), self.rng))


class SharedMinibatchStd(_Shared, MinibatchStd):
    """The page's layer of the whole batch, in every thread: groups are not those of a thread's rows, and what comes in
    is small. Each thread returns its own rows."""

    def forward(self, x: Array, train: bool = True) -> tuple[Array, Cache]:
        parts = self.gather(x)
        start = sum(len(part) for part in parts[: self.rank])
        y, cache = super().forward(np.concatenate(parts), train)
        rows = slice(start, start + len(x))
        return y[rows], (cache, rows)

    def input_grad(self, dy: Array, cache: Cache) -> Array:
        inner, rows = cache
        return super().input_grad(np.concatenate(self.gather(dy)), inner)[rows]

    def double_backward(self, ddx: Array, dy: Array, cache: Cache) -> tuple[Array, Array, Grads]:
        inner, rows = cache
        ddxs, dys = zip(*self.gather((ddx, dy)), strict=True)
        ddy, dx, _ = super().double_backward(np.concatenate(ddxs), np.concatenate(dys), inner)
        return ddy[rows], dx[rows], {}


# Of layers that couple or draw, those that a team can share, by their exact class: a subclass may compute something
# else. None: an ordinary copy for each thread. SpectralNorm's iteration depends on the weights alone.
FORMS: dict[type[Layer], type[_Shared] | None] = {
    BatchNorm: SharedBatchNorm,
    BatchNormReLU: SharedBatchNormReLU,
    ConditionalBatchNorm: SharedConditionalBatchNorm,
    Dropout: SharedDropout,
    Augment: SharedAugment,
    Partners: SharedPartners,
    Styles: SharedStyles,
    Noise: SharedNoise,
    MinibatchStd: SharedMinibatchStd,
    SpectralNorm: None,
}


def without_form(network: Layer) -> list[Layer]:
    """The layers in a network for which a team cannot share the rows of a batch."""
    return [layer for layer in network.walk() if (layer.couples or layer.draws) and type(layer) not in FORMS]
