"""Story: a step in sections of tables, for the terminal and for a page to lay out."""

from __future__ import annotations

from dataclasses import dataclass, field

from minigan.explain.events import Spot
from minigan.explain.pages import Page
from minigan.explain.warnings import Mark
from minigan.layers import Layer


@dataclass(frozen=True)
class Line:
    """A row of a table. `layer` is the one it is about, `label` which of its formulas; `rms` is for a bar."""

    cells: tuple[str, ...]
    mark: Mark | None = None
    layer: Layer | None = None
    label: str = ""
    rms: float | None = None


@dataclass(frozen=True)
class Section:
    """Something that happened: the line of code, formulas that apply as (class, text), and a table.

    `method` is where the formulas are programmed; `network` whose layers the table has.
    """

    title: str
    code: Spot
    formulas: list[tuple[str, str]] = field(default_factory=list)
    method: Spot | None = None
    heads: tuple[str, ...] = ()
    lines: list[Line] = field(default_factory=list)
    network: str = ""
    gradient: bool = False  # do the rows show gradients?

    @property
    def owner(self) -> str:
        """Whose layers the rows are, to be put before a name."""
        return f"{self.network}'s " if self.network else ""


@dataclass(frozen=True)
class Story:
    """All of it: title, introduction, the turns, the pages of the layers, and the marks again."""

    title: str
    about: str
    terms: list[tuple[str, str]]  # with their meanings
    parts: list[tuple[str, str, list[Section]]]  # heading, what the turn is for, sections
    pages: list[Page]

    @property
    def numbered(self) -> list[tuple[int, Section]]:
        """All sections in order, counted from 1."""
        return list(enumerate((section for _, _, sections in self.parts for section in sections), 1))

    @property
    def findings(self) -> list[tuple[int, Mark, str]]:
        """Every mark with the number of its section, and the words: "D's 3 LayerNorm makes ..."."""
        return [
            (n, line.mark, f"{section.owner}{' '.join(line.cells[0].split())} {line.mark.meaning}")
            for n, section in self.numbered
            for line in section.lines
            if line.mark is not None
        ]


def number(value: float) -> str:
    """Three digits, and a power of ten where it is far from 1."""
    short = f"{value:.3g}"
    return f"{value:.1e}" if value and not 1e-3 <= abs(float(short)) < 1e5 else short
