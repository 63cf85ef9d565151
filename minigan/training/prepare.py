"""What some objectives do before the first step: train an autoencoder, measure a margin."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count, islice

from tqdm import tqdm

from minigan.data import Batches
from minigan.device import Array
from minigan.training.state import State

FIRST = 2**32  # part of step 0 from which the random numbers of the preparation are counted; no step has so many parts


def prepare(state: State, batches: Batches, *, quiet: bool = False) -> Iterator[None]:
    """Walk over the real batches as often as the objective asks for, with a progress bar; one `next` for each batch."""
    objective, whole = state.objective, int(batches.per_epoch)
    numbers = count()  # of the batches, over all walks

    def walk() -> Iterator[Array]:
        for i in islice(numbers, whole):
            state.streams.seek(0, FIRST + i)
            state.begin_turn(FIRST + i)
            yield state.device.asarray(batches(i))

    if objective.passes == 0:
        return
    work = objective.prepare(state.D, state.d_optimizer, walk)
    total = objective.passes * whole
    yield from tqdm(work, total=total, unit="batch", desc=f"{objective.name} prepares", leave=False, disable=quiet)
