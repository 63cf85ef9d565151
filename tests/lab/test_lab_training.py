"""A session in the plane: the steps are those of the library, whether one looks, goes back in time, or turns slowly."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from minigan import Trainer, objectives
from minigan.engine.choose import Chosen
from minigan.lab.history import History
from minigan.lab.plane import Plane
from minigan.lab.presets import Preset
from minigan.lab.session import Session
from minigan.lab.slow import Film
from minigan.lab.view import BATCH, PULLS, View
from minigan.training.steps import generator_gradient

SMALL = {"hidden": 12, "batch_size": 16}


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Any:
    with threadpool_limits(1, "blas"):
        yield


def preset(objective: str = "nonsaturating", **values: Any) -> Preset:
    return Preset.read({"lab": 1, "choices": {"objective": objective, **SMALL}, **values})


def state(plane: Plane) -> dict[str, Any]:
    return {name: array.copy() for name, array in plane.system.arrays().items()}


def same(a: dict[str, Any], b: dict[str, Any]) -> bool:
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name], equal_nan=True) for name in a)


@pytest.mark.parametrize("objective", objectives.names())
def test_a_session_that_is_watched_or_slow_trains_as_one_that_is_not(objective: str) -> None:
    watched, plain = Plane(preset(objective)), Plane(preset(objective))
    view, start = View(watched), state(watched)
    for step in range(4):
        numbers, arrays = view.frame(fine=step == 1, measure=True)
        view.learn()
        if step == 2:
            film = Film(watched, view)
            assert len(film.frames) == 3 and film.events[-1]["title"].endswith("moves G")
            assert all(event["code"]["text"] for event in film.events)
        else:
            watched.whole()
        plain.whole()
        assert ("heat" in arrays) == watched.has_opinion == (objective not in ("gmmn", "cramer", "mmd-gan-gp"))
        assert np.isfinite(arrays["pull"]).all() and arrays["pull"].shape == (PULLS, 4)
        assert numbers["step"] == step
    assert same(state(watched), state(plain)) and watched.readings() == plain.readings()
    moved = [name for name, array in state(watched).items() if name.startswith("G/")]
    assert all(not np.array_equal(state(watched)[name], start[name]) for name in moved)


def test_the_steps_are_those_that_a_run_of_the_trainer_makes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Without its faster forms, which differ by rounding.
    monkeypatch.setattr("minigan.training.trainer.choose", lambda networks, **rest: Chosen(dict(networks), None, ()))
    plane = Plane(preset("wgan-gp", seed=3))
    for _ in range(12):
        plane.whole()
    config = plane.config
    steps = 12 * config.n_critic * config.batch_size / len(plane.dataset)
    twin = Plane(preset("wgan-gp", seed=3))
    trainer = Trainer(twin.system, twin.dataset, tmp_path / "run", config=config.but(epochs=steps), quiet=True)
    trainer.train()
    assert trainer.step == 12 and same(state(plane), trainer.system.arrays())


def test_back_and_forth_in_time_is_straight_on_with_all_that_was_done() -> None:
    session = Session(preset("r1"))
    plane, history = session.plane, session.history
    history.every = 4
    for step in range(20):
        if step == 6:
            plane.change("d_lr", 0.01)
        if step == 9:
            plane.alone("D")
            plane.alone("D")
            plane.alone("G")
        else:
            plane.whole()
        history.note()
    end, readings, points = state(plane), plane.readings(), list(plane.points)
    for target in (3, 11, 8):
        history.back(target)
        assert plane.step <= target and history.has_future
        while plane.step < 20:
            plane.whole()
        assert same(state(plane), end) and plane.readings() == readings and plane.points == points
    history.back(5)
    plane.whole()
    history.cut()
    plane.change("g_lr", 0.0)
    assert [move[3] for move in plane.moves] == ["g_lr"] and history.reach == plane.step == 5


def test_a_preset_repeats_a_session_bit_for_bit() -> None:
    plane = Plane(preset(data={"name": "spiral"}, seed=5))
    plane.whole()
    plane.alone("G")
    plane.change("n_critic", 3)
    plane.whole()
    plane.alone("D")
    plane.whole()
    again = Plane(Preset.load(plane.preset.but(**_given(plane), moves=plane.moves).packed()))
    while again.step < plane.step:
        again.whole()
    assert same(state(plane), state(again)) and again.settings == plane.settings


def _given(plane: Plane) -> dict[str, Any]:
    return {"choices": plane.preset.choices, "data": plane.preset.data, "seed": plane.preset.seed}


def test_the_history_stays_small_and_reaches_back_to_the_beginning() -> None:
    plane = Plane(preset())
    history = History(plane)
    history.every, history.most = 1, 8
    for _ in range(40):
        plane.whole()
        history.note()
    assert 4 <= len(history.copies) <= 8 and 0 in history.copies and history.every == 8
    with pytest.raises(ValueError, match="go to a step from 0 to 40, got 41"):
        history.back(41)


@pytest.mark.parametrize("objective", ["nonsaturating", "wgan-gp", "ragan", "cramer", "gmmn", "ebgan"])
def test_pull_is_the_slope_of_gs_loss_at_the_point(objective: str) -> None:
    view = View(Plane(preset(objective)))
    plane = view.plane
    for network in (plane.D, plane.G):
        network.convert(lambda array: array.astype(np.float64))
    view.z, view.real = view.z.astype(np.float64), view.real.astype(np.float64)
    fake = plane.G.forward(view.z[:300], train=False)[0]
    some, pull = view.pull_at(fake)
    real = view.real[: BATCH // plane.objective.fakes] if plane.objective.compares else None

    def loss(x: np.ndarray) -> float:
        return float(generator_gradient(plane.D, plane.objective, x, real)[0])

    batch = np.concatenate([some, fake[: BATCH - PULLS]])
    for row, axis in ((0, 0), (7, 1), (31, 0)):
        step = np.zeros_like(batch)
        step[row, axis] = 1e-6
        slope = (loss(batch + step) - loss(batch - step)) / 2e-6
        assert -BATCH * slope == pytest.approx(pull[row, axis], rel=1e-4, abs=1e-6)


def test_a_vanishing_pull_looks_short_because_the_scale_is_that_of_the_first_steps() -> None:
    view = View(Plane(preset()))
    for _ in range(5):
        view.plane.whole()
        view.learn()
    long = np.hypot(*view.frame(fine=False, measure=False)[1]["pull"][:, 2:].T)
    for _, array in view.plane.D.named_params():
        array *= 0.02
    short = np.hypot(*view.frame(fine=False, measure=False)[1]["pull"][:, 2:].T)
    assert short.max() < 0.2 * np.median(long)


def test_a_point_can_be_followed_and_asked_for_its_noise_and_its_pull() -> None:
    view = View(Plane(preset()))
    for _ in range(23):
        view.plane.whole()
        points = view.frame(fine=False, measure=False)[1]["fake"]
    far = int(np.abs(points).sum(axis=1).argmax())
    found = view.point_at(*map(float, points[far]))
    assert found["z"] == view.z[far].tolist() and len(found["way"]) == 20 and found["way"][-1] == points[far].tolist()
    assert found["pull"] > 0 and 0 < found["opinion"] < 1
    assert "z" not in view.point_at(2.9, -2.9)


def test_losses_that_are_not_finite_stop_it_and_the_past_is_still_there() -> None:
    session = Session(preset(moves=[[3, 0, "set", "g_lr", 1.0], [3, 0, "set", "d_lr", 1.0]]))
    for array in session.plane.system.players["G"].optimizer.params.values():
        array[...] = 1e38
    session.playing = True
    session.train()
    assert not session.playing and "not finite" in session.halted and session.plane.failed
    with pytest.raises(ValueError, match="Go back in time"):
        session.plane.whole()
    numbers, _ = session.frame(fine=True, measure=True)
    assert numbers["js"] is None and "not finite" in numbers["failed"]
    session.history.back(0)
    session.train()
    assert session.plane.step == 1 and not session.plane.failed


def test_objectives_without_a_d_refuse_to_train_it() -> None:
    with pytest.raises(ValueError, match="gmmn has no D to train"):
        Plane(preset("gmmn")).alone("D")
