"""matplotlib, imported so that nothing around this program can spoil a picture."""

from __future__ import annotations

import os
from types import ModuleType


def load() -> ModuleType:
    """matplotlib, whatever MPLBACKEND is: no window is ever opened, so a backend that does not exist does no harm."""
    backend = os.environ.pop("MPLBACKEND", None)
    try:
        import matplotlib
        import matplotlib.backends.backend_agg
        import matplotlib.figure
    finally:
        if backend is not None:
            os.environ["MPLBACKEND"] = backend
    return matplotlib


def drawable(text: str) -> str:
    """The text with a box for each character that the letters of matplotlib do not have: no warning, no error."""
    from matplotlib import font_manager, ft2font

    letters = ft2font.FT2Font(font_manager.findfont("DejaVu Sans"))
    return "".join(c if letters.get_char_index(ord(c)) else "\u25a1" for c in text)
