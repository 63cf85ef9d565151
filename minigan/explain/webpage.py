"""Webpage: a story as one HTML file that needs nothing but itself: no script, no picture, no other file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from minigan.explain.layout import Line, Section, Story
from minigan.explain.pages import Page, page, with_inner
from minigan.explain.style import STYLE
from minigan.html import Html, document, element, joined, paragraphs
from minigan.layers import Layer

SMALLEST = 1e-12  # where a bar's scale ends at the latest


def webpage(story: Story) -> str:
    """The page: headings and tables of the story, its layers to unfold, a bar on a logarithmic scale for every size."""
    scale = _Scale(line.rms for _, section in story.numbered for line in section.lines if section.gradient)
    plain = _Scale(line.rms for _, section in story.numbered for line in section.lines if not section.gradient)
    bars = f"rms on a logarithmic scale: gradients {scale}, other arrays {plain}; a layer unfolds to its formulas"
    entries = [
        element(tag, text)
        for pair in (*story.terms, ("bars", bars))
        for tag, text in zip(("dt", "dd"), pair, strict=True)
    ]
    numbers = iter(range(1, len(story.numbered) + 1))
    parts = []
    for heading, purpose, sections in story.parts:
        parts.append(_heading(heading, purpose))
        parts += [_section(next(numbers), section, scale if section.gradient else plain) for section in sections]
    return document(
        story.title,
        element("header", element("h1", story.title), element("p", story.about), element("dl", *entries)),
        element(
            "main",
            _findings(story),
            *parts,
            _heading("The layers", "as their pages state them"),
            *(_reference(of) for of in story.pages),
        ),
        style=STYLE,
    )


def _heading(title: str, purpose: str) -> Html:
    return element("h2", title, " ", element("small", purpose))


class _Scale:
    """A logarithmic scale from one power of ten to another, around all positive numbers that it is to show."""

    def __init__(self, sizes: Iterable[float | None]) -> None:
        shown = [max(size, SMALLEST) for size in sizes if size is not None and 0 < size < math.inf]
        self.low = math.floor(math.log10(min(shown, default=1)))
        self.high = max(math.ceil(math.log10(max(shown, default=1))), self.low + 1)

    def __str__(self) -> str:
        return f"from 1e{self.low} to 1e{self.high}"

    def percent(self, rms: float) -> float:
        """How far along the scale; 0 for what is zero or NaN, 100 for infinity."""
        if not rms > 0 or math.isinf(rms):
            return 100.0 if rms > 0 else 0.0
        return min(max(100 * (math.log10(rms) - self.low) / (self.high - self.low), 1), 100)

    def bar(self, rms: float | None, gradient: bool) -> Html:
        """A picture of one line's height."""
        if rms is None:
            return Html()
        filled = element("rect", width=f"{self.percent(rms):.1f}", height=10)
        box = {"viewBox": "0 0 100 10", "preserveAspectRatio": "none", "role": "img", "aria_label": f"rms {rms:.3g}"}
        return element("svg", filled, class_="bar gradient" if gradient else "bar", **box)


def _findings(story: Story) -> Html:
    items = [
        element(
            "li", element("span", mark.sign, class_="meaning"), " ", element("a", f"in {n}", href=f"#s{n}"), ": ", text
        )
        for n, mark, text in story.findings
    ]
    content = element("ul", *items) if items else paragraphs("Nothing: no gradient vanishes or explodes.")
    return joined([element("h2", "What stands out"), content])


def _section(n: int, section: Section, scale: _Scale) -> Html:
    parts = [element("h3", f"{n}. {section.title}"), _code(str(section.code), section.code.code)]
    parts += [element("pre", element("span", name, class_="where"), "\n", text) for name, text in section.formulas]
    if section.method is not None:
        parts.append(_code(str(section.method)))
    if section.network:
        parts.append(element("div", *_sweep(section, scale), class_="rows"))
    elif section.lines:
        parts.append(element("div", _table(section), class_="wide"))
    return element("section", joined(parts, "\n"), id=f"s{n}")


def _code(place: str, line: str = "") -> Html:
    """The place of a line of code, and the line."""
    shown = [element("code", place, class_="where"), *([" ", element("code", line)] if line else [])]
    return element("p", *shown, class_="code")


def _table(section: Section) -> Html:
    heads = element("tr", *(element("th", head) for head in ("", *section.heads)))
    return element(
        "table", heads, *(element("tr", *(element("td", cell) for cell in _with_mark(line))) for line in section.lines)
    )


def _with_mark(line: Line) -> Iterable[str]:
    if line.mark is None:
        return ("", *line.cells)
    return (line.mark.sign, *line.cells, line.mark.meaning)


def _sweep(section: Section, scale: _Scale) -> Iterator[Html]:
    yield element("div", _cells(Line(section.heads), section, scale), class_="row flat head")
    for line in section.lines:
        cells, marked = _cells(line, section, scale), " marked" if line.mark else ""
        if line.layer is None:
            yield element("div", cells, class_=f"row flat{marked}")
        else:
            yield element(
                "details", element("summary", cells), _unfolded(line.layer, line.label), class_=f"row{marked}"
            )


def _cells(line: Line, section: Section, scale: _Scale) -> Html:
    """Mark, name, shape, rms, gain and bar side by side; what else there is, and what the mark means, below."""
    gain = line.cells[3] if section.gradient else ""
    more = ", ".join(cell for cell in line.cells[4:] if cell) if section.gradient else ""
    cells = [
        ("sign", line.mark.sign if line.mark else ""),
        ("name", line.cells[0].strip()),
        ("shape", line.cells[1]),
        (None, line.cells[2]),
        (None, gain),
        ("bar-cell", scale.bar(line.rms, section.gradient)),
        *([("more", more)] if more else []),
        *([("meaning", line.mark.meaning)] if line.mark else []),
    ]
    return joined(element("span", text, class_=kind) for kind, text in cells)


def _unfolded(layer: Layer, label: str) -> Html:
    parts = []
    for shown in with_inner(layer):
        of = page(shown)
        about = element("p", element("code", repr(shown)), element("br"), of.idea)
        parts += [about, _formula(of, label)]
    return element("div", *parts, class_="body")


def _reference(of: Page) -> Html:
    formulas = [part for label in of.formulas for part in (element("h4", label), _formula(of, label))]
    return element("section", element("h3", of.name), element("p", of.idea), *formulas)


def _formula(of: Page, label: str) -> Html:
    if label not in of.formulas:
        return Html()
    places = " · ".join(f"{method} {at}" for method, at in of.methods[label])
    return joined([element("pre", of.formulas[label]), _code(places)])
