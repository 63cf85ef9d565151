"""The page: sections filled from the evidence, in one HTML file that needs nothing but itself."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np

from minigan.atomic import replacing
from minigan.html import Html, document, element, joined, paragraphs
from minigan.report import asked, copying, curves, repeat, samples, styles, summary, timeline, translations
from minigan.report.loaded import DAMAGED, Evidence


def write_report(
    folder: str | os.PathLike[str], out: str | os.PathLike[str] | None = None, *, best: bool = False
) -> Path:
    """Write everything there is to see of the run in `folder` into one HTML file; returns its path.

    out     the file; None: report.html in the folder
    best    generate from the best checkpoint, not from the newest

    Any part of the run that is missing, damaged or not there yet gets a sentence. FileNotFoundError: `folder` is not
    the folder of a run, or there is no folder for `out`.
    """
    folder = Path(folder)
    path = folder / "report.html" if out is None else Path(out)
    evidence = Evidence(folder, best=best)
    with replacing(path) as file:
        file.write(html(evidence).encode("utf-8", errors="replace"))
    return path


def html(evidence: Evidence) -> str:
    """The page as text."""
    sections = _sections(evidence)
    ids = {title: f"part-{n}" for n, title in enumerate(sections, 1)}
    links = [element("li", element("a", title, href=f"#{ids[title]}")) for title in sections]
    body = []
    for title, write in sections.items():
        heading = element("h2", title, id=ids[title])
        body.append(element("section", heading, _safely(evidence, title, write), aria_labelledby=ids[title]))
    facts = _safely(evidence, "summary", lambda: summary.summary(evidence))
    nav = element("nav", element("ul", *links), aria_label="Parts of this page")
    written = f"Written {time.strftime('%Y-%m-%d %H:%M')} by minigan, from the run's own files."
    return document(
        evidence.name,
        element("header", element("h1", evidence.name), facts, nav),
        element("main", joined(body, "\n")),
        element("footer", element("p", written)),
        style=_file("style.css"),
        script=_file("slider.js"),
    )


def _sections(evidence: Evidence) -> dict[str, Callable[[], Html]]:
    """The parts of the page by their titles, to be written one after the other."""
    if translations.translates(evidence):
        return _sections_of_translations(evidence)
    images = _generated(evidence)
    return {
        "Samples over time": lambda: timeline.moments(evidence),
        "Curves": lambda: curves.curves(evidence),
        "Scores": lambda: summary.scores(evidence, images),
        "Health": lambda: summary.health(evidence),
        "New samples": lambda: samples.samples(evidence, images),
        **asked.part(evidence),
        "Interpolations": lambda: samples.walk(evidence),
        **({"Styles": lambda: styles.styles(evidence)} if styles.has_styles(evidence) else {}),
        "Does it copy?": lambda: copying.copying(evidence, images),
        "Configuration": lambda: summary.choices(evidence),
        "Command": lambda: repeat.repeat(evidence),
        "Environment": lambda: repeat.environment(evidence),
    }


def _sections_of_translations(evidence: Evidence) -> dict[str, Callable[[], Html]]:
    """The same of a run that turns images into images: it has no samples of noise, and held-out images instead."""
    sections: dict[str, Callable[[], Html]] = {
        "Held-out images over time": lambda: timeline.moments(evidence, "held-out images"),
        "Curves": lambda: curves.curves(evidence),
        "Scores": lambda: translations.held_out(evidence),
        "Health": lambda: summary.health(evidence),
    }
    if evidence.config is not None and evidence.config.system == "cyclegan":
        sections["What a translation hides"] = lambda: translations.hiding(evidence)
    return sections | {
        "Configuration": lambda: summary.choices(evidence),
        "Command": lambda: repeat.repeat(evidence),
        "Environment": lambda: repeat.environment(evidence),
    }


def _generated(evidence: Evidence) -> np.ndarray | None:
    """New samples of the checkpoint; None where there is no generator, or what it generates is not finite."""
    generator = evidence.generator
    if generator is None:
        return None
    shape = generator.system.sample_shape
    n = samples.POINTS if shape is not None and len(shape) == 1 else copying.SAMPLES
    return evidence.attempt("generator", lambda: generator(n))


def _safely(evidence: Evidence, title: str, write: Callable[[], Html]) -> Html:
    """A section; where the run is damaged in a way that was not foreseen, a sentence in its place."""
    try:
        return write()
    except DAMAGED as error:
        return paragraphs(f"This part of the run cannot be shown: {evidence.message(error)}.")


def _file(name: str) -> str:
    return resources.files("minigan.report").joinpath(name).read_text(encoding="utf-8")
