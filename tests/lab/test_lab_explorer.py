"""The explorer: what can be asked of a saved run, of whatever system."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from minigan.lab.directions import principal
from minigan.lab.explorer import Explorer, Explorers
from minigan.lab.frames import unpack
from minigan.lab.looking import look
from minigan.lab.nearest import Nearest
from minigan.lab.orders import Refused
from minigan.lab.rounds import interval
from minigan.layers import Linear, Network, Reshape
from minigan.scoring.saved_generator import SavedGenerator

RunOf = Callable[[str], Path]
KINDS = ("gan", "energy", "codes", "conditional", "stylegan", "vae")


def asked(explorers: Explorers, what: str, **values: Any) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    return unpack(explorers.answer(0, what, values))


@pytest.mark.parametrize("kind", [*KINDS, pytest.param("stackgan", marks=pytest.mark.slow)])
def test_samples_of_any_system_can_be_moved_through(run_of: RunOf, kind: str) -> None:
    explorers = Explorers([run_of(kind)])
    (run,) = explorers.described()
    assert run["kind"] == "images" and run["space"] == ("w" if kind == "stylegan" else "z")
    conditions: dict[str, Any] = {"conditional": {"class": 1}, "stackgan": {"text": "a two"}}.get(kind, {})
    numbers, arrays = asked(explorers, "sample", seed=3, **conditions)
    assert arrays["pictures"].shape[0] == 1 and arrays["pictures"].dtype == np.uint8
    assert (numbers["opinion"] is None) == (kind in ("codes", "vae"))
    if kind in ("gan", "energy", "stylegan", "vae"):
        np.testing.assert_array_equal(arrays["pictures"], SavedGenerator(run_of(kind))(1, 3))
    ways, ends = asked(explorers, "directions", **conditions)
    assert 1 <= len(ways["shares"]) <= 8 and sum(ways["shares"]) <= 1 + 1e-6
    assert ends["ends"].shape[0] == 2 * len(ways["shares"])
    back = asked(explorers, "sample", seed=3, offsets=[0.0] * 8, walk={"seed": 9, "t": 0.0}, **conditions)[1]
    np.testing.assert_array_equal(back["pictures"], arrays["pictures"])
    there = asked(explorers, "sample", seed=3, walk={"seed": 9, "t": 1.0}, **conditions)[1]["pictures"].astype(int)
    np.testing.assert_allclose(there, asked(explorers, "sample", seed=9, **conditions)[1]["pictures"], atol=1)
    sheet, tiles = asked(explorers, "sheet", seed=3, **conditions)
    assert sheet["seeds"][0] == 3 and np.abs(tiles["pictures"][0].astype(int) - arrays["pictures"][0]).max() <= 1
    if kind in ("codes", "vae"):
        with pytest.raises(ValueError, match="no D that gives one number"):
            asked(explorers, "why")
    else:
        seen = asked(explorers, "why", seed=3, **conditions)[1]
        other = asked(explorers, "why", seed=4, **conditions)[1]
        assert np.isfinite(seen["slope"]).all() and np.abs(seen["slope"]).max() > 0
        assert kind == "stackgan" or not np.array_equal(seen["slope"], other["slope"])  # its few steps: one picture
    near, found = asked(explorers, "near", seed=3, **conditions)
    assert near["distances"] == sorted(near["distances"]) and found["pictures"].shape[0] == 5


def test_classes_styles_and_truncation_are_where_the_run_has_them(run_of: RunOf) -> None:
    classes = Explorers([run_of("conditional")])
    assert classes.described()[0]["classes"] == ["dark", "light"]
    one, two = (asked(classes, "sample", **{"class": k})[1]["pictures"] for k in (0, 1))
    assert not np.array_equal(one, two)
    styles = Explorers([run_of("stylegan")])
    layers = styles.described()[0]["layers"]
    mean = [asked(styles, "sample", seed=seed, psi=0)[1]["pictures"] for seed in (1, 2)]
    np.testing.assert_array_equal(*mean)
    plain = asked(styles, "sample", seed=1)[1]["pictures"]
    mixed = asked(styles, "sample", seed=1, mix={"seed": 2, "layer": layers})[1]["pictures"]
    np.testing.assert_array_equal(plain, mixed)
    b = asked(styles, "sample", seed=2)[1]["pictures"]
    np.testing.assert_array_equal(asked(styles, "sample", seed=1, mix={"seed": 2, "layer": 0})[1]["pictures"], b)


def test_points_and_translations_have_what_fits_them(run_of: RunOf) -> None:
    points = Explorers([run_of("ring")])
    assert points.described()[0]["kind"] == "points"
    assert asked(points, "sample")[1]["points"].shape == (2000, 2)
    with pytest.raises(ValueError, match="This run makes points, not pictures"):
        asked(points, "quiz")
    rows = Explorers([run_of("cyclegan")])
    labels, arrays = asked(rows, "sheet")
    assert arrays["samples"].ndim == 5 and len(labels["labels"]["samples"]) == len(arrays["samples"])
    with pytest.raises(ValueError, match="turns images into images"):
        asked(rows, "sample")


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ([], "must be a JSON object"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"seed": True}, "seed must be a whole number"),
        ({"offsets": [float("nan")]}, "offsets must be a number from -6 to 6, got nan"),
        ({"offsets": [0] * 9}, "at most 8 numbers"),
        ({"walk": {"seed": 0, "t": 2}}, "walk.t must be a number from 0 to 1"),
        ({"class": 1}, "this run takes no class"),
        ({"path": "/etc"}, "path is unknown"),
        ({"answer": "up"}, "answer must be left or right"),
    ],
)
def test_a_wrong_question_is_refused_with_the_reason(run_of: RunOf, values: Any, words: str) -> None:
    explorers = Explorers([run_of("gan")])
    with pytest.raises(ValueError, match=words):
        explorers.answer(0, "sample", values)
    for number, what in ((1, "sample"), (0, "run"), (0, "_found")):
        with pytest.raises(ValueError, match="no such run"):
            explorers.answer(number, what, {})


def test_a_run_may_vanish_and_a_damaged_one_is_refused_at_once(run_of: RunOf, tmp_path: Path) -> None:
    gone, damaged = tmp_path / "gone", tmp_path / "damaged"
    for copy in (gone, damaged):
        shutil.copytree(run_of("gan"), copy)
    explorers = Explorers([gone])
    shutil.rmtree(gone)
    assert asked(explorers, "sample")[1]["pictures"].shape[0] == 1
    for path in (damaged / "checkpoints").glob("*.npz"):
        path.write_bytes(b"not a checkpoint")
    with pytest.warns(RuntimeWarning, match="falling back"), pytest.raises(FileNotFoundError):
        Explorers([damaged])
    with pytest.raises(FileNotFoundError):
        Explorers([tmp_path / "never"])
    config = json.loads((run_of("gan") / "config.json").read_text(encoding="utf-8"))
    shutil.copytree(run_of("gan"), tmp_path / "moved")
    (tmp_path / "moved" / "config.json").write_text(json.dumps({**config, "data": str(tmp_path / "away")}))
    with pytest.raises(ValueError, match="The training images are not here"):
        asked(Explorers([tmp_path / "moved"]), "near")


def test_an_old_question_gives_way_to_a_newer_one(run_of: RunOf) -> None:
    explorers = Explorers([run_of("gan")])
    results: list[str] = []

    def ask(seed: int) -> None:
        try:
            asked(explorers, "sample", seed=seed)
            results.append("answered")
        except Refused:
            results.append("refused")

    explorers._lock.acquire()
    threads = [threading.Thread(target=ask, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    while explorers._count < 3:
        pass
    explorers._lock.release()
    for thread in threads:
        thread.join(20)
    assert sorted(results) == ["answered", "refused", "refused"]


def test_directions_find_what_a_linear_generator_does_with_its_latent() -> None:
    rng = np.random.default_rng(0)
    ways = np.linalg.qr(rng.normal(size=(6, 6)))[0]
    strengths = np.array([5.0, 3.0, 1.0, 0.0, 0.0, 0.0])
    outputs = np.linalg.qr(rng.normal(size=(20, 6)))[0].T
    z = rng.normal(size=(4000, 6))
    found = principal(z, z @ ways * strengths @ outputs)
    np.testing.assert_allclose(found.shares[:3], strengths[:3] ** 2 / 35, rtol=0.1)
    assert all(abs(found.ways[k] @ ways[:, k]) > 0.99 for k in range(3))
    few = principal(z[:15], (z[:15] @ ways * strengths @ outputs))  # fewer samples than numbers in one
    assert abs(few.ways[0] @ ways[:, 0]) > 0.5 and few.shares.sum() == pytest.approx(1)


def test_looking_is_the_gradient_of_ds_output_and_what_a_patch_takes_away() -> None:
    rng = np.random.default_rng(0)
    D = Network(Reshape(64), Linear(64, 1, rng=rng))
    x = rng.uniform(-1, 1, (1, 8, 8, 1)).astype(np.float32)
    weight = np.asarray(next(D.named_params())[1]).reshape(8, 8)
    seen = look(lambda n: D, x, energy=False)
    np.testing.assert_allclose(seen.slope, weight, rtol=1e-5)
    patch = weight[:2, :2] * (x[0, :2, :2, 0] - x.mean())
    assert seen.covered[0, 0] == pytest.approx(float(patch.sum()), rel=1e-3)
    np.testing.assert_allclose(look(lambda n: D, x, energy=True).slope, -weight, rtol=1e-5)


def test_the_nearest_image_of_a_copy_is_the_original_and_real_ones_have_a_usual_distance() -> None:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (300, 5, 5, 1), dtype=np.uint8)
    search = Nearest(images)
    places, distances = search.search(images[[7, 200]])
    assert places[:, 0].tolist() == [7, 200] and distances[:, 0].tolist() == [0, 0]
    flat = images.reshape(300, -1) / 255
    apart = np.linalg.norm(flat[:, None] - flat, axis=2) + 9 * np.eye(300)
    np.testing.assert_allclose(distances[0, 1], apart[7].min())
    assert apart.min(axis=1).min() <= search.usual <= apart.min(axis=1).max()


def test_a_quiz_keeps_its_answers_until_it_is_answered(run_of: RunOf) -> None:
    explorers = Explorers([run_of("conditional")])
    numbers, arrays = asked(explorers, "quiz", seed=4)
    assert numbers["of"] == 0 and arrays.keys() == {"pictures"} and len(arrays["pictures"]) == 2
    explorer: Explorer = explorers._explorers[0]
    assert explorer._rounds is not None
    real = explorer._rounds.quiz.left.copy()
    for i, left in enumerate(real):
        numbers, arrays = asked(explorers, "quiz", answer="left" if left == (i != 2) else "right")
        assert numbers["was_right"] == (i != 2)
    assert numbers["right"] == len(real) - 1 and arrays.keys() == {"fakes", "nearest"}
    assert numbers["low"] < numbers["right"] / numbers["of"] < numbers["high"]
    with pytest.raises(ValueError, match="begin again"):
        asked(explorers, "quiz", answer="left")


def test_the_interval_of_a_share_is_that_of_the_binomial() -> None:
    assert interval(0, 20) == (0.0, pytest.approx(1 - 0.025 ** (1 / 20)))
    assert interval(20, 20) == (pytest.approx(0.025 ** (1 / 20)), 1.0)
    assert interval(10, 20) == (pytest.approx(0.272, abs=1e-3), pytest.approx(0.728, abs=1e-3))
