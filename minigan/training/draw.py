"""Draw: what a turn gets from outside: batches of data, noise, random generators.

Every number is a function of (seed, step, turn, name), so that a run which is killed and resumed draws what it would
have drawn. On a GPU the data set lies in its memory as it is (uint8), and counters beside it say how far the run is: a
recorded turn advances them itself, and draws anew whenever it is replayed. Its numbers are others than the CPU's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import count, islice

import numpy as np

from minigan import kernels
from minigan.data import Batches, Dataset
from minigan.device import Array, Device
from minigan.random import Counter, Random, Streams

# Part of step 0 from which the draws of a preparation are counted; no step has so many turns.
PREPARATION = 2**32


class Draw:
    """Draws for the turns of a run, on the CPU.

    seen    batches that were drawn so far, by the name of the data set
    """

    def __init__(self, datasets: Mapping[str, Dataset], batch_size: int, seed: int, device: Device) -> None:
        self.datasets, self.batch_size, self.device = dict(datasets), batch_size, device
        self.streams = Streams(seed)
        self.seen = dict.fromkeys(datasets, 0)
        # The first data set is shuffled by the stream "order", as the only one of a GAN always was.
        streams = ["order", *(f"order {name}" for name in list(datasets)[1:])]
        self._batches = {
            name: Batches(dataset, batch_size, seed, stream)
            for (name, dataset), stream in zip(datasets.items(), streams, strict=True)
        }
        self._numbers = count()  # of the batches of a preparation
        self.last_noise: Array | None = None  # of this step

    def batch(self, name: str = "real") -> Array:
        """The next batch of a data set as networks take it, float32 (B, ...)."""
        self._dataset(name)
        return self._next(name)[0]

    def labelled(self, name: str = "real") -> tuple[Array, Array]:
        """The next batch with its labels, int64 (B,); ValueError where the data set has none."""
        if self._dataset(name).labels is None:
            raise ValueError(f"{self._dataset(name).name} has no labels: a conditional system needs labelled data")
        return self._next(name)

    def numbered(self, name: str = "real") -> tuple[Array, Array]:
        """The next batch with the numbers of its samples in the data set, int64 (B,): to look up what belongs to them,
        such as captions."""
        self._dataset(name)
        rows = self._rows(name)
        return self._next(name)[0], rows

    def noise(self, n: int, size: int, *, again: bool = False) -> Array:
        """z ~ N(0, I), float32 (n, size). `again`: the same array as the turn before drew in this step, if one did."""
        if not again or self.last_noise is None:
            self.last_noise = self._draw_noise(n, size)
        return self.last_noise

    def labels(self, n: int, classes: int, name: str = "labels") -> Array:
        """n labels, int64 in [0, classes), all equally likely."""
        return self.streams(name).integers(classes, size=n)

    def rng(self, name: str) -> Random:
        """The generator of this name; at the beginning of every turn it starts anew."""
        return self.streams(name)

    def passes(self, n: int, name: str = "real") -> Iterator[Array]:
        """The batches of n passes over a data set, for preparations before the first step; they do not count."""
        for i in islice(self._numbers, n * int(self.per_epoch(name))):
            self._begin_preparation(i)
            yield self.device.asarray(self._batches[name](i))

    def per_epoch(self, name: str = "real") -> float:
        """Batches per pass over a data set, in general not a whole number."""
        self._dataset(name)
        return self._batches[name].per_epoch

    def at(self, name: str, step: int) -> Fixed:
        """Draws that belong to no turn, such as those for pictures: always the same for one name and step."""
        return Fixed(self.streams.at(name, step), self.device)

    def begin(self, step: int, part: int) -> None:
        """A turn begins; the trainer calls this."""
        self.streams.seek(step, part)

    def begin_step(self) -> None:
        """A step begins; the trainer calls this."""
        self.last_noise = None

    def seek(self, turns: int) -> None:
        """Continue after so many turns, and after `seen` batches; the trainer calls this when it starts."""

    def _dataset(self, name: str) -> Dataset:
        if name not in self.datasets:
            raise ValueError(f"there is no data set {name!r} in this run; it has {', '.join(self.datasets)}")
        return self.datasets[name]

    def _next(self, name: str) -> tuple[Array, Array]:
        """The next batch and its labels, None where there are none."""
        dataset, rows = self.datasets[name], self._batches[name].indices(self.seen[name])
        self.seen[name] += 1
        labels = None if dataset.labels is None else dataset.labels[rows].astype(np.int64)
        return self.device.asarray(dataset.batch(rows)), labels

    def _rows(self, name: str) -> Array:
        """The numbers of the samples of the next batch."""
        return self.device.asarray(self._batches[name].indices(self.seen[name]).astype(np.int64))

    def _draw_noise(self, n: int, size: int) -> Array:
        return self.device.asarray(self.streams("noise").standard_normal((n, size), dtype=np.float32))

    def _begin_preparation(self, i: int) -> None:
        self.streams.seek(0, PREPARATION + i)


class DeviceDraw(Draw):
    """The same on a GPU."""

    def __init__(self, datasets: Mapping[str, Dataset], batch_size: int, seed: int, device: Device) -> None:
        super().__init__(datasets, batch_size, seed, device)
        self._turn = device.asarray(np.zeros(1, np.uint64))
        self._counters: dict[str, Counter] = {}
        self._samples = {name: device.asarray(dataset.images) for name, dataset in datasets.items()}
        labels = {name: dataset.labels for name, dataset in datasets.items()}
        self._labels = {name: None if y is None else device.asarray(y.astype(np.int64)) for name, y in labels.items()}
        self._seen = {name: device.asarray(np.zeros(1, np.uint64)) for name in datasets}
        streams = ["order", *(f"order {name}" for name in list(datasets)[1:])]
        self._order = {
            name: self.streams.counter(stream, self._seen[name]) for name, stream in zip(datasets, streams, strict=True)
        }

    def _next(self, name: str) -> tuple[Array, Array]:
        self.seen[name] += 1
        samples, labels, rows = self._samples[name], self._labels[name], self._rows(name)
        kernels.tick(self._seen[name])
        return kernels.take(samples, rows), None if labels is None else labels[rows]

    def _rows(self, name: str) -> Array:
        seen = self._seen[name]
        rows = np.empty_like(seen, shape=(self.batch_size,), dtype=np.int32)
        kernels.draw_rows(rows, len(self._samples[name]), self._order[name].key, seen)
        return rows

    def labels(self, n: int, classes: int, name: str = "labels") -> Array:
        u = kernels.uniform(np.empty_like(self._turn, shape=(), dtype=np.float32), (n,), self.rng(name))
        return (u * classes).astype(np.int64)

    def rng(self, name: str) -> Counter:
        if name not in self._counters:
            self._counters[name] = self.streams.counter(name, self._turn)
        return self._counters[name]

    def begin(self, step: int, part: int) -> None:
        super().begin(step, part)
        kernels.tick(self._turn)
        self._begin_draws()

    def seek(self, turns: int) -> None:
        self._turn.fill(turns)
        for name, seen in self.seen.items():
            self._seen[name].fill(seen)
        self._begin_draws()

    def _begin_draws(self) -> None:
        for counter in self._counters.values():
            counter.begin()

    def _draw_noise(self, n: int, size: int) -> Array:
        counter = self.rng("noise")
        z = np.empty_like(self._turn, shape=(n, size), dtype=np.float32)
        kernels.draw_normal(z, counter.key, counter.step, counter.part())
        return z

    def _begin_preparation(self, i: int) -> None:
        super()._begin_preparation(i)
        self._turn.fill(PREPARATION + i)
        self._begin_draws()


class Fixed:
    """Draws from one generator, for samples outside of the steps: on the host, so that every device gets the same."""

    def __init__(self, generator: np.random.Generator, device: Device) -> None:
        self.generator, self.device = generator, device

    def noise(self, n: int, size: int) -> Array:
        """z ~ N(0, I), float32 (n, size)."""
        return self.device.asarray(self.generator.standard_normal((n, size), dtype=np.float32))
