"""The objectives on the ring of Gaussians: played alike, looked at alike, and which of them lose modes."""

from __future__ import annotations

import importlib
from pathlib import Path
from statistics import median
from types import ModuleType

import numpy as np
import pytest

from minigan import data

FOLDER = Path(__file__).parents[2] / "examples" / "theory"
RING = data.ring(radius=1.0, sigma=0.01)


@pytest.fixture
def collapse(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(FOLDER))
    return importlib.import_module("mode_collapse")


def test_a_d_of_pairs_gives_one_score_for_two_samples_that_follow_each_other(collapse: ModuleType) -> None:
    D, _, _ = collapse.players(collapse.PACKED, seed=0)
    x = np.random.default_rng(0).standard_normal((6, 2), dtype=np.float32)
    scores, cache = D.forward(x)
    assert scores.shape == (3, 1)
    assert np.allclose(D.forward(x[2:4])[0], scores[1:2], atol=1e-6)
    dx = D.backward(np.array([[0], [1], [0]], np.float32), cache)
    assert dx.shape == x.shape
    assert np.flatnonzero(np.abs(dx).sum(axis=1)).tolist() == [2, 3]


def test_all_objectives_start_from_the_same_weights(collapse: ModuleType) -> None:
    first_D, first_G, _ = collapse.players("minimax", seed=3)
    for name in collapse.GAMES:
        D, G, objective = collapse.players(name, seed=3)
        assert objective.name == name.removesuffix(", pairs")
        assert all(
            np.array_equal(a, b) for (_, a), (_, b) in zip(G.named_params(), first_G.named_params(), strict=True)
        )
        if name != collapse.PACKED:
            assert all(
                np.array_equal(a, b) for (_, a), (_, b) in zip(D.named_params(), first_D.named_params(), strict=True)
            )


def test_a_training_is_looked_at_from_its_start_to_its_end_and_is_its_seeds_alone(collapse: ModuleType) -> None:
    one, again, other = (list(collapse.play("minimax", RING, 20, seed)) for seed in (0, 0, 1))
    assert [look.step for look in one] == list(range(21))
    assert np.isnan(one[0].d_loss) and np.isfinite(one[1].d_loss)
    assert all(look.points.shape == (2500, 2) and look.found == RING.coverage(look.points) for look in one)
    assert np.array_equal(one[-1].points, again[-1].points)
    assert not np.array_equal(one[-1].points, other[-1].points)


@pytest.mark.parametrize("name", ["minimax, pairs", "lsgan", "wgan", "wgan-gp", "dragan"])
def test_every_objective_moves_its_generator(collapse: ModuleType, name: str) -> None:
    looks = list(collapse.play(name, RING, 20))
    assert np.isfinite(looks[-1].points).all()
    assert np.abs(looks[-1].points - looks[0].points).max() > 0.01


def test_the_table_gives_medians_and_the_extremes_of_the_modes_found(collapse: ModuleType) -> None:
    points = [RING.centres[:count].repeat(10, axis=0) for count in (3, 8, 5)]
    ends = {"minimax": [collapse.Look(9, x, RING.coverage(x), 0.25) for x in points]}
    line = collapse.table(ends).splitlines()[1]
    assert line.split()[:5] == ["minimax", "5", "(3-8)", "5", "100.0%"]
    assert f"{np.log(8 / 5):.2f}" in line and line.split()[-2:] == ["0.250", "3"]


def test_the_frames_show_all_objectives_and_the_data_at_every_moment(collapse: ModuleType) -> None:
    looks = list(collapse.play("minimax", RING, 20))[:3]
    sheets = collapse.frames(dict.fromkeys(collapse.GAMES, looks), RING)
    side = collapse.SIZE + 4
    assert [sheet.shape for sheet in sheets] == [(2 * side, 4 * side, 3)] * 3
    assert np.array_equal(sheets[2][:side, :side][40:], sheets[2][:side, 2 * side : 3 * side][40:])


def test_ctrl_c_leaves_what_is_finished(
    collapse: ModuleType, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    real = collapse.play

    def stopped(name: str, *rest: object) -> object:
        if name == "nonsaturating":
            raise KeyboardInterrupt
        return real(name, *rest)

    monkeypatch.setattr(collapse, "play", stopped)
    monkeypatch.setattr("sys.argv", ["mode_collapse.py", "--steps", "20", "--out", str(tmp_path)])
    with pytest.raises(KeyboardInterrupt):
        collapse.main()
    assert [line.split("  ")[0] for line in capsys.readouterr().out.splitlines()[1:3]] == ["minimax", "minimax, pairs"]
    assert (tmp_path / "mode_collapse_ring.png").is_file()
    assert (tmp_path / "mode_collapse_ring.gif").is_file()


@pytest.mark.slow
def test_the_gradient_penalty_finds_more_modes_than_minimax(collapse: ModuleType) -> None:
    def modes(name: str) -> float:
        return median(list(collapse.play(name, RING, 2000, seed))[-1].found.captured for seed in range(3))

    assert modes("wgan-gp") > modes("minimax")
