"""Terminal: a story as text for 80 to 120 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from minigan.explain.layout import Line, Section, Story
from minigan.explain.pages import LABELS, Page, page, with_inner

NARROW, WIDE = 80, 120  # columns: less cannot hold the tables, more is hard to read
COLUMNS = 4  # of a table that stay side by side where there is little room
LABELLED = max(map(len, LABELS.values())) + 4  # columns before a formula


def text(story: Story, *, full: bool = False, columns: int = WIDE) -> str:
    """All of it; `full`: the formulas below every layer, instead of one list of the classes."""
    width = min(max(columns, NARROW), WIDE)
    out = [story.title, "=" * len(story.title), "", *_fold(story.about, width), ""]
    for word, meaning in story.terms:
        out += _fold(f"{word:<7}{meaning}", width, 7)
    numbers = iter(range(1, len(story.numbered) + 1))
    for heading, purpose, sections in story.parts:
        out += ["", "", *_fold(f"{heading.upper()} {purpose}", width)]
        for section in sections:
            out += ["", *_section(next(numbers), section, full, width)]
    if not full:
        out += ["", "", "THE LAYERS as their pages state them", *_reference(story.pages, width)]
    out += ["", "", "WHAT STANDS OUT", ""]
    for n, mark, sentence in story.findings:
        out += _fold(f"{mark.sign} in {n}: {sentence}", width, 2)
    return "\n".join([*out, *([] if story.findings else ["nothing: no gradient vanishes or explodes"])])


def _section(count: int, section: Section, full: bool, width: int) -> Iterator[str]:
    yield from _fold(f"{count}. {section.title}", width, 3)
    yield from _fold(f"   {section.code}  {section.code.code}", width, 5)
    yield from _formulas(section, width)
    if section.lines:
        yield from _table(section, full, width)


def _table(section: Section, full: bool, width: int) -> Iterator[str]:
    """A line for each row; where that is too long, what comes after the first columns follows on a second one."""
    rows = [Line(section.heads), *section.lines]
    widths = [max(len(line.cells[i]) for line in rows) for i in range(len(section.heads))]
    columns = len(widths) if 3 + sum(widths) + 2 * len(widths) - 2 <= width else COLUMNS
    for line in rows:
        yield f"{line.mark.sign if line.mark else ' '}  {_row(line.cells[:columns], widths)}".rstrip()
        rest = ", ".join(cell for cell in line.cells[columns:] if cell)
        yield from _lines(rest, width, 8)
        if full and line.layer is not None:
            for layer in with_inner(line.layer):
                yield from _layer(page(layer), line.label, repr(layer), width)


def _formulas(section: Section, width: int) -> Iterator[str]:
    margin = 5 + max((len(name) + 2 for name, _ in section.formulas), default=0)
    for name, formula in section.formulas:
        first, *more = _lines(formula, width, margin)
        yield f"     {name:<{margin - 5}}{first[margin:]}"
        yield from more
    if section.method is not None:
        yield " " * margin + str(section.method)


def _row(cells: tuple[str, ...], widths: list[int]) -> str:
    return "  ".join(f"{cell:<{width}}" for cell, width in zip(cells, widths, strict=False)).rstrip()


def _layer(of: Page, label: str, name: str, width: int) -> Iterator[str]:
    yield from _lines(name, width, 8)
    if label in of.formulas:
        yield from _lines(of.formulas[label], width, 10)
        yield from _lines("  ".join(f"{method} {where}" for method, where in of.methods[label]), width, 10)


def _reference(pages: list[Page], width: int) -> Iterator[str]:
    for of in pages:
        yield ""
        yield from _fold(f"{of.name}  {of.idea}", width, 2)
        for label, formula in of.formulas.items():
            first, *more = _lines(formula, width, LABELLED)
            yield f"  {label:<{LABELLED - 2}}{first[LABELLED:]}"
            yield from more
            yield from _lines("  ".join(f"{method} {where}" for method, where in of.methods[label]), width, LABELLED)


def _lines(content: str, width: int, indent: int) -> Iterator[str]:
    """Lines as they are written, each folded where it is too long."""
    for line in content.splitlines():
        margin = indent + len(line) - len(line.lstrip())
        yield from _fold(" " * margin + line.lstrip(), width, margin + 2)


def _fold(content: str, width: int, indent: int = 0) -> list[str]:
    return textwrap.wrap(
        content, width, subsequent_indent=" " * indent, break_on_hyphens=False, break_long_words=False
    ) or [""]
