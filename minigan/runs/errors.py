"""Faults: what is said when the machine lets a run down, and from where the run can go on."""

from __future__ import annotations

import traceback
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, Protocol

import numpy as np

from minigan.data import Batches
from minigan.runs import memory
from minigan.training.config import Config
from minigan.training.observed import Observed
from minigan.runs.folder import Run
from minigan.training.state import State
from minigan.training.steps import discriminator_step, generator_step


class Playing(Protocol):
    """What is told of a run, and what a step of it is tried with."""

    run: Run
    step: int
    config: Config
    state: State
    batches: Batches
    objective: Observed


def last_good(run: Run) -> str:
    """In words, what is left of a run that stops here."""
    kept = run.checkpoints()
    return f"the last good checkpoint is {kept[-1]}" if kept else "there is no checkpoint yet"


@contextmanager
def of_the_disk(trainer: Playing) -> Iterator[None]:
    """Inside, an OSError is told with its step, the last good checkpoint and how to go on."""
    try:
        yield
    except OSError as error:
        run = trainer.run
        raise OSError(
            f"step {trainer.step}: the run cannot write to {run.folder}: {error}; {last_good(run)}. "
            f"When that is mended, go on with --resume {run.folder}"
        ) from error


def of_the_memory(trainer: Playing) -> AbstractContextManager[None]:
    """Inside, a MemoryError is told with the batch size, and which would fit if one is found."""
    device = trainer.state.device
    if device.kind == "cpu":
        return _of_the_hosts_memory(trainer)
    return memory.explained(device, trainer.config.batch_size, partial(_try_steps, trainer))


@contextmanager
def _of_the_hosts_memory(trainer: Playing) -> Iterator[None]:
    try:
        yield
    except MemoryError as error:
        traceback.clear_frames(error.__traceback__)  # they hold what the step had made so far
        run, n = trainer.run, trainer.config.batch_size
        found = memory.fitting(n // 2, partial(_try_steps, trainer))
        advice = "a smaller one needs less, and so does a smaller --width or --hidden"
        if found is not None:
            advice = f"a new run with --batch-size {found} would fit"
        raise MemoryError(
            f"step {trainer.step}: out of memory with batches of {n} ({error or 'no more to be had'}): {advice}; "
            f"{last_good(run)}. With more memory free, go on with --resume {run.folder}"
        ) from error


class Still:
    """An optimizer that moves nothing."""

    def step(self, grads: Mapping[str, Any]) -> None:
        """Let the gradients be."""


def _try_steps(trainer: Playing, n: int) -> None:
    """A step of D and one of G. Nothing is trained, but running statistics move: not for a run that goes on."""
    state, objective = trainer.state, trainer.state.objective
    real = state.device.asarray(trainer.batches.dataset.batch(np.arange(n)))
    z = state.noise(n * objective.fakes, state.streams.at("probe", 0))
    if objective.trains_d:
        discriminator_step(state.D, state.G, objective, Still(), real, z)
    if objective.compares:
        trainer.objective.face(state.D, real)
    generator_step(state.D, state.G, trainer.objective, Still(), z)
