"""Going back: a run that continues takes the state of its newest checkpoint, where it still is the same run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

from minigan.runs import changes, checkpoint, fingerprint, origin
from minigan.runs.folder import VERSIONS, Run
from minigan.training.config import Config
from minigan.training.draw import Draw
from minigan.training.objects import about
from minigan.training.schedule import Schedule
from minigan.training.system import System
from minigan.watch.log import Log


class Position(NamedTuple):
    """How far a run is, and notes for people about how it continues."""

    step: int
    turns: int
    seconds: float
    notes: tuple[str, ...]


def to_the_newest(
    run: Run,
    system: System,
    draw: Draw,
    schedule: Schedule,
    log: Log,
    data: Mapping[str, Any],
    before: Config,
    *,
    allow_changes: bool,
) -> Position | None:
    """Restore system, draw and log from the newest checkpoint; None where there is none, and the run begins.

    data     the fingerprints of its data sets, as they are now
    before   the run's choices until now

    ValueError, before anything is changed, for data or a length that do not fit what was trained.
    """
    if not run.ways_back():  # stopped before the first one: the beginning is the newest state
        run.settle(0, before, allowed=allow_changes)
        run.forget_after(-1)
        return None
    path, arrays, numbers = run.latest()
    checkpoint.require(path, numbers, seconds=float)
    seen = numbers.get("seen")
    if type(seen) is int:  # until version 0.1 there was one data set
        seen = {next(iter(draw.seen)): seen}
    if not isinstance(seen, dict) or seen.keys() != draw.seen.keys():
        raise ValueError(f"{path}: not a checkpoint of this run: seen is {numbers.get('seen')!r}")
    if "config" in numbers:
        before = Config.load(json.dumps(numbers["config"]), path)
    if any(player.network.takes_condition for player in system.players.values()):
        fingerprint.check_kinds(run.folder, numbers.get("about"), about(draw.datasets))
    changed = fingerprint.changed(numbers.get("data"), data)
    moved = not changed and isinstance(numbers.get("data"), dict)
    if before.data != run.config.data and not moved:
        changes.check(run.folder, {"data": [before.data, run.config.data]}, allowed=False)
    allowed = allow_changes or changes.were_allowed(run.folder, changed)
    changes.check(run.folder, changed, allowed=allowed)  # before the networks, which may not fit other data
    step, seconds = numbers["step"], numbers["seconds"]
    notes = _length_notes(run, system, draw, schedule, step, before)
    system.restore(path, arrays, numbers["counts"])
    draw.seen.update(seen)
    turns = numbers.get("turns", sum(player.optimizer.t for player in system.players.values()))
    run.settle(step, before, allowed=allow_changes, data=changed, moved=moved)
    run.forget_after(step)
    log.restore(step, path)
    return Position(step, turns, seconds, (*notes, *origin.newer(run.folder / VERSIONS)))


def _length_notes(
    run: Run, system: System, draw: Draw, schedule: Schedule, step: int, before: Config
) -> tuple[str, ...]:
    """A warning where another length makes the learning rates jump; ValueError for fewer epochs than are done."""
    epochs, decay = run.config.epochs, run.config.decay
    if schedule.total < step:
        raise ValueError(
            f"{run.folder} has done {step:,} steps, and {epochs:g} epochs are {schedule.total:,}: "
            f"--epochs must be at least as many as are done; without it, the run ends at its {before.epochs:g}"
        )
    planned = Schedule(system, draw.per_epoch(next(iter(draw.seen))), before.epochs, before.decay)
    old, new = planned.learning_rates(min(step, planned.total)), schedule.learning_rates(step)
    jumps = [f"{name} from {old[name]:.2g} to {new[name]:.2g}" for name in new if new[name] != old[name]]
    if not jumps or before.epochs == epochs:
        return ()
    return (
        f"learning rates: they fall in the last {decay:.0%} of the run; with {epochs:g} epochs in place of "
        f"{before.epochs:g} they jump at step {step:,}, {', '.join(jumps)}",
    )
