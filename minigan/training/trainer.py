"""Trainer: how a run begins, goes on after a stop, plays its steps, and ends."""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minigan.device import Array
from minigan.engine.recorded import Replays, RunBooks
from minigan.kernels.cuda.precision import using
from minigan.runs import checkpoint
from minigan.runs.folder import Run
from minigan.training.config import Config
from minigan.training.flags import changes, from_flags
from minigan.training.loop import Loop
from minigan.training.steps import generator_step
from minigan.watch import messages
from minigan.watch.verdict import Verdict, verdict


class Trainer(Loop):
    """Runs a config into a folder: batches, noise, progress bar, log, pictures, checkpoints, Ctrl-C.

    The loop itself is two lines of `training.steps` and may be written outside (examples/mnist_gan.py):

        for _ in trainer.steps():
            d_loss = None
            for real, z in trainer.critic_batches():
                d_loss = discriminator_step(D, G, objective, d_optimizer, real, z)
            g_loss = generator_step(D, G, objective, g_optimizer, trainer.noise())
            trainer.record(d_loss, g_loss)

    with the objective and the optimizers of the trainer, which are those of its state, watched.
    """

    @classmethod
    def start(cls, config: Config, out: Path | None = None, **options: Any) -> Trainer:
        """A new run in the folder `out` (None: one is named after the time)."""
        run = Run.create(out, config)
        trainer = cls(run, **options)  # what is wrong with the choices shows here, before there is a folder
        run.begin()
        trainer.album.add(0)
        return trainer

    @classmethod
    def resume(
        cls, folder: Path, choices: Mapping[str, Any] | None = None, *, allow_changes: bool = False, **options: Any
    ) -> Trainer:
        """The run in `folder`, at its newest checkpoint, as if it had never stopped.

        `choices` may name another number of epochs, to go further than first intended, another device, other steps
        between scores, or another number of checkpoints to keep; the rest is what the run is, and ValueError refuses
        to change it without `allow_changes`, which are recorded. Busy: another process works on the run. From here to
        the end of `steps`, this one does.
        """
        run = Run.open(folder)
        run.lock.take()
        try:
            before = run.config
            run.change(choices or {}, allowed=allow_changes)
            trainer = cls(run, **options)
            trainer._go_back(before, allow_changes)
        except BaseException:
            run.lock.release()
            raise
        return trainer

    def _go_back(self, before: Config, allow_changes: bool) -> None:
        """To the newest checkpoint; `before`: the run's choices until now."""
        if not self.run.ways_back():  # stopped before the first one: the beginning is the newest state
            self.run.settle(0, before, allowed=allow_changes)
            self.run.forget_after(-1)
            self.album.add(0)
            return
        path, arrays, numbers = self.run.latest()
        checkpoint.require(path, numbers, seen=int, seconds=float)
        if "config" in numbers:
            before = Config.load(json.dumps(numbers["config"]), path)
        checkpoint.restore(path, arrays, self.state.arrays(), (numbers["counts"], self.state.counts()))
        self.state.set_counts(numbers["counts"])
        self.step, self.seen, self.seconds = numbers["step"], numbers["seen"], numbers["seconds"]
        self.run.settle(self.step, before, allowed=allow_changes)
        self.run.forget_after(self.step)
        self.journal.recall(self.step, path)

    @classmethod
    def from_flags(cls, flags: argparse.Namespace, recipe: Config, **options: Any) -> Trainer:
        """A new run, or the one that --resume names."""
        if flags.resume is None:
            return cls.start(from_flags(flags, recipe), flags.out, **options)
        return cls.resume(flags.resume, changes(flags), allow_changes=flags.allow_changes, **options)

    def introduce(self) -> None:
        """Print the networks, and where the run goes."""
        plan = messages.plan(self.config, self.batches.dataset, self.step, self.total, self.run.folder)
        print(f"{self.state.model.table()}\n\n{plan}")

    def train(self) -> None:
        """The whole run, with the objective's steps; MemoryError says what batch would fit."""
        with self.memory_explained():
            self._play()

    def _play(self) -> None:
        replays = self._replays()
        for step in self.steps():
            if replays is not None and not self._is_log_point(step + 1):  # looking, it would stop between its parts
                self.record(*replays.step(self.schedule.critic_steps(step)))
                continue
            d_loss = None  # there are games without a discriminator
            for real, z in self.critic_batches():
                d_loss = self.players.d_step(self.D, self.G, self.objective, self.d_optimizer, real, z)
            g_loss = generator_step(self.D, self.G, self.objective, self.g_optimizer, self.noise())
            self.record(d_loss, g_loss)

    def _replays(self) -> Replays | None:
        """The steps as launches of recorded ones, where the device can do that and the config wants it."""
        if self.state.device.kind == "cpu" or not self.config.graph:
            return None

        def d_turn() -> Array:
            real, z = self._critic_batch(0)
            return self.players.d_step(self.D, self.G, self.objective, self.d_optimizer, real, z)

        def g_turn() -> Array:
            return generator_step(self.D, self.G, self.objective, self.g_optimizer, self.noise())

        return Replays(
            d_turn, g_turn, self.objective, RunBooks(self.state, self.source), self.state.device.cuda(), self.health.say
        )

    def finish(self) -> str:
        """Draw the closing pictures; returns the closing words, with what is wrong with the run if anything is."""
        files, images = self.album.finish(), self.album.is_image
        said = messages.outcome(self.step, self.epochs, self.seconds, self.run.folder, files, images=images)
        return f"{said}\n{self.health.monitor.verdict()}"

    def verdict(self) -> Verdict:
        """Score 10,000 samples, note the scores in scores.json, and say in a sentence what they mean."""
        with using(self.state.precision):
            return verdict(self.state, self.sight, self.batches.dataset, self.run, quiet=self.quiet)
