"""Loop: what happens around the two steps of a run, from batch to checkpoint."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from minigan import data
from minigan.device import Array
from minigan.engine.choose import Players
from minigan.kernels.cuda.precision import using
from minigan.random import Streams
from minigan.runs import errors
from minigan.runs.folder import Run
from minigan.runs.interrupt import Interrupted, stop_on_signals
from minigan.training.draw import FromHost, OnDevice
from minigan.training.observed import Observed
from minigan.training.prepare import prepare
from minigan.training.schedule import Schedule, notable
from minigan.training.state import State
from minigan.watch.judge import Eyes, Sight, sight_for
from minigan.watch.log import Journal
from minigan.watch.pictures import Album

# Steps between log points, until they are thinned out (schedule.notable); a GPU has to wait at each of them.
LOG_EVERY = {"cpu": 10, "cuda": 100}


class Loop:
    """The steps of a run and what is around them: batches, noise, progress bar, log, pictures, checkpoints, Ctrl-C.

    `hooks` are called with the loop after every step; `sight` gives what the samples of a data set are seen with.
    """

    def __init__(
        self,
        run: Run,
        *,
        hooks: Sequence[Callable[[Any], None]] = (),
        quiet: bool = False,
        sight: Callable[[str], Sight] = sight_for,
    ) -> None:
        self.run, self.config, self.hooks, self.quiet = run, run.config, list(hooks), quiet
        config, self.sight = run.config, sight(run.config.data)
        dataset = data.load(config.data, size=config.size, rng=Streams(config.seed)("data"))
        self.batches = data.Batches(dataset, config.batch_size, config.seed)
        self.state = State(config, dataset.shape)
        on_cpu = self.state.device.kind == "cpu"
        self.log_every = LOG_EVERY[self.state.device.kind]
        if isinstance(self.sight, Eyes):
            self.sight.extractor.to_device(self.state.device).threads = config.threads
        self.players = Players(config, self.state)
        self.D, self.G = self.players.D, self.players.G
        self.objective = Observed(self.state.objective)
        self.journal = Journal(run, self.state, self.objective, dataset, self.sight, self._give_up, quiet=quiet)
        self.health = self.journal.health
        self.d_optimizer, self.g_optimizer = self.health.d, self.health.g
        self.album = Album(run, self.state, dataset.images)
        self.step, self.seconds = 0, 0.0
        self._z: Array | None = None  # the noise of D's last update
        self.source = FromHost(self.state, self.batches) if on_cpu else OnDevice(self.state, dataset, config.batch_size)
        self.schedule = Schedule(config, self.state.objective, self.batches.per_epoch)
        self.total = self.schedule.total
        self.last: dict[str, float | None] = {}  # the losses, as far as the host knows them
        self._losses: dict[str, Array | None] = {}  # those of the last step

    @property
    def seen(self) -> int:
        """Real batches so far."""
        return self.source.seen

    @seen.setter
    def seen(self, number: int) -> None:
        self.source.seen = number

    def memory_explained(self) -> AbstractContextManager[None]:
        """Inside, too little memory is told in words: the batch size, what is free if known, and what would fit."""
        return errors.of_the_memory(self)

    @property
    def epochs(self) -> float:
        """How often the data have been seen."""
        return self.schedule.epochs(self.seen)

    def steps(self) -> Iterator[int]:
        """The numbers of the steps still to do; around each, all that is not mathematics."""
        tick = 0.5 if sys.stderr.isatty() else 10.0  # seconds between two pictures of the bar
        bar = tqdm(total=self.total, initial=self.step, unit="step", mininterval=tick, disable=self.quiet)
        # A run that diverges is reported by its losses, once, and not by NumPy at every operation.
        quiet, blas = np.errstate(over="ignore", invalid="ignore"), threadpool_limits(1, "blas")
        at_once = f"stopped at once; --resume {self.run.folder} goes on from its last checkpoint"
        signals, disk = stop_on_signals(at_once), errors.of_the_disk(self)
        with self.run.lock, quiet, blas, using(self.state.precision), signals as stop, bar, disk:
            if self.step == 0:
                started = time.perf_counter()
                for _ in prepare(self.state, self.batches, quiet=self.quiet):
                    if stop.requested:
                        raise Interrupted(f"stopped while preparing; --resume {self.run.folder} begins again")
                self.seconds += time.perf_counter() - started
            self.source.seek(self._turns())
            while self.step < self.total:
                started, epoch = time.perf_counter(), int(self.epochs)
                self.state.d_optimizer.lr, self.state.g_optimizer.lr = self.schedule.learning_rates(self.step)
                self.health.look(self.step, self._is_log_point(self.step + 1))
                yield self.step
                self.step += 1
                self.seconds += time.perf_counter() - started
                self._after_step(bar, epoch_ended=int(self.epochs) > epoch)
                if stop.requested and self.step < self.total:
                    self.save()
                    raise Interrupted(f"stopped after step {self.step}; go on with --resume {self.run.folder}")

    def critic_batches(self) -> Iterator[tuple[Array, Array]]:
        """A real batch and noise for each D update of this step."""
        for part in range(self.schedule.critic_steps(self.step)):
            yield self._critic_batch(part)

    def _critic_batch(self, part: int) -> tuple[Array, Array]:
        self.source.begin(self.step, part + 1)
        real, self._z = self.source.real(), self._draw_noise()
        return real, self._z

    def noise(self) -> Array:
        """Noise for G's update of this step, new or that of D's last one; a game whose G loss compares with real
        samples is shown some first."""
        self.source.begin(self.step, 0)
        if self.state.objective.compares:
            self.objective.face(self.D, self.source.real())
        return self._draw_noise() if self._z is None or not self.config.same_noise else self._z

    def _turns(self) -> int:
        """Updates of both players so far: G's, and one of D for every real batch that was not shown to G."""
        return self.seen + (0 if self.state.objective.compares else self.step)

    def _draw_noise(self) -> Array:
        return self.source.noise(self.config.batch_size * self.state.objective.fakes)

    def record(self, d_loss: Array | None, g_loss: Array) -> None:
        """Take the losses of this step (None: there is no D); FloatingPointError where one is not finite.

        On a GPU they are looked at when a log point comes, and stay in `last` until the next one.
        """
        self._losses = {"d_loss": d_loss, "g_loss": g_loss}
        if self.state.device.kind == "cpu":
            self._look_at_losses()

    def _look_at_losses(self) -> None:
        self.last = {name: None if loss is None else float(loss) for name, loss in self._losses.items()}
        self.health.check_losses(self.last)

    def save(self) -> Path:
        """Write a checkpoint of the state after the last step."""
        numbers = {"seen": self.seen, "seconds": self.seconds, **self.state.numbers()}
        return self.run.save(self.step, self.state.arrays(), numbers)

    def _after_step(self, bar: tqdm, epoch_ended: bool) -> None:
        closing, scored = epoch_ended or self.step == self.total, self.journal.scoring.due(self.step)
        kept = closing and (self.step == self.total or notable(int(self.epochs)))
        logs = kept or scored or self._is_log_point(self.step)
        if logs and self.state.device.kind != "cpu":
            self._look_at_losses()
        if closing or scored:
            self.health.check_arrays()
        if logs:
            said = self.journal.note(self.step, self.epochs, self.last, self.seconds, probe=closing)
            bar.set_postfix_str(said, refresh=False)
        if epoch_ended:
            self.state.objective.after_epoch()
        if kept:
            self.album.add(self.step)
        if closing or (scored and self.journal.best_at(self.step)):
            self.journal.keep_best(self.step, self.save())
        for hook in self.hooks:
            hook(self)
        bar.update()

    def _is_log_point(self, step: int) -> bool:
        return step == self.total or (step % self.log_every == 0 and notable(step // self.log_every))

    def _give_up(self, reason: str) -> NoReturn:
        rest = f"{errors.last_good(self.run)}. A smaller learning rate is the usual cure."
        raise FloatingPointError(f"step {self.step}: {reason}; {rest}")
