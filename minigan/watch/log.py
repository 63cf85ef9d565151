"""Journal: what a run writes down about its steps, and what it says of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from minigan.data import Dataset
from minigan.runs.folder import Run
from minigan.training.observed import Observed
from minigan.training.state import State
from minigan.watch import messages
from minigan.watch.health import Health
from minigan.watch.judge import Sight
from minigan.watch.scores import Scoring


class Journal:
    """Log points with the scores and the health of the run, and the best checkpoint.

    `broken` is called with words about what is not finite, and is to raise.
    """

    def __init__(
        self,
        run: Run,
        state: State,
        objective: Observed,
        dataset: Dataset,
        sight: Sight,
        broken: Callable[[str], object],
        *,
        quiet: bool,
    ) -> None:
        self.run, self.objective = run, objective
        self.scoring = Scoring(state, sight)
        self.health = Health(state, objective, dataset, sight, broken, quiet=quiet)
        self._scores: dict[str, Any] = {}  # the newest, to be shown until there are newer ones

    def note(self, step: int, epoch: float, losses: Mapping[str, Any], seconds: float, *, probe: bool) -> str:
        """Add a log point for `step`; returns what the progress bar shows. `probe`: see `Health.examined`."""
        d_real, d_fake = self.objective.means()
        shown = {**losses, "d_real": d_real, "d_fake": d_fake}
        shown |= {name: float(value) for name, value in self.objective.readings().items()}
        scores = self.scoring.take(step) if self.scoring.due(step) else {}
        self._scores = scores or self._scores
        point = {"step": step, "epoch": round(epoch, 4), **shown, **scores, "seconds": round(seconds, 3)}
        self.run.append(self.health.examined(point, probe=probe))
        return messages.point(shown | self._scores)

    def best_at(self, step: int) -> bool:
        """Is this the best moment so far?"""
        return self.scoring.best is not None and self.scoring.best["step"] == step

    def keep_best(self, step: int, path: Path) -> None:
        """Keep the checkpoint `path` of `step` as the best one, if it is."""
        if self.best_at(step):
            self.run.keep_best(path, self.scoring.best or {})

    def recall(self, step: int, path: Path) -> None:
        """Know again what had been told and what was best when the checkpoint `path` of `step` was written."""
        log = self.run.log()
        try:
            self.health.monitor.replay(log)
            self.scoring.replay(log)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError) as error:
            raise ValueError(f"{self.run.folder / 'log.jsonl'}: not the log of this run ({error})") from error
        self.keep_best(step, path)  # in case the run was killed before it could
