"""The labelled paragraphs of docstrings."""

from __future__ import annotations

import re
import sys
from types import ModuleType

import pytest

from minigan import docpages, layers
from minigan.layers import Layer

PAGE = """One sentence.

More words, which have no label.

Forward     y = x W
                + b
D, G        L = mean of both

            over all samples
Loose words end a paragraph.
            these lines belong to nothing
Too short  x
Longer than a label  y
"""


class Documented:
    """The idea.

    And more.

    Forward     y = x
    """


class Heir(Documented):
    pass


def test_a_labelled_paragraph_continues_as_far_as_it_is_indented() -> None:
    found = docpages.labelled(PAGE)
    assert found["Forward"] == "y = x W\n    + b"
    assert found.keys() == {"Forward", "D", "G"}


def test_a_paragraph_of_two_labels_is_that_of_each() -> None:
    found = docpages.labelled(PAGE)
    assert found["D"] == found["G"] == "L = mean of both\nover all samples"


def test_a_class_states_its_idea_and_its_paragraphs() -> None:
    assert docpages.idea(Documented) == "The idea."
    assert docpages.text(Documented).splitlines()[2] == "And more."
    assert docpages.paragraphs(Documented) == {"Forward": "y = x"}


def test_a_class_without_a_docstring_states_nothing() -> None:
    assert (docpages.text(Heir), docpages.idea(Heir), docpages.paragraphs(Heir)) == ("", "", {})


@pytest.mark.parametrize("kind", [Documented, Heir])
def test_the_indented_lines_of_a_module_are_for_all_its_classes(kind: type, monkeypatch: pytest.MonkeyPatch) -> None:
    page = ModuleType(
        "page", "A page.\n\n    Forward     y = f(x)\n    Backward    dx = f'(x) · dy\n\nTwice       no part"
    )
    monkeypatch.setitem(sys.modules, "page", page)
    monkeypatch.setattr(Documented, "__module__", "page")
    assert docpages.shared_paragraphs(kind, ["Backward"]) == {"Forward": "y = f(x)", "Backward": "dx = f'(x) · dy"}
    assert docpages.shared_paragraphs(kind, ["Twice"]) == {}


def test_every_layer_states_why_its_cache_holds_what_it_holds() -> None:
    kinds = [kind for kind in vars(layers).values() if isinstance(kind, type) and issubclass(kind, Layer)]
    pages = {kind: [docpages.paragraphs(base) for base in kind.__mro__ if issubclass(base, Layer)] for kind in kinds}
    formulated = {kind for kind in kinds if any("Forward" in page for page in pages[kind])}
    reason = re.compile(r"\b(because|which|whose)\b|, not ")
    caches = {kind: "\n".join(page.get("Cache", "") for page in pages[kind]) for kind in formulated}
    assert len(formulated) > 40
    assert [kind.__name__ for kind, text in caches.items() if not reason.search(text)] == []
