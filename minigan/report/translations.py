"""Runs that turn images into images: scores of held-out images, and how much a translation hides."""

from __future__ import annotations

from typing import Any

from minigan.html import Html, element, joined, paragraphs
from minigan.metrics.hiding import Row, curve
from minigan.report.loaded import Evidence
from minigan.scoring.held_out import held_out_scores
from minigan.training import registry

SCORED, DISTURBED = 500, 100  # held-out images


def translates(evidence: Evidence) -> bool:
    """Is this a run of such a system?"""
    config = evidence.config
    return (
        config is not None and config.system in registry.SYSTEMS and registry.entry(config.system).held_out is not None
    )


def held_out(evidence: Evidence) -> Html:
    """The table of `minigan score`."""
    result = held_out_scores(evidence.folder, n=SCORED, best=evidence.best, on="cpu")
    if result is None:
        return paragraphs("This run is scored by its samples.")
    return element("pre", result.text)


def hiding(evidence: Evidence) -> Html:
    """The error of both ways back after disturbances of the translation."""
    generator, config = evidence.generator, evidence.config
    if generator is None or config is None or config.system != "cyclegan":
        return paragraphs("Only runs of cyclegan have a way back.")
    entry = registry.entry(config.system)
    assert entry.held_out is not None
    held = entry.held_out(generator.config, DISTURBED)
    sides = {side: held[f"held out {side}"] for side in ("A", "B")}
    system: Any = generator.system
    ways = {"A → B → A": curve(system, sides, "A"), "B → A → B": curve(system, sides, "B")}
    text = (
        "The way back must restore the original, also where a picture of the other domain cannot show all of it. A "
        "generator then hides the rest in its translation, in changes that are too small for eyes and discriminators, "
        "and the other generator reads them. Rounding and noise destroy small changes: the more the error of the way "
        "back grows with them, the more is hidden. Errors are mean grey levels over "
        f"{min(DISTURBED, *map(len, sides.values()))} held-out images."
    )
    return joined([paragraphs(text), *(_table(way, rows) for way, rows in ways.items())])


def _table(way: str, rows: list[Row]) -> Html:
    hues = any(row.hue is not None for row in rows)
    heads = ["the translation, before it goes back", "error", *(["hue error"] if hues else [])]
    body = []
    for row in rows:
        cells = [row.what, f"{row.error:.1f}", *([f"{row.hue:.0f}°"] if row.hue is not None else [])]
        body.append(element("tr", *(element("td", cell) for cell in cells)))
    head = element("thead", element("tr", *(element("th", cell) for cell in heads)))
    return joined([element("h3", way), element("table", head, element("tbody", *body))])
