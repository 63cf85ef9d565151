"""Tasks of two domains, held-out images, small images."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from minigan import data
from minigan.data import Dataset, domains, held
from minigan.data.enlarging import enlarged, shrink


def test_the_outline_of_a_square_is_its_inner_and_outer_edge() -> None:
    x = np.zeros((1, 5, 5))
    x[0, 1:4, 1:4] = 1
    expected = [[0, 1, 1, 1, 0], [1, 1, 1, 1, 1], [1, 1, 0, 1, 1], [1, 1, 1, 1, 1], [0, 1, 1, 1, 0]]
    np.testing.assert_array_equal(domains.outline(x)[0], expected)
    blue = domains.blueprint((255 * x[..., np.newaxis]).astype(np.uint8), np.zeros(1))
    assert tuple(blue[0, 0, 0]) == (16, 42, 120) and tuple(blue[0, 0, 1]) == (250, 245, 220)


def test_pure_colours_have_their_hue() -> None:
    h = np.arange(0, 1, 1 / 12)
    colours = domains.rgb(h)
    np.testing.assert_allclose(colours[[0, 4, 8]], np.eye(3), atol=1e-12)
    assert (colours.max(axis=1) == 1).all() and (colours.min(axis=1) == 0).all()
    images = domains.colour(np.full((12, 2, 2, 1), 255, np.uint8), h)
    assert domains.hue_error(domains.hue(images), 360 * h).max() < 1.5
    np.testing.assert_array_equal(
        domains.hue_error(np.array([350.0, 10, 90]), np.array([10.0, 350, 270])), [20, 20, 180]
    )


@pytest.mark.parametrize("task", domains.TASKS)
def test_a_task_has_no_pairs_to_train_on_and_pairs_held_out(task: str) -> None:
    sides = domains.domains(f"mnist-10k:{task}", None, size=None, seed=3, multiple=2, least=8)
    assert [len(sides[side]) for side in ("A", "B", "held out A", "held out B")] == [4500, 4500, 1000, 1000]
    again = domains.domains(f"mnist-10k:{task}", None, size=None, seed=3, multiple=2, least=8)
    assert all(np.array_equal(sides[side].images, again[side].images) for side in sides)
    everything = data.load("mnist-10k").images.reshape(10_000, -1)
    A, kept = (sides[side].images.reshape(len(sides[side]), -1) for side in ("A", "held out A"))
    np.testing.assert_array_equal(kept, everything[9000:])
    rows = {row.tobytes() for row in A}
    whole = np.array([row.tobytes() not in rows for row in everything[:9000]])
    assert abs(whole.sum() - 4500) < 20  # the other half, but for a few digits that occur twice


def test_the_truth_of_a_held_out_digit_is_known() -> None:
    sides = domains.domains("mnist-10k:blueprint", None, size=None, seed=0, multiple=2, least=8)
    truth = domains.blueprint(sides["held out A"].images, np.zeros(1000))
    np.testing.assert_array_equal(sides["held out B"].images, truth)


def folder(path: Path, sizes: list[tuple[int, int]], mode: str = "RGB", seed: int = 0) -> Path:
    """Pictures of random pixels in several formats."""
    path.mkdir()
    rng = np.random.default_rng(seed)
    for i, (H, W) in enumerate(sizes):
        shape = (H, W) if mode == "L" else (H, W, 3)
        image = Image.fromarray(rng.integers(0, 256, shape, dtype=np.uint8), mode if mode == "L" else None)
        image.save(path / f"{i:02d}.{('png', 'jpg', 'bmp')[i % 3]}")
    return path


def test_two_mixed_folders_become_two_domains_of_one_size(tmp_path: Path) -> None:
    A = folder(tmp_path / "A", [(20 + i, 30) for i in range(12)])
    B = folder(tmp_path / "B", [(40, 16 + i) for i in range(9)], "L")
    sides = domains.domains(str(A), str(B), size=16, seed=0, multiple=4, least=3)
    shapes = {side: dataset.images.shape for side, dataset in sides.items()}
    assert shapes == {
        "A": (9, 16, 16, 3),
        "B": (6, 16, 16, 1),
        "held out A": (3, 16, 16, 3),
        "held out B": (3, 16, 16, 1),
    }


def test_what_cannot_be_two_domains_is_refused(tmp_path: Path) -> None:
    A, same = folder(tmp_path / "A", [(16, 16)] * 6), folder(tmp_path / "same", [(16, 16)] * 6)
    (tmp_path / "empty").mkdir()
    kinds = {"size": 16, "seed": 0, "multiple": 4, "least": 2}
    for other, message in (
        (str(A), "must be two folders"),
        (str(same), "hold the same images"),
        (str(tmp_path / "empty"), "no pictures found"),
        (None, "must name two domains"),
    ):
        with pytest.raises(ValueError, match=message):
            domains.domains(str(A), other, **kinds)
    both = folder(tmp_path / "both", [(16, 16)] * 4, seed=1)
    shutil.copy(A / "00.png", both / "0.png")
    with pytest.warns(RuntimeWarning, match="images that are in both domains: 1"):
        domains.domains(str(A), str(both), **kinds)
    with pytest.raises(ValueError, match=r"18 x 18 images do not divide into 4 x 4 blocks; 16 and 20 would fit"):
        domains.domains(str(A), str(same), **{**kinds, "size": 18})
    with pytest.raises(ValueError, match="A has 6 images, and 8 are needed"):
        domains.domains(str(A), str(same), **{**kinds, "least": 4})


def test_the_last_tenth_is_held_out_and_at_least_a_batch() -> None:
    images = np.arange(100, dtype=np.uint8).reshape(100, 1, 1, 1)
    dataset = Dataset("numbers", images, None, "counted")
    train, kept = held.split(dataset, 4)
    assert (train.images.ravel().tolist(), kept.images.ravel().tolist()) == ([*range(90)], [*range(90, 100)])
    assert [len(part) for part in held.split(dataset, 30)] == [70, 30]


def test_small_images_are_means_of_blocks_in_whole_grey_levels() -> None:
    x = np.array([[0, 255, 10, 10], [255, 255, 10, 13]], np.uint8).reshape(1, 2, 4, 1)
    small = shrink(x.astype(np.float32) / 127.5 - 1, 2)
    np.testing.assert_array_equal(np.rint((small + 1) * 127.5).ravel(), [191, 11])
    np.testing.assert_allclose((small + 1) * 127.5, np.rint((small + 1) * 127.5), atol=1e-4)
    np.testing.assert_array_equal(enlarged(x, 2, "nearest"), x.repeat(2, axis=1).repeat(2, axis=2))
    assert enlarged(np.repeat(x, 3, axis=3), 4, "bicubic").shape == (1, 8, 16, 3)
    with pytest.raises(ValueError, match=r"2 x 4 images do not divide into 3 x 3 blocks"):
        shrink(np.zeros((1, 2, 4, 1)), 3)
