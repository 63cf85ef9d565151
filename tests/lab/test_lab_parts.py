"""Frames, distances, drawings and presets."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from minigan import data
from minigan.lab import distances
from minigan.lab.drawing import SIDE, Drawing, check_strokes, shapes
from minigan.lab.frames import pack, unpack
from minigan.lab.presets import LARGEST, Preset, from_text, lessons

SHAPES = arrays.array_shapes(min_dims=1, max_dims=3, max_side=5)
ARRAYS = st.one_of(arrays.arrays(np.float32, SHAPES), arrays.arrays(np.uint8, SHAPES))


@given(st.dictionaries(st.text(max_size=5), ARRAYS, max_size=3))
@settings(max_examples=40, deadline=None)
def test_a_frame_comes_back_as_it_was_sent(parts: dict[str, np.ndarray]) -> None:
    numbers, back = unpack(pack({"step": 3, "loss": float("nan"), "words": "ü"}, parts))
    assert numbers == {"step": 3, "loss": None, "words": "ü"}
    assert back.keys() == parts.keys()
    assert all(np.array_equal(back[name], parts[name], equal_nan=parts[name].dtype != np.uint8) for name in parts)


def test_a_frame_has_the_bytes_of_the_protocol() -> None:
    frame = pack({"n": 1}, {"a": np.array([1, 2, 3], np.uint8), "b": np.array([0.5], np.float32)})
    (length,) = struct.unpack_from("<I", frame)
    assert length % 4 == 0 and json.loads(frame[4 : 4 + length]) == {
        "n": 1,
        "arrays": {"a": {"at": 0, "type": "u1", "shape": [3]}, "b": {"at": 4, "type": "f4", "shape": [1]}},
    }
    assert frame[4 + length :] == b"\x01\x02\x03\x00" + struct.pack("<f", 0.5)


def test_distances_are_zero_for_equal_one_for_disjoint_and_their_floor_is_what_real_points_have() -> None:
    rng = np.random.default_rng(0)
    ring = data.ring()
    p = distances.mixture_cells(ring, 3.0)
    assert p.sum() == pytest.approx(1, abs=1e-12)
    counted = distances.histogram(ring.sample(400_000, rng), 3.0)
    np.testing.assert_allclose(counted, p, atol=4e-3)
    far = distances.histogram(np.full((10, 2), 9.0), 3.0)
    assert distances.js(p, p) == pytest.approx(0, abs=1e-12) and distances.js(p, far) == pytest.approx(1, abs=1e-12)
    assert distances.kl(p, p) == 0 and distances.kl(p, far) > 5
    real = np.mean([distances.js(p, distances.histogram(ring.sample(4000, rng), 3.0)) for _ in range(40)])
    assert distances.floor(p, rng) == pytest.approx(float(real), rel=0.15)


def test_ds_loss_proves_no_more_than_the_divergence_and_the_best_d_proves_all_of_it() -> None:
    rng = np.random.default_rng(0)
    p, q = rng.dirichlet(np.ones(20), size=2)
    best = p / (p + q)

    def bound(d: np.ndarray) -> float:
        return distances.js_by_loss(float(-(p * np.log(d)).sum() - (q * np.log(1 - d)).sum()))

    assert bound(best) == pytest.approx(distances.js(p, q), abs=1e-12)
    assert all(bound(np.clip(best + 0.1 * rng.normal(size=20), 0.01, 0.99)) < distances.js(p, q) for _ in range(20))


def test_points_follow_the_drawing_they_come_from() -> None:
    drawing = Drawing.of(shapes()["letter A"])
    points = drawing.sample(200_000, np.random.default_rng(1))
    counts = 200_000 * distances.histogram(points, 3.0)
    due = 200_000 * drawing.cells()
    assert drawing.cells().sum() == pytest.approx(1) and counts[due == 0].sum() == 0
    large = due > 5
    chi2 = ((counts[large] - due[large]) ** 2 / due[large]).sum()
    assert abs(chi2 - large.sum()) < 5 * np.sqrt(2 * large.sum())
    good, share = drawing.reached(points)
    assert good > 0.95 and share > 0.99
    assert drawing.reached(np.full((10, 2), 7.0)) == (0.0, 0.0)


def test_up_is_up_and_an_eraser_removes() -> None:
    stroke = [60, 100, 900, 900, 900]  # a line near the top
    points = Drawing.of([stroke]).sample(500, np.random.default_rng(0))
    assert (points[:, 1] > 2).all() and points[:, 0].min() < -2 and points[:, 0].max() > 2
    left = Drawing.of([stroke, [-200, 100, 900, 500, 900]])
    assert (left.sample(500, np.random.default_rng(0))[:, 0] > 0).all()
    assert left.share.shape == (SIDE, SIDE)


@pytest.mark.parametrize(
    ("strokes", "words"),
    [
        ([], "must be a list of strokes"),
        ([[10, 1]], "whole numbers"),
        ([[10, 1, 2.5]], "whole numbers"),
        ([[0, 1, 2]], "the width must be from 1 to 200"),
        ([[10, 1, 1024]], "places from 0 to 1023"),
        ([[10, 1, 2]] * 65, "64 strokes are the most"),
        ([[10, *([5] * 8002)]], "4000 places are the most"),
        ([[True, 1, 2]], "whole numbers"),
    ],
)
def test_a_drawing_with_a_mistake_is_refused_with_the_reason(strokes: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        check_strokes(strokes)
    with pytest.raises(ValueError, match="draw a little more"):
        Drawing.of([[4, 500, 500]])


def test_a_preset_becomes_text_and_comes_back() -> None:
    for lesson in lessons():
        assert Preset.load(lesson.dump()) == Preset.load(lesson.packed()) == lesson


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"lab": 2}, "lab 2: this minigan reads presets of lab 1"),
        ([], "must be a JSON object"),
        ({"chioces": {}}, "chioces is unknown; did you mean choices?"),
        ({"choices": {"batchsize": 8}}, "choices.batchsize is unknown; did you mean batch_size?"),
        ({"choices": {"d_lr": float("nan")}}, "d_lr must be a number from 0 to 1, got nan"),
        ({"choices": {"batch_size": 0}}, "batch_size must be a whole number from 8 to 1024, got 0"),
        ({"choices": {"batch_size": True}}, "batch_size must be a whole number"),
        ({"choices": {"objective": "gan2"}}, "objective must be one of minimax"),
        ({"choices": {"hyper": {"features": 10**9}}}, "hyper.features must be a whole number from 1 to 256"),
        ({"choices": {"betas": [0.5, 1]}}, r"betas must be two numbers in \[0, 1\)"),
        ({"data": {"name": "/etc"}}, "data.name must be one of ring"),
        ({"data": {}}, "either a name or strokes"),
        ({"moves": [[1, 0, "set", "hidden", 8]]}, r"moves\[0\]: only d_lr, g_lr, n_critic can change"),
        ({"moves": [[5, 0, "d"], [4, 0, "g"]]}, r"moves\[1\] must not be before"),
        ({"moves": [[-1, 0, "d"]]}, r"moves\[0\] must be"),
        ({"view": {"layers": ["x"]}}, "view.layers must be a list"),
        ({"seed": -1}, "seed must be a whole number"),
        ({"title": "x" * 81}, "title must be a text of at most 80 characters"),
    ],
)
def test_a_damaged_preset_names_what_is_wrong(values: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("?", r"\?")):
        Preset.read({"lab": 1, **values} if isinstance(values, dict) else values)


def test_a_link_that_unpacks_to_gigabytes_or_is_cut_is_refused(tmp_path: Path) -> None:
    press = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = press.compress(b" " * 50_000_000) + press.flush()
    with pytest.raises(ValueError, match="may have 65,536 bytes"):
        Preset.load("p1." + base64.urlsafe_b64encode(bomb).decode())
    with pytest.raises(ValueError, match="damaged"):
        Preset.load(Preset().packed()[:-8])
    large = tmp_path / "large.json"
    large.write_bytes(b" " * (LARGEST + 1))
    with pytest.raises(ValueError, match="may have 65,536 bytes"):
        from_text(str(large))


@given(st.binary(max_size=200))
@settings(max_examples=200, deadline=None)
def test_any_text_is_a_preset_or_a_value_error(raw: bytes) -> None:
    for text in (raw, b"p1." + base64.urlsafe_b64encode(raw), b"p0." + raw):
        with pytest.raises(ValueError, match=r"\w"):
            Preset.load(text)
