"""Trainer: trains a system into a run's folder, from batch to checkpoint."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from threadpoolctl import threadpool_limits
from tqdm import tqdm

from minigan import device
from minigan.data import Dataset
from minigan.engine.choose import choose
from minigan.engine.memory import keep_freed_memory
from minigan.engine.pair import OneGeneration
from minigan.engine.processes import possible
from minigan.engine.recorded import Recorded
from minigan.kernels.cuda.precision import using
from minigan.optim import NotFinite
from minigan.runs import errors, fingerprint, notebook
from minigan.runs.folder import Run
from minigan.runs.interrupt import Interrupted, stop_on_signals
from minigan.runs.output import printable
from minigan.training import build
from minigan.training.config import OWN, Config
from minigan.training.draw import DeviceDraw, Draw
from minigan.training.flags import changes as changed_choices
from minigan.training.flags import from_flags
from minigan.training.going_back import to_the_newest
from minigan.training.objects import about, datasets_of, described, folder_of
from minigan.training.schedule import Schedule, notable
from minigan.training.steps import Outcome
from minigan.training.system import System, Turn
from minigan.training.together import Together
from minigan.training.trial import play_still
from minigan.training.values import came
from minigan.watch import messages
from minigan.watch.health import Health
from minigan.watch.judge import FeatureJudge, Judge, judge_for
from minigan.watch.log import Log
from minigan.watch.pictures import Pictures
from minigan.watch.scores import Scoring
from minigan.watch.verdict import Verdict, verdict

# Steps between log points, until they are thinned out (schedule.notable); a GPU has to wait at each of them.
LOG_EVERY = {"cpu": 10, "cuda": 100}


class Trainer:
    """Trains a system on data into a folder: progress bar, log, pictures, checkpoints, health, exact resume, Ctrl-C.

        trainer = Trainer(system, data, "runs/mine", epochs=5)
        trainer.train()
        print(trainer.finish())

    `train` is this loop, which may also be written outside (examples/mnist_gan.py):

        for step in trainer.steps():
            for turn, draw in trainer.turns(step):
                trainer.record(turn, turn.play(draw))

    system    its networks and turns
    data      a data set, or one for each name of `system.data`
    out       the folder of the run; None: one is named after the time
    hooks     called with the trainer after every step
    judge     gives what the samples of a data set are recognised by
    options   fields of Config: epochs, batch_size, decay, seed, threads, device, score_every, keep, ...
    """

    def __init__(
        self,
        system: System,
        data: Dataset | Mapping[str, Dataset],
        out: Path | str | None = None,
        *,
        config: Config | None = None,
        hooks: Sequence[Callable[[Trainer], None]] = (),
        quiet: bool = False,
        judge: Callable[[str], Judge] = judge_for,
        **options: Any,
    ) -> None:
        if not isinstance(system, System):
            raise TypeError(f"Trainer expects a System, such as GAN(G, D, ...), got {came(system)}")
        datasets = datasets_of(system, data)
        if config is None:
            config = Config(**described(system, datasets) | options)
        run = Run.create(None if out is None else folder_of(out), config)
        self._set_up(run, system, datasets, hooks, quiet, judge)  # what is wrong shows here, before there is a folder
        run.begin()
        self._began = True
        with self.discarded_if_it_fails():
            self.pictures.add(0)

    @classmethod
    def start(cls, config: Config, out: Path | str | None = None, **options: Any) -> Trainer:
        """A new run of the system that `config` names."""
        if not isinstance(config, Config):
            raise TypeError(f"Trainer.start expects a Config, got {came(config)}; Config.load reads a config.json")
        datasets = build.datasets(config)
        return cls(build.system(config, about(datasets)), datasets, out, config=config, **options)

    @classmethod
    def resume(
        cls,
        folder: Path | str,
        choices: Mapping[str, Any] | None = None,
        *,
        system: System | None = None,
        data: Dataset | Mapping[str, Dataset] | None = None,
        allow_changes: bool = False,
        hooks: Sequence[Callable[[Trainer], None]] = (),
        quiet: bool = False,
        judge: Callable[[str], Judge] = judge_for,
    ) -> Trainer:
        """The run in `folder`, at its newest checkpoint, as if it had never stopped.

        choices   may name another number of epochs, another device, other steps between scores, another number of
                  checkpoints to keep, or another path of the same data; ValueError refuses other changes without
                  `allow_changes`, which are recorded
        system    for a run that was started with objects: the same networks and optimizers, made anew, and its `data`

        Busy: another process works on the run. From here to the end of `steps`, this one does.
        """
        run = Run.open(folder_of(folder))
        if choices is not None and not isinstance(choices, Mapping):
            raise TypeError(f"Trainer.resume expects choices such as {{'epochs': 40}}, got {came(choices)}")
        run.lock.take()
        try:
            before = run.config
            run.change(choices or {}, allowed=allow_changes, moved=True)
            if system is None:
                data = build.datasets(run.config)
                system = build.system(run.config, about(data))
            elif data is None:
                raise ValueError("a run that was started with objects needs its data as well: resume(..., data=...)")
            trainer = cls.__new__(cls)
            trainer._set_up(run, system, datasets_of(system, data), hooks, quiet, judge)
            trainer._go_back(before, allow_changes)
        except BaseException:
            run.lock.release()
            raise
        return trainer

    @classmethod
    def from_flags(cls, flags: argparse.Namespace, recipe: Config, **options: Any) -> Trainer:
        """A new run, or the one that --resume names."""
        if flags.resume is None:
            return cls.start(from_flags(flags, recipe), flags.out, **options)
        return cls.resume(flags.resume, changed_choices(flags), allow_changes=flags.allow_changes, **options)

    def _set_up(
        self,
        run: Run,
        system: System,
        datasets: dict[str, Dataset],
        hooks: Sequence[Callable[[Trainer], None]],
        quiet: bool,
        judge: Callable[[str], Judge],
    ) -> None:
        config = run.config
        self.run, self.config, self.system, self.hooks, self.quiet = run, config, system, list(hooks), quiet
        self._began = False  # is it this object that began the run?
        self.device = device.choose(config.device)
        self.device.use()
        on_cpu = self.device.kind == "cpu"
        self.precision = "float32" if on_cpu else config.precision
        self.draw: Draw = (Draw if on_cpu else DeviceDraw)(datasets, config.batch_size, config.seed, self.device)
        system.connect(self.draw)
        self.networks = {name: player.network for name, player in system.players.items()}
        first = next(iter(datasets.values()))
        self.judge = judge(first.name if config.system == OWN else config.data)
        if isinstance(self.judge, FeatureJudge):
            self.judge.extractor.to_device(self.device).threads = config.threads
        self.health = Health(system, self.networks, self.draw, self.judge, self._give_up, quiet=quiet)
        self._choose_forms(on_cpu)
        self.log = Log(run, system, Scoring(system, self.draw, self.judge, config.score_every), self.health)
        self.pictures = Pictures(run, system, self.draw)
        self.schedule = Schedule(system, self.draw.per_epoch(next(iter(datasets))), config.epochs, config.decay)
        self.step, self.turns_made, self.seconds = 0, 0, 0.0
        self._fingerprint = fingerprint.of(datasets)
        self.outcomes: dict[str, Outcome] = {}  # of the last turn of each name
        self._turn: Turn | None = None  # the one under way
        self.losses: dict[str, float] = {}  # as far as they are on the host
        self._together = Together(self._processes, system, self.draw, self.schedule)
        self._recorded = None
        if not on_cpu and config.graph:
            self._recorded = Recorded(system, self.draw, self.device.cuda(), self.health.say)

    def _choose_forms(self, on_cpu: bool) -> None:
        """Replace the networks by their fast forms, with the same arrays."""
        config, players = self.config, self.system.players
        if on_cpu:
            keep_freed_memory()
        chosen = choose(
            self.networks,
            threads=min(config.threads, config.batch_size),
            batch_size=config.batch_size,
            on_cpu=on_cpu,
            processes=config.fork and possible() and not self.hooks,  # a hook may change what only this process has
        )
        for name, player in players.items():
            form = chosen.networks[name]
            player.network = OneGeneration(form) if name in self.system.reuses else form
            if chosen.team is not None:
                player.optimizer.workers = chosen.team
        self.notes, self._processes = chosen.notes, chosen.processes

    def _go_back(self, before: Config, allow_changes: bool) -> None:
        """To the newest checkpoint; `before`: the run's choices until now."""
        parts = self.run, self.system, self.draw, self.schedule, self.log
        newest = to_the_newest(*parts, self._fingerprint, before, allow_changes=allow_changes)
        if newest is None:
            self.pictures.add(0)
            return
        self.step, self.turns_made, self.seconds = newest.step, newest.turns, newest.seconds
        self.notes = (*self.notes, *newest.notes)

    @property
    def total(self) -> int:
        """Steps of the whole run."""
        return self.schedule.total

    @property
    def epochs(self) -> float:
        """How often the first data set has been seen."""
        return self.schedule.epochs(next(iter(self.draw.seen.values())))

    def _repr_html_(self) -> str:
        return notebook.shown(self.run, f"step {self.step:,} of {self.total:,}, epoch {self.epochs:.3g}")

    def introduce(self) -> None:
        """Print the networks, and where the run goes; warn of what would fail at its end."""
        first = next(iter(self.draw.datasets.values()))
        plan = messages.plan(self.config, first, self.step, self.total, self.run.folder, self.notes)
        table = build.table(self.config, about(self.draw.datasets))
        self.pictures.try_out()
        print(printable(f"{table}\n\n{plan}" if table else plan, sys.stdout))

    def train(self) -> None:
        """The whole run; MemoryError describes what batch would fit.

        A run that fails before there is anything to lose leaves no folder: its name is free for the next try. Where
        the machine failed, a full disk or too little memory, it stays, because it can continue.
        """
        with self.discarded_if_it_fails(but=(OSError, MemoryError)), self.errors_explained():
            for step in self.steps():
                if self._recorded is not None and not self._is_log_point(step + 1):  # to look, it would have to stop
                    self._play_recorded(self._recorded, step)
                    continue
                for turn, draw in self.turns(step):
                    self.record(turn, turn.play(draw))

    def steps(self) -> Iterator[int]:
        """The numbers of the steps still to do; around each, everything that is not mathematics."""
        watched = sys.stderr.isatty() or "ipykernel" in sys.modules  # by a person, in a terminal or in a notebook
        tick = 0.5 if watched else 10.0  # seconds between two pictures of the bar
        bar = tqdm(total=self.total, initial=self.step, unit="step", mininterval=tick, disable=self.quiet)
        # A run that diverges is reported by its losses, once, and not by NumPy at every operation.
        calm, blas = np.errstate(over="ignore", invalid="ignore"), threadpool_limits(1, "blas")
        at_once = f"stopped at once; --resume {self.run.quoted} continues from its last checkpoint"
        signals, disk = stop_on_signals(at_once), errors.of_the_disk(self.run, lambda: self.step)
        others = self._together.others_follow(self.step, self.turns_made)
        with self.run.lock, calm, blas, using(self.precision), signals as stop, bar, disk, others:
            if self.step == 0:
                self._prepare(lambda: stop.requested)
            self.draw.seek(self.turns_made)
            while self.step < self.total:
                started, epoch = time.perf_counter(), int(self.epochs)
                self._begin_step()
                try:
                    yield self.step
                except GeneratorExit:  # the loop was left by an error: nothing may interrupt what is closed now
                    stop.over = True
                    raise
                self.step += 1
                self.seconds += time.perf_counter() - started
                self._after_step(bar, epoch_ended=int(self.epochs) > epoch)
                if stop.requested and self.step < self.total:
                    self.save()
                    raise Interrupted(f"stopped after step {self.step}; continue with --resume {self.run.quoted}")

    def turns(self, step: int) -> Iterator[tuple[Turn, Draw]]:
        """The turns of a step, each with what it draws from."""
        for turn, part in self.schedule.turns(step):
            self._turn = turn
            self.draw.begin(step, part)
            self.health.before(turn)
            self._together.begin(turn.name)
            yield turn, self.draw
            self._together.end()

    def record(self, turn: Turn, outcome: Outcome) -> None:
        """Take what a turn found; FloatingPointError where its loss is not finite.

        On a GPU losses are looked at when a log point comes, and stay in `losses` until the next one.
        """
        self._together.end()
        self.outcomes[turn.name] = outcome
        self.turns_made += 1
        self.health.after(turn, outcome)
        if self.device.kind == "cpu":
            self._look_at_losses([turn.name])

    @contextmanager
    def errors_explained(self) -> Iterator[None]:
        """Inside, a gradient that is not finite gets an error that names where it came from, and a MemoryError one with
        the batch size, what is free if known, and what would fit."""
        with errors.of_the_memory(self.run, self.device, self.config.batch_size, lambda: self.step, self._try_step):
            try:
                yield
            except NotFinite as error:
                if self._turn is not None:
                    with np.errstate(over="ignore", invalid="ignore"):  # `steps` has ended, and with it its own
                        self.health.stop(self._turn, error)
                raise

    @contextmanager
    def discarded_if_it_fails(self, but: tuple[type[Exception], ...] = ()) -> Iterator[None]:
        """Inside, an error removes the folder of a run that began here and has neither a log point nor a checkpoint."""
        try:
            yield
        except Exception as error:
            if not isinstance(error, but) and self._began and self.run.holds_nothing:
                self.run.discard()
            raise

    def save(self) -> Path:
        """Write a checkpoint of the state after the last step."""
        shape = self.system.sample_shape
        numbers = {"seen": self.draw.seen, "turns": self.turns_made, "seconds": self.seconds}
        numbers |= {"counts": self.system.counts(), "sample_shape": None if shape is None else list(shape)}
        numbers |= {"about": about(self.draw.datasets), "data": self._fingerprint}
        return self.run.save(self.step, self.system.arrays(), numbers)

    def finish(self) -> str:
        """Draw the closing pictures; returns the closing message, with what is wrong with the run if anything is."""
        files = self.pictures.finish(messages.title(self.config))
        shape, folder = self.system.sample_shape, self.run.folder
        next_ = messages.commands(self.config, folder, images=shape is not None and len(shape) == 3)
        done = messages.outcome(self.step, self.epochs, self.seconds, folder, files, next_)
        return f"{done}\n{self.health.verdict()}"

    def verdict(self) -> Verdict:
        """Score 10,000 samples, write the scores into scores.json, and say in a sentence what they mean."""
        with using(self.precision), threadpool_limits(1, "blas"):  # else a second thread spins through all of it
            return verdict(self.system, self.draw, self.judge, self.run, precision=self.precision, quiet=self.quiet)

    def _play_recorded(self, recorded: Recorded, step: int) -> None:
        for turn, part in self.schedule.turns(step):
            self.record(turn, recorded.play(turn, step, part))

    def _prepare(self, asked_to_stop: Callable[[], bool]) -> None:
        """Run the system's preparation before its first step, with a progress bar."""
        started, pieces = time.perf_counter(), self.system.preparation(self.draw)
        work: Iterator[None] = self.system.before(self.draw)
        if pieces:
            off = self.quiet
            work = tqdm(work, total=pieces, unit="batch", desc="preparing", leave=False, disable=off)
        self._together.begin("preparation")
        for _ in work:
            if asked_to_stop():
                raise Interrupted(f"stopped while preparing; --resume {self.run.quoted} begins again")
        self._together.end()
        self.seconds += time.perf_counter() - started

    def _begin_step(self) -> None:
        self.schedule.begin_step(self.step, self.draw)
        self.health.look(self.step, self._is_log_point(self.step + 1))

    def _after_step(self, bar: tqdm, epoch_ended: bool) -> None:
        closing, scored = epoch_ended or self.step == self.total, self.log.scoring.due(self.step)
        kept = closing and (self.step == self.total or notable(int(self.epochs)))
        logs = kept or scored or self._is_log_point(self.step)
        if logs and self.device.kind != "cpu":
            self._look_at_losses(self.outcomes)
        if closing or scored:
            self.health.check_arrays()
        if logs:
            point = self.log.note(self.step, self.epochs, self.outcomes, self.seconds, probe=closing)
            bar.set_postfix_str(point, refresh=False)
        if epoch_ended:
            self.system.after_epoch()
        if kept:
            self.pictures.add(self.step)
        if closing or (scored and self.log.best_at(self.step)):
            self.log.keep_best(self.step, self.save())
        for hook in self.hooks:
            hook(self)
        bar.update()

    def _look_at_losses(self, turns: Sequence[str] | Mapping[str, Outcome]) -> None:
        losses = {f"{name.lower()}_loss": float(self.outcomes[name].loss) for name in turns}
        self.losses |= losses
        self.health.check_losses(losses)

    def _is_log_point(self, step: int) -> bool:
        every = LOG_EVERY[self.device.kind]
        return step == self.total or (step % every == 0 and notable(step // every))

    def _try_step(self, batch_size: int) -> None:
        """One step with so many samples that moves no weight."""
        draw = type(self.draw)(self.draw.datasets, batch_size, self.config.seed, self.device)
        play_still(self.system, list(dict.fromkeys(self.system.turns(self.step, self.total))), draw)

    def _give_up(self, reason: str) -> NoReturn:
        rest = f"{errors.last_good(self.run)}. A smaller learning rate is the usual remedy."
        raise FloatingPointError(f"step {self.step}: {reason}; {rest}")
