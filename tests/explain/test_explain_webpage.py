"""The page: whole, on its own, safe for any text."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from explained import story, through

from minigan import objectives
from minigan.explain.sections import describe
from minigan.explain.step import Explanation, Part
from minigan.explain.webpage import webpage
from minigan.layers import Linear, Network
from minigan.training.config import Config

VOID = {"meta", "br"}


class Reader(HTMLParser):
    """Reads a page and complains of tags that do not pair."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


@pytest.mark.parametrize("name", objectives.names())
def test_the_page_of_every_objective_is_whole_and_needs_nothing_else(name: str) -> None:
    page = webpage(story(name))
    tags = Reader(page).tags
    assert {"main", "details", "summary", "svg", "rect", "pre", "style"} <= {tag for tag, _ in tags}
    assert re.search(r"https?:|[\"'(]//", page) is None and "url(" not in page and "@import" not in page
    assert not {"script", "link", "img", "iframe", "object"} & {tag for tag, _ in tags}
    assert [a["href"] for tag, a in tags if "href" in a and not re.fullmatch(r"#s\d+", a["href"] or "")] == []
    assert len(page) < 500_000


def test_the_page_has_what_the_terminal_has() -> None:
    reported, words = story("wgan-gp"), " ".join(Reader(webpage(story("wgan-gp"))).words)
    for n, section in reported.numbered:
        assert f"{n}. {section.title}" in words and section.code.code in words
        for line in section.lines:
            assert all(cell.strip() in words for cell in line.cells)
    for page in reported.pages:
        assert all(formula in words for formula in page.formulas.values())


def test_every_layer_of_every_pass_unfolds_and_links_lead_somewhere() -> None:
    reported, tags = story("wgan-gp"), Reader(webpage(story("wgan-gp"))).tags
    layers = sum(line.layer is not None for _, section in reported.numbered for line in section.lines)
    assert sum(tag == "details" for tag, _ in tags) == layers > 50
    anchors = {f"#{a['id']}" for _, a in tags if "id" in a}
    assert {a["href"] for _, a in tags if "href" in a} <= anchors


def test_the_page_adapts_to_a_phone_a_printer_and_the_night() -> None:
    page = webpage(story("lsgan"))
    assert 'name="viewport" content="width=device-width' in page
    for condition in ("prefers-color-scheme: dark", "max-width", "@media print"):
        assert condition in page


def test_text_is_escaped() -> None:
    wild = replace(story("lsgan"), title="<script>alert(1)</script>", about='a & b "<i>"')
    page = webpage(wild)
    assert "<script" not in page and "<i>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page and "a &amp; b" in page
    assert "<script>alert(1)</script>" in "".join(Reader(page).words)


def test_bars_are_logarithmic_and_never_leave_their_box() -> None:
    page = webpage(story("wgan-gp"))
    pairs = re.findall(r'<svg class="bar gradient".*?aria-label="rms (\S+)"><rect width="(\S+)"', page)
    sizes, widths = ([float(x) for x in column] for column in zip(*pairs, strict=True))
    assert all(0 <= width <= 100 for width in widths) and max(widths) > 50
    (low, high), *_ = re.findall(r"gradients from 1e(-?\d+) to 1e(-?\d+)", page)
    for rms, width in pairs:
        share = float(width) / 100
        assert float(rms) == pytest.approx(10 ** (int(low) + share * (int(high) - int(low))), rel=0.02) or share == 0.01
    assert min(sizes) >= 10 ** int(low) * 0.99 and max(sizes) <= 10 ** int(high) * 1.01


def test_gradients_that_are_zero_or_not_finite_are_shown_with_their_marks() -> None:
    import numpy as np

    for value, sign in ((0.0, "∅"), (np.nan, "!"), (1e9, "▲")):
        D = Network(Linear(4, 4, rng=np.random.default_rng(0), dtype=np.float64), *[_one()])
        D.layers[0].weight[...] = value
        reported = describe(Config(objective="wgan"), Explanation([Part("G", "moves G", through(D))]))
        assert sign in [mark.sign for _, mark, _ in reported.findings]
        assert f'<span class="sign">{sign}</span>' in webpage(reported)


def _one() -> Linear:
    import numpy as np

    return Linear(4, 1, rng=np.random.default_rng(0), dtype=np.float64)
