"""The results that the package keeps, and what the README of the room shows of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from minigan.study import analysis, markdown

ROOM = Path(markdown.__file__).parent
KEPT = sorted((ROOM / "results").glob("*.csv"))


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.stem)
def test_the_readme_shows_the_kept_results_as_the_program_prints_them(path: Path) -> None:
    page = (ROOM / "README.md").read_text("utf-8")
    assert markdown.replaced(page, path.stem, markdown.text(analysis.table(path))) == page
    assert path.stat().st_size < 400_000


def test_the_readme_shows_the_published_numbers() -> None:
    page = (ROOM / "README.md").read_text("utf-8")
    assert markdown.replaced(page, "published", markdown.published()) == page


def test_a_page_without_marks_is_refused() -> None:
    assert markdown.replaced("a\n<!-- begin x -->old<!-- end x -->\n", "x", "new").count("new") == 1
    with pytest.raises(ValueError, match="must have <!-- begin x --> and <!-- end x --> once each"):
        markdown.replaced("a page", "x", "new")
