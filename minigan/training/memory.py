"""Too little memory on a GPU, told in words that help: the batch size, what is free, and what would fit."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from minigan.data import Batches
from minigan.device import Device
from minigan.training.state import State
from minigan.training.steps import discriminator_step, generator_step


@contextmanager
def explained(device: Device, batch_size: int, attempt: Callable[[int], object]) -> Iterator[None]:
    """Inside, a MemoryError of a GPU becomes one that says how far it is from enough.

    What would fit is measured: attempt(n) makes a step of n samples, for powers of two downwards, until one goes
    through. That moves the weights, but the run is over. On the CPU memory belongs to the system: nothing is changed.
    """
    try:
        yield
    except MemoryError as error:
        if device.kind == "cpu":
            raise
        traceback.clear_frames(error.__traceback__)  # they hold the arrays of the step that failed
        free, total = device.release()
        room = f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB are free beside what the run keeps"
        raise MemoryError(
            f"{device} has too little memory for a step of --batch-size {batch_size}: {room}. "
            f"{_advice(device, batch_size, attempt)}"
        ) from error


def _advice(device: Device, batch_size: int, attempt: Callable[[int], object]) -> str:
    n = 1 << (batch_size - 1).bit_length() >> 1  # the largest power of two below
    while n >= 2:  # a batch of one has no variance
        try:
            attempt(n)
            return f"A step of {n} samples fits: --batch-size {n}"
        except MemoryError as error:
            traceback.clear_frames(error.__traceback__)
        device.release()
        n //= 2
    return "Not even 2 samples fit: take a smaller --width, or --device cpu"


def attempt(state: State, batches: Batches, n: int) -> None:
    """One step of both players on n samples, n at most a batch; it does not matter which."""
    rng = state.streams.at("memory", 0)
    real = state.device.asarray(batches(0)[:n])
    z = state.noise(n * state.objective.fakes, rng)
    game = state.objective
    if game.trains_d:
        discriminator_step(state.D, state.G, game, state.d_optimizer, real, z)
    if game.compares:
        game = game.facing(state.D.forward(real)[0])
    generator_step(state.D, state.G, game, state.g_optimizer, z)
