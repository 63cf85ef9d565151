"""Slow: one step as a film: every event of it with its line of code, its formula and its numbers.

The step is the plain one, on the live networks, which are watched (`minigan.explain`): afterwards they are where they
would be without it, to the last bit.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from minigan.explain.events import Event
from minigan.explain.layout import Line, Section, Story
from minigan.explain.sections import describe
from minigan.explain.step import Explanation, Part, WatchedDraw, watch_turn
from minigan.lab.frames import pack
from minigan.lab.plane import Plane
from minigan.lab.view import View
from minigan.training.draw import Draw
from minigan.training.steps import Outcome
from minigan.training.system import Turn

PURPOSE = {"D": "D learns to score real points higher than generated ones.", "G": "G learns to please D. D stays."}


class Film:
    """The first turn of D of a step, and the turn of G; D's further turns are made between them.

    events   of both turns in order: title, code, formulas, table; `shows` is the number of the picture beside it
    frames   pictures before the step, after D's turns, and after G's
    """

    def __init__(self, plane: Plane, view: View) -> None:
        self._plane, self._view = plane, view
        self._turns: dict[str, list[Event]] = {}
        self.frames: list[bytes] = []
        config = plane.config
        self._draw = WatchedDraw(plane.draw.datasets, config.batch_size, config.seed, plane.draw.device)
        self._draw.streams, self._draw.seen = plane.draw.streams, plane.draw.seen
        self._picture()
        plane.whole(self._play)
        self._picture()
        parts = [Part(name, PURPOSE[name], events) for name, events in self._turns.items()]
        self.events = _events(describe(config, Explanation(parts)))

    def _play(self, turn: Turn, draw: Draw) -> Outcome:
        if turn.name == "G":
            self._picture()
        if turn.name in self._turns:
            return turn.play(draw)
        outcomes = []

        def play(watched: Draw) -> Outcome:
            outcomes.append(turn.play(watched))
            return outcomes[0]

        self._turns[turn.name] = watch_turn(self._plane.system, Turn(turn.name, turn.moves, play), self._draw)
        return outcomes[0]

    def _picture(self) -> None:
        numbers, arrays = self._view.frame(fine=False, measure=False)
        self.frames.append(pack(numbers, {name: np.asarray(array) for name, array in arrays.items()}))


def _events(story: Story) -> list[dict[str, Any]]:
    pages = {page.name: page for page in story.pages}
    events = []
    for heading, purpose, sections in story.parts:
        for section in sections:
            moved = section.title.endswith((" moves D", " moves G"))
            shows = (0 if heading.endswith("D") else 1) + int(moved)
            events.append({"turn": heading, "purpose": purpose, "shows": shows, **_section(section, pages)})
    return events


def _section(section: Section, pages: dict[str, Any]) -> dict[str, Any]:
    formulas = [{"of": name, "text": text} for name, text in section.formulas]
    for kind, label in dict.fromkeys((type(line.layer).__name__, line.label) for line in section.lines if line.layer):
        page = pages.get(kind)
        if page is not None and label in page.formulas:
            formulas.append({"of": f"{kind}, {label}", "text": page.formulas[label]})
    return {
        "title": section.title,
        "code": {"place": str(section.code), "text": section.code.code},
        "formulas": formulas,
        "heads": list(section.heads),
        "lines": [_line(line) for line in section.lines],
        "gradient": section.gradient,
    }


def _line(line: Line) -> dict[str, Any]:
    mark = None if line.mark is None else {"sign": line.mark.sign, "meaning": line.mark.meaning}
    return {"cells": list(line.cells), "mark": mark, "rms": line.rms}
