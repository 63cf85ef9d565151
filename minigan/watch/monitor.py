"""Monitor: which conditions a run is in, from its log alone.

The state of a monitor is a function of the log points that it was fed, so a run that is resumed feeds it the log and
continues as if it had never stopped.
"""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from minigan.watch.conditions import CONDITIONS
from minigan.watch.facts import Facts

EARLY = 20  # log points whose median is what is usual for a run
BY_NAME = {condition.name: condition for condition in CONDITIONS}
LEVELS = ("d_gradient", "g_gradient", "size")


class Monitor:
    """Feeds log points to all conditions; each is reported once when it begins, and once when it ends.

    A condition begins (ends) when it holds (does not hold) at `patience` points in a row at which it was measured.
    """

    def __init__(self, facts: Facts) -> None:
        self.facts = facts
        self._begun: dict[str, str] = {}  # by condition: what was reported when it began, with the step
        self._rows = dict.fromkeys((condition.name for condition in CONDITIONS), 0)
        self._early: dict[str, list[float]] = {name: [] for name in LEVELS}
        self._levels: dict[str, float] = {}

    def feed(self, point: Mapping[str, Any]) -> list[dict[str, str]]:
        """The changes of a log point: {"condition", "state": "begins" or "ends", "says", "remedy"} for each change."""
        vitals = {**point, **point.get("vitals", {})}
        entries = []
        for condition in CONDITIONS:
            sentence = condition.judge(vitals, self._levels, self.facts)
            if sentence is None:
                continue
            ill, before = sentence != "", condition.name in self._begun
            self._rows[condition.name] = self._rows[condition.name] + 1 if ill != before else 0
            if self._rows[condition.name] < condition.patience:
                continue
            self._rows[condition.name] = 0
            state = "ends" if before else "begins"
            entry = {"condition": condition.name, "state": state, "says": condition.over if before else sentence}
            entries.append(entry)
            if before:
                del self._begun[condition.name]
            else:
                self._begun[condition.name] = f"since step {point['step']}: {sentence}"
        self._learn(vitals)
        return [{**entry, "remedy": self._advice(entry)} for entry in entries]

    @property
    def active(self) -> dict[str, str]:
        """By condition: what was reported when it began, with the step, and what to do about it now."""
        return {name: f"{sentence} {BY_NAME[name].advice(self._begun)}" for name, sentence in self._begun.items()}

    def _advice(self, entry: Mapping[str, str]) -> str:
        return "" if entry["state"] == "ends" else BY_NAME[entry["condition"]].advice(self._begun)

    def _learn(self, vitals: Mapping[str, Any]) -> None:
        """The usual value: the median of the first log points."""
        for name, values in self._early.items():
            if name in vitals and len(values) < EARLY:
                values.append(vitals[name])
                self._levels[name] = median(values)
