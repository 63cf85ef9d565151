"""The labelled paragraphs of docstrings."""

from __future__ import annotations

import sys
from types import ModuleType

import pytest

from minigan import docpages

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
