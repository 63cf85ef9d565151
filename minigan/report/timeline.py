"""The samples of a run over time, always from the same noise."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from minigan.html import Html, data_uri, element, figure, joined, paragraphs, photograph_uri
from minigan.report.loaded import Evidence

MOMENTS = 16
LARGE = 60_000  # bytes from which a colour picture is kept as a JPEG
BUDGET = 2_500_000  # characters of all pictures together


def moments(evidence: Evidence, what: str = "noise") -> Html:
    """Pictures at some moments of training, all of them shown; with JavaScript, one at a time, and a slider.

    what: always the same in them
    """
    shown = _fitting(_pictures(evidence))
    damaged = [
        f"{name} cannot be shown: {why}." for name, why in evidence.missing.items() if name.startswith("samples/")
    ]
    if not shown:
        return paragraphs("There is no picture of samples.", *damaged)
    figures = [
        figure(uri, f"Samples of the generator at step {step:,}", f"step {step:,}", size, data_step=step)
        for step, uri, size in shown
    ]
    last = len(figures) - 1
    slider = element("input", type="range", id="moment", min=0, max=last, value=last, step=1)
    controls = element(
        "p",
        element("label", "moment of training", for_="moment"),
        slider,
        element("output", f"step {shown[-1][0]:,}", for_="moment"),
        element("button", "play", type="button"),
        class_="slider",
        hidden=True,
    )
    text = f"The same {what} at each moment: only the networks change."
    frames = element("div", *figures, class_="moments")
    return joined([paragraphs(text, *damaged), controls, frames, *_others(evidence)])


def _others(evidence: Evidence) -> list[Html]:
    """The newest of each other kind of picture that the run keeps, in a folder of its name."""
    newest: dict[str, Path] = {}
    for path in sorted(evidence.folder.glob("*/step-*.png")):
        if path.parent.name != "samples" and path.stem[5:].isdecimal():
            newest[path.parent.name] = path
    shown = []
    for name, path in newest.items():
        picture = evidence.picture(path)
        if picture is not None:
            caption, size = f"{name} at step {_step(path):,}", (picture.shape[1], picture.shape[0])
            shown.append(figure(_uri(path, picture), caption, caption, size))
    return shown


def _pictures(evidence: Evidence) -> list[tuple[int, str, tuple[int, int]]]:
    """Step, data URI, width and height of some pictures, the first and the last among them."""
    paths = evidence.files.pictures()
    chosen = np.unique(np.linspace(0, len(paths) - 1, min(len(paths), MOMENTS)).round().astype(int))
    shown = []
    for path in [paths[i] for i in chosen]:
        picture = evidence.picture(path)
        if picture is not None:
            shown.append((_step(path), _uri(path, picture), (picture.shape[1], picture.shape[0])))
    return shown


def _uri(path: Path, picture: np.ndarray) -> str:
    """The file itself, but of a large one in colour a JPEG."""
    if picture.ndim == 3 and path.stat().st_size > LARGE:
        return photograph_uri(picture)
    return data_uri("image/png", path.read_bytes())


def _fitting(shown: list[tuple[int, str, tuple[int, int]]]) -> list[tuple[int, str, tuple[int, int]]]:
    """Fewer of them where they are too large together, the last always among those that stay."""
    while len(shown) > 1 and sum(len(uri) for _, uri, _ in shown) > BUDGET:
        shown = shown[::-2][::-1]
    return shown


def _step(path: Path) -> int:
    return int(path.stem.removeprefix("step-"))
