"""Where gradients vanish or explode, it is reported; where they do not, nothing is."""

from __future__ import annotations

import numpy as np
import pytest
from explained import through

from minigan.explain.events import Loss, Size, Sweep
from minigan.explain.warnings import FAINT, JUMP, TOTAL, Mark, loss_marks, slope, sweep_marks
from minigan.layers import Layer, Linear, Network, ReLU, Sigmoid


def linear(scale: float, bias: float = 0.0, outputs: int = 4) -> Linear:
    """Every direction becomes `scale` times as long."""
    layer = Linear(4, outputs, rng=np.random.default_rng(0), dtype=np.float64)
    layer.weight[...] = scale * np.eye(4)[:, :outputs]
    layer.bias[...] = bias
    return layer


def marks(*layers: Layer) -> list[tuple[str, Mark]]:
    """The marks of the pass back through D = layers and a linear one, place and mark."""
    events = through(Network(*layers, linear(1.0, outputs=1)))
    sweep = next(e for e in events if isinstance(e, Sweep) and e.kind == "backward")
    return [(row.place, mark) for row, mark in zip(sweep.rows, sweep_marks(sweep), strict=True) if mark is not None]


def test_a_stack_of_saturated_sigmoids_vanishes() -> None:
    found = marks(linear(1.0, 9.0), Sigmoid(), linear(1.0, 9.0), Sigmoid(), linear(1.0, 9.0), Sigmoid())
    assert [place for place, _ in found] == ["5", "3", "1"], "each of them, from the loss downwards"
    assert all(mark.sign == "▼" and "shorter" in mark.meaning for _, mark in found)
    assert "vanishes" in found[0][1].meaning + found[1][1].meaning


def test_sigmoids_that_are_not_saturated_vanish_by_being_many() -> None:
    layers = [layer for _ in range(6) for layer in (linear(1.0), Sigmoid())]
    found = marks(*layers)
    assert len(found) == 1
    (place, mark), total = found[0], 0.25**5
    assert mark.sign == "▼" and "vanishes" in mark.meaning and place == "3", "a quarter of a quarter, five times over"
    assert total < 1 / TOTAL < 4 * total


def test_large_weights_explode() -> None:
    found = marks(linear(20.0), linear(20.0), linear(20.0))
    assert [(place, mark.sign) for place, mark in found] == [("0", "▲")]
    assert "explodes: 8,000 times as long" in found[0][1].meaning
    (place, mark) = marks(linear(1.0), linear(150.0), linear(1.0))[0]
    assert place == "1" and mark.meaning == "makes the gradient 150 times longer"


def test_a_dead_layer_lets_nothing_pass() -> None:
    assert [(place, mark.sign) for place, mark in marks(linear(1.0), linear(1.0, -99.0), ReLU())] == [("2", "∅")]


def test_numbers_that_are_not_finite_are_marked_in_both_directions() -> None:
    broken = linear(1.0)
    broken.weight[0, 0] = np.nan
    assert marks(linear(1.0), broken)[0][1].sign == "!"
    events = through(Network(broken, linear(1.0, outputs=1)))
    forward = next(e for e in events if isinstance(e, Sweep) and e.network == "D")
    assert [mark is not None and mark.sign for mark in sweep_marks(forward)] == ["!", "!"]


def test_a_gradient_that_keeps_its_length_has_no_marks() -> None:
    assert marks(linear(2.0), linear(0.5), linear(JUMP - 1), linear(1 / JUMP + 1e-3)) == []


@pytest.mark.parametrize(("scale", "sign"), [(JUMP + 1, "▲"), (1 / (JUMP + 1), "▼")])
def test_the_threshold_of_one_layer_is_the_stated_one(scale: float, sign: str) -> None:
    assert [(place, mark.sign) for place, mark in marks(linear(1.0), linear(scale))] == [("1", sign)]


def test_a_loss_whose_slope_is_nearly_nothing_is_marked() -> None:
    confident = linear(1.0, bias=-20.0, outputs=1)
    events = through(Network(confident), "minimax")
    loss = next(e for e in events if isinstance(e, Loss))
    (mark,) = loss_marks(loss)
    assert mark is not None and mark.sign == "▼" and "in the loss itself" in mark.meaning
    events = through(Network(confident), "nonsaturating")
    assert loss_marks(next(e for e in events if isinstance(e, Loss))) == [None], "its gradient stays when it is losing"


def test_the_slope_of_a_plain_mean_of_scores_is_one_for_every_batch() -> None:
    for n in (1, 4, 100):
        assert slope(Size((n, 1), 1 / n)) == pytest.approx(1.0)
    assert FAINT < 0.01
