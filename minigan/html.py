"""HTML by small functions. Whatever is not `Html` already is text and gets escaped: nothing else makes markup."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape

import numpy as np

VOID = {"img", "input", "br"}


class Html(str):
    """Text that is markup already."""


def element(name: str, *content: str, **attributes: object) -> Html:
    """<name attributes>content</name>, both escaped.

    `class_` is class, `aria_label` aria-label; True is an attribute without a value, None and False are none.
    """
    told = "".join(
        _attribute(key, value) for key, value in attributes.items() if value is not None and value is not False
    )
    return Html(f"<{name}{told}>" if name in VOID else f"<{name}{told}>{joined(content)}</{name}>")


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


def _attribute(key: str, value: object) -> str:
    name = key.removesuffix("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(str(value))}"'


def _encoded(picture: np.ndarray, kind: str, **options: int) -> str:
    from PIL import Image

    flat, file = picture[..., 0] if picture.shape[2:] == (1,) else picture, io.BytesIO()
    Image.fromarray(np.ascontiguousarray(flat)).save(file, kind, **options)
    return data_uri(f"image/{kind.lower()}", file.getvalue())
