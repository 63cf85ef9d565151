"""Output that every terminal, pipe and file takes: what an encoding lacks is written in other characters."""

from __future__ import annotations

import codecs
import io
import sys
import unicodedata
from typing import TextIO

HANDLER = "minigan.plain"
# Characters of tables, formulas and progress bars, and what stands for them where an encoding has no such character.
PLAIN = {
    "─": "-",
    "–": "-",
    "—": "-",
    "−": "-",
    "│": "|",
    "‖": "||",
    "→": "->",
    "←": "<-",
    "►": ">",
    "◄": "<",
    "▲": "^",
    "▼": "v",
    "·": "*",
    "∘": "o",
    "×": "x",
    "≤": "<=",
    "≥": ">=",
    "≠": "!=",
    "±": "+-",
    "∞": "inf",
    "√": "sqrt",
    "Σ": "sum ",
    "∏": "prod ",
    "∂": "d",
    "∇": "grad ",
    "ℓ": "l",
    "ı": "i",
    "ø": "o",
    "…": "...",
    "⌊": "floor(",
    "⌋": ")",
    "°": " degrees",
    "⁄": "/",
    "█": "#",
    "■": "#",
}
GREEK = "GREEK SMALL LETTER ", "GREEK CAPITAL LETTER "


def any_encoding() -> None:
    """From here on, printing never fails for a character; a stream that cannot be changed stays as it is."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=HANDLER)


def printable(text: str, stream: TextIO | None = None) -> str:
    """The text in characters that the encoding of a stream has; None: that of UTF-8."""
    encoding = getattr(stream, "encoding", None) or "utf-8"
    return text.encode(encoding, HANDLER).decode(encoding)


def _in_words(error: UnicodeError) -> tuple[str, int]:
    """Replacements of characters that an encoding lacks (an error handler of `codecs`)."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(map(_plain, error.object[error.start : error.end])), error.end


def _plain(character: str) -> str:
    """The character in ASCII; a byte of a name that is not UTF-8 as \\xff."""
    if "\udc80" <= character <= "\udcff":
        return f"\\x{ord(character) - 0xDC00:02x}"
    if character in PLAIN:
        return PLAIN[character]
    name = unicodedata.name(character, "")
    for start in GREEK:
        if name.startswith(start) and name.removeprefix(start).isalpha():
            letter = name.removeprefix(start).lower()
            return letter if start == GREEK[0] else letter.capitalize()
    apart = unicodedata.normalize("NFKD", character)
    if apart != character:  # an accent, an index or a power: its letter or digit
        letters = "".join(PLAIN.get(c, "" if unicodedata.combining(c) else _plain(c)) for c in apart)
        return {"<super>": "^", "<sub>": "_"}.get(unicodedata.decomposition(character).split()[0], "") + letters
    if unicodedata.combining(character):
        return ""
    return character if character.isascii() else ascii(character)[1:-1]


codecs.register_error(HANDLER, _in_words)
