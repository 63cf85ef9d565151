"""How a run shows itself in a notebook: what it is, how far it is, its newest numbers and its newest picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from minigan.html import Html, data_uri, element, figure, joined, paragraphs, rows

if TYPE_CHECKING:
    from minigan.runs.folder import Run

WIDTH = 360  # of the picture, in pixels, at most


def shown(run: Run, progress: str = "") -> Html:
    """The run as HTML; `progress` in words, else that of its log."""
    config, log = run.config, run.log()
    title = ", ".join(filter(None, [config.model, config.objective, config.data]))
    last = log[-1] if log else {}
    if not progress:
        progress = f"step {last['step']:,}, epoch {last['epoch']:g} of {config.epochs:g}" if log else "not begun"
    numbers = [
        (name, f"{value:,}" if isinstance(value, int) else f"{value:.4g}")
        for name, value in last.items()
        if isinstance(value, int | float) and name not in ("step", "epoch")
    ]
    table = rows((), numbers, "newest numbers") if numbers else Html("")
    return element(
        "div",
        element("p", element("strong", title), f" in {run.folder}"),
        paragraphs(progress),
        joined([table, _picture(run)]),
    )


def _picture(run: Run) -> Html:
    from PIL import Image

    pictures = run.pictures()
    if not pictures:
        return Html("")
    with Image.open(pictures[-1]) as image:
        width, height = image.size
    size = min(width, WIDTH), round(height * min(width, WIDTH) / width)
    caption = f"Samples, {pictures[-1].stem}"
    return figure(data_uri("image/png", pictures[-1].read_bytes()), caption, caption, size)
