"""Log: what a run writes about its steps, and which of its checkpoints is the best."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from minigan.runs.folder import Run
from minigan.training.steps import Outcome
from minigan.training.system import System
from minigan.watch import messages
from minigan.watch.health import Health
from minigan.watch.scores import Scoring


class Log:
    """Log points with the readings, the scores and the health of a run, and the best checkpoint."""

    def __init__(self, run: Run, system: System, scoring: Scoring, health: Health) -> None:
        self.run, self.system, self.scoring, self.health = run, system, scoring, health
        self._scores: dict[str, Any] = {}  # the newest, shown until there are newer ones

    def note(self, step: int, epoch: float, outcomes: Mapping[str, Outcome], seconds: float, *, probe: bool) -> str:
        """Add a log point for `step`; returns what the progress bar shows. `probe`: see `Health.examined`."""
        readings = {name: float(value) for name, value in self.system.readings(outcomes).items()}
        scores = self.scoring.take(step) if self.scoring.due(step) else {}
        self._scores = scores or self._scores
        point = {"step": step, "epoch": round(epoch, 4), **readings, **scores, "seconds": round(seconds, 3)}
        self.run.append(self.health.examined(point, outcomes, probe=probe))
        return messages.point(readings | self._scores)

    def best_at(self, step: int) -> bool:
        """Is this the best step so far?"""
        return self.scoring.best is not None and self.scoring.best["step"] == step

    def keep_best(self, step: int, path: Path) -> None:
        """Keep the checkpoint `path` of `step` as the best one, if it is."""
        if self.best_at(step):
            self.run.keep_best(path, self.scoring.best or {})

    def restore(self, step: int, path: Path) -> None:
        """Restore what had been reported and what was best when the checkpoint `path` of `step` was written."""
        log = self.run.log()
        try:
            self.health.replay(log)
            self.scoring.replay(log)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
            raise ValueError(f"{self.run.folder / 'log.jsonl'}: not the log of this run ({error})") from error
        self.keep_best(step, path)  # in case the run was killed before it could
