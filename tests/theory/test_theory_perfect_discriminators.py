"""A discriminator that is free to learn: always right, and what becomes of the generator's gradients."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest

from minigan import generator_step, objectives, optim
from minigan.data import Dataset

FOLDER = Path(__file__).parents[2] / "examples" / "theory"


@pytest.fixture
def perfect(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("perfect_discriminators")


@pytest.fixture
def small(perfect: ModuleType, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Thin networks that learn faster, and few digits held out."""
    monkeypatch.setattr(perfect, "WIDTH", 0.06)
    monkeypatch.setattr(perfect, "HELD_OUT", 256)
    monkeypatch.setattr(perfect, "ADAM", {"lr": 1e-3, "betas": (0.5, 0.999)})
    return perfect


def test_against_a_g_that_has_learned_nothing_d_is_perfect_and_the_two_gradients_part(small: ModuleType) -> None:
    rows = np.array(list(small.teach(small.players(0).G, 100)))
    iterations, loss, accuracy, saturating, _, growing, _ = rows.T
    assert iterations.tolist() == [0, 20, 40, 60, 80, 100]
    assert accuracy[-1] == 1
    assert loss[-1] < 0.05 < 1.3 < loss[0]
    assert saturating[0] == pytest.approx(growing[0], rel=0.02)  # D has learned nothing: both slopes are 1/2
    assert saturating[-1] < saturating.max() / 5
    assert growing[-1] > 10 * growing[0]


def test_the_gradients_are_those_of_a_generators_step(small: ModuleType) -> None:
    model = small.players(0)
    D, G = small.doubled(model.D), small.doubled(model.G)
    z = np.random.default_rng(0).standard_normal((3, 16, 100))
    for name, (of_all, spread) in zip(("minimax", "nonsaturating"), small.gradients(D, G, z), strict=True):
        seen: list[np.ndarray] = []

        def keep(grads: Any, seen: list[np.ndarray] = seen) -> None:
            seen.append(np.concatenate([grad.ravel() for grad in optim.flatten(grads).values()]))

        for batch in z:
            generator_step(D, G, objectives.get(name), SimpleNamespace(step=keep), batch)
        assert of_all == pytest.approx(np.linalg.norm(np.mean(seen, axis=0)), rel=1e-9)
        assert spread == pytest.approx(np.std([np.linalg.norm(g) for g in seen]), rel=1e-6)


def test_the_frozen_g_stays_as_it_is_to_the_last_bit(small: ModuleType) -> None:
    G = small.players(0).G
    before = {name: array.copy() for name, array in small.arrays(G).items()}
    list(small.teach(G, 20))
    assert all(np.array_equal(before[name], array) for name, array in small.arrays(G).items())


def test_generators_are_trained_once_and_found_again(
    small: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digits = small.data.load("mnist-10k")
    few = Dataset("few", digits.images[:320], None, digits.source)  # an epoch of five steps
    monkeypatch.setattr(small.data, "load", lambda name: few)
    first = {epochs: small.arrays(G) for epochs, G in small.generators([1, 2], tmp_path)}
    assert not np.array_equal(first[1]["0.weight"], first[2]["0.weight"])
    monkeypatch.setattr(small, "train", lambda *_: pytest.fail("trained again"))
    again = {epochs: small.arrays(G) for epochs, G in small.generators([1, 2], tmp_path)}
    for epochs, arrays in first.items():
        assert all(np.array_equal(array, again[epochs][name]) for name, array in arrays.items())


def test_the_script_prints_its_table_and_leaves_its_picture(
    small: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    few = Dataset("few", small.data.load("mnist-10k").images[:384], None, "the first digits")
    monkeypatch.setattr(small.data, "load", lambda name: few)
    monkeypatch.setattr("sys.argv", ["perfect", "--epochs", "1", "2", "--steps", "20", "--out", str(tmp_path)])
    small.main()
    assert "saturating falls by" in capsys.readouterr().out
    assert (tmp_path / "perfect_discriminators.png").is_file()


@pytest.mark.slow
def test_d_becomes_perfect_whatever_g_has_learned_and_later_generators_hold_out_longer(
    perfect: ModuleType, tmp_path: Path
) -> None:
    ways = {epochs: np.array(list(perfect.teach(G, 1500))) for epochs, G in perfect.generators([1, 10], tmp_path)}
    first, later = ways[1], ways[10]
    assert first[-1, 2] >= 0.999
    assert perfect.falls(first) >= 1000
    assert first[-1, 5] >= first[0, 5]
    assert perfect.falls(later) < perfect.falls(first)
