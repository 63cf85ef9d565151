"""Too little memory: what batch would fit, and, on a GPU, what is free, told in words that help."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from minigan.device import Device

SMALLEST = 2  # samples of a batch: batch norm needs a variance


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
    below = 1 << (batch_size - 1).bit_length() >> 1  # the largest power of two
    n = fitting(below, attempt, device.release)
    if n is None:
        return "Not even 2 samples fit: take a smaller --width, or --device cpu"
    return f"A step of {n} samples fits: --batch-size {n}"


def fitting(most: int, attempt: Callable[[int], object], release: Callable[[], object] = lambda: None) -> int | None:
    """The largest of `most`, its half, its quarter, ... for which attempt(n) finds enough memory; None if none does.

    release() is called between two attempts.
    """
    n = most
    while n >= SMALLEST:
        try:
            attempt(n)
            return n
        except MemoryError as error:
            traceback.clear_frames(error.__traceback__)
        except (ValueError, ArithmeticError):  # a game that cannot be played with so few samples
            return None
        release()
        n //= 2
    return None
