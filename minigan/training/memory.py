"""Too little memory on a GPU, told in words that help: the batch size, what is free, and what would fit."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from minigan.device import Device


@contextmanager
def explained(device: Device, batch_size: int, attempt: Callable[[int], object]) -> Iterator[None]:
    """Inside, a MemoryError of a GPU becomes one that says how far it is from enough.

    What would fit is measured: attempt(n) makes a step of n samples, for powers of two downwards, until one goes
    through. On the CPU memory belongs to the system: nothing is changed.
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
