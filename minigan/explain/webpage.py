"""Webpage: a story as one HTML file that needs nothing but itself: no script, no picture, no other file."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from html import escape

from minigan.explain.layout import Line, Section, Story
from minigan.explain.pages import Page, page, with_inner
from minigan.explain.style import STYLE
from minigan.layers import Layer

SMALLEST = 1e-12  # where a bar's scale ends at the latest


def webpage(story: Story) -> str:
    """The page: headings and tables of the story, its layers to unfold, a bar on a logarithmic scale for every size."""
    scale = _Scale(line.rms for _, section in story.numbered for line in section.lines if section.gradient)
    plain = _Scale(line.rms for _, section in story.numbered for line in section.lines if not section.gradient)
    words = "".join(f"<dt>{escape(word)}</dt><dd>{escape(meaning)}</dd>" for word, meaning in story.words)
    bars = f"rms on a logarithmic scale: gradients {scale}, other arrays {plain}; a layer unfolds to its formulas"
    numbers = iter(range(1, len(story.numbered) + 1))
    parts = []
    for heading, purpose, sections in story.parts:
        parts.append(f"<h2>{escape(heading)} <small>{escape(purpose)}</small></h2>")
        parts += [_section(next(numbers), section, scale if section.gradient else plain) for section in sections]
    return "\n".join(
        [
            f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(story.title)}</title>',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<style>{STYLE}</style>\n</head>\n<body>\n<main>",
            f"<h1>{escape(story.title)}</h1>\n<p>{escape(story.about)}</p>",
            f"<dl>{words}<dt>bars</dt><dd>{escape(bars)}</dd></dl>",
            *_findings(story),
            *parts,
            "<h2>The layers <small>as their pages state them</small></h2>",
            *(_reference(of) for of in story.pages),
            "</main>\n</body>\n</html>\n",
        ]
    )


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

    def bar(self, rms: float | None, gradient: bool) -> str:
        """A picture of one line's height."""
        if rms is None:
            return ""
        kind = "bar gradient" if gradient else "bar"
        return (
            f'<svg class="{kind}" viewBox="0 0 100 10" preserveAspectRatio="none" role="img" '
            f'aria-label="rms {rms:.3g}"><rect width="{self.percent(rms):.1f}" height="10"/></svg>'
        )


def _findings(story: Story) -> Iterator[str]:
    yield "<h2>What stands out</h2>"
    if not story.findings:
        yield "<p>Nothing: no gradient vanishes or explodes.</p>"
        return
    items = (
        f'<li><span class="said">{mark.sign}</span> <a href="#s{n}">in {n}</a>: {escape(words)}</li>'
        for n, mark, words in story.findings
    )
    yield f"<ul>{''.join(items)}</ul>"


def _section(n: int, section: Section, scale: _Scale) -> str:
    code = f'<code class="where">{escape(str(section.code))}</code> <code>{escape(section.code.code)}</code>'
    parts = [f'<section id="s{n}">\n<h3>{n}. {escape(section.title)}</h3>\n<p class="code">{code}</p>']
    for name, formula in section.formulas:
        parts.append(f'<pre><span class="where">{escape(name)}</span>\n{escape(formula)}</pre>')
    if section.method is not None:
        parts.append(f'<p class="code"><code class="where">{escape(str(section.method))}</code></p>')
    if section.network:
        parts.append(f'<div class="rows">{_sweep(section, scale)}</div>')
    elif section.lines:
        parts.append(f'<div class="scroll">{_table(section)}</div>')
    return "\n".join([*parts, "</section>"])


def _table(section: Section) -> str:
    heads = "".join(f"<th>{escape(head)}</th>" for head in ("", *section.heads))
    rows = ["".join(f"<td>{escape(cell)}</td>" for cell in _told(line)) for line in section.lines]
    return f"<table><tr>{heads}</tr>{''.join(f'<tr>{row}</tr>' for row in rows)}</table>"


def _told(line: Line) -> Iterable[str]:
    if line.mark is None:
        return ("", *line.cells)
    return (line.mark.sign, *line.cells, line.mark.words)


def _sweep(section: Section, scale: _Scale) -> str:
    head = _cells(Line(section.heads), section, scale)
    rows = [f'<div class="row flat head">{head}</div>']
    for line in section.lines:
        cells = _cells(line, section, scale)
        marked = " marked" if line.mark else ""
        if line.layer is None:
            rows.append(f'<div class="row flat{marked}">{cells}</div>')
        else:
            rows.append(
                f'<details class="row{marked}"><summary>{cells}</summary>{_unfolded(line.layer, line.label)}</details>'
            )
    return "\n".join(rows)


def _cells(line: Line, section: Section, scale: _Scale) -> str:
    """Mark, name, shape, rms, gain and bar side by side; what else there is, and what the mark means, below."""
    gain = line.cells[3] if section.gradient else ""
    more = [cell for cell in line.cells[4:] if cell] if section.gradient else []
    cells = [
        f'<span class="sign">{line.mark.sign if line.mark else ""}</span>',
        f'<span class="name">{escape(line.cells[0].strip())}</span>',
        f'<span class="shape">{escape(line.cells[1])}</span>',
        f"<span>{escape(line.cells[2])}</span>",
        f"<span>{escape(gain)}</span>",
        f'<span class="bar-cell">{scale.bar(line.rms, section.gradient)}</span>',
        *([f'<span class="more">{escape(", ".join(more))}</span>'] if more else []),
        *([f'<span class="said">{escape(line.mark.words)}</span>'] if line.mark else []),
    ]
    return "".join(cells)


def _unfolded(layer: Layer, label: str) -> str:
    parts = []
    for part in with_inner(layer):
        of = page(part)
        parts += [f"<p><code>{escape(repr(part))}</code><br>{escape(of.idea)}</p>", _formula(of, label)]
    return f'<div class="body">{"".join(parts)}</div>'


def _reference(of: Page) -> str:
    formulas = "".join(f"<h4>{escape(label)}</h4>{_formula(of, label)}" for label in of.formulas)
    return f"<section><h3>{escape(of.name)}</h3><p>{escape(of.idea)}</p>{formulas}</section>"


def _formula(of: Page, label: str) -> str:
    if label not in of.formulas:
        return ""
    places = " &middot; ".join(f"{escape(method)} {escape(str(at))}" for method, at in of.methods[label])
    return f'<pre>{escape(of.formulas[label])}</pre><p class="code"><code class="where">{places}</code></p>'
