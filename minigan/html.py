"""HTML by small functions, and pages that need no other file. What is not `Html` already is text and gets escaped."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

VOID = {"img", "input", "br", "meta"}

# How every page looks: by day, at night and on paper. Blue and vermilion are of Okabe & Ito's palette.
STYLE = """
:root {
  --paper: #ffffff; --ink: #1f2328; --soft: #59636e; --faint: #e3e6ea; --sheet: #f5f6f8;
  --d: #0072b2; --g: #d55e00; --one: #007a59; --mark: #b34700;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #14171b; --ink: #e6e8eb; --soft: #a3abb5; --faint: #32383f; --sheet: #1d2126;
    --d: #56b4e9; --g: #f0a050; --one: #35c69b; --mark: #ff9a4d;
  }
}
* { box-sizing: border-box; }
body {
  margin: 0 auto; padding: 1rem; max-width: 62rem; background: var(--paper); color: var(--ink);
  font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere;
}
h1 { font-size: 1.5rem; line-height: 1.25; margin: .5rem 0 1rem; }
h2 { font-size: 1.2rem; margin: 2.25rem 0 .5rem; padding-top: 1rem; border-top: 1px solid var(--faint); }
p, ul { margin: .5rem 0; max-width: 46rem; }
a { color: var(--d); }
:focus-visible { outline: 3px solid var(--d); outline-offset: 2px; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1rem; margin: 0 0 1rem; }
dt { color: var(--soft); }
dd { margin: 0; }
code, pre { font-family: ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace; font-size: .82rem; }
pre { margin: .4rem 0; padding: .6rem .75rem; border-radius: .4rem; background: var(--sheet); overflow-x: auto; }
pre code { font-size: inherit; }
.wide { overflow-x: auto; margin: .75rem 0; }
table { border-collapse: collapse; font-size: .95rem; overflow-wrap: normal; }
caption { padding-bottom: .4rem; color: var(--soft); font-size: .9rem; text-align: left; }
th, td {
  padding: .25rem .75rem .25rem 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--faint);
  font-variant-numeric: tabular-nums;
}
th { font-weight: 600; }
summary { padding: .3rem 0; cursor: pointer; color: var(--d); }
@media print {
  :root {
    --paper: #fff; --ink: #000; --soft: #444; --faint: #ccc; --sheet: #fff;
    --d: #0072b2; --g: #d55e00; --one: #007a59; --mark: #b34700;
  }
  body { max-width: none; padding: 0; font-size: 10pt; }
  pre { white-space: pre-wrap; }
  figure, svg, tr, pre { break-inside: avoid; }
  h2, h3 { break-after: avoid; }
  .wide { overflow: visible; }
}
"""


class Html(str):
    """Text that is markup already."""


def document(title: str, *content: str, style: str = "", script: str = "") -> str:
    """A page as the text of a file, with `style` after `STYLE`. It loads nothing, and runs no script but `script`."""
    policy = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
    if script:
        policy += f"; script-src 'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"
    head = [
        element("meta", charset="utf-8"),
        element("meta", name="viewport", content="width=device-width, initial-scale=1"),
        element("meta", name="color-scheme", content="light dark"),
        element("meta", http_equiv="Content-Security-Policy", content=policy),
        element("title", title),
        Html(f"<style>{STYLE}{style}</style>"),
    ]
    body = [*content, Html(f"<script>{script}</script>")] if script else content
    page = element("html", element("head", joined(head, "\n")), element("body", joined(body, "\n")), lang="en")
    return _in_utf8(f"<!doctype html>\n{page}\n")


def element(name: str, /, *content: str, **attributes: object) -> Html:
    """<name attributes>content</name>, both escaped.

    `class_` is class, `aria_label` aria-label; True is an attribute without a value, None and False are none.
    """
    given = {key: value for key, value in attributes.items() if value is not None and value is not False}
    start = f"<{name}{''.join(_attribute(key, value) for key, value in given.items())}>"
    return Html(start if name in VOID else f"{start}{joined(content)}</{name}>")


def joined(parts: Iterable[str], between: str = "") -> Html:
    """The parts one after the other, each escaped unless it is markup."""
    return Html(between.join(part if isinstance(part, Html) else escape(part) for part in parts))


def paragraphs(*texts: str) -> Html:
    """Each text a paragraph of its own; empty ones are left out."""
    return joined(element("p", text) for text in texts if text)


def rows(head: Sequence[str], body: Iterable[Sequence[str]], caption: str) -> Html:
    """A table in a box of its own, which scrolls where the page is narrower; the first cell of each row is its name."""
    lines = [element("tr", *(element("th", cell, scope="col") for cell in head))] if head else []
    for name, *cells in body:
        lines.append(element("tr", element("th", name, scope="row"), *(element("td", cell) for cell in cells)))
    table = element("table", element("caption", caption), *lines)
    return element("div", table, class_="wide", tabindex=0, role="region", aria_label=caption)


def figure(source: str, alt: str, caption: str, size: tuple[int, int], **attributes: object) -> Html:
    """A picture (width, height in pixels) with what it shows, for those who see it and for those who do not."""
    image = element("img", src=source, alt=alt, width=size[0], height=size[1])
    return element("figure", image, element("figcaption", caption), **attributes)


def picture_uri(picture: np.ndarray) -> str:
    """uint8 (H, W), (H, W, 1) or (H, W, 3) as a PNG that is its own address."""
    return _encoded(picture, "PNG")


def photograph_uri(picture: np.ndarray) -> str:
    """The same as a JPEG, for pictures of many colours: a tenth of the size."""
    return _encoded(picture, "JPEG", quality=85)


def data_uri(kind: str, content: bytes) -> str:
    """The bytes of a file of this kind, as an address that holds them itself."""
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"


def _in_utf8(page: str) -> str:
    """The page with the bytes of names that are not UTF-8 as \\xe9."""
    shown = re.sub("[\udc80-\udcff]", lambda byte: f"\\x{ord(byte[0]) - 0xDC00:02x}", page)
    return shown.encode(errors="backslashreplace").decode()


def _attribute(key: str, value: object) -> str:
    name = key.removesuffix("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'


def _encoded(picture: np.ndarray, kind: str, **options: int) -> str:
    from PIL import Image

    flat, file = picture[..., 0] if picture.shape[2:] == (1,) else picture, io.BytesIO()
    Image.fromarray(np.ascontiguousarray(flat)).save(file, kind, **options)
    return data_uri(f"image/{kind.lower()}", file.getvalue())
