"""HTML by small functions: text stays text, and a page loads nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from minigan.html import STYLE, Html, document, element, joined, paragraphs, rows


class Tags(HTMLParser):
    """The elements of a page with their attributes; refuses tags that do not pair."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))
        if tag not in ("meta", "img", "input", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def policy(self) -> str:
        (found,) = [given["content"] for _, given in self.found if given.get("http-equiv")]
        return found or ""


def test_text_is_escaped_and_markup_is_not() -> None:
    inside = element("i", "a < b")
    assert element("p", inside, " & <b>", title='"x"', hidden=True, id=None, tabindex=0) == (
        '<p title="&quot;x&quot;" hidden tabindex="0"><i>a &lt; b</i> &amp; &lt;b&gt;</p>'
    )


def test_names_of_attributes_are_those_of_html() -> None:
    found = element("meta", name="x", http_equiv="y", class_="z")
    assert found == '<meta name="x" http-equiv="y" class="z">'


def test_parts_are_joined_with_text_that_is_escaped_too() -> None:
    assert joined(["<", element("br"), ">"], "\n") == "&lt;\n<br>\n&gt;"
    assert paragraphs("a", "", "b") == "<p>a</p><p>b</p>"


def test_a_table_names_its_rows_and_columns_and_scrolls() -> None:
    tags = Tags(rows(["kind", "n"], [["D", "1"], ["G", "2"]], "Steps")).found
    assert [given["scope"] for tag, given in tags if tag == "th"] == ["col", "col", "row", "row"]
    assert tags[0] == ("div", {"class": "wide", "tabindex": "0", "role": "region", "aria-label": "Steps"})


@pytest.mark.parametrize("script", ["", "let x = 1 < 2 && 3;"])
def test_a_page_runs_its_own_script_and_loads_nothing(script: str) -> None:
    page = document("a <b>", element("main", "words"), style="main { color: red }", script=script)
    tags = Tags(page)
    assert page.startswith('<!doctype html>\n<html lang="en"><head><meta charset="utf-8">')
    assert "<title>a &lt;b&gt;</title>" in page and f"<style>{STYLE}main {{ color: red }}</style>" in page
    assert "default-src 'none'" in tags.policy() and "http" not in STYLE and "url(" not in STYLE
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert re.findall(r"<script>(.*)</script>", page) == ([script] if script else [])
    assert (f"script-src 'sha256-{digest}'" in tags.policy()) == bool(script)


def test_markup_stays_markup_in_a_page() -> None:
    assert "<main>&lt;i&gt;</main>" in document("t", element("main", "<i>"))
    assert "<i>&amp;</i>" in document("t", Html("<i>&amp;</i>"))
