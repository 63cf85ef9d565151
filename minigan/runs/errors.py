"""Errors of the machine: full disks and missing memory, explained, and from where a run can continue."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from minigan.device import Device
from minigan.runs.folder import Run

SMALLEST = 2  # samples of a batch: batch norm needs a variance


def last_good(run: Run) -> str:
    """In words, what is left of a run that stops here."""
    kept = run.checkpoints()
    return f"the last good checkpoint is {kept[-1]}" if kept else "there is no checkpoint yet"


@contextmanager
def of_the_disk(run: Run, step: Callable[[], int]) -> Iterator[None]:
    """Inside, an OSError gets a message with the step, the last good checkpoint and how to continue."""
    try:
        yield
    except OSError as error:
        raise OSError(
            f"step {step()}: the run cannot write to {run.folder}: {error}; {last_good(run)}. "
            f"When that is repaired, continue with --resume {run.quoted}"
        ) from error


@contextmanager
def of_the_memory(
    run: Run, device: Device, batch_size: int, step: Callable[[], int], attempt: Callable[[int], object]
) -> Iterator[None]:
    """Inside, a MemoryError gets a message with the batch size and which would fit, if one is found.

    What would fit is measured: attempt(n) makes a step of n samples, for smaller and smaller n, until one succeeds.
    """
    try:
        yield
    except MemoryError as error:
        traceback.clear_frames(error.__traceback__)  # they hold the arrays of the step that failed
        if device.kind == "cpu":
            message = _of_the_host(run, batch_size, step(), attempt, error)
        else:
            free, total = device.release()
            room = f"{free / 2**30:.1f} of {total / 2**30:.1f} GiB are free beside what the run keeps"
            advice = _advice(device, batch_size, attempt)
            message = f"{device} has too little memory for a step of --batch-size {batch_size}: {room}. {advice}"
        raise MemoryError(message) from error


def _of_the_host(run: Run, n: int, step: int, attempt: Callable[[int], object], error: MemoryError) -> str:
    fits = fitting(n // 2, attempt)
    advice = "a smaller one needs less, and so does a smaller --width or --hidden"
    if fits is not None:
        advice = f"a new run with --batch-size {fits} would fit"
    return (
        f"step {step}: out of memory with batches of {n} ({str(error) or 'no more to be had'}): {advice}; "
        f"{last_good(run)}. With more memory free, continue with --resume {run.quoted}"
    )


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
        except (ValueError, ArithmeticError):  # an objective that needs more samples
            return None
        release()
        n //= 2
    return None
