"""The step in words: complete, within the columns of a terminal, the formulas as their pages have them."""

from __future__ import annotations

import inspect
import re

import pytest
from explained import story

from minigan import objectives
from minigan.explain.events import HOUSE, Spot
from minigan.explain.layout import number
from minigan.explain.pages import LABELS, page
from minigan.explain.terminal import text
from minigan.layers import ELU, BatchNorm, Conv2d, Flatten, Layer, LayerNorm, LeakyReLU, Linear, ReLU, Sigmoid, Tanh


@pytest.mark.parametrize("name", objectives.names())
def test_every_objective_is_explained_within_the_columns_of_a_terminal(name: str) -> None:
    for columns in (80, 100, 120):
        lines = text(story(name), columns=columns).splitlines()
        tables = [line for line in lines if not re.search(r"\S{60}", line)]
        assert max(map(len, tables)) <= columns
    assert ("TURN D" in "\n".join(lines)) == objectives.get(name).trains_d
    assert "TURN G" in "\n".join(lines)


@pytest.mark.parametrize("name", objectives.names())
def test_every_loss_comes_with_the_formulas_of_its_page(name: str) -> None:
    losses = [section for _, section in story(name).numbered if re.match(r"[DG]'s loss", section.title)]
    assert len(losses) == 1 + objectives.get(name).trains_d
    doc = " ".join((objectives.find(name).__doc__ or "").split())
    for section in losses:
        owner, formula = section.formulas[0]
        assert owner == objectives.find(name).__name__
        assert " ".join(formula.split()) in doc


def test_formulas_of_the_family_follow_where_the_loss_is_written_there() -> None:
    def owners(name: str, start: str) -> list[str]:
        found = next(section for _, section in story(name).numbered if section.title.startswith(start))
        return [owner for owner, _ in found.formulas]

    assert owners("wgan-gp", "D's loss") == ["WGANGP", "WGAN"]
    assert owners("fgan-kl", "G's loss") == ["FGANKL", "FGAN"]
    assert owners("nonsaturating", "G's loss") == ["NonSaturating"], "it writes its own g_loss"
    assert owners("nonsaturating", "D's loss") == ["NonSaturating", "Minimax"]


def test_a_penalty_comes_with_its_formula_and_its_passes_after_it() -> None:
    sections = [section for _, section in story("wgan-gp").numbered]
    penalty = next(i for i, section in enumerate(sections) if section.title.startswith("the penalty"))
    assert "R = λ mean" in sections[penalty].formulas[0][1]
    assert sections[penalty + 3].title.startswith("the second-order pass")


def test_a_formula_is_given_once_for_a_class_and_for_every_layer_where_all_is_asked() -> None:
    reported = story("wgan-gp")
    short, full = text(reported), text(reported, full=True)
    tanhs = sum(type(line.layer) is Tanh for _, section in reported.numbered for line in section.lines)
    assert short.count("y = tanh x") == 1
    assert full.count("f' = 1 - y²") + full.count("f'' = -2 y (1 - y²)") + full.count("y = tanh x") == tanhs
    assert "Conv2d(1, 3, kernel_size=4, stride=2, padding=1)" in full and "Conv2d(1, 3" not in short


def test_formulas_are_shown_only_where_they_were_used() -> None:
    assert "Twice" in text(story("wgan-gp")) and "double_backward" in text(story("wgan-gp"))
    assert "double_backward" not in text(story("lsgan"))


@pytest.mark.parametrize("kind", [Linear, Conv2d, BatchNorm, Flatten])
def test_the_formulas_are_the_words_of_the_page(kind: type[Layer]) -> None:
    layer = kind.__new__(kind)
    doc = inspect.cleandoc(kind.__doc__ or "")
    for label, formula in page(layer).formulas.items():
        first, *more = formula.splitlines()
        assert f"{label:<12}{first}" in doc.splitlines()
        assert all(" " * 12 + line in doc.splitlines() for line in more if line)
    assert page(layer).formulas.keys() == set(LABELS.values())


def test_what_a_page_leaves_to_its_family_is_taken_from_there() -> None:
    assert page(ReLU()).formulas["Forward"] == page(LeakyReLU()).formulas["Forward"]
    for layer in (Tanh(), Sigmoid(), ELU()):
        backward = page(layer).formulas["Backward"].splitlines()
        assert backward[0] == "dx = f'(x) · dy" and backward[1].startswith("f' = ")
    assert page(LayerNorm(3)).formulas["Twice"].startswith("u       = rstd · P(ddx)\n")  # "as SampleNorm" in its page
    assert page(ReLU()).name == "ReLU" and page(ReLU()).idea == "Pass what is positive: LeakyReLU with slope 0."


@pytest.mark.parametrize("name", ["wgan-gp", "ebgan", "mcgan-cov"])
def test_every_method_that_is_named_begins_at_its_line(name: str) -> None:
    places: list[tuple[str, Spot]] = []
    for of in story(name).pages:
        places += [place for methods in of.methods.values() for place in methods]
    assert len(places) > 15
    for method, spot in places:
        lines = (HOUSE / spot.file).read_text(encoding="utf-8").splitlines()
        assert lines[spot.line - 1].strip().startswith(f"def {method}(")


def test_every_layer_of_a_pass_is_in_the_table_with_its_numbers() -> None:
    reported = text(story("wgan-gp"))
    section = next(
        section for _, section in story("wgan-gp").numbered if section.title == "forward through D: real samples"
    )
    for line in section.lines:
        assert "  ".join(line.cells).split() in [row.split() for row in reported.splitlines()]
    assert [line.cells[0].split()[-1] for line in section.lines][:3] == ["x", "Conv2d", "LayerNorm"]


def test_numbers_have_three_digits() -> None:
    shown = {0.0: "0", 1.0: "1", 0.12345: "0.123", 0.00099999: "0.001", 0.00012345: "1.2e-04", 123456.0: "1.2e+05"}
    assert {value: number(value) for value in shown} == shown
    assert number(-0.5) == "-0.5" and number(float("nan")) == "nan"
